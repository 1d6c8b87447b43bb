/* SPDX-License-Identifier: MIT */
/* supervisor_look -- looks at the node's threads twice a second: one that hangs costs the process; see supervisor.h.
 * What a thread is busy with goes to the launcher with the beat, so that it can say so even when this supervisor
 * cannot. */
#include <inttypes.h>
#include <unistd.h>

#include "runtime/supervise/supervisor_state.h"

enum { HANG_LIMIT_US = 5 * 1000 * 1000 };

/* A thread may be as slow as the slowest of its actors says. One with a loop of its own may sleep in there. */
static uint64_t hang_limit_us(const struct supervisor *self, const struct reactor *reactor)
{
    uint64_t limit_us = 0;

    for (size_t i = 0; i < self->process->child_count; i++) {
        const struct child *child = &self->process->children[i];
        uint64_t own_us = child->plan->kind->hang_limit_us > 0 ? child->plan->kind->hang_limit_us : HANG_LIMIT_US;

        own_us += child->plan->kind->wait != NULL ? SLEEP_LIMIT_US : 0;
        if (child->reactor == reactor && own_us > limit_us)
            limit_us = own_us;
    }
    return limit_us;
}

/* Counts looks at which the thread was busy with the same step, not time: a process that was stopped for a minute, or a
 * machine that slept, has not hung. */
static void look_at_thread(struct actor *me, struct reactor *reactor, uint64_t limit_us)
{
    bool is_busy = atomic_load_explicit(&reactor->is_busy, memory_order_relaxed);
    uint64_t steps = counter_read(&reactor->steps);
    const char *with = atomic_load_explicit(&reactor->busy_with, memory_order_relaxed);
    const char *who = atomic_load_explicit(&reactor->busy_actor, memory_order_relaxed);

    reactor->still_looks = is_busy && steps == reactor->seen_steps ? reactor->still_looks + 1 : 0;
    reactor->seen_steps = steps;
    if (reactor->still_looks * SUPERVISOR_LOOK_US < limit_us)
        return;
    actor_log(me, LOG_ERROR,
              "%s hangs in %s for at least %" PRIu64 " ms; its thread cannot be stopped, so the node is replaced",
              who != NULL ? who : reactor->name, with != NULL ? with : "its loop", limit_us / 1000);
    _exit(NODE_EXIT_HUNG);
}

/* The thread that has been busy with one step for longest; NULL when none was for a whole look. */
static const struct reactor *slowest_thread(const struct node_process *process)
{
    const struct reactor *slowest = NULL;

    for (size_t i = 0; i < process->reactor_count; i++) {
        const struct reactor *reactor = &process->reactors[i];

        if (reactor->still_looks > 0 && (slowest == NULL || reactor->still_looks > slowest->still_looks))
            slowest = reactor;
    }
    return slowest;
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void beat(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);
    const struct reactor *slow = slowest_thread(self->process);
    const char *who = slow != NULL ? atomic_load_explicit(&slow->busy_actor, memory_order_relaxed) : NULL;
    const char *with = slow != NULL ? atomic_load_explicit(&slow->busy_with, memory_order_relaxed) : NULL;

    TELL(me, BEATS_TO_LAUNCHER, node_beat, .node = slice_of(actor_node(me)),
         .incarnation = self->process->node.incarnation, .actor = slice_of(or_empty(who)),
         .with = slice_of(or_empty(with)));
}

void supervisor_look(struct actor *me, void *context)
{
    struct supervisor *self = supervisor_of(me);

    (void)context;
    for (size_t i = 0; i < self->process->reactor_count; i++)
        look_at_thread(me, &self->process->reactors[i], hang_limit_us(self, &self->process->reactors[i]));
    beat(me);
}
