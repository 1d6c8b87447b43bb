/* SPDX-License-Identifier: MIT */
/*
 * windows -- the clicks of one lane that Postgres does not have yet: how many of which code, in runs of seqs.
 *
 * Committed clicks are counted into the lane's open window. Sealing ends it at the last committed seq and opens the
 * next; a sealed window never changes again. It is kept until the lane's mark in Postgres has passed its end and is
 * then dropped whole: nothing is ever subtracted, so nothing can drift.
 *
 * The number of windows stays bounded: once WINDOWS_AT_FULL_PACE are waiting for the mark, each further one takes
 * longer to be sealed, so windows grow instead of multiplying (a day without Postgres makes some 400).
 */
#ifndef ACTORS_CLICKS_WINDOWS_H
#define ACTORS_CLICKS_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/clicks/batch.h"
#include "actors/clicks/code_counts.h"

enum { WINDOWS_AT_FULL_PACE = 16, WINDOW_LARGEST = 8 };

struct window {
    uint64_t first_seq;
    uint64_t last_seq; /* of the open one: as yet; first_seq - 1 while it is empty */
    struct code_counts counts;
    bool in_redis;                             /* its counts are there, as far as we know */
    bool is_published;                         /* Kafka has its clicks */
    struct code_count largest[WINDOW_LARGEST]; /* of a sealed one: its codes with the most clicks, descending */
    uint32_t largest_count;
};

struct windows {
    struct window open;
    struct window *sealed; /* ascending and contiguous; owned */
    uint32_t sealed_count;
    uint32_t sealed_room;
    uint64_t sealed_at_us; /* when the last one was sealed; 0: never */
};

/* The first click to come has `first_seq`. */
void windows_init(struct windows *windows, uint64_t first_seq);
void windows_free(struct windows *windows);

/* Counts a committed batch; batches come in the order of their seqs. A gap before it is passed over. */
void windows_count(struct windows *windows, struct slice batch);
/* Whether there is something to seal and it is time: a second per window at full pace, or more clicks than
 * `clicks_limit`.
 */
bool windows_is_due(const struct windows *windows, uint64_t now_us, uint64_t pace_us, uint64_t clicks_limit);
/* Ends the open window, which is not empty. The result is valid until the next call. */
struct window *windows_seal(struct windows *windows, uint64_t now_us);
/* The first sealed window whose counts are not in Redis, NULL when there is none; and the one that ends so. */
struct window *windows_unwritten(struct windows *windows);
struct window *windows_ending(struct windows *windows, uint64_t last_seq);
/* After any doubt about Redis: every window has to be written again. */
void windows_doubt(struct windows *windows);
/* Kafka has all up to `seq`. */
void windows_published(struct windows *windows, uint64_t seq);
/* Postgres has all up to `mark`: drops the windows that end at or below it. Returns how many. */
uint32_t windows_pass(struct windows *windows, uint64_t mark);

static inline bool window_is_empty(const struct window *window)
{
    return window->last_seq < window->first_seq;
}

size_t windows_bytes(const struct windows *windows);

/* Puts `one` into `largest`, which has `*count` of at most WINDOW_LARGEST, descending, when it belongs there. A code
 * that is there already is not looked for. */
void windows_rank(struct code_count *largest, uint32_t *count, const struct code_count *one);

#endif
