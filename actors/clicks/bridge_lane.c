/* SPDX-License-Identifier: MIT */
/* bridge_lane -- see the header. */
#include "actors/clicks/bridge_lane.h"

#include <assert.h>

#include "actors/clicks/batch.h"
#include "actors/clicks/click_run.h"

bool bridge_lane_hear(struct bridge_lane *lane, uint64_t first_seq, uint64_t last_seq)
{
    if (first_seq == 0 || last_seq < first_seq)
        return false;
    if (last_seq <= lane->published)
        return true;
    if (lane->window_count > 0 && lane->windows[lane->window_count - 1].last_seq >= last_seq)
        return false; /* known */
    if (lane->window_count < BRIDGE_WINDOWS_LIMIT)
        lane->windows[lane->window_count++] = (struct bridge_window){ first_seq, last_seq };
    return false;
}

void bridge_lane_begin(struct bridge_lane *lane)
{
    assert(lane->window_count > 0 && lane->under_way == 0);
    lane->position = lane->windows[0].first_seq - 1;
    if (lane->position < lane->published)
        lane->position = lane->published;
    lane->has_failed = false;
    lane->is_read = false;
    lane->is_started = true;
    lane->run.size = 0;
}

/* The window has been taken up to `seq`, from `first` on. What lies between is missing: in the middle of a window it is
 * lost, at its beginning it was published and removed before. */
static void move_to(struct bridge_lane *lane, uint64_t first, uint64_t seq)
{
    if (first > lane->position + 1 && lane->position >= lane->windows[0].first_seq)
        lane->gaps += first - lane->position - 1;
    lane->position = seq;
    lane->is_read = seq >= lane->windows[0].last_seq;
}

enum bridge_take bridge_lane_take(struct bridge_lane *lane, uint64_t entry_seq, struct slice bytes)
{
    struct batch_span span;

    if (entry_seq <= lane->position || entry_seq > lane->windows[0].last_seq)
        return BRIDGE_NOT_WANTED;
    if (!batch_check(bytes, &span) || span.epoch != lane->epoch || span.lane != lane->lane ||
        span.first_seq <= lane->position || batch_last_seq(&span) != entry_seq) {
        move_to(lane, entry_seq + 1, entry_seq);
        return BRIDGE_NOT_WANTED;
    }
    if (!click_run_add(&lane->run, bytes))
        return BRIDGE_RUN_IS_FULL;
    move_to(lane, span.first_seq, entry_seq);
    return BRIDGE_TAKEN;
}

bool bridge_lane_is_complete(const struct bridge_lane *lane)
{
    return lane->is_started && lane->is_read;
}

bool bridge_lane_is_done(const struct bridge_lane *lane)
{
    return bridge_lane_is_complete(lane) && lane->under_way == 0 && !lane->has_failed && lane->run.size == 0;
}

uint64_t bridge_lane_finish(struct bridge_lane *lane)
{
    assert(bridge_lane_is_done(lane));
    lane->published = lane->windows[0].last_seq;
    lane->window_count--;
    memmove(lane->windows, lane->windows + 1, lane->window_count * sizeof *lane->windows);
    lane->is_started = false;
    lane->is_read = false;
    return lane->published;
}

void bridge_lane_free(struct bridge_lane *lane)
{
    buffer_free(&lane->run);
}
