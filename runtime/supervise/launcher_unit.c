/* SPDX-License-Identifier: MIT */
/*
 * launcher_unit -- the life of one store or node: started, up, ended, started again after a pause, stopped, given up.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/supervise/incarnation.h"
#include "runtime/supervise/launcher_state.h"

enum {
    NODE_START_LIMIT_US = 60 * 1000 * 1000,
    HURRIED_STOP_LIMIT_US = 2 * 1000 * 1000,
    EXPLAIN_LIMIT_US = 5 * 1000 * 1000,
    NOTICE_US = 20 * 1000, /* between two looks whether all know that a node is leaving */
    NOTICE_LOOKS = 25,
    FIRST_TRIES = 3,  /* starts before `up` says that it did not work */
    OUTPUT_READS = 64 /* of 4 KiB in one turn */
};

static void unit_failed(struct actor *me, struct unit *unit);

const char *unit_state_name(enum unit_state state)
{
    static const char *const names[] = {
        [UNIT_WAITING] = "waiting", [UNIT_STARTING] = "starting", [UNIT_UP] = "up",
        [UNIT_BACKOFF] = "backoff", [UNIT_STOPPING] = "stopping", [UNIT_STOPPED] = "stopped",
        [UNIT_GAVE_UP] = "gave_up", [UNIT_EXTERNAL] = "external",
    };

    return names[state];
}

/* The other nodes hear of a node's end when its process has ended, not before: until then it may still answer. */
static void announce(struct actor *me, struct unit *unit)
{
    bool is_up = unit->state == UNIT_UP;

    if (unit->node == NULL || is_up == unit->is_announced || unit->state == UNIT_STOPPING)
        return;
    unit->is_announced = is_up;
    if (is_up)
        TELL(me, TO_SUPERVISORS, node_up, .node = slice_of(unit->name), .incarnation = unit->spawned_number);
    else
        TELL(me, TO_SUPERVISORS, node_down, .node = slice_of(unit->name), .reason = slice_of(unit->reason));
}

void unit_set_state(struct actor *me, struct unit *unit, enum unit_state state)
{
    actor_cancel_timer(me, &unit->timer);
    if (unit->state == state)
        return;
    unit->state = state;
    launcher_tell(me, LAUNCHER_CHANGED, unit, unit->reason);
    announce(me, unit);
    if (unit->has_drain_question && (state == UNIT_STOPPED || state == UNIT_GAVE_UP)) {
        ANSWER(me, unit->drain_question, done, .detail = SLICE("drained"));
        unit->has_drain_question = false;
    }
}

/* ------------------------------------------------------------------------------------------------ what it writes */

static void close_output(struct actor *me, struct unit *unit)
{
    actor_unwatch(me, &unit->output_watch);
    if (unit->process.output_fd >= 0)
        close(unit->process.output_fd);
    unit->process.output_fd = -1;
}

static void read_output(struct actor *me, struct unit *unit)
{
    char bytes[4096];

    for (int i = 0; i < OUTPUT_READS && unit->process.output_fd >= 0; i++) {
        ssize_t size = read(unit->process.output_fd, bytes, sizeof bytes);

        if (size > 0)
            log_file_write(&unit->log, bytes, (size_t)size);
        else if (size == 0 || errno != EAGAIN)
            close_output(me, unit);
        else
            return;
    }
}

static void output_came(struct actor *me, void *context, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    read_output(me, context);
}

/* ------------------------------------------------------------------------------------------------ how it ended */

/* The sentence of a line that a node wrote: lines of log.h are JSON with the sentence as "event", which comes last. */
static void keep_event(char *line)
{
    static const char key[] = "\"event\":\"";
    char *event = line[0] == '{' ? strstr(line, key) : NULL;
    char *end;

    if (event == NULL)
        return;
    event += sizeof key - 1;
    end = strstr(event, "\"}");
    if (end != NULL)
        *end = '\0';
    memmove(line, event, strlen(event) + 1);
}

static bool says_why(const struct process_end *end)
{
    return !end->by_signal && (end->code == STORE_EXIT_NEEDS_PERSON || end->code == STORE_EXIT_NEEDS_ROOM ||
                               end->code == STORE_EXIT_DAMAGED);
}

/* Why it ended: what its process did, and what it said last. */
static void describe_end(struct unit *unit)
{
    char how[128];
    char last[REASON_LIMIT - sizeof how - 4];

    if (unit->was_silent) /* and was killed for that; it had no last words */
        return;
    process_describe(&unit->end, how, sizeof how);
    log_file_last_line(&unit->log, last, sizeof last);
    keep_event(last);
    if (last[0] != '\0' && unit->store != NULL && says_why(&unit->end))
        snprintf(unit->reason, sizeof unit->reason, "%s", last);
    else if (last[0] != '\0' && !unit->end.by_signal)
        snprintf(unit->reason, sizeof unit->reason, "%s: %s", how, last);
    else
        snprintf(unit->reason, sizeof unit->reason, "%s", how);
}

static void end_came(struct actor *me, void *context, int fd, unsigned events);

static bool watch_process(struct actor *me, struct unit *unit)
{
    unit->end_watch = actor_watch(me, unit->process.pid_fd, WATCH_READ, end_came, unit);
    unit->output_watch = actor_watch(me, unit->process.output_fd, WATCH_READ, output_came, unit);
    return unit->end_watch != NULL && unit->output_watch != NULL;
}

static void explain_took_too_long(struct actor *me, void *context)
{
    struct unit *unit = context;

    (void)me;
    unit->timer = 0;
    process_signal(&unit->process, SIGKILL);
}

/* Lets the store's script say in one sentence what the server's last lines mean. False when it cannot be asked. */
static bool ask_for_explanation(struct actor *me, struct unit *unit)
{
    char path[64];
    FILE *tail;

    snprintf(path, sizeof path, "run/%s.tail", unit->name);
    tail = fopen(path, "we");
    if (tail == NULL)
        return false;
    fwrite(unit->log.tail, 1, unit->log.tail_size, tail);
    fclose(tail);
    log_file_forget_tail(&unit->log);
    if (!unit_spawn(launcher_of(me), unit, "explain", path))
        return false;
    unit->is_explaining = true;
    unit->timer = actor_after(me, EXPLAIN_LIMIT_US, explain_took_too_long, unit);
    if (!watch_process(me, unit))
        process_signal(&unit->process, SIGKILL);
    return true;
}

static bool wants_explanation(const struct unit *unit)
{
    return unit->store != NULL && unit->state == UNIT_STARTING && !unit->end.by_signal && !says_why(&unit->end);
}

/* An explanation counts when its exit code says that it is one. */
static void take_end(struct unit *unit, const struct process_end *end)
{
    bool counts = !unit->is_explaining || says_why(end);

    unit->is_explaining = false;
    if (!counts)
        return;
    unit->end = *end;
    describe_end(unit);
}

static void end_came(struct actor *me, void *context, int fd, unsigned events)
{
    struct unit *unit = context;
    struct process_end end;

    (void)fd;
    (void)events;
    if (!process_ended(&unit->process, &end))
        return;
    actor_unwatch(me, &unit->end_watch);
    read_output(me, unit);
    close_output(me, unit);
    probe_end(me, unit);
    bool was_explanation = unit->is_explaining;

    if (unit->state != UNIT_STOPPING)
        take_end(unit, &end);
    else { /* as somebody wished: `reason` says who */
        unit_set_state(me, unit, UNIT_STOPPED);
        if (unit->restart_wanted && !launcher_of(me)->is_stopping)
            unit_start(me, unit);
        unit->restart_wanted = false;
        launcher_look_around(me);
        return;
    }
    if (!was_explanation && wants_explanation(unit) && ask_for_explanation(me, unit))
        return;
    unit_failed(me, unit);
}

/* ------------------------------------------------------------------------------------------------ starting */

static void start_took_too_long(struct actor *me, void *context)
{
    struct unit *unit = context;

    unit->timer = 0;
    actor_log(me, LOG_WARN, "%s was not up in time and is ended", unit->name);
    process_signal(&unit->process, SIGKILL);
}

void unit_start(struct actor *me, struct unit *unit)
{
    uint64_t limit_us = unit->store != NULL ? unit->store->knows->start_limit_us : NODE_START_LIMIT_US;

    unit->tries++;
    unit->was_silent = false;
    unit->is_behind = false;
    unit->silent_looks = 0;
    unit->last_step[0] = '\0';
    unit->spawned_number = incarnation_next(unit->name);
    log_file_forget_tail(&unit->log);
    if (!unit_spawn(launcher_of(me), unit, unit->store != NULL ? "run" : "node", NULL)) {
        snprintf(unit->reason, sizeof unit->reason, "could not be started: %s", strerror(errno));
        unit->end = (struct process_end){ .by_signal = false, .code = 1 };
        unit_failed(me, unit);
        return;
    }
    unit_set_state(me, unit, UNIT_STARTING);
    unit->started_at_us = actor_now_us(me);
    unit->timer = actor_after(me, limit_us, start_took_too_long, unit);
    if (!watch_process(me, unit))
        process_signal(&unit->process, SIGKILL);
    if (unit->store != NULL)
        probe_begin(me, unit);
}

void unit_is_up(struct actor *me, struct unit *unit)
{
    unit->tries = 0;
    policy_started(&unit->policy, 0, actor_now_us(me));
    actor_log(me, LOG_INFO, "%s is up after %" PRIu64 " ms", unit->name,
              (actor_now_us(me) - unit->started_at_us) / 1000);
    unit_set_state(me, unit, UNIT_UP);
    launcher_look_around(me);
}

static void pause_is_over(struct actor *me, void *context)
{
    struct unit *unit = context;

    unit->timer = 0;
    unit->restarts++;
    unit_start(me, unit);
}

/* ------------------------------------------------------------------------------------------------ failures */

static void give_up(struct actor *me, struct unit *unit)
{
    unit_set_state(me, unit, UNIT_GAVE_UP);
    actor_log(me, LOG_ERROR, "%s is given up: %s; when that is mended: shunt console restart %s", unit->name,
              unit->reason, unit->name);
    if (!launcher_of(me)->was_ready)
        launcher_start_failed(me, unit);
    launcher_look_around(me);
}

static void unit_failed(struct actor *me, struct unit *unit)
{
    struct launcher *self = launcher_of(me);
    bool is_explained = unit->store != NULL && says_why(&unit->end);
    bool may_pass = is_explained && self->was_ready && unit->end.code == STORE_EXIT_NEEDS_ROOM;

    probe_end(me, unit);
    if (self->is_stopping) {
        unit_set_state(me, unit, UNIT_STOPPED);
        launcher_look_around(me);
        return;
    }

    struct policy_decision decision = policy_ended(&unit->policy, 0, true, actor_now_us(me), actor_random(me));

    if ((is_explained && !may_pass) || decision.verdict != POLICY_RESTART ||
        (!self->was_ready && unit->tries >= FIRST_TRIES)) {
        give_up(me, unit);
        return;
    }
    unit_set_state(me, unit, UNIT_BACKOFF);
    actor_log(me, LOG_WARN, "%s %s; it is started again in %" PRIu64 " ms", unit->name, unit->reason,
              decision.pause_us / 1000);
    unit->timer = actor_after(me, decision.pause_us, pause_is_over, unit);
}

/* ------------------------------------------------------------------------------------------------ stopping */

static void stop_took_too_long(struct actor *me, void *context)
{
    struct unit *unit = context;

    unit->timer = 0;
    actor_log(me, LOG_WARN, "%s did not stop in time and is killed", unit->name);
    process_signal(&unit->process, SIGKILL);
}

static void send_term(struct actor *me, struct unit *unit)
{
    unit->timer = actor_after(me, unit->node->stop_limit_us, stop_took_too_long, unit);
    process_signal(&unit->process, SIGTERM);
}

/* What still comes from one who has not heard yet is turned away by the node itself, as long as it is there: so it
 * stays until all have heard, and a moment longer, for what was under way. */
static void look_who_knows(struct actor *me, void *context)
{
    struct unit *unit = context;

    unit->timer = 0;
    unit->notices++;
    if (unit->notices < NOTICE_LOOKS && (unit->notices < 2 || !launcher_others_know(me)))
        unit->timer = actor_after(me, NOTICE_US, look_who_knows, unit);
    else
        send_term(me, unit);
}

/* Of a node that others turn to: first they learn to go elsewhere. */
static void take_leave(struct actor *me, struct unit *unit)
{
    TELL(me, TO_SUPERVISORS, node_leaving, .node = slice_of(unit->name));
    unit->notices = 0;
    unit->timer = actor_after(me, NOTICE_US, look_who_knows, unit);
}

void unit_restart(struct actor *me, struct unit *unit)
{
    policy_reset(&unit->policy);
    unit->restarts++;
    if (unit->process.pid == 0) {
        actor_cancel_timer(me, &unit->timer);
        unit_start(me, unit);
        return;
    }
    unit->restart_wanted = true;
    snprintf(unit->reason, sizeof unit->reason, "an operator asked for a restart");
    unit_stop(me, unit);
}

void unit_stop(struct actor *me, struct unit *unit)
{
    bool hurried = launcher_of(me)->is_hurried;
    bool takes_leave = unit->state == UNIT_UP && !launcher_of(me)->is_stopping;
    uint64_t limit_us = unit->store != NULL ? unit->store->knows->stop_limit_us : unit->node->stop_limit_us;

    if (unit->process.pid == 0) {
        if (unit->state != UNIT_EXTERNAL && unit->state != UNIT_GAVE_UP)
            unit_set_state(me, unit, UNIT_STOPPED);
        return;
    }
    if (unit->state == UNIT_STOPPING && !hurried)
        return;
    probe_end(me, unit);
    unit_set_state(me, unit, UNIT_STOPPING);
    if (unit->node != NULL && takes_leave) {
        take_leave(me, unit);
        return;
    }
    actor_cancel_timer(me, &unit->timer);
    unit->timer = actor_after(me, hurried ? HURRIED_STOP_LIMIT_US : limit_us, stop_took_too_long, unit);
    if (unit->store != NULL)
        process_signal(&unit->process, unit->store->knows->stop_signal);
    else
        process_signal(&unit->process, hurried ? SIGKILL : SIGTERM);
}

void unit_free(struct actor *me, struct unit *unit)
{
    probe_end(me, unit);
    actor_cancel_timer(me, &unit->timer);
    actor_unwatch(me, &unit->end_watch);
    close_output(me, unit);
    if (unit->process.pid > 0)
        process_signal(&unit->process, SIGKILL);
    if (unit->process.pid_fd >= 0)
        close(unit->process.pid_fd);
    log_file_close(&unit->log);
}
