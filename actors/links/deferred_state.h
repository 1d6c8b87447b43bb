/* SPDX-License-Identifier: MIT */
/*
 * deferred_state -- what the two halves of deferring share: deferred.c accepts links and tells what became of them,
 * deferred_round.c makes them.
 */
#ifndef ACTORS_LINKS_DEFERRED_STATE_H
#define ACTORS_LINKS_DEFERRED_STATE_H

#include "actors/links/deferred_text.h"
#include "actors/links/links_state.h"

enum {
    DEFERRED_ROUND_LINKS = 64,     /* made in one transaction */
    DEFERRED_ACCEPTING_LIMIT = 256 /* being written to Redis, or being asked for */
};

/* Keys in Redis; the braces keep them together in a cluster. */
#define DEFERRED_QUEUE  "{deferred}:queue" /* tokens by the time they were given */
#define DEFERRED_PREFIX "{deferred}:link:" /* before a token */
enum { DEFERRED_KEY_ROOM = sizeof(DEFERRED_PREFIX) + DEFERRED_TOKEN_BYTES };

struct accepting {
    bool used;
    struct question question;
    char token[DEFERRED_TOKEN_BYTES + 1];
};

struct item { /* of a round */
    char token[DEFERRED_TOKEN_BYTES + 1];
    char *text; /* owned; `link` points there */
    struct deferred_link link;
    enum deferred_state fate;
};

struct deferred {
    struct accepting accepting[DEFERRED_ACCEPTING_LIMIT];
    bool is_busy;        /* a round is under way */
    bool one_by_one;     /* the database rejected a round: which of its links was it? */
    uint64_t look_at_us; /* the next one, not before */
    struct item items[DEFERRED_ROUND_LINKS];
    uint32_t count;
    uint32_t changes_due; /* answers of Redis that end the round */
    char room[DEFERRED_TEXT_ROOM];
};

struct slice deferred_key(const char *token, char room[DEFERRED_KEY_ROOM]);

#endif
