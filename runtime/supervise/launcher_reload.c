/* SPDX-License-Identifier: MIT */
/*
 * launcher_reload -- goes over to another topology while the platform runs.
 *
 * What is new is started first; actors take over what concerns only them; nodes that must be restarted are, one at a
 * time (see launcher_rollout.c); what is no longer in the topology is stopped last, when nobody's wiring leads there
 * any more. When something goes wrong on the way it stops there, and the same reload again goes on with what is left.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/supervise/launcher_state.h"

enum { CHANGE_LIMIT_US = 30 * 1000 * 1000 /* for one actor to drain and start again */ };

/* ------------------------------------------------------------------------------------------------ units */

static void keep_topology(struct launcher *self, struct topology *topology)
{
    struct retired_topology *entry = calloc(1, sizeof *entry);

    assert(entry != NULL);
    *entry = (struct retired_topology){ .next = self->reloaded, .topology = topology };
    self->reloaded = entry;
    self->process->topology = topology;
    self->process->node.topology = topology;
}

void launcher_forget_reloaded(struct launcher *self)
{
    while (self->reloaded != NULL) {
        struct retired_topology *entry = self->reloaded;

        self->reloaded = entry->next;
        topology_destroy(&entry->topology);
        free(entry);
    }
}

/* One that was there, or had been, goes on by the new topology. */
static void adopt_unit(struct unit *unit, const struct topology_store *store, const struct topology_node *node)
{
    unit->name = store != NULL ? store->name : node->name;
    unit->after = store != NULL ? store->after : node->after;
    unit->store = store;
    unit->node = node;
    unit->policy.limits = store != NULL ? store->limits : node->limits;
    if (unit->is_removed && unit->state == UNIT_STOPPED)
        unit->state = UNIT_WAITING;
    unit->is_removed = false;
}

static struct unit *find_unit(struct launcher *self, const char *name, bool is_store)
{
    for (size_t i = 0; i < self->unit_count; i++)
        if ((self->units[i].store != NULL) == is_store && strcmp(self->units[i].name, name) == 0)
            return &self->units[i];
    return NULL;
}

static void adopt_node(struct actor *me, const struct topology_node *node)
{
    struct launcher *self = launcher_of(me);
    struct unit *unit = find_unit(self, node->name, false);
    char address[ADDRESS_LIMIT + 1];

    if (unit != NULL) {
        adopt_unit(unit, NULL, node);
        return;
    }
    launcher_add_unit(self, NULL, node);
    snprintf(address, sizeof address, "%s/supervisor", node->name);
    cell_add_receiver(me, TO_SUPERVISORS, address);
}

static void adopt_all(struct actor *me, const struct topology *topology)
{
    struct launcher *self = launcher_of(me);

    for (size_t i = 0; i < self->unit_count; i++)
        self->units[i].is_removed = true; /* until it is found again */
    for (size_t i = 0; i < topology->store_count; i++) {
        struct unit *unit = find_unit(self, topology->stores[i].name, true);

        if (unit != NULL)
            adopt_unit(unit, &topology->stores[i], NULL);
        else
            launcher_add_unit(self, &topology->stores[i], NULL);
    }
    for (size_t i = 0; i < topology->node_count; i++)
        adopt_node(me, &topology->nodes[i]);
}

void launcher_stop_removed(struct actor *me)
{
    struct launcher *self = launcher_of(me);

    for (size_t pass = 0; pass < 2; pass++) /* nodes first: stores outlive them */
        for (size_t i = 0; i < self->unit_count; i++) {
            struct unit *unit = &self->units[i];

            if (unit->is_removed && (unit->node != NULL) == (pass == 0)) {
                snprintf(unit->reason, sizeof unit->reason, "it is no longer in the topology");
                unit_stop(me, unit);
            }
        }
    launcher_look_around(me);
}

static bool has_room(const struct launcher *self, const struct topology *topology)
{
    return self->unit_count + topology->store_count + topology->node_count <= UNITS_LIMIT;
}

/* ------------------------------------------------------------------------------------------------ actors */

static bool is_for_its_actor(const struct launcher *self, const struct difference_row *row)
{
    const struct unit *unit = row->option != NULL ? find_unit((struct launcher *)self, row->node->name, false) : NULL;

    return unit != NULL && unit->state == UNIT_UP && !unit->is_behind; /* others read it when they start */
}

static void change_came(struct actor *me, void *context, const struct answer *answer)
{
    struct rollout *rollout = &launcher_of(me)->rollout;

    (void)context;
    rollout->is_asked = false;
    if (rollout->step == ROLLOUT_CHANGING && answer->outcome != ASK_ANSWERED)
        launcher_end_rollout(me, answer->detail);
}

/* All options of one actor go together. */
static void ask_to_change(struct actor *me, const struct unit *unit)
{
    struct rollout *rollout = &launcher_of(me)->rollout;
    const struct difference *difference = rollout->difference;
    const struct topology_actor *actor = difference->rows[rollout->change].actor;
    struct option_value values[OPTIONS_LIMIT];
    struct actor_change order = { .actor = slice_of(actor->name), .options.at = values };

    while (rollout->change < difference->count && difference->rows[rollout->change].actor == actor &&
           order.options.count < OPTIONS_LIMIT) {
        const struct difference_row *row = &difference->rows[rollout->change++];

        values[order.options.count++] =
            (struct option_value){ .name = slice_of(row->option), .value = slice_of(row->to) };
        order.restart = order.restart || row->reach == REACH_ACTOR;
    }
    rollout->is_asked = true;
    actor_log(me, LOG_INFO, "reload: %s/%s takes over %u options%s", unit->name, actor->name, order.options.count,
              order.restart ? " and starts again" : "");
    actor_ask(me, TO_SUPERVISORS,
              &(struct sending){
                  .deadline_us = CHANGE_LIMIT_US, .then = change_came, .only = launcher_receiver_of(me, unit) + 1 },
              &actor_change_schema, &order);
}

void launcher_apply_changes(struct actor *me)
{
    struct launcher *self = launcher_of(me);
    struct rollout *rollout = &self->rollout;
    const struct difference *difference = rollout->difference;

    if (rollout->is_asked)
        return;
    while (rollout->change < difference->count && !is_for_its_actor(self, &difference->rows[rollout->change]))
        rollout->change++;
    if (rollout->change < difference->count)
        ask_to_change(me, find_unit(self, difference->rows[rollout->change].node->name, false));
    else
        launcher_rolled_changes(me);
}

/* ------------------------------------------------------------------------------------------------ the order */

/* Restarts changed stores at once, and notes which nodes are to follow. */
static void begin(struct actor *me)
{
    struct launcher *self = launcher_of(me);
    struct rollout *rollout = &self->rollout;

    rollout->count = 0;
    rollout->change = 0;
    for (size_t i = 0; i < self->unit_count; i++) {
        struct unit *unit = &self->units[i];

        if (unit->node == NULL || unit->is_removed || unit->process.pid == 0)
            continue;
        unit->is_behind = unit->is_behind || difference_restarts(rollout->difference, unit->name);
        if (unit->is_behind)
            rollout->units[rollout->count++] = unit;
    }
    for (size_t i = 0; i < rollout->difference->count; i++) {
        const struct difference_row *row = &rollout->difference->rows[i];
        struct unit *unit = row->store != NULL ? find_unit(self, row->store->name, true) : NULL;

        if (unit != NULL && row->change == CHANGE_CHANGED && unit->process.pid > 0)
            unit_restart(me, unit);
    }
    launcher_roll(me, ROLLOUT_CHANGING);
    launcher_look_around(me);
}

void launcher_on_reload(struct actor *me, const struct topology_reload *m, struct question q)
{
    struct launcher *self = launcher_of(me);
    struct topology *next;

    if (self->is_stopping || launcher_is_rolling(self) || self->process->plan->load == NULL) {
        actor_refuse(me, q, "%s",
                     self->is_stopping           ? "the platform is stopping"
                     : launcher_is_rolling(self) ? "a rolling restart or another reload is under way"
                                                 : "this program cannot load a topology");
        return;
    }
    next = self->process->plan->load("topology.zpl.next");
    if (next == NULL || !has_room(self, next) || rename("topology.zpl.next", "topology.zpl") != 0) {
        actor_refuse(me, q, "%s",
                     next == NULL            ? "the topology has mistakes; log/launcher.log names them"
                     : !has_room(self, next) ? "too many nodes and stores have come and gone; restart the platform"
                                             : strerror(errno));
        topology_destroy(&next);
        return;
    }
    actor_log(me, LOG_INFO, "%.*s: the topology is reloaded", (int)m->who.size, m->who.at);
    difference_destroy(&self->rollout.difference);
    self->rollout.difference = difference_between(self->process->topology, next);
    adopt_all(me, next);
    keep_topology(self, next);
    begin(me);
    launcher_answer_rollout(me, q);
}
