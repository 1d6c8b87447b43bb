/* SPDX-License-Identifier: MIT */
/* launcher -- see launcher.h. This file is the whole's: who starts and stops when, signals, messages, life. */
#include "runtime/supervise/launcher.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/supervise/incarnation.h"
#include "runtime/supervise/launcher_state.h"
#include "runtime/wire/socket.h"

enum { OWN_LOG_CHECK_US = 60 * 1000 * 1000 };

struct unit *launcher_find(struct launcher *self, struct slice name)
{
    for (size_t i = 0; i < self->unit_count; i++)
        if (slice_is(name, self->units[i].name))
            return &self->units[i];
    return NULL;
}

static bool is_at_rest(const struct unit *unit)
{
    return unit->process.pid == 0 &&
           (unit->state == UNIT_STOPPED || unit->state == UNIT_GAVE_UP || unit->state == UNIT_EXTERNAL);
}

void launcher_tell(struct actor *me, enum launcher_event_type type, const struct unit *unit, const char *reason)
{
    struct launcher *self = launcher_of(me);
    const struct launcher_plan *plan = self->process->plan;
    struct launcher_event event = { .type = type, .reason = reason };

    if (plan->tell == NULL)
        return;
    for (size_t i = 0; i < self->unit_count; i++) {
        event.total += self->units[i].is_removed ? 0 : 1;
        event.up += unit_is_there(&self->units[i]) && !self->units[i].is_removed ? 1 : 0;
    }
    if (unit != NULL) {
        event.name = unit->name;
        event.is_store = unit->store != NULL;
        event.state = unit_state_name(unit->state);
    }
    event.age_us = actor_now_us(me) - self->process->begun_at_us;
    plan->tell(plan->context, &event);
}

/* ------------------------------------------------------------------------------------------------ who can start or
 * stop */

static bool has_what_it_needs(struct launcher *self, const struct unit *unit)
{
    for (const char *const *after = unit->after; *after != NULL; after++) {
        const struct unit *other = launcher_find(self, slice_of(*after));

        if (other != NULL && !unit_is_there(other))
            return false;
    }
    return true;
}

static void start_who_can(struct actor *me)
{
    struct launcher *self = launcher_of(me);
    bool all_up = true;

    for (size_t i = 0; i < self->unit_count && !self->is_stopping; i++) {
        if (self->units[i].state == UNIT_WAITING && has_what_it_needs(self, &self->units[i]))
            unit_start(me, &self->units[i]);
        all_up = all_up && unit_is_there(&self->units[i]);
    }
    if (all_up && !self->was_ready && !self->is_stopping) {
        self->was_ready = true;
        actor_log(me, LOG_INFO, "all %zu stores and nodes are up", self->unit_count);
        launcher_tell(me, LAUNCHER_READY, NULL, "");
    }
}

/* Whether somebody who comes after `unit` is still there. Stores outlive all nodes. */
static bool is_needed(const struct launcher *self, const struct unit *unit)
{
    for (size_t i = 0; i < self->unit_count; i++) {
        const struct unit *other = &self->units[i];

        if (is_at_rest(other) || other == unit)
            continue;
        if (unit->store != NULL && other->node != NULL)
            return true;
        for (const char *const *after = other->after; *after != NULL; after++)
            if (strcmp(*after, unit->name) == 0)
                return true;
    }
    return false;
}

static void end(struct actor *me)
{
    struct launcher *self = launcher_of(me);

    actor_log(me, LOG_INFO, "everything has stopped");
    if (self->has_stop_question)
        ANSWER(me, self->stop_question, done, .detail = SLICE("stopped"));
    self->has_stop_question = false;
    self->process->has_failed = self->has_failed;
    self->process->reactor.is_ending = true;
}

static bool can_stop(const struct launcher *self, const struct unit *unit)
{
    return !is_at_rest(unit) && unit->state != UNIT_STOPPING && !is_needed(self, unit);
}

static bool are_all_at_rest(const struct launcher *self)
{
    for (size_t i = 0; i < self->unit_count; i++)
        if (!is_at_rest(&self->units[i]))
            return false;
    return true;
}

static void stop_who_can(struct actor *me)
{
    struct launcher *self = launcher_of(me);
    bool again = true;

    while (again) { /* one that has no process stops at once, which may free another */
        again = false;
        for (size_t i = self->unit_count; i-- > 0;) {
            struct unit *unit = &self->units[i];

            if (!can_stop(self, unit))
                continue;
            unit_stop(me, unit);
            again = again || is_at_rest(unit);
        }
    }
    if (are_all_at_rest(self) && !self->process->reactor.is_ending)
        end(me);
}

uint32_t launcher_receiver_of(const struct actor *me, const struct unit *unit)
{
    uint32_t receiver = 0;

    while (!address_on_node(actor_receiver_name(me, TO_SUPERVISORS, receiver), unit->name))
        receiver++;
    return receiver;
}

/* Whether every supervisor that is there has confirmed all that it was told. */
bool launcher_others_know(const struct actor *me)
{
    const struct launcher *self = launcher_of(me);
    const struct wired_outlet *outlet = &me->outlets[TO_SUPERVISORS];

    for (size_t i = 0; i < self->unit_count; i++) {
        const struct unit *unit = &self->units[i];

        if (unit->node != NULL && unit->state == UNIT_UP &&
            outlet->receivers[launcher_receiver_of(me, unit)]->kept.count > 0)
            return false;
    }
    return true;
}

void launcher_look_around(struct actor *me)
{
    launcher_listen_less(launcher_of(me));
    if (launcher_of(me)->is_stopping)
        stop_who_can(me);
    else
        start_who_can(me);
}

void launcher_begin_stop(struct actor *me, const char *why)
{
    struct launcher *self = launcher_of(me);

    if (self->is_stopping)
        return;
    self->is_stopping = true;
    launcher_end_rollout(me, "the platform is stopping");
    actor_log(me, LOG_INFO, "stopping: %s", why);
    launcher_tell(me, LAUNCHER_STOPPING, NULL, why);
    for (size_t i = 0; i < self->unit_count; i++)
        self->units[i].restart_wanted = false;
    stop_who_can(me);
}

void launcher_start_failed(struct actor *me, struct unit *unit)
{
    struct launcher *self = launcher_of(me);

    if (self->has_failed || self->is_stopping)
        return;
    self->has_failed = true;
    launcher_tell(me, LAUNCHER_FAILED, unit, unit->reason);
    launcher_begin_stop(me, "the platform could not be started");
}

/* The second time somebody asks: nodes are killed, stores get little time. */
static void hurry(struct actor *me)
{
    struct launcher *self = launcher_of(me);

    if (self->is_hurried)
        return;
    self->is_hurried = true;
    actor_log(me, LOG_WARN, "hurrying: nodes are killed, stores get two seconds");
    for (size_t i = 0; i < self->unit_count; i++)
        if (self->units[i].node != NULL || self->units[i].state == UNIT_STOPPING)
            unit_stop(me, &self->units[i]);
    stop_who_can(me);
}

static void signals_came(struct actor *me, void *context, int fd, unsigned events)
{
    struct signalfd_siginfo info;

    (void)context;
    (void)events;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (launcher_of(me)->is_stopping)
            hurry(me);
        else
            launcher_begin_stop(me, strsignal((int)info.ssi_signo));
    }
}

/* ------------------------------------------------------------------------------------------------ messages */

static void on_node_up(struct actor *me, const struct node_up *m)
{
    struct unit *unit = launcher_find(launcher_of(me), m->node);

    /* A letter of an earlier process may come late. */
    if (unit != NULL && unit->node != NULL && unit->state == UNIT_STARTING && m->incarnation > unit->spawned_number)
        unit_is_up(me, unit);
}

static void on_platform_stop(struct actor *me, const struct platform_stop *m, struct question q)
{
    struct launcher *self = launcher_of(me);

    (void)m;
    if (self->has_stop_question) {
        ANSWER(me, q, done, .detail = SLICE("stopping already"));
        return;
    }
    self->stop_question = q;
    self->has_stop_question = true;
    launcher_begin_stop(me, "asked to");
}

static void do_kill(struct actor *me, struct unit *unit)
{
    (void)me;
    process_signal(&unit->process, SIGKILL);
}

static void do_drain(struct actor *me, struct unit *unit)
{
    snprintf(unit->reason, sizeof unit->reason, "an operator asked for a drain");
    unit->restart_wanted = false;
    unit_stop(me, unit);
}

static const struct unit_verb {
    const char *name;
    void (*act)(struct actor *me, struct unit *unit);
} unit_verbs[] = { { "restart", unit_restart }, { "kill", do_kill }, { "drain", do_drain } };

static void on_process_command(struct actor *me, const struct process_command *m, struct question q)
{
    struct launcher *self = launcher_of(me);
    struct unit *unit = launcher_find(self, m->name);

    if (self->is_stopping) {
        actor_refuse(me, q, "the platform is stopping");
        return;
    }
    if (unit == NULL || unit->state == UNIT_EXTERNAL) {
        actor_refuse(me, q, "there is no node or managed store %.*s", (int)m->name.size, m->name.at);
        return;
    }
    for (size_t i = 0; i < sizeof unit_verbs / sizeof unit_verbs[0]; i++) {
        if (!slice_is(m->verb, unit_verbs[i].name))
            continue;
        actor_log(me, LOG_INFO, "%.*s: %s %s", (int)m->who.size, m->who.at, unit_verbs[i].name, unit->name);
        if (unit_verbs[i].act == do_drain && unit->process.pid > 0 && !unit->has_drain_question) {
            unit->drain_question = q; /* answered when it has stopped */
            unit->has_drain_question = true;
            do_drain(me, unit);
            return;
        }
        unit_verbs[i].act(me, unit);
        ANSWER(me, q, done, .detail = SLICE("done"));
        return;
    }
    actor_refuse(me, q, "a node or store can be told to restart, kill or drain, not to %.*s", (int)m->verb.size,
                 m->verb.at);
}

/* ------------------------------------------------------------------------------------------------ life */

/* What the launcher itself writes goes to standard error, which `up` has led into a file. That is bounded like the
 * others', by being begun anew. */
static void bound_own_log(struct actor *me, void *context)
{
    const struct topology *topology = launcher_of(me)->process->topology;
    struct stat status;

    (void)context;
    if (fstat(STDERR_FILENO, &status) != 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size < topology->log_bytes)
        return;
    rename("log/launcher.log", "log/launcher.log.1");

    int fd = open("log/launcher.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    dup2(fd, STDERR_FILENO);
    close(fd);
}

void launcher_add_unit(struct launcher *self, const struct topology_store *store, const struct topology_node *node)
{
    const struct topology *topology = self->process->topology;
    struct unit *unit = &self->units[self->unit_count++];
    char path[128];

    assert((store != NULL) != (node != NULL) && self->unit_count <= UNITS_LIMIT);
    *unit = (struct unit){ 0 };
    unit->name = store != NULL ? store->name : node->name;
    unit->after = store != NULL ? store->after : node->after;
    unit->store = store;
    unit->node = node;
    unit->process = process_none;
    unit->probe.fd = -1;
    unit->log.fd = -1;
    unit->state = store != NULL && !store->managed ? UNIT_EXTERNAL : UNIT_WAITING;
    policy_init(&unit->policy, ONE_FOR_ONE, store != NULL ? &store->limits : &node->limits, NULL, 1);
    if (unit->state == UNIT_EXTERNAL)
        return;
    snprintf(path, sizeof path, "log/%s.log", unit->name);
    log_file_open(&unit->log, path, topology->log_bytes); /* without it the last lines are still kept in memory */
}

static void start(struct actor *me)
{
    struct launcher *self = launcher_of(me);
    sigset_t set;

    self->process = (struct launcher_process *)me->reactor->node;

    const struct topology *topology = self->process->topology;

    self->process->begun_at_us = actor_now_us(me);
    self->units = calloc(UNITS_LIMIT, sizeof *self->units);
    assert(self->units != NULL);
    for (size_t i = 0; i < topology->store_count; i++)
        launcher_add_unit(self, &topology->stores[i], NULL);
    for (size_t i = 0; i < topology->node_count; i++)
        launcher_add_unit(self, NULL, &topology->nodes[i]);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    self->signals_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    self->signals_watch = actor_watch(me, self->signals_fd, WATCH_READ, signals_came, NULL);
    assert(self->signals_watch != NULL);
    actor_every(me, OWN_LOG_CHECK_US, bound_own_log, NULL);
    actor_every(me, LAUNCHER_LOOK_US, launcher_look_for_silence, NULL);
    launcher_look_around(me);
}

static void stop(struct actor *me)
{
    struct launcher *self = launcher_of(me);

    for (size_t i = 0; i < self->unit_count; i++)
        unit_free(me, &self->units[i]);
    free(self->units);
    difference_destroy(&self->rollout.difference);
    launcher_forget_reloaded(self);
    actor_unwatch(me, &self->signals_watch);
    if (self->signals_fd > 0)
        close(self->signals_fd);
}

static const struct outlet outlets[] = {
    [TO_SUPERVISORS] = { .name = "supervisors",
                         .to = "supervisor",
                         .doc = "hear which nodes have come and gone",
                         .pick = PICK_EACH,
                         .overload = OVERLOAD_DROP_OLDEST,
                         .delivery = DELIVERY_ACKNOWLEDGED,
                         .optional = true },
};

static const struct handler handlers[] = {
    TOLD(node_up, on_node_up),
    TOLD(node_beat, launcher_on_beat),
    ASKED(status_read, launcher_on_status),
    ASKED(platform_stop, on_platform_stop),
    ASKED(process_command, on_process_command),
    ASKED(rolling_restart, launcher_on_rollout),
    ASKED(rolling_read, launcher_on_rollout_read),
    ASKED(topology_reload, launcher_on_reload),
};

const struct actor_kind launcher_kind = {
    .name = "launcher",
    .doc = "starts, watches and restarts the nodes and stores of a platform",
    .state_size = sizeof(struct launcher),
    .start = start,
    .stop = stop,
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};

static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool launcher_run(const struct launcher_plan *plan)
{
    struct launcher_process process = {
        .node = { .name = "launcher",
                  .incarnation = incarnation_next("launcher"),
                  .topology = plan->topology,
                  .clock = &machine_clock,
                  .seed = machine_clock.wall_us(NULL) ^ (uint64_t)getpid() << 32,
                  .log_level = (int)plan->topology->log_level },
        .plan = plan,
        .topology = plan->topology,
    };

    block_signals();
    process.node.zmq = socket_context_new();
    assert(process.node.zmq != NULL);
    reactor_init(&process.reactor, &process.node, "launcher", true);

    struct actor *launcher = cell_new(&process.reactor, &launcher_kind, "launcher", NULL);

    process.has_failed = launcher == NULL;
    if (launcher == NULL) {
        struct launcher_event event = { .type = LAUNCHER_FAILED, .name = "launcher", .reason = strerror(errno) };

        if (plan->tell != NULL)
            plan->tell(plan->context, &event);
    } else {
        cell_start(launcher);
        reactor_run(&process.reactor);
        cell_stop(launcher);
        cell_destroy(&launcher);
    }
    reactor_free(&process.reactor);
    zmq_ctx_term(process.node.zmq);
    return !process.has_failed;
}
