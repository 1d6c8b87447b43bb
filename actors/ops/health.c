/* SPDX-License-Identifier: MIT */
/* health -- see the header. */
#include "actors/ops/health.h"

enum { STORES_LIMIT = 32 }; /* the message's own limit */

void health_on_read(struct actor *me, const struct health_read *message, struct question question)
{
    struct store_health stores[STORES_LIMIT];
    const char *name, *mode;
    uint32_t count = 0;

    (void)message;
    for (uint32_t i = 0; count < STORES_LIMIT && actor_dependency_at(me, i, &name, &mode); i++)
        if (strcmp(mode, "unknown") != 0) /* else it has said nothing yet */
            stores[count++] = (struct store_health){ .dependency = slice_of(name), .mode = slice_of(mode) };
    ANSWER(me, question, health, .stores = { .at = stores, .count = count });
}
