/* SPDX-License-Identifier: MIT */
/*
 * metric -- figures that an actor keeps and others read.
 *
 * One writer (the actor's thread), any number of readers: relaxed atomics without read-modify-write, so counting costs
 * an ordinary add. A kind declares its metrics as rows; name, HELP and TYPE of the exposition come from the row.
 */
#ifndef RUNTIME_METRIC_H
#define RUNTIME_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter; /* only rises */
typedef _Atomic int64_t gauge;

/* Upper bounds are powers of two microseconds from 1 us to about 67 s; the last bucket holds the rest. */
enum { HISTOGRAM_BUCKETS = 28 };

struct histogram {
    counter buckets[HISTOGRAM_BUCKETS]; /* not cumulative here; cumulative in the exposition */
    counter sum_us;
    counter count;
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM_US };

struct metric {
    const char *name; /* with unit, by Prometheus' conventions, without the prefix "shunt_KIND_": "clicks_total" */
    enum metric_type type;
    uint32_t offset;    /* of the counter, gauge or struct histogram in the actor's state */
    const char *help;   /* one sentence */
    const char *labels; /* optional: `mode="hot"`; rows of one name with different labels stand together */
};

static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void gauge_set(gauge *g, int64_t value)
{
    atomic_store_explicit(g, value, memory_order_relaxed);
}

static inline int64_t gauge_read(const gauge *g)
{
    return atomic_load_explicit(g, memory_order_relaxed);
}

void histogram_observe_us(struct histogram *h, uint64_t value_us);

#endif
