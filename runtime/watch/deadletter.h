/* SPDX-License-Identifier: MIT */
/*
 * deadletter -- letters that nobody handled, counted by reason, the last few kept to be looked at. One for each actor,
 * touched by its thread only.
 */
#ifndef RUNTIME_WATCH_DEADLETTER_H
#define RUNTIME_WATCH_DEADLETTER_H

#include <stdint.h>

enum dead_reason {
    DEAD_UNKNOWN_TYPE, /* no such message, or no handler for it */
    DEAD_MALFORMED,    /* it does not decode */
    DEAD_ACTOR_FAILED, /* it was being handled when the actor failed */
    DEAD_OVERLOADED,   /* too many open questions */
    DEAD_DROPPED,      /* by the overload policy of a route */
    DEAD_LATE_ANSWER,  /* the asker no longer waited */
    DEAD_REPLACED,     /* a whole parcel of a process that has been replaced since */
    DEAD_FORGED,       /* a whole parcel from another host, whose key does not belong to the node it names */
    DEAD_REASONS
};

enum { DEAD_LETTERS_KEPT = 16 };

struct dead_letter {
    uint64_t wall_us;
    enum dead_reason reason;
    uint16_t type;
    char from[48]; /* cut */
};

struct dead_letters {
    uint64_t counts[DEAD_REASONS];
    struct dead_letter *kept; /* DEAD_LETTERS_KEPT of them; NULL until there is a first: most actors have none */
    uint64_t total;           /* kept[total % DEAD_LETTERS_KEPT] is next */
};

void dead_letter_add(
    struct dead_letters *letters, enum dead_reason reason, uint64_t type, const char *from, uint64_t wall_us);
void dead_letters_free(struct dead_letters *letters); /* what it holds; accepts all zero */
const char *dead_reason_name(enum dead_reason reason);

#endif
