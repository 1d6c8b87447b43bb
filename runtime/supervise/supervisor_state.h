/* SPDX-License-Identifier: MIT */
/* supervisor_state -- what supervisor.c and supervisor_report.c share. */
#ifndef RUNTIME_SUPERVISE_SUPERVISOR_STATE_H
#define RUNTIME_SUPERVISE_SUPERVISOR_STATE_H

#include "runtime/supervise/node_process.h"

enum { TO_LAUNCHER, TO_CONFIG, TO_SUPERVISORS, BEATS_TO_LAUNCHER }; /* outlets */

enum { WATCHERS_LIMIT = 4096 };
enum { GATHERINGS_LIMIT = 32, SETTING_NAME_LIMIT = 96, SETTING_VALUE_LIMIT = 512 };

/* One question about the whole node, while its threads report. */
struct gathering {
    struct question question;
    bool wants_metrics; /* else status */
    bool is_open;
    uint64_t number;
    uint32_t outstanding; /* threads that have not reported */
    uint64_t timer;
    struct buffer reports[TOPOLOGY_ACTORS_LIMIT + 1]; /* by the actor's place; empty: it has not */
    uint32_t report_count;                            /* places in use */
};

struct supervisor {
    struct node_process *process;
    uint32_t log_level; /* option; the topology's until it is set live */
    struct watch *events_watch;
    struct watch *signals_watch;
    int signals_fd;
    struct watch *zap_watch; /* whom may ZeroMQ let in? */
    struct watch *keys_watch;
    int keys_fd;
    uint64_t keys_timer;
    struct neighbour *neighbours; /* one for each node of the topology, in its order */
    size_t neighbour_count;
    struct watcher *watchers; /* who waits for the end of an actor's life */
    uint32_t watcher_count;
    struct joined *joined; /* links that lead here */
    uint64_t lives;        /* begun */
    uint64_t refused_keys;
    uint64_t to_start; /* bit i: child i is to be started, in order */
    size_t starting;   /* index of the child being started; SIZE_MAX: none */
    size_t stopping;   /* while stopping: the child being drained, counted down; SIZE_MAX: not stopping */
    uint64_t stop_timer;
    uint64_t started_at_us;
    bool is_up; /* all have started once */
    bool is_stopping;
    struct question stop_question;
    bool has_stop_question;
    struct question drain_question; /* of an operator who waits until these have stopped */
    uint64_t draining;              /* bit i: child i is one of them; 0: nobody waits */
    bool has_settings;
    uint64_t settings_version;
    uint64_t numbers; /* of gatherings */
    struct gathering gatherings[GATHERINGS_LIMIT];
};

static inline struct supervisor *supervisor_of(struct actor *me)
{
    return actor_state(me);
}

/* supervisor.c */
void supervisor_command(struct child *child, enum notice_type type, const char *text, const char *value);
void supervisor_start_next(struct actor *me); /* the next child that is to be started, if none is being started */
/* It finishes what it has, within its kind's limit. */
void supervisor_drain(struct actor *me, struct child *child);
uint64_t supervisor_stop_limit_us(const struct child *child);

/* To every thread of the node. */
void supervisor_command_all(struct supervisor *self, enum notice_type type, struct slice text);

/* supervisor_keys.c */
void supervisor_watch_keys(struct actor *me);
void supervisor_leave_keys(struct actor *me);

/* supervisor_liveness.c */
void supervisor_begin_liveness(struct actor *me);
void supervisor_on_ping(struct actor *me, const struct node_ping *m, struct question q);
void supervisor_neighbour_ended(struct actor *me, struct slice node); /* the launcher says so */
void supervisor_neighbour_is_up(struct actor *me, struct slice node);
void supervisor_watch_node(struct actor *me, struct slice node); /* somebody monitors an actor there */
void supervisor_put_liveness(const struct supervisor *self, const char *node, struct buffer *text);

/* supervisor_watch.c */
void supervisor_begin_watching(struct actor *me);
void supervisor_life_begins(struct actor *me, struct child *child);
/* `for_good`: it will not be started again. */
void supervisor_life_ends(struct actor *me, struct child *child, const char *why, bool for_good);
void supervisor_on_watch(struct actor *me, const struct actor_watch *m, struct question q);
void supervisor_on_join(struct actor *me, const struct actor_join *m, struct question q);
void supervisor_free_watchers(struct supervisor *self);

/* supervisor_orders.c */
void supervisor_ask_for_settings(struct actor *me, void *context); /* a timer's handler too */
void supervisor_on_setting(struct actor *me, const struct setting_changed *m);
void supervisor_on_command(struct actor *me, const struct actor_command *m, struct question q);

void supervisor_child_stopped(struct actor *me, size_t index); /* whoever waits for its drain may hear now */

/* supervisor_change.c */
void supervisor_on_change(struct actor *me, const struct actor_change *m, struct question q);
void supervisor_change_stopped(struct actor *me, struct child *child); /* new values go in, and it starts again */
void supervisor_change_ended(struct actor *me, struct child *child, const char *trouble); /* "": it is up */

/* supervisor_look.c */
void supervisor_look(struct actor *me, void *context); /* a timer's handler: hangs, and the beat for the launcher */
enum { SUPERVISOR_LOOK_US = 500 * 1000 };

/* supervisor_console.c */
void supervisor_on_spans_read(struct actor *me, const struct spans_read *m, struct question q);
void supervisor_on_trace_watch(struct actor *me, const struct trace_watch *m, struct question q);
void supervisor_on_failpoints_read(struct actor *me, const struct failpoints_read *m, struct question q);
void supervisor_on_failpoint_order(struct actor *me, const struct failpoint_order *m, struct question q);

/* supervisor_report.c */
void supervisor_on_status(struct actor *me, const struct status_read *m, struct question q);
void supervisor_on_metrics(struct actor *me, const struct metrics_read *m, struct question q);
void supervisor_take_report(struct actor *me, struct notice *event);
void supervisor_free_gatherings(struct supervisor *self);

#endif
