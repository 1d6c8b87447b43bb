/* SPDX-License-Identifier: MIT */
/*
 * lane_ledger -- which clicks of one lane have been seen: the whole of deduplication.
 *
 * Seqs of a lane count 1, 2, 3 ... without gaps, so all that has been seen is one position and, after a loss, a few
 * ranges below it that are missing. What comes again is recognised for ever and at no cost per click; what is missing
 * is known exactly and is taken should it turn up after all. Never stops: a gap is noted and passed.
 */
#ifndef ACTORS_CLICKS_LANE_LEDGER_H
#define ACTORS_CLICKS_LANE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

/* More missing ranges than this in one lane are not kept: the oldest is given up for lost, and counted. */
enum { LANE_LEDGER_MISSING_LIMIT = 4096 };

struct seq_range {
    uint64_t first;
    uint64_t last;
};

/* All zero: nothing seen. */
struct lane_ledger {
    uint64_t position;         /* seen: 1 .. position, but for what is missing */
    struct seq_range *missing; /* ascending, apart, all below position; owned */
    uint32_t missing_count;
    uint32_t missing_room;
    uint64_t given_up; /* clicks of ranges beyond the limit */
    uint64_t changes;  /* of the list of what is missing; rises with each */
};

/* Takes the first run of seqs within *first .. last that has not been seen, in *ret_fresh, and moves *first behind it.
 * False when all the rest has been seen. Call until false: afterwards all of *first .. last has been seen, and seqs
 * between the old position and *first are missing. */
bool lane_ledger_take(struct lane_ledger *ledger, uint64_t *first, uint64_t last, struct seq_range *ret_fresh);
/* Says that a range below the position has not been seen, as read from a store. Ranges in any order; overlaps merge. */
void lane_ledger_miss(struct lane_ledger *ledger, struct seq_range range);
/* How many clicks are missing. */
uint64_t lane_ledger_missing(const struct lane_ledger *ledger);
void lane_ledger_free(struct lane_ledger *ledger);

#endif
