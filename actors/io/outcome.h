/* SPDX-License-Identifier: MIT */
/*
 * outcome -- how a request to a store ended, in the words that all adapters share.
 *
 * The one question that matters after a failure is: did it have effect? So each failure says which it is: certainly not
 * (overloaded, not sent, retry, rejected) or nobody knows (unknown). The second question, whether to try again, has its
 * answer in the name. What is wrong for good with an adapter itself (a malformed address) is said when it is opened:
 * the actor then fails with that sentence.
 */
#ifndef ACTORS_IO_OUTCOME_H
#define ACTORS_IO_OUTCOME_H

#include <stdbool.h>

enum outcome {
    OUTCOME_DONE = 0,
    OUTCOME_OVERLOADED, /* a limit of our own is reached: nothing was sent. Shed load, or try again later */
    OUTCOME_NOT_SENT, /* no connection, breaker open, deadline passed in the queue, or rolled back: no effect. Try later
                       */
    OUTCOME_RETRY,    /* the store refused it for now (loading, read-only, serialisation failure ...): no effect */
    OUTCOME_REJECTED, /* the store refused it, and would again: no effect. A mistake in the request or the data */
    OUTCOME_UNKNOWN   /* sent, and the answer is lost: it may or may not have had effect, or may have it yet */
};

/* "done", "overloaded", "not sent", "retry", "rejected", "unknown". */
const char *outcome_name(enum outcome outcome);

/* Whether it is certain that nothing happened at the store. */
static inline bool outcome_had_no_effect(enum outcome outcome)
{
    return outcome != OUTCOME_DONE && outcome != OUTCOME_UNKNOWN;
}

#endif
