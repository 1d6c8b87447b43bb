/* SPDX-License-Identifier: MIT */
/*
 * targets -- what is asked for next, and what the right answer to it is.
 *
 * Either one path, or the codes PREFIX0000000, PREFIX0000001 … of links that were planted to lead to BASE0000000,
 * BASE0000001 …, or codes that nobody has, or a link to be made whose address begins with BASE.
 */
#ifndef TESTS_BENCH_ASKER_TARGETS_H
#define TESTS_BENCH_ASKER_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/asker/answer.h"

enum spread {
    SPREAD_ONE,      /* the path */
    SPREAD_ZIPF,     /* planted codes by Zipf's law, exponent 1 */
    SPREAD_EVEN,     /* planted codes, all alike */
    SPREAD_SEQUENCE, /* planted codes, one after the other, from `first` on */
    SPREAD_UNKNOWN,  /* seven characters at random */
    SPREAD_SHORTEN   /* makes links */
};

struct targets {
    enum spread spread;
    const char *host;
    const char *path;     /* of SPREAD_ONE */
    const char *prefix;   /* of planted codes, at most TARGETS_PREFIX bytes */
    const char *base;     /* of planted addresses; the Location of SPREAD_ONE; NULL: it is not looked at */
    const char *contains; /* what the body must hold; NULL: anything */
    uint32_t count, first;
    int status;

    uint32_t *drawn; /* which planted code comes when */
    uint32_t at;
    uint64_t random;
};

enum { TARGETS_PREFIX = 12, TARGETS_REQUEST = 1024, TARGETS_DRAWN = 1 << 20 };

/* Draws beforehand which code comes when, so that asking costs no more than asking for one. */
void targets_start(struct targets *targets);
/* Writes a request, at most TARGETS_REQUEST bytes, and returns its size; *ret_number is what targets_check wants. */
size_t targets_next(struct targets *targets, char *room, uint32_t *ret_number);
bool targets_check(const struct targets *targets, uint32_t number, const struct answer *answer);

#endif
