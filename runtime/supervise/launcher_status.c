/* SPDX-License-Identifier: MIT */
/* launcher_status -- answers what the launcher knows of its stores and nodes. */
#include <stdlib.h>

#include "runtime/supervise/launcher_state.h"

static struct process_status status_of(const struct actor *me, const struct unit *unit)
{
    const struct topology_store *store = unit->store;

    return (struct process_status){
        .name = slice_of(unit->name),
        .role = slice_of(store != NULL ? store->kind : unit->node->role),
        .state = slice_of(unit_state_name(unit->state)),
        .pid = (uint64_t)unit->process.pid,
        .restarts = unit->restarts,
        .uptime_us = unit->state == UNIT_UP ? actor_now_us(me) - unit->started_at_us : 0,
        .uri = slice_of(store != NULL ? store->uri : ""),
        .managed = store == NULL || store->managed,
        .reason = slice_of(unit->reason),
    };
}

void launcher_on_status(struct actor *me, const struct status_read *m, struct question q)
{
    struct launcher *self = launcher_of(me);
    struct process_status *stores = calloc(2 * self->unit_count + 1, sizeof *stores);
    struct process_status *nodes = stores + self->unit_count;
    struct platform_status status = { .url = slice_of(self->process->topology->url),
                                      .stores.at = stores,
                                      .nodes.at = nodes };
    bool ready = stores != NULL;

    (void)m;
    for (size_t i = 0; stores != NULL && i < self->unit_count; i++) {
        const struct unit *unit = &self->units[i];

        if (unit->is_removed && unit->process.pid == 0)
            continue;
        if (unit->store != NULL)
            stores[status.stores.count++] = status_of(me, unit);
        else
            nodes[status.nodes.count++] = status_of(me, unit);
        ready = ready && unit_is_there(unit);
    }
    status.ready = ready && !self->is_stopping;
    if (stores == NULL)
        actor_refuse(me, q, "out of memory");
    else
        actor_answer(me, q, &platform_status_schema, &status);
    free(stores);
}
