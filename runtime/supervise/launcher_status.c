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
    const struct topology *topology = self->process->plan->topology;
    struct process_status *rows = calloc(self->unit_count + 1, sizeof *rows);
    uint32_t stores = (uint32_t)topology->store_count; /* which come first */
    bool ready = rows != NULL;

    (void)m;
    for (size_t i = 0; rows != NULL && i < self->unit_count; i++) {
        rows[i] = status_of(me, &self->units[i]);
        ready = ready && (self->units[i].state == UNIT_UP || self->units[i].state == UNIT_EXTERNAL);
    }
    if (rows == NULL)
        actor_refuse(me, q, "out of memory");
    else
        ANSWER(me, q, platform_status, .url = slice_of(topology->url), .ready = ready && !self->is_stopping,
               .stores = { .at = rows, .count = stores },
               .nodes = { .at = rows + stores, .count = (uint32_t)self->unit_count - stores });
    free(rows);
}
