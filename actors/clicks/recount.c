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

static void count(struct recount *recount, const struct recount_lane *lane, const struct click *click, uint64_t seq)
{
    for (int side = 0; side < RECOUNT_SIDES; side++) {
        if (seq <= lane->cut[side])
            code_counts_add(&recount->counts[side], click->code, 1);
    }
    recount->clicks++;
}

static void take_batch(struct recount *recount, struct recount_lane *lane, struct slice bytes)
{
    struct batch_reader batch;
    struct seq_range fresh;
    struct click click;

    if (!batch_open(&batch, bytes))
        return;
    for (uint64_t seq = batch.span.first_seq; batch_next(&batch, &click); seq++) {
        uint64_t first = seq;

        if (lane_ledger_take(&lane->ledger, &first, seq, &fresh))
            count(recount, lane, &click, seq);
    }
}

void recount_take(struct recount *recount, struct slice key, struct slice value)
{
    struct click_run_key run;
    struct slice batch;

    if (!click_run_decode_key(key, &run))
        return;
    while (click_run_next(&value, &batch))
        take_batch(recount, lane_of(recount, run.epoch, run.lane), batch);
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
