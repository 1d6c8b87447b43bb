/* SPDX-License-Identifier: MIT */
#include "actors/clicks/recount.h"

#include <assert.h>
#include <stdlib.h>

void recount_free(struct recount *recount)
{
    for (uint32_t i = 0; i < recount->lane_count; i++)
        lane_ledger_free(&recount->lanes[i].ledger);
    free(recount->lanes);
    for (int side = 0; side < RECOUNT_SIDES; side++)
        code_counts_free(&recount->counts[side]);
    code_counts_free(&recount->passed);
    *recount = (struct recount){ 0 };
}

static struct recount_lane *lane_of(struct recount *recount, uint64_t epoch, uint32_t lane)
{
    for (uint32_t i = recount->lane_count; i-- > 0;) {
        if (recount->lanes[i].epoch == epoch && recount->lanes[i].lane == lane)
            return &recount->lanes[i];
    }
    recount->lanes = realloc(recount->lanes, (recount->lane_count + 1) * sizeof *recount->lanes);
    assert(recount->lanes != NULL);
    recount->lanes[recount->lane_count] = (struct recount_lane){ .epoch = epoch, .lane = lane };
    return &recount->lanes[recount->lane_count++];
}

void recount_cut(struct recount *recount, enum recount_side side, uint64_t epoch, uint32_t lane, uint64_t seq)
{
    lane_of(recount, epoch, lane)->cut[side] = seq;
}

void recount_offset(struct recount *recount, enum recount_side side, int64_t partition, int64_t next_offset)
{
    if (partition >= 0 && partition < RECOUNT_PARTITIONS_LIMIT)
        recount->offsets[partition][side] = next_offset;
}

/* Where a record stands. */
struct place {
    int64_t partition;
    int64_t offset;
};

static bool is_claimed(const struct recount *recount, enum recount_side side, const struct place *place)
{
    return place->partition >= 0 && place->partition < RECOUNT_PARTITIONS_LIMIT &&
           place->offset < recount->offsets[place->partition][side];
}

static void pass_by(struct recount *recount, const struct place *place, struct slice code)
{
    int64_t *back_to = &recount->back_to[place->partition];

    if (*back_to == 0 || place->offset + 1 < *back_to)
        *back_to = place->offset + 1;
    code_counts_add(&recount->passed, code, 1);
}

static void count(struct recount *recount,
                  const struct recount_lane *lane,
                  const struct place *place,
                  const struct click *click,
                  uint64_t seq)
{
    if (seq <= lane->cut[RECOUNT_POSTGRES])
        code_counts_add(&recount->counts[RECOUNT_POSTGRES], click->code, 1);
    else if (is_claimed(recount, RECOUNT_POSTGRES, place))
        pass_by(recount, place, click->code);
    if (seq <= lane->cut[RECOUNT_CLICKHOUSE] || is_claimed(recount, RECOUNT_CLICKHOUSE, place))
        code_counts_add(&recount->counts[RECOUNT_CLICKHOUSE], click->code, 1);
    recount->clicks++;
}

static void
take_batch(struct recount *recount, struct recount_lane *lane, const struct place *place, struct slice bytes)
{
    struct batch_reader batch;
    struct seq_range fresh;
    struct click click;

    if (!batch_open(&batch, bytes))
        return;
    for (uint64_t seq = batch.span.first_seq; batch_next(&batch, &click); seq++) {
        uint64_t first = seq;

        if (lane_ledger_take(&lane->ledger, &first, seq, &fresh))
            count(recount, lane, place, &click, seq);
    }
}

void recount_take(struct recount *recount, int64_t partition, int64_t offset, struct slice key, struct slice value)
{
    const struct place place = { .partition = partition, .offset = offset };
    struct click_run_key run;
    struct slice batch;

    if (!click_run_decode_key(key, &run))
        return;
    while (click_run_next(&value, &batch))
        take_batch(recount, lane_of(recount, run.epoch, run.lane), &place, batch);
}

/* Of one lane: the seqs up to the cut that are missing in the ledger, or beyond its position. */
static uint64_t absent_in(const struct recount_lane *lane, uint64_t cut)
{
    uint64_t absent = cut > lane->ledger.position ? cut - lane->ledger.position : 0;

    for (uint32_t i = 0; i < lane->ledger.missing_count; i++) {
        struct seq_range range = lane->ledger.missing[i];
        uint64_t last = range.last < cut ? range.last : cut;

        absent += range.first <= last ? last - range.first + 1 : 0;
    }
    return absent;
}

uint64_t recount_absent(const struct recount *recount, enum recount_side side)
{
    uint64_t absent = 0;

    for (uint32_t i = 0; i < recount->lane_count; i++)
        absent += absent_in(&recount->lanes[i], recount->lanes[i].cut[side]);
    return absent;
}
