/* SPDX-License-Identifier: MIT */
/*
 * recount -- counts the clicks of a topic again from its records, to compare with what the databases say.
 *
 * Pure: no store, no actor. A click counts once, by its identity. Each database is compared at its own cut: a position
 * in each lane up to which it claims to have counted. Postgres's cut are its marks, ClickHouse's the highest seq of
 * each lane. Records may be read in any order and again.
 *
 * A consumer's offset claims something, too: that all clicks of the records before it are counted. Of ClickHouse, which
 * gets single rows back, such clicks count as claimed. Of Postgres, clicks behind the mark and before the offset were
 * *passed by*: they have to be read again, from the first such record on, because counting them without moving the mark
 * would count them twice one day.
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

enum { RECOUNT_PARTITIONS_LIMIT = 1024 };

/* All zero is an empty one. */
struct recount {
    int64_t offsets[RECOUNT_PARTITIONS_LIMIT][RECOUNT_SIDES]; /* where each consumer goes on; 0: no claim */
    int64_t back_to[RECOUNT_PARTITIONS_LIMIT];                /* 1 + the first offset that was passed by; 0: none */
    struct code_counts passed;                                /* the clicks that were */
    struct recount_lane *lanes;
    uint32_t lane_count;
    struct code_counts counts[RECOUNT_SIDES]; /* clicks at or below the cut */
    uint64_t clicks;                          /* distinct ones read */
};

void recount_free(struct recount *recount);
void recount_cut(struct recount *recount, enum recount_side side, uint64_t epoch, uint32_t lane, uint64_t seq);
/* What a consumer says; partitions beyond the limit are ignored. */
void recount_offset(struct recount *recount, enum recount_side side, int64_t partition, int64_t next_offset);
/* Reads one Kafka record; what cannot be read is passed over. */
void recount_take(struct recount *recount, int64_t partition, int64_t offset, struct slice key, struct slice value);
/* Clicks at or below a side's cut that Kafka does not have: too old, or never published. With any, the topic alone
 * cannot say what the right counts are. */
uint64_t recount_absent(const struct recount *recount, enum recount_side side);

#endif
