/* SPDX-License-Identifier: MIT */
/*
 * metric -- figures that an actor keeps and others read.
 *
 * One writer (the actor's thread), any number of readers: relaxed atomics without read-modify-write, so counting costs
 * an ordinary add. A kind declares its metrics as rows; name, HELP and TYPE of the exposition come from the row.
 *
 * A series is for what has its names only while it runs (partitions, stores): a bounded number of values, each with
 * labels of its own. Only the actor's thread touches it, the exposition of an actor is written there too.
 */
#ifndef RUNTIME_METRIC_H
#define RUNTIME_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter; /* only rises */
typedef _Atomic int64_t gauge;

/* Upper bounds are powers of two: microseconds from 1 us to about 67 s, or things from 1 to 67 million; the last bucket
 * holds the rest. */
enum { HISTOGRAM_BUCKETS = 28 };

enum { SERIES_LIMIT = 64, SERIES_LABELS_SIZE = 112 };

struct histogram {
    counter buckets[HISTOGRAM_BUCKETS]; /* not cumulative here; cumulative in the exposition */
    counter sum_us;
    counter count;
};

struct series {
    uint32_t count;
    struct {
        char labels[SERIES_LABELS_SIZE]; /* `partition="3"` */
        double value;
    } at[SERIES_LIMIT];
};

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM_US, /* of durations: a row named x_us comes out as x_seconds */
    METRIC_HISTOGRAM,    /* of numbers of things */
    METRIC_COUNTER_SERIES,
    METRIC_GAUGE_SERIES
};

struct metric {
    const char *name; /* with unit, by Prometheus' conventions, without the prefix "shunt_KIND_": "clicks_total" */
    enum metric_type type;
    uint32_t offset;    /* of the counter, gauge, struct histogram or struct series in the actor's state */
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

/* The value of these labels from now on. One more than SERIES_LIMIT is left out, as are labels that are too long. */
void series_set(struct series *series, double value, const char *labels, ...) __attribute__((format(printf, 3, 4)));
void series_clear(struct series *series);

#endif
