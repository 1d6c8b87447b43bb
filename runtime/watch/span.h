/* SPDX-License-Identifier: MIT */
/*
 * span -- what a node remembers of recorded traces: one row for each letter handled, store asked, request served.
 *
 * A ring of the last few thousand, shared by the node's threads behind a lock that only recorded traces ever take; its
 * memory is taken when the first span comes. Where a trace enters is decided elsewhere (an HTTP header, an option), or
 * here by an operator who watches an actor or a type of message: then every so manieth of those letters begins one.
 */
#ifndef RUNTIME_WATCH_SPAN_H
#define RUNTIME_WATCH_SPAN_H

#include <stdatomic.h>
#include <stddef.h>

#include "proto/slice.h"
#include "runtime/actor.h"

enum { SPANS_KEPT = 4096, SPAN_NAME_LIMIT = 32, SPAN_OTHER_LIMIT = 48, SPAN_WATCH_LIMIT_US = 600 * 1000 * 1000 };

struct span {
    uint64_t trace[2];
    uint64_t number; /* given by the ring: 1, 2, 3 ... */
    uint64_t started_wall_us;
    uint64_t duration_us;
    enum span_kind kind;
    char actor[SPAN_OTHER_LIMIT];
    char name[SPAN_NAME_LIMIT];   /* the message's, the command's */
    char other[SPAN_OTHER_LIMIT]; /* who sent it; the store; how the request ended. Cut */
};

struct span_ring;

struct span_ring *span_ring_new(void);
void span_ring_destroy(struct span_ring **ring);
/* Any thread. Sets span->number. */
void span_add(struct span_ring *ring, struct span *span);
/* Copies at most `room` spans whose number is above `since`, of one trace or (both halves 0) of all, oldest first.
 * Returns how many; *ret_last is the number of the last span there is. Any thread. */
size_t span_read(struct span_ring *ring,
                 const uint64_t trace[2],
                 uint64_t since,
                 struct span *rows,
                 size_t room,
                 uint64_t *ret_last);

/* From now until `until_us` every `one_in`th letter that the actor handles (empty: any) with that message (0: any)
 * begins a recorded trace. one_in 0 ends it. Replaces what was watched before. Any thread. */
void span_watch(struct span_ring *ring, struct slice actor, uint16_t message, uint32_t one_in, uint64_t until_us);
/* Whether anything is watched: one relaxed load. */
bool span_is_watching(const struct span_ring *ring);
/* Whether this letter is to begin a trace; counts it. */
bool span_wants(struct span_ring *ring, const char *actor, uint64_t message, uint64_t now_us);

const char *span_kind_name(enum span_kind kind);

#endif
