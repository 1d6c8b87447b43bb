/* SPDX-License-Identifier: MIT */
/*
 * latency -- how long answers took: a histogram whose buckets are 1/64 of their own size, from 1 ns to hours.
 */
#ifndef TESTS_BENCH_ASKER_LATENCY_H
#define TESTS_BENCH_ASKER_LATENCY_H

#include <stdint.h>

enum { LATENCY_PARTS = 64, LATENCY_BUCKETS = 64 * LATENCY_PARTS };

struct latency {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};

static inline void latency_add(struct latency *latency, uint64_t ns)
{
    unsigned power = 63 - (unsigned)__builtin_clzll(ns | LATENCY_PARTS);
    unsigned shift = power - 6;

    latency->count++;
    latency->max_ns = ns > latency->max_ns ? ns : latency->max_ns;
    latency->buckets[(shift * LATENCY_PARTS) + (ns >> shift)]++;
}

/* The upper end of the bucket in which that share of all answers is reached; 0 when there are none. */
static inline double latency_us(const struct latency *latency, double share)
{
    uint64_t left = (uint64_t)(share * (double)latency->count);

    for (uint64_t i = 0; i < LATENCY_BUCKETS; i++) {
        uint64_t shift = i < 2 * LATENCY_PARTS ? 0 : i / LATENCY_PARTS - 1;

        if (latency->buckets[i] > left)
            return (double)((i - shift * LATENCY_PARTS + 1) << shift) / 1e3;
        left -= latency->buckets[i];
    }
    return (double)latency->max_ns / 1e3;
}

#endif
