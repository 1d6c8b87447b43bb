/* SPDX-License-Identifier: MIT */
/*
 * code_promise -- how far a keygen may give codes, because it has told edges where none will be.
 *
 * An edge answers 404 by itself for a code whose number is at or above a *ceiling* that the keygen named (and that was
 * not chosen by somebody: see custom in the migrations). Each naming is a promise: nothing at or above it is given out
 * before CODE_PROMISE_KEPT_US are over. An edge believes it for CODE_PROMISE_GOOD_FOR_US from when it *asked*, which is
 * earlier; the second between the two is room for clocks that run unequally.
 *
 * Why an edge never denies a code that exists. A code was given either before the promise or after it.
 *  - Before: a ceiling is CODE_PROMISE_MARGIN above all that any witness of the keygen knows to be given (high_water:
 *    the file, and Postgres, which must have been heard first), and above all that this life has leased. A row counts
 *    as given (custom = false) only if the code's number lies below a mark that was in the same database before the row
 *    was: wherever that database is restored from, mark and row come together. Everything else counts as chosen.
 *  - After, by this life: code_promise_allows holds every lease back that reaches a ceiling in force. There are at most
 *    two: the present one, and the one before it. It is raised only when the one before has ended.
 *  - After, by a life that came later: it cannot know what was promised. But at any time at least `recorded` was, a
 *    number in Postgres that rises only when no lower ceiling is in force any more, and no ceiling is below it. So a
 *    life begins as if it had just promised that, and never less than CODE_PROMISE_LEAST, below which there are no
 *    ceilings at all; a file or database that is lost or old only makes it wait longer. Any number of lives may come
 *    and go.
 *  - Marks that jump (servers that know more than all witnesses; a wiped database) lift the ceiling with them, in the
 *    same way: what was leased waits until the lower ones have ended. Until then there may be no ceiling to offer.
 *
 * A turn has one clock, which may be older than the letter it handles (a process may have been stopped in between). So
 * the time of a promise begins with the first moment that is seen after it.
 *
 * Pure logic: the caller hands in the time.
 */
#ifndef ACTORS_LINKS_CODE_PROMISE_H
#define ACTORS_LINKS_CODE_PROMISE_H

#include <stdbool.h>
#include <stdint.h>

/* In numbers of codes. The margin is far more than is given in three seconds, and more than two leases of the largest
 * size; what a life cannot know of an earlier one is below the least. */
#define CODE_PROMISE_MARGIN (UINT64_C(1) << 22)
#define CODE_PROMISE_LEAST  (2 * CODE_PROMISE_MARGIN)
enum { CODE_PROMISE_GOOD_FOR_US = 2000 * 1000, CODE_PROMISE_KEPT_US = 3000 * 1000 };

struct code_promise_term {
    uint64_t ceiling;
    uint64_t said_us;  /* by the clock of the turn that said it */
    uint64_t until_us; /* 0: the clock has not moved since */
    bool holds;
};

struct code_promise {
    struct code_promise_term before; /* a lower ceiling, or what an earlier life may have promised */
    struct code_promise_term present;
    uint64_t recorded; /* in Postgres, as far as is known */
};

/* At the start of a life. */
void code_promise_start(struct code_promise *promise, uint64_t now_us);
/* Postgres has said what is recorded; 0: nothing. Before the first code_promise_make. */
void code_promise_know(struct code_promise *promise, uint64_t recorded);

/* Promises: the ceiling to name, or 0 when there is none for now. `reach` is above every number that is or may have
 * been given. */
uint64_t code_promise_make(struct code_promise *promise, uint64_t reach, uint64_t now_us);
/* Whether numbers below `end` may be given. */
bool code_promise_allows(struct code_promise *promise, uint64_t end, uint64_t now_us);
/* What is to be recorded now, because it is more than is known to be; 0: nothing. */
uint64_t code_promise_to_record(struct code_promise *promise, uint64_t now_us);

#endif
