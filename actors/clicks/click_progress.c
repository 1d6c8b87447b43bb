/* SPDX-License-Identifier: MIT */
/* click_progress -- how far each lane has come, as figures and as an answer to whoever audits. See
 * click_buffer_state.h. */
#include <assert.h>
#include <stdlib.h>

#include "actors/clicks/click_buffer_state.h"

enum {
    LANES_LIMIT = 4096, /* of one lanes_known */
    RANKED_EACH = 10    /* of so many measurements: a click buffer shares its thread with an edge */
};

/* The codes with the most clicks that Postgres does not have yet, out of each sealed window's own few: a code that is
 * in none of those is small, and one that is left out of some is told too low by less than their last. */
static void rank_codes(struct click_buffer *self)
{
    struct code_count largest[WINDOW_LARGEST];
    struct code_counts sums = { 0 };
    uint32_t count = 0;

    EACH_EPOCH(self, epoch)
    {
        for (uint32_t i = 0; i < epoch->lane_count; i++) {
            const struct windows *windows = &epoch->lanes[i].windows;

            for (uint32_t w = 0; w < windows->sealed_count; w++) {
                const struct window *window = &windows->sealed[w];

                for (uint32_t k = 0; k < window->largest_count; k++)
                    code_counts_add(&sums, code_count_code(&window->largest[k]), window->largest[k].clicks);
            }
        }
    }
    for (uint32_t i = 0; i < sums.count; i++)
        windows_rank(largest, &count, &sums.at[i]);
    code_counts_free(&sums);
    for (uint32_t i = 0; i < WINDOW_LARGEST; i++)
        gauge_set(&self->largest[i], i < count ? (int64_t)largest[i].clicks : 0);
}

void click_progress_measure(struct click_buffer *self)
{
    uint64_t journal = 0;
    uint64_t windows = 0;
    uint64_t waiting = 0;
    uint64_t unpublished = 0;
    uint64_t earlier = 0;

    EACH_EPOCH(self, epoch)
    {
        journal += journal_bytes(epoch->journal);
        windows += click_epoch_bytes(epoch);
        earlier += !epoch->is_current;
        for (uint32_t i = 0; i < epoch->lane_count; i++) {
            waiting += epoch->lanes[i].windows.sealed_count;
            if (epoch->lanes[i].committed > epoch->lanes[i].published)
                unpublished += epoch->lanes[i].committed - epoch->lanes[i].published;
        }
    }
    self->is_too_large = windows > self->windows_limit;
    gauge_set(&self->journal_bytes, (int64_t)journal);
    gauge_set(&self->windows_bytes, (int64_t)windows);
    gauge_set(&self->windows_waiting, (int64_t)waiting);
    gauge_set(&self->unpublished_clicks, (int64_t)unpublished);
    gauge_set(&self->epochs_earlier, (int64_t)earlier);
    if (self->measured++ % RANKED_EACH == 0)
        rank_codes(self);
}

static struct lane_progress progress_of(const struct click_buffer *self, const struct epoch_lane *lane)
{
    bool is_current = lane->epoch == self->current;

    return (struct lane_progress){ .epoch = lane->epoch->number,
                                   .lane = lane->number,
                                   .issued =
                                       is_current ? click_commit_issued(self->commit, lane->number) : lane->committed,
                                   .committed = lane->committed,
                                   .in_redis = lane->in_redis,
                                   .published = lane->published,
                                   .counted = lane->marked,
                                   .windows = lane->windows.sealed_count };
}

void click_progress_on_read(struct actor *me, const struct lanes_read *message, struct question question)
{
    struct click_buffer *self = actor_state(me);
    struct lane_progress *rows;
    struct lanes_known known = { 0 };

    (void)message;
    if (self->current == NULL) {
        actor_refuse(me, question, "the click buffer has no epoch yet");
        return;
    }
    rows = calloc(LANES_LIMIT, sizeof *rows);
    assert(rows != NULL);
    EACH_EPOCH(self, epoch)
    {
        for (uint32_t i = 0; i < epoch->lane_count && known.lanes.count < LANES_LIMIT; i++)
            rows[known.lanes.count++] = progress_of(self, &epoch->lanes[i]);
        known.journal_bytes += journal_bytes(epoch->journal);
    }
    known.lanes.at = rows;
    known.redis = self->current->state == EPOCH_LIVE ? SLICE("normal") : SLICE("journal-only");
    known.journal = click_commit_has_journal(self->commit) ? SLICE("normal") : SLICE("redis-only");
    actor_answer(me, question, &lanes_known_schema, &known);
    free(rows);
}
