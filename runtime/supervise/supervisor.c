/* SPDX-License-Identifier: MIT */
#include "runtime/supervise/supervisor.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "runtime/supervise/supervisor_state.h"

enum { START_LIMIT_US = 15 * 1000 * 1000, STOP_LIMIT_US = 10 * 1000 * 1000 };

static const size_t NOBODY = SIZE_MAX;

void supervisor_command(struct child *child, enum notice_type type, const char *text, const char *value)
{
    struct notice notice = { .type = type, .actor = child->cell };

    slice_copy(slice_of(text), notice.text, sizeof notice.text);
    slice_copy(slice_of(value), notice.value, sizeof notice.value);
    channel_send(child->reactor->commands, &notice);
}

void supervisor_command_all(struct supervisor *self, enum notice_type type, struct slice text)
{
    struct notice notice = { .type = type };

    slice_copy(text, notice.text, sizeof notice.text);
    for (size_t i = 0; i < self->process->reactor_count; i++)
        channel_send(self->process->reactors[i].commands, &notice);
    channel_send(self->process->main_reactor.commands, &notice);
}

static void end_process(struct actor *me, int exit_code)
{
    struct supervisor *self = supervisor_of(me);

    self->process->exit_code = exit_code;
    self->process->main_reactor.is_ending = true;
}

/* ------------------------------------------------------------------------------------------------ starting */

static void start_took_too_long(struct actor *me, void *context)
{
    struct child *child = context;
    uint64_t limit_us = child->plan->kind->start_limit_us > 0 ? child->plan->kind->start_limit_us : START_LIMIT_US;
    char why[96];

    (void)me;
    child->start_timer = 0;
    snprintf(why, sizeof why, "its start took longer than %" PRIu64 " ms", limit_us / 1000);
    supervisor_command(child, COMMAND_FAIL, why, "");
}

static bool is_anybody_in_pause(const struct supervisor *self)
{
    for (size_t i = 0; i < self->process->child_count; i++)
        if (self->process->children[i].pause_timer != 0)
            return true;
    return false;
}

void supervisor_start_next(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);

    if (self->starting != NOBODY || self->is_stopping)
        return;
    for (size_t i = 0; i < self->process->child_count; i++) {
        struct child *child = &self->process->children[i];
        uint64_t limit_us = child->plan->kind->start_limit_us > 0 ? child->plan->kind->start_limit_us : START_LIMIT_US;

        if ((self->to_start >> i & 1) == 0)
            continue;
        self->to_start &= ~((uint64_t)1 << i);
        self->starting = i;
        child->life = CELL_STARTING;
        child->start_timer = actor_after(me, limit_us, start_took_too_long, child);
        supervisor_command(child, COMMAND_START, "", "");
        return;
    }
    if (!self->is_up && !is_anybody_in_pause(self)) {
        self->is_up = true;
        actor_log(me, LOG_INFO, "node is up with %zu actors", self->process->child_count);
        TELL(me, TO_LAUNCHER, node_up, .node = slice_of(actor_node(me)),
             .incarnation = self->process->node.incarnation);
    }
}

static void pause_is_over(struct actor *me, void *context)
{
    struct supervisor *self = supervisor_of(me);
    struct child *child = context;

    child->pause_timer = 0;
    self->to_start |= (uint64_t)1 << (child - self->process->children);
    supervisor_start_next(me);
}

/* ------------------------------------------------------------------------------------------------ stopping */

static void stop_next(struct actor *me);

uint64_t supervisor_stop_limit_us(const struct child *child)
{
    return child->plan->kind->stop_limit_us > 0 ? child->plan->kind->stop_limit_us : STOP_LIMIT_US;
}

static void drain_took_too_long(struct actor *me, void *context)
{
    struct child *child = context;

    child->drain_timer = 0;
    actor_log(me, LOG_WARN, "%s did not drain in time and is stopped as it is", child->plan->name);
    supervisor_command(child, COMMAND_STOP, "", "");
}

void supervisor_drain(struct actor *me, struct child *child)
{
    actor_cancel_timer(me, &child->pause_timer);
    actor_cancel_timer(me, &child->drain_timer);
    child->drain_timer = actor_after(me, supervisor_stop_limit_us(child), drain_took_too_long, child);
    supervisor_command(child, COMMAND_DRAIN, "", "");
}

static void stop_took_too_long(struct actor *me, void *context)
{
    struct supervisor *self = supervisor_of(me);
    struct child *child = context;

    self->stop_timer = 0;
    actor_log(me, LOG_WARN, "%s did not drain in time and is stopped as it is", child->plan->name);
    supervisor_command(child, COMMAND_STOP, "", "");
    child->life = CELL_STOPPED;
    self->stopping--;
    stop_next(me);
}

/* Drains the last child that still runs; the first one is the last to go. */
static void stop_next(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);

    while (self->stopping != NOBODY) {
        struct child *child = &self->process->children[self->stopping];

        if (child->life != CELL_STOPPED) {
            self->stop_timer = actor_after(me, supervisor_stop_limit_us(child), stop_took_too_long, child);
            supervisor_command(child, COMMAND_DRAIN, "", "");
            return;
        }
        self->stopping--;
    }
    actor_log(me, LOG_INFO, "node has stopped all its actors");
    if (self->has_stop_question)
        ANSWER(me, self->stop_question, done, .detail = SLICE("stopped"));
    self->has_stop_question = false;
    end_process(me, NODE_EXIT_DONE);
}

static void begin_stop(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);

    if (self->is_stopping)
        return;
    self->is_stopping = true;
    for (size_t i = 0; i < self->process->child_count; i++) {
        actor_cancel_timer(me, &self->process->children[i].pause_timer);
        actor_cancel_timer(me, &self->process->children[i].drain_timer);
    }
    self->stopping = self->process->child_count > 0 ? self->process->child_count - 1 : NOBODY;
    stop_next(me);
}

static void child_stopped(struct actor *me, size_t index)
{
    struct supervisor *self = supervisor_of(me);

    actor_cancel_timer(me, &self->process->children[index].start_timer);
    actor_cancel_timer(me, &self->process->children[index].drain_timer);
    self->process->children[index].life = CELL_STOPPED;
    supervisor_child_stopped(me, index);
    supervisor_change_stopped(me, &self->process->children[index]);
    supervisor_life_ends(me, &self->process->children[index], "it was stopped",
                         (self->to_start >> index & 1) == 0 && self->process->children[index].pause_timer == 0);
    if (self->starting == index) /* it was stopped for another's sake while it started */
        self->starting = NOBODY;
    if (!self->is_stopping)
        supervisor_start_next(me);
    if (!self->is_stopping || self->stopping != index)
        return;
    actor_cancel_timer(me, &self->stop_timer);
    self->stopping--;
    stop_next(me);
}

/* ------------------------------------------------------------------------------------------------ failures */

static size_t child_of_group(const struct supervisor *self, uint32_t group, uint32_t index)
{
    for (size_t i = 0; i < self->process->child_count; i++) {
        if (self->process->children[i].group == group && self->process->children[i].index_in_group == index)
            return i;
    }
    assert(!"a policy speaks of its own children only");
    return 0;
}

static void carry_out(struct actor *me, uint32_t group, const struct policy_decision *decision)
{
    struct supervisor *self = supervisor_of(me);

    for (uint32_t i = POLICY_CHILDREN_LIMIT; i-- > 0;) {
        if ((decision->stop >> i & 1) != 0)
            supervisor_command(&self->process->children[child_of_group(self, group, i)], COMMAND_STOP, "", "");
    }
    for (uint32_t i = 0; i < POLICY_CHILDREN_LIMIT; i++) {
        if ((decision->start >> i & 1) == 0)
            continue;

        struct child *child = &self->process->children[child_of_group(self, group, i)];

        actor_cancel_timer(me, &child->pause_timer);
        child->pause_timer = actor_after(me, decision->pause_us, pause_is_over, child);
    }
}

static void child_failed(struct actor *me, size_t index, const char *why)
{
    struct supervisor *self = supervisor_of(me);
    struct child *child = &self->process->children[index];

    actor_cancel_timer(me, &child->start_timer);
    actor_cancel_timer(me, &child->drain_timer);
    child->life = CELL_FAILED;
    child->restarts++;
    supervisor_life_ends(me, child, why, self->is_stopping);
    supervisor_change_ended(me, child, why);
    if (self->starting == index)
        self->starting = NOBODY;
    if (self->is_stopping || (self->draining >> index & 1) != 0) { /* it was to end anyway */
        child_stopped(me, index);
        return;
    }

    struct policy_decision decision = policy_ended(&self->process->policies[child->group], child->index_in_group, true,
                                                   actor_now_us(me), actor_random(me));

    if (decision.verdict == POLICY_RESTART) {
        actor_log(me, LOG_WARN, "%s failed (%s) and is started again in %" PRIu64 " ms", child->plan->name, why,
                  decision.pause_us / 1000);
        carry_out(me, child->group, &decision);
    } else if (decision.verdict == POLICY_GIVE_UP) {
        actor_log(me, LOG_ERROR, "%s failed too often (last: %s); the node gives up and leaves it to the launcher",
                  child->plan->name, why);
        end_process(me, NODE_EXIT_GAVE_UP);
        return; /* with nobody left to start, the node would be called up */
    }
    supervisor_start_next(me);
}

static void child_started(struct actor *me, size_t index)
{
    struct supervisor *self = supervisor_of(me);
    struct child *child = &self->process->children[index];

    actor_cancel_timer(me, &child->start_timer);
    child->life = CELL_UP;
    supervisor_life_begins(me, child);
    supervisor_change_ended(me, child, "");
    policy_started(&self->process->policies[child->group], child->index_in_group, actor_now_us(me));
    if (self->starting == index)
        self->starting = NOBODY;
    supervisor_start_next(me);
}

static void take_event(struct actor *me, struct notice *event)
{
    struct supervisor *self = supervisor_of(me);
    size_t index = 0;

    if (event->type == EVENT_REPORT) {
        supervisor_take_report(me, event);
        return;
    }
    if (event->type == EVENT_WATCHING) {
        supervisor_watch_node(me, slice_of(event->text));
        return;
    }
    while (index < self->process->child_count && self->process->children[index].cell != event->actor)
        index++;
    if (index == self->process->child_count)
        return; /* the supervisor's own */
    if (event->type == EVENT_STARTED)
        child_started(me, index);
    else if (event->type == EVENT_FAILED)
        child_failed(me, index, event->text);
    else
        child_stopped(me, index);
}

static void events_came(struct actor *me, void *context, int fd, unsigned events)
{
    struct supervisor *self = supervisor_of(me);
    struct notice event;

    (void)context;
    (void)fd;
    (void)events;
    while (channel_take(self->process->node.events, &event))
        take_event(me, &event);
}

/* ------------------------------------------------------------------------------------------------ being told */

static void on_node_down(struct actor *me, const struct node_down *m)
{
    supervisor_neighbour_ended(me, m->node);
    supervisor_command_all(supervisor_of(me), COMMAND_NODE_DOWN, m->node);
}

static void on_node_up(struct actor *me, const struct node_up *m)
{
    supervisor_neighbour_is_up(me, m->node);
    supervisor_command_all(supervisor_of(me), COMMAND_NODE_UP, m->node);
}

static void on_node_leaving(struct actor *me, const struct node_leaving *m)
{
    supervisor_command_all(supervisor_of(me), COMMAND_NODE_LEAVING, m->node);
}

static void on_node_stop(struct actor *me, const struct node_stop *m, struct question q)
{
    struct supervisor *self = supervisor_of(me);

    (void)m;
    if (self->has_stop_question) {
        ANSWER(me, q, done, .detail = SLICE("stopping already"));
        return;
    }
    self->stop_question = q;
    self->has_stop_question = true;
    begin_stop(me);
}

static void signals_came(struct actor *me, void *context, int fd, unsigned events)
{
    struct signalfd_siginfo info;

    (void)context;
    (void)events;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM)
            begin_stop(me);
    }
}

/* ------------------------------------------------------------------------------------------------ life */

static void start(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);
    sigset_t set;

    self->process = (struct node_process *)me->reactor->node;
    self->started_at_us = actor_now_us(me);
    self->starting = NOBODY;
    self->stopping = NOBODY;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    self->signals_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    self->signals_watch = actor_watch(me, self->signals_fd, WATCH_READ, signals_came, NULL);
    self->events_watch = actor_watch(me, channel_fd(self->process->node.events), WATCH_READ, events_came, NULL);
    assert(self->signals_watch != NULL && self->events_watch != NULL);
    supervisor_watch_keys(me);
    supervisor_begin_liveness(me);
    supervisor_begin_watching(me);
    for (size_t i = 0; i < self->process->child_count; i++)
        self->to_start |= (uint64_t)1 << i;
    actor_every(me, SUPERVISOR_LOOK_US, supervisor_look, NULL);
    supervisor_ask_for_settings(me, NULL); /* the answer, or its failure, starts the first actor */
}

static void stop(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);

    supervisor_leave_keys(me);
    supervisor_free_watchers(self);
    free(self->neighbours);
    actor_unwatch(me, &self->events_watch);
    actor_unwatch(me, &self->signals_watch);
    if (self->signals_fd > 0)
        close(self->signals_fd);
    supervisor_free_gatherings(self);
}

/* The only setting is the level of the whole node's log. */
static void option_changed(struct actor *me, const char *option)
{
    (void)option;
    atomic_store(&me->reactor->node->log_level, (int)supervisor_of(me)->log_level);
}

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };

static const struct option options[] = {
    { "log_level", OPTION_CHOICE, offsetof(struct supervisor, log_level), "info",
      "what every node writes to its log, and all that is graver", .choices = levels, .live = true },
};

static const struct outlet outlets[] = {
    { .name = "launcher",
      .to = "launcher",
      .doc = "hears that the node is up",
      .delivery = DELIVERY_ACKNOWLEDGED,
      .optional = true },
    { .name = "config", .to = "config", .doc = "knows the live settings", .optional = true },
    { .name = "supervisors", .to = "supervisor", .doc = "are asked for signs of life", .optional = true },
    { .name = "beats",
      .to = "launcher",
      .doc = "hears that the process is alive",
      .overload = OVERLOAD_DROP_OLDEST,
      .window = 1024,
      .optional = true },
};

static const struct handler handlers[] = {
    TOLD(node_down, on_node_down),
    TOLD(node_up, on_node_up),
    TOLD(node_leaving, on_node_leaving),
    ASKED(node_stop, on_node_stop),
    TOLD(setting_changed, supervisor_on_setting),
    ASKED(actor_command, supervisor_on_command),
    ASKED(actor_change, supervisor_on_change),
    ASKED(status_read, supervisor_on_status),
    ASKED(metrics_read, supervisor_on_metrics),
    ASKED(spans_read, supervisor_on_spans_read),
    ASKED(trace_watch, supervisor_on_trace_watch),
    ASKED(failpoints_read, supervisor_on_failpoints_read),
    ASKED(failpoint_order, supervisor_on_failpoint_order),
    ASKED(node_ping, supervisor_on_ping),
    ASKED(actor_watch, supervisor_on_watch),
    ASKED(actor_join, supervisor_on_join),
};

const struct actor_kind supervisor_kind = {
    .name = "supervisor",
    .doc = "starts, watches and restarts the actors of its node",
    .state_size = sizeof(struct supervisor),
    .start = start,
    .stop = stop,
    .option_changed = option_changed,
    TABLE(option, options),
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};
