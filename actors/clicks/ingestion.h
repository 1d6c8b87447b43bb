/* SPDX-License-Identifier: MIT */
/*
 * ingestion -- turns Kafka records into what one Postgres transaction has to do: add these counts, move these marks and
 * these offsets, note these holes.
 *
 * Pure logic: no clock, no store, no actor. Whoever owns it feeds records, takes a flush, makes the transaction, and
 * after any doubt resets everything and starts again from what Postgres says; there is no state here that Postgres
 * cannot give back.
 *
 * A lane's clicks become ready only when their sealed window is complete, so a mark stands at window ends only and a
 * window is in Postgres wholly or not at all. The offset to go on from after a restart stays before the first record of
 * any window that is still incomplete. Repeats are recognised by the lane's ledger, whatever order they come in; a gap
 * is noted as missing and never stops a lane; clicks that fill it later are counted at once, with the list of what is
 * missing in the same flush.
 *
 * A lane has one partition, the one with its number.
 */
#ifndef ACTORS_CLICKS_INGESTION_H
#define ACTORS_CLICKS_INGESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/clicks/code_counts.h"
#include "actors/clicks/lane_ledger.h"

struct ingestion;

struct ingestion *ingestion_new(void);
void ingestion_destroy(struct ingestion **ingestion);
/* Forgets everything, partitions too. */
void ingestion_reset(struct ingestion *ingestion);

/* ---- what the stores say, before the first record */

/* Partition `partition` (= lane) is ours, from this offset on. */
void ingestion_assign(struct ingestion *ingestion, uint32_t partition, int64_t offset);
/* A lane's mark. Lanes that nobody names have the mark 0. Its partition must have been assigned. */
void ingestion_know_mark(struct ingestion *ingestion, uint64_t epoch, uint32_t lane, uint64_t mark);
/* A range below the mark that is missing. */
void ingestion_know_hole(struct ingestion *ingestion, uint64_t epoch, uint32_t lane, struct seq_range hole);

/* ---- records */

enum ingestion_verdict {
    INGESTION_TAKEN,   /* at least one click of it is new */
    INGESTION_REPEAT,  /* nothing in it is new */
    INGESTION_BROKEN,  /* it cannot be read, or not all of it: what is missing will show as a hole */
    INGESTION_NOT_OURS /* its partition is not assigned, or the record belongs elsewhere */
};

struct ingestion_record {
    uint32_t partition;
    int64_t offset;
    struct slice key;
    struct slice value;
};

enum ingestion_verdict ingestion_take(struct ingestion *ingestion, const struct ingestion_record *record);

/* ---- flushing */

struct ingestion_mark {
    uint64_t epoch;
    uint32_t lane;
    uint64_t from; /* what Postgres has, as far as we know */
    uint64_t to;
};

struct ingestion_lane_holes { /* replaces all that is noted of this lane */
    uint64_t epoch;
    uint32_t lane;
    uint32_t first_hole; /* index into holes */
    uint32_t hole_count;
};

struct ingestion_offset {
    uint32_t partition;
    int64_t from; /* what Postgres has, as far as we know */
    int64_t to;
};

struct ingestion_flush {
    struct code_counts counts;
    struct ingestion_mark *marks;
    uint32_t mark_count;
    struct ingestion_lane_holes *hole_lanes;
    uint32_t hole_lane_count;
    struct seq_range *holes;
    uint32_t hole_count;
    struct ingestion_offset *offsets; /* of all assigned partitions, moved or not */
    uint32_t offset_count;
};

/* Whether there are clicks or marks to flush; and whether at least an offset would move. */
bool ingestion_is_ready(const struct ingestion *ingestion);
bool ingestion_has_moved(const struct ingestion *ingestion);
/* Takes out what is ready; free with ingestion_flush_free. From here on it counts as stored: if the transaction does
 * not commit for certain, reset. More records may be taken meanwhile. */
void ingestion_flush_take(struct ingestion *ingestion, struct ingestion_flush *ret_flush);
void ingestion_flush_free(struct ingestion_flush *flush);

/* ---- figures */

struct ingestion_figures {
    uint64_t ready_clicks;
    uint64_t open_clicks;    /* of incomplete windows */
    uint64_t missing_clicks; /* of all lanes */
    uint32_t codes;          /* in ready and open windows, for backpressure */
};
void ingestion_measure(const struct ingestion *ingestion, struct ingestion_figures *ret_figures);

#endif
