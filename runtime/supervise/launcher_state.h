/* SPDX-License-Identifier: MIT */
/* launcher_state -- what launcher.c and launcher_*.c share. */
#ifndef RUNTIME_SUPERVISE_LAUNCHER_STATE_H
#define RUNTIME_SUPERVISE_LAUNCHER_STATE_H

#include "runtime/cell/cell.h"
#include "runtime/supervise/launcher.h"
#include "runtime/supervise/log_file.h"
#include "runtime/supervise/policy.h"
#include "runtime/supervise/process.h"

enum { UNITS_LIMIT = TOPOLOGY_NODES_LIMIT + TOPOLOGY_STORES_LIMIT, REASON_LIMIT = 512 };

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
    uint64_t spawned_wall_us;
    uint64_t restarts;
    uint32_t tries;      /* starts since it was up */
    bool is_explaining;  /* the process is the store's script, which says why the store did not start */
    bool restart_wanted; /* an operator stopped it to start it again */
    struct process_end end;
    char reason[REASON_LIMIT]; /* of the last end; empty when none */
};

struct launcher {
    struct launcher_process *process;
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
    uint64_t begun_at_us;
    bool has_failed;
};

enum { TO_SUPERVISORS };

static inline struct launcher *launcher_of(const struct actor *me)
{
    return actor_state(me);
}

const char *unit_state_name(enum unit_state state);
struct unit *launcher_find(struct launcher *self, struct slice name);

/* launcher.c */
void launcher_tell(struct actor *me, enum launcher_event_type type, const struct unit *unit, const char *reason);
void launcher_look_around(struct actor *me); /* after a change: who can start or stop now? */
void launcher_begin_stop(struct actor *me, const char *why);
void launcher_start_failed(struct actor *me, struct unit *unit);

/* launcher_unit.c */
void unit_set_state(struct actor *me, struct unit *unit, enum unit_state state);
void unit_start(struct actor *me, struct unit *unit);
void unit_is_up(struct actor *me, struct unit *unit);
void unit_stop(struct actor *me, struct unit *unit);
void unit_free(struct actor *me, struct unit *unit);

/* launcher_spawn.c: starts the unit's program. False with errno set. */
bool unit_spawn(const struct launcher_plan *plan, struct unit *unit, const char *verb, const char *input);

/* launcher_probe.c */
void probe_begin(struct actor *me, struct unit *unit);
void probe_end(struct actor *me, struct unit *unit);

/* launcher_status.c */
void launcher_on_status(struct actor *me, const struct status_read *m, struct question q);

#endif
