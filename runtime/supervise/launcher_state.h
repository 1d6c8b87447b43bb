/* SPDX-License-Identifier: MIT */
/* launcher_state -- what launcher.c and launcher_*.c share. */
#ifndef RUNTIME_SUPERVISE_LAUNCHER_STATE_H
#define RUNTIME_SUPERVISE_LAUNCHER_STATE_H

#include "runtime/cell/cell.h"
#include "runtime/listener.h"
#include "runtime/plan/difference.h"
#include "runtime/supervise/launcher.h"
#include "runtime/supervise/log_file.h"
#include "runtime/supervise/policy.h"
#include "runtime/supervise/process.h"

/* Room also for those that a reload took out of the topology. */
enum { UNITS_LIMIT = 2 * (TOPOLOGY_NODES_LIMIT + TOPOLOGY_STORES_LIMIT), REASON_LIMIT = 512 };

enum unit_state {
    UNIT_WAITING, /* for those it comes after */
    UNIT_STARTING,
    UNIT_UP,
    UNIT_BACKOFF, /* the pause before the next start */
    UNIT_STOPPING,
    UNIT_STOPPED,
    UNIT_GAVE_UP,
    UNIT_EXTERNAL /* somebody else runs it */
};

/* An attempt to find out whether a store is ready. */
struct probe {
    int fd; /* -1: none under way */
    struct watch *watch;
    uint64_t timer;
    char answer[64];
    size_t answer_size;
};

/* A store or a node. */
struct unit {
    const char *name;
    const char *const *after;
    const struct topology_store *store; /* one of the two */
    const struct topology_node *node;
    enum unit_state state;
    struct process process;
    struct watch *end_watch;
    struct watch *output_watch;
    struct log_file log;
    struct policy policy;
    struct probe probe;
    uint64_t timer; /* of the state: the start's or stop's limit, or the pause */
    uint64_t started_at_us;
    uint64_t spawned_number; /* the incarnation of the process that was started last is higher */
    uint64_t restarts;
    uint32_t tries;        /* starts since it was up */
    bool is_explaining;    /* the process is the store's script, which says why the store did not start */
    bool restart_wanted;   /* an operator stopped it to start it again */
    bool is_announced;     /* the others believe that it is up */
    bool is_removed;       /* a reload took it out of the topology: it is stopped when the others no longer need it */
    bool is_behind;        /* its process runs by an older topology than the launcher's */
    uint32_t notices;      /* looks since it was told to all that it is leaving */
    uint32_t silent_looks; /* without a beat of its supervisor's */
    bool was_silent;       /* and is killed for that: `reason` says so */
    char last_step[96];    /* "ACTOR in MESSAGE", by its last beat; empty: nothing took long */
    struct question drain_question; /* of an operator who waits until it has stopped */
    bool has_drain_question;
    struct process_end end;
    char reason[REASON_LIMIT]; /* of the last end; empty when none */
};

/* An address that nodes listen on: see runtime/listener.h. */
struct held_listener {
    char address[TOPOLOGY_HOST_LIMIT + 8];
    int fd;
};
enum { LISTENERS_LIMIT = 64 }; /* of all nodes together; what is beyond is opened by the node itself */

/* Nodes that are restarted one at a time. */
struct rollout {
    uint64_t number; /* 0: there was none */
    struct unit *units[TOPOLOGY_NODES_LIMIT];
    size_t count;
    size_t done;
    enum { ROLLOUT_DONE, ROLLOUT_CHANGING, ROLLOUT_WAITING, ROLLOUT_RESTARTING, ROLLOUT_CHECKING, ROLLOUT_FAILED } step;
    bool is_asked; /* the node's supervisor, how it is */
    uint64_t timer;
    uint64_t deadline_us; /* of the step */
    char reason[REASON_LIMIT];
    struct difference *difference; /* of a reload: what actors take over without their node's restart; NULL: none */
    size_t change;                 /* the next of its rows */
};

/* A topology that a reload replaced: names of removed nodes, and whoever shows something, still point into it. */
struct retired_topology {
    struct retired_topology *next;
    struct topology *topology;
};

struct launcher {
    struct launcher_process *process;
    struct held_listener listeners[LISTENERS_LIMIT];
    size_t listener_count;
    struct rollout rollout;
    struct retired_topology *reloaded; /* all that reloads have brought, the present one included */
    struct unit *units;
    size_t unit_count;
    int signals_fd;
    struct watch *signals_watch;
    bool was_ready;
    bool is_stopping;
    bool is_hurried;
    bool has_failed; /* the first start */
    struct question stop_question;
    bool has_stop_question;
};

/* The launcher's process: the actor's node, its one reactor, and the plan. */
struct launcher_process {
    struct node node; /* first: the actor's pointer to it is a pointer to this */
    struct reactor reactor;
    const struct launcher_plan *plan;
    const struct topology *topology; /* the plan's, or what a reload brought */
    uint64_t begun_at_us;
    bool has_failed;
};

enum { TO_SUPERVISORS };

static inline struct launcher *launcher_of(const struct actor *me)
{
    return actor_state(me);
}

static inline bool unit_is_there(const struct unit *unit)
{
    return unit->state == UNIT_UP || unit->state == UNIT_EXTERNAL;
}

const char *unit_state_name(enum unit_state state);
struct unit *launcher_find(struct launcher *self, struct slice name);

/* launcher.c */
void launcher_tell(struct actor *me, enum launcher_event_type type, const struct unit *unit, const char *reason);
void launcher_look_around(struct actor *me); /* after a change: who can start or stop now? */
void launcher_begin_stop(struct actor *me, const char *why);
void launcher_start_failed(struct actor *me, struct unit *unit);
void launcher_add_unit(struct launcher *self, const struct topology_store *store, const struct topology_node *node);
/* The place of a node's supervisor among the receivers of TO_SUPERVISORS. */
uint32_t launcher_receiver_of(const struct actor *me, const struct unit *unit);
bool launcher_others_know(const struct actor *me); /* all nodes that are up have been told what was to tell */

/* launcher_unit.c */
void unit_set_state(struct actor *me, struct unit *unit, enum unit_state state);
void unit_start(struct actor *me, struct unit *unit);
void unit_is_up(struct actor *me, struct unit *unit);
void unit_stop(struct actor *me, struct unit *unit);
void unit_restart(struct actor *me, struct unit *unit); /* in an orderly way; also what was given up */
void unit_free(struct actor *me, struct unit *unit);

/* launcher_spawn.c: starts the unit's program. False with errno set. */
bool unit_spawn(struct launcher *self, struct unit *unit, const char *verb, const char *input);

/* launcher_listen.c */
/* Opens what a node listens on. Writes its descriptors, -1 behind them, and the value of LISTENERS_VARIABLE. */
void launcher_listen(struct launcher *self,
                     const struct topology_node *node,
                     int descriptors[LISTENERS_LIMIT + 1],
                     char text[LISTENERS_TEXT_LIMIT]);
void launcher_listen_less(struct launcher *self); /* closes what only nodes would take that have stopped for good */

/* launcher_watch.c */
void launcher_on_beat(struct actor *me, const struct node_beat *m);
void launcher_look_for_silence(struct actor *me, void *context); /* a timer's handler */
enum { LAUNCHER_LOOK_US = 500 * 1000 };

/* launcher_reload.c */
void launcher_on_reload(struct actor *me, const struct topology_reload *m, struct question q);
void launcher_apply_changes(struct actor *me); /* the next of the rollout's difference; a timer calls it again */
void launcher_stop_removed(struct actor *me);
void launcher_forget_reloaded(struct launcher *self);

/* launcher_rollout.c */
void launcher_roll(struct actor *me, int step); /* begins with what `rollout` says */
void launcher_rolled_changes(struct actor *me); /* all are made: on to the nodes */
bool launcher_is_rolling(const struct launcher *self);
void launcher_answer_rollout(struct actor *me, struct question q);
void launcher_on_rollout(struct actor *me, const struct rolling_restart *m, struct question q);
void launcher_on_rollout_read(struct actor *me, const struct rolling_read *m, struct question q);
void launcher_end_rollout(struct actor *me, const char *why); /* if one is under way */

/* launcher_probe.c */
void probe_begin(struct actor *me, struct unit *unit);
void probe_end(struct actor *me, struct unit *unit);

/* launcher_status.c */
void launcher_on_status(struct actor *me, const struct status_read *m, struct question q);

#endif
