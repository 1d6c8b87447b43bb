/* SPDX-License-Identifier: MIT */
/*
 * supervisor_watch -- the watched side of links and monitors: answers who asked for the end of an actor's life, and
 * fails an actor whose linked one went down; see runtime/cell/monitor.h.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/supervise/supervisor_state.h"

enum { HOLD_US = 10 * 1000 * 1000, SWEEP_US = 1000 * 1000 };

struct watcher {
    struct watcher *next;
    struct question question;
    struct child *child;
    uint64_t life; /* that it asked for; 0: the next */
    uint64_t held_until_us;
};

struct joined {
    struct joined *next;
    struct child *child;
    uint64_t monitor; /* of the other one */
};

static void answer(struct actor *me, const struct watcher *watcher, bool is_down)
{
    const struct child *child = watcher->child;
    bool is_up = child->life == CELL_UP || child->life == CELL_SUSPENDED || child->life == CELL_DRAINING;

    ANSWER(me, watcher->question, actor_life, .life = is_up && !is_down ? child->life_number : 0, .is_down = is_down,
           .reason = slice_of(is_down ? child->last_end : ""));
}

/* Answers those whom `is_due` holds for, and forgets them. */
static void
answer_those(struct actor *me, bool (*is_due)(const struct watcher *, const void *), const void *context, bool is_down)
{
    struct watcher **link = &supervisor_of(me)->watchers;

    while (*link != NULL) {
        struct watcher *watcher = *link;

        if (!is_due(watcher, context)) {
            link = &watcher->next;
            continue;
        }
        answer(me, watcher, is_down);
        *link = watcher->next;
        supervisor_of(me)->watcher_count--;
        free(watcher);
    }
}

static bool watches_life(const struct watcher *watcher, const void *child)
{
    return watcher->child == child && watcher->life != 0;
}

static bool waits_for_next(const struct watcher *watcher, const void *child)
{
    return watcher->child == child && watcher->life == 0;
}

static bool was_held(const struct watcher *watcher, const void *now_us)
{
    return *(const uint64_t *)now_us >= watcher->held_until_us;
}

static void sweep(struct actor *me, void *context)
{
    uint64_t now_us = actor_now_us(me);

    (void)context;
    answer_those(me, was_held, &now_us, false);
}

/* ------------------------------------------------------------------------------------------------ lives */

void supervisor_life_begins(struct actor *me, struct child *child)
{
    struct supervisor *self = supervisor_of(me);

    child->life_number = self->process->node.incarnation + ++self->lives;
    answer_those(me, waits_for_next, child, false);
}

static void unlink_child(struct actor *me, const struct child *child)
{
    struct joined **link = &supervisor_of(me)->joined;

    while (*link != NULL) {
        struct joined *joined = *link;

        if (joined->child != child) {
            link = &joined->next;
            continue;
        }
        actor_demonitor(me, joined->monitor);
        *link = joined->next;
        free(joined);
    }
}

void supervisor_life_ends(struct actor *me, struct child *child, const char *why, bool for_good)
{
    slice_copy(slice_of(why), child->last_end, sizeof child->last_end);
    child->life_number = 0;
    unlink_child(me, child);
    answer_those(me, watches_life, child, true);
    if (for_good)
        answer_those(me, waits_for_next, child, true);
}

/* ------------------------------------------------------------------------------------------------ being asked */

static struct child *find_child(struct supervisor *self, struct slice name)
{
    for (size_t i = 0; i < self->process->child_count; i++)
        if (slice_is(name, self->process->children[i].plan->name))
            return &self->process->children[i];
    return NULL;
}

/* It is not up, and nobody means to start it. */
static bool is_gone(const struct supervisor *self, const struct child *child)
{
    size_t index = (size_t)(child - self->process->children);

    return child->life == CELL_STOPPED && ((self->to_start >> index & 1) == 0 || self->is_stopping);
}

void supervisor_on_watch(struct actor *me, const struct actor_watch *m, struct question q)
{
    struct supervisor *self = supervisor_of(me);
    struct child *child = find_child(self, m->actor);
    struct watcher now = { .question = q, .child = child, .life = m->life };
    struct watcher *held;

    if (child == NULL) {
        actor_refuse(me, q, "node %s has no actor %.*s", actor_node(me), (int)m->actor.size, m->actor.at);
    } else if (m->life != 0 && m->life != child->life_number) {
        answer(me, &now, true); /* that life is over already */
    } else if (m->life == 0 && child->life_number != 0) {
        answer(me, &now, false);
    } else if (m->life == 0 && is_gone(self, child)) {
        answer(me, &now, true);
    } else if (self->watcher_count >= WATCHERS_LIMIT) {
        ANSWER(me, q, ask_failed, .reason = ASK_OVERLOADED, .detail = SLICE("too many watch here"));
    } else {
        held = malloc(sizeof *held);
        assert(held != NULL);
        *held = now;
        held->held_until_us = actor_now_us(me) + HOLD_US;
        held->next = self->watchers;
        self->watchers = held;
        self->watcher_count++;
    }
}

static void other_is_down(struct actor *me, void *context, const struct down *down)
{
    struct joined *joined = context;
    struct joined **link = &supervisor_of(me)->joined;
    char why[256];

    snprintf(why, sizeof why, "%s, which is linked to it, is down: %.120s", down->address, down->reason);
    supervisor_command(joined->child, COMMAND_FAIL, why, "");
    while (*link != joined)
        link = &(*link)->next;
    *link = joined->next;
    free(joined);
}

void supervisor_on_join(struct actor *me, const struct actor_join *m, struct question q)
{
    struct child *child = find_child(supervisor_of(me), m->actor);
    char with[ADDRESS_LIMIT + 1];
    struct joined *joined;

    if (child == NULL || !address_is_valid(m->with)) {
        actor_refuse(me, q, "node %s has no actor %.*s", actor_node(me), (int)m->actor.size, m->actor.at);
        return;
    }
    slice_copy(m->with, with, sizeof with);
    joined = calloc(1, sizeof *joined);
    assert(joined != NULL);
    joined->child = child;
    joined->monitor = actor_monitor(me, with, other_is_down, joined);
    if (joined->monitor == 0) {
        free(joined);
        ANSWER(me, q, ask_failed, .reason = ASK_OVERLOADED, .detail = SLICE("too many are linked here"));
        return;
    }
    joined->next = supervisor_of(me)->joined;
    supervisor_of(me)->joined = joined;
    ANSWER(me, q, done, .detail = SLICE("linked"));
}

void supervisor_begin_watching(struct actor *me)
{
    actor_every(me, SWEEP_US, sweep, NULL);
}

void supervisor_free_watchers(struct supervisor *self)
{
    for (struct watcher *next, *watcher = self->watchers; watcher != NULL; watcher = next) {
        next = watcher->next;
        free(watcher);
    }
    for (struct joined *next, *joined = self->joined; joined != NULL; joined = next) {
        next = joined->next;
        free(joined);
    }
    self->watchers = NULL;
    self->joined = NULL;
}
