/* SPDX-License-Identifier: MIT */
/* meter -- counts what its sources tell it, and says how much that is in a second. */
#include "proto/catalog.h"
#include "runtime/examples/rates/rates.h"

#define MESSAGE_FILE "runtime/examples/rates/rates.def"
#include "proto/define.h"

enum { SECOND_US = 1000 * 1000 };

struct meter {
    counter counted;
    uint64_t at_second; /* the count when the present second began */
    uint64_t per_second;
};

static void on_ticks(struct actor *me, const struct ticks *m)
{
    counter_add(&((struct meter *)actor_state(me))->counted, m->count);
}

static void on_rate_read(struct actor *me, const struct rate_read *m, struct question q)
{
    struct meter *self = actor_state(me);

    (void)m;
    ANSWER(me, q, rate, .per_second = self->per_second, .total = counter_read(&self->counted));
}

static void a_second_passed(struct actor *me, void *context)
{
    struct meter *self = actor_state(me);

    (void)context;
    self->per_second = counter_read(&self->counted) - self->at_second;
    self->at_second = counter_read(&self->counted);
}

static void start(struct actor *me)
{
    actor_every(me, SECOND_US, a_second_passed, NULL);
}

static const struct metric metrics[] = {
    { "ticks_total", METRIC_COUNTER, offsetof(struct meter, counted), "What the sources told.", NULL },
};
static const struct handler handlers[] = { TOLD(ticks, on_ticks), ASKED(rate_read, on_rate_read) };

const struct actor_kind meter_kind = {
    .name = "meter",
    .doc = "counts what sources tell it",
    .state_size = sizeof(struct meter),
    .start = start,
    TABLE(metric, metrics),
    TABLE(handler, handlers),
};

void rates_messages(void)
{
    catalog_add(&ticks_schema);
    catalog_add(&rate_read_schema);
    catalog_add(&rate_schema);
}
