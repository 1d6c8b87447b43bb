/* SPDX-License-Identifier: MIT */
/*
 * recount -- counts the clicks of a topic again from its records, to compare with what the databases say.
 *
 * Pure: no store, no actor. A click counts once, by its identity. Each database is compared at its own cut: a position
 * in each lane up to which it claims to have counted. Postgres's cut are its marks, ClickHouse's the highest seq of
 * each lane. Records may be read in any order and again.
 */
#ifndef ACTORS_CLICKS_RECOUNT_H
#define ACTORS_CLICKS_RECOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/clicks/click_run.h"
#include "actors/clicks/code_counts.h"
#include "actors/clicks/lane_ledger.h"

enum recount_side { RECOUNT_POSTGRES, RECOUNT_CLICKHOUSE, RECOUNT_SIDES };

struct recount_lane {
    uint64_t epoch;
    uint32_t lane;
    uint64_t cut[RECOUNT_SIDES];
    struct lane_ledger ledger; /* what has been read from Kafka */
};

/* All zero is an empty one. */
struct recount {
    struct recount_lane *lanes;
    uint32_t lane_count;
    struct code_counts counts[RECOUNT_SIDES]; /* clicks at or below the cut */
    uint64_t clicks;                          /* distinct ones read */
};

void recount_free(struct recount *recount);
void recount_cut(struct recount *recount, enum recount_side side, uint64_t epoch, uint32_t lane, uint64_t seq);
/* Reads one Kafka record; what cannot be read is passed over. */
void recount_take(struct recount *recount, struct slice key, struct slice value);
/* Clicks at or below a side's cut that Kafka does not have: too old, or never published. With any, the topic alone
 * cannot say what the right counts are. */
uint64_t recount_absent(const struct recount *recount, enum recount_side side);

#endif
