/* SPDX-License-Identifier: MIT */
/*
 * supervisor_change -- takes over what a reloaded topology says about one actor's options: at once those that can
 * change while it runs; else it drains, gets the new values while it is away, and starts again. See supervisor.h.
 */
#include <assert.h>
#include <stdlib.h>

#include "runtime/supervise/supervisor_state.h"

static struct child *find_child(struct supervisor *self, struct slice name)
{
    for (size_t i = 0; i < self->process->child_count; i++)
        if (slice_is(name, self->process->children[i].plan->name))
            return &self->process->children[i];
    return NULL;
}

/* False when a value is longer than an order can hold: then only a restart of the node takes it over. */
static bool copy_options(const struct actor_change *m, struct option_copy *copies)
{
    for (uint32_t i = 0; i < m->options.count; i++)
        if (!slice_copy(m->options.at[i].name, copies[i].name, sizeof copies[i].name) ||
            !slice_copy(m->options.at[i].value, copies[i].value, sizeof copies[i].value))
            return false;
    return true;
}

static void set_all(struct child *child)
{
    for (size_t i = 0; i < child->change_count; i++)
        supervisor_command(child, COMMAND_SETTING, child->changes[i].name, child->changes[i].value);
    free(child->changes);
    child->changes = NULL;
    child->change_count = 0;
}

void supervisor_on_change(struct actor *me, const struct actor_change *m, struct question q)
{
    struct supervisor *self = supervisor_of(me);
    struct child *child = find_child(self, m->actor);
    struct option_copy *copies = calloc(m->options.count + 1, sizeof *copies);

    assert(copies != NULL);
    if (child == NULL || child->is_changing || self->is_stopping || !copy_options(m, copies)) {
        free(copies);
        actor_refuse(me, q, "%s/%.*s cannot take over its new options now: %s; restart the node, which then has them",
                     actor_node(me), (int)m->actor.size, m->actor.at,
                     child == NULL        ? "it is not there"
                     : child->is_changing ? "another change of it is under way"
                     : self->is_stopping  ? "the node is stopping"
                                          : "a value is too long");
        return;
    }
    free(child->changes);
    child->changes = copies;
    child->change_count = m->options.count;
    if (!m->restart) {
        set_all(child);
        ANSWER(me, q, done, .detail = SLICE("taken over"));
        return;
    }
    child->is_changing = true;
    child->change_question = q;
    supervisor_drain(me, child);
}

void supervisor_change_stopped(struct actor *me, struct child *child)
{
    struct supervisor *self = supervisor_of(me);

    if (!child->is_changing || self->is_stopping || child->changes == NULL)
        return;
    set_all(child);
    self->to_start |= (uint64_t)1 << (child - self->process->children);
}

void supervisor_change_ended(struct actor *me, struct child *child, const char *trouble)
{
    if (!child->is_changing || child->changes != NULL)
        return;
    child->is_changing = false;
    if (trouble[0] == '\0')
        ANSWER(me, child->change_question, done, .detail = SLICE("restarted"));
    else
        actor_refuse(me, child->change_question, "%s/%s does not start with its new options: %s", actor_node(me),
                     child->plan->name, trouble);
}
