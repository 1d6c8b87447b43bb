/* SPDX-License-Identifier: MIT */
/* click_epoch -- see the header. This file: lanes and windows; Redis's side is click_drain.c. */
#include "actors/clicks/click_epoch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/lane_keys.h"
#include "runtime/failpoint.h"

enum {
    CODES_PER_COMMAND = 500,     /* of a window's counts; a long command keeps others waiting */
    BRIDGE_WINDOWS_LIMIT = 1024, /* of one windows_sealed */
    NUMBER_ROOM = 24
};

struct click_epoch *click_epoch_new(struct click_place *place, uint64_t number, uint32_t lanes, bool is_current)
{
    struct click_epoch *epoch = calloc(1, sizeof *epoch);
    struct journal_options options = { .folder = place->folder,
                                       .epoch = number,
                                       .lanes = lanes,
                                       .segment_bytes = place->segment_bytes,
                                       .bytes_limit = place->journal_limit };

    assert(epoch != NULL && lanes > 0 && lanes <= BATCH_LANES_LIMIT);
    epoch->place = place;
    epoch->number = number;
    epoch->lane_count = lanes;
    epoch->is_current = is_current;
    epoch->state = is_current ? EPOCH_AWAY : EPOCH_READING;
    epoch->journal = journal_open(&options);
    epoch->lanes = calloc(lanes, sizeof *epoch->lanes);
    assert(epoch->lanes != NULL);
    for (uint32_t i = 0; i < lanes; i++) {
        epoch->lanes[i].epoch = epoch;
        epoch->lanes[i].number = i;
        windows_init(&epoch->lanes[i].windows, 1);
    }
    return epoch;
}

void click_epoch_free(struct click_epoch **epoch)
{
    if (*epoch == NULL)
        return;
    actor_cancel_timer((*epoch)->place->me, &(*epoch)->timer);
    for (uint32_t i = 0; i < (*epoch)->lane_count; i++) {
        windows_free(&(*epoch)->lanes[i].windows);
        buffer_free(&(*epoch)->lanes[i].held);
    }
    journal_close(&(*epoch)->journal);
    free((*epoch)->lanes);
    free(*epoch);
    *epoch = NULL;
}

void click_epoch_committed(struct click_epoch *epoch, uint32_t lane, const struct batch_span *span, struct slice bytes)
{
    windows_count(&epoch->lanes[lane].windows, bytes);
    epoch->lanes[lane].committed = batch_last_seq(span);
}

/* ------------------------------------------------------------------------------------------------ windows to Redis */

static void write_windows(struct epoch_lane *lane);

/* EXEC's reply is the list of its commands' replies. */
static bool all_done(const struct redis_result *result)
{
    bool good = result->outcome == OUTCOME_DONE && redis_reply_type(result->reply) == REDIS_ARRAY;

    for (uint32_t i = 0; good && i < redis_reply_count(result->reply); i++)
        good = redis_reply_type(redis_reply_at(result->reply, i)) != REDIS_ERROR;
    return good;
}

static void tell_bridge(struct click_epoch *epoch);

static void window_written(struct actor *me, void *context, const struct redis_result *result)
{
    struct epoch_lane *lane = context;
    uint64_t last_seq = lane->writing;
    struct window *window = windows_ending(&lane->windows, last_seq);

    lane->writing = 0;
    if (!all_done(result)) {
        if (result->outcome != OUTCOME_NOT_SENT)
            actor_log(me, LOG_WARN, "a window's counts could not be written to Redis: %s", result->detail);
        return; /* the next tick tries again */
    }
    (void)failpoint("click_buffer.window_written");
    if (lane->epoch->state != EPOCH_LIVE)
        return; /* a doubt came in between: it is written again */
    if (window != NULL)
        window->in_redis = true;
    else
        lane->must_forget = true; /* its mark has passed meanwhile */
    tell_bridge(lane->epoch);
    write_windows(lane);
}

static void write_counts(struct redis *redis, const char *key, const struct code_counts *counts)
{
    struct slice arguments[2 + 2 * CODES_PER_COMMAND];
    char numbers[CODES_PER_COMMAND][NUMBER_ROOM];

    arguments[0] = SLICE("HSET");
    arguments[1] = slice_of(key);
    for (uint32_t from = 0; from < counts->count; from += CODES_PER_COMMAND) {
        uint32_t count = 0;

        for (; count < CODES_PER_COMMAND && from + count < counts->count; count++) {
            const struct code_count *one = &counts->at[from + count];
            int size = snprintf(numbers[count], NUMBER_ROOM, "%" PRIu64, one->clicks);

            arguments[2 + 2 * count] = code_count_code(one);
            arguments[3 + 2 * count] = (struct slice){ .at = numbers[count], .size = (size_t)size };
        }
        redis_command(redis, arguments, 2 + 2 * count, 0, NULL, NULL);
    }
}

/* Writes the lane's oldest window that Redis does not have: all of it or nothing, one at a time, so in order. */
static void write_windows(struct epoch_lane *lane)
{
    struct click_epoch *epoch = lane->epoch;
    struct redis *redis = epoch->place->redis;
    struct window *window = windows_unwritten(&lane->windows);
    struct lane_key registry = lane_registry_key(epoch->number, lane->number);
    struct lane_key key;
    struct lane_key member;
    char score[NUMBER_ROOM];

    if (epoch->state != EPOCH_LIVE || lane->writing != 0 || window == NULL)
        return;
    key = lane_window_key(epoch->number, lane->number, window->first_seq, window->last_seq);
    member = lane_window_member(window->first_seq, window->last_seq);
    (void)snprintf(score, sizeof score, "%" PRIu64, window->last_seq);
    lane->writing = window->last_seq;
    REDIS(redis, NULL, NULL, SLICE("MULTI"));
    write_counts(redis, key.text, &window->counts);
    REDIS(redis, NULL, NULL, SLICE("ZADD"), slice_of(registry.text), slice_of(score), slice_of(member.text));
    REDIS(redis, window_written, lane, SLICE("EXEC"));
}

/* ------------------------------------------------------------------------------------------------ the bridge */

/* Says all that is sealed, in Redis and not published. Said again each second until it is: neither a lost letter nor a
 * restarted bridge needs more. */
static void tell_bridge(struct click_epoch *epoch)
{
    struct lane_window rows[BRIDGE_WINDOWS_LIMIT];
    struct windows_sealed message = { .windows = { .at = rows } };

    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        const struct epoch_lane *lane = &epoch->lanes[i];

        for (uint32_t j = 0; j < lane->windows.sealed_count && lane->windows.sealed[j].in_redis; j++) {
            const struct window *window = &lane->windows.sealed[j];

            if (window->is_published || message.windows.count == BRIDGE_WINDOWS_LIMIT)
                continue;
            rows[message.windows.count++] = (struct lane_window){ .epoch = epoch->number,
                                                                  .lane = lane->number,
                                                                  .first_seq = window->first_seq,
                                                                  .last_seq = window->last_seq };
        }
    }
    if (message.windows.count > 0)
        (void)actor_tell(epoch->place->me, epoch->place->to_bridge, &windows_sealed_schema, &message);
}

/* ------------------------------------------------------------------------------------------------ sealing */

static void seal(struct epoch_lane *lane)
{
    struct click_epoch *epoch = lane->epoch;
    uint64_t now_us = actor_now_us(epoch->place->me);
    struct window *window;

    if (!epoch->is_adopted && !failpoint("click_buffer.seal_journal"))
        (void)journal_append_seal(epoch->journal, lane->number, lane->windows.open.first_seq,
                                  lane->windows.open.last_seq, now_us); /* without it Redis alone knows this end */
    window = windows_seal(&lane->windows, now_us);
    window->is_published = window->last_seq <= lane->published;
    counter_add(epoch->place->windows_total, 1);
    (void)failpoint("click_buffer.window_sealed");
}

/* What the journal may forget: what is counted, and when space gets short already what Kafka has. */
static void forget(struct epoch_lane *lane)
{
    struct click_epoch *epoch = lane->epoch;
    bool is_short = journal_bytes(epoch->journal) > epoch->place->journal_limit / 4;

    journal_forget(epoch->journal, lane->number, is_short ? lane->published : lane->marked);
}

static void drop_from_redis(struct epoch_lane *lane)
{
    struct click_epoch *epoch = lane->epoch;
    struct lane_key registry = lane_registry_key(epoch->number, lane->number);
    char mark[NUMBER_ROOM];

    if (!lane->must_forget || epoch->state != EPOCH_LIVE)
        return;
    lane->must_forget = false;
    (void)snprintf(mark, sizeof mark, "%" PRIu64, lane->marked);
    (void)failpoint("click_buffer.before_window_delete");
    REDIS(epoch->place->redis, NULL, NULL, SLICE("EVAL"), slice_of(lane_forget_script), SLICE("1"),
          slice_of(registry.text), slice_of(mark));
}

/* A mark may be heard of before the windows that it passes: those of an earlier start are learnt bit by bit. */
static void pass_mark(struct epoch_lane *lane)
{
    if (windows_pass(&lane->windows, lane->marked) > 0)
        lane->must_forget = true;
}

void click_epoch_tick(struct click_epoch *epoch, bool everything)
{
    const struct click_place *place = epoch->place;
    uint64_t now_us = actor_now_us(place->me);

    if (epoch->state == EPOCH_READING)
        return;
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        struct epoch_lane *lane = &epoch->lanes[i];

        if (windows_is_due(&lane->windows, now_us, everything ? 0 : place->seal_every_us, place->seal_clicks))
            seal(lane);
        pass_mark(lane);
        write_windows(lane);
        forget(lane);
        drop_from_redis(lane);
    }
    journal_sync(epoch->journal);
    tell_bridge(epoch);
    click_epoch_look(epoch);
}

void click_epoch_published(struct click_epoch *epoch, uint32_t number, uint64_t seq)
{
    struct epoch_lane *lane = number < epoch->lane_count ? &epoch->lanes[number] : NULL;

    if (lane == NULL || seq <= lane->published)
        return;
    lane->published = seq;
    windows_published(&lane->windows, seq);
}

void click_epoch_marked(struct click_epoch *epoch, uint32_t number, uint64_t mark)
{
    struct epoch_lane *lane = number < epoch->lane_count ? &epoch->lanes[number] : NULL;

    epoch->marks_heard_us = actor_now_us(epoch->place->me);
    if (lane == NULL || mark <= lane->marked)
        return;
    lane->marked = mark;
    click_epoch_published(epoch, number, mark);
    pass_mark(lane);
}

/* ------------------------------------------------------------------------------------------------ what is pending */

bool epoch_lane_has_pending(const struct epoch_lane *lane)
{
    return lane->windows.sealed_count > 0 || !window_is_empty(&lane->windows.open) || lane->retained_last != 0;
}

bool click_epoch_has_pending(const struct click_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        if (epoch_lane_has_pending(&epoch->lanes[i]))
            return true;
    }
    return false;
}

uint32_t click_epoch_covered(const struct click_epoch *epoch, struct covered_lane *rows, uint32_t room)
{
    uint32_t count = 0;

    if (epoch->state == EPOCH_READING)
        return 0;
    for (uint32_t i = 0; i < epoch->lane_count && count < room; i++) {
        if (!epoch->lanes[i].is_partial)
            rows[count++] = (struct covered_lane){ .epoch = epoch->number, .lane = i };
    }
    return count;
}

static uint32_t add_window(const struct epoch_lane *lane,
                           const struct window *window,
                           struct slice code,
                           struct click_window *rows,
                           uint32_t count,
                           uint32_t room)
{
    uint64_t clicks = code_counts_of(&window->counts, code);

    if (clicks == 0 || count == room)
        return count;
    rows[count] = (struct click_window){ .epoch = lane->epoch->number,
                                         .lane = lane->number,
                                         .first_seq = window->first_seq,
                                         .last_seq = window->last_seq,
                                         .clicks = clicks };
    return count + 1;
}

uint32_t
click_epoch_windows(const struct click_epoch *epoch, struct slice code, struct click_window *rows, uint32_t room)
{
    uint32_t count = 0;

    if (epoch->state == EPOCH_READING)
        return 0;
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        const struct epoch_lane *lane = &epoch->lanes[i];

        if (lane->is_partial)
            continue;
        for (uint32_t j = 0; j < lane->windows.sealed_count; j++)
            count = add_window(lane, &lane->windows.sealed[j], code, rows, count, room);
        count = add_window(lane, &lane->windows.open, code, rows, count, room);
    }
    return count;
}

size_t click_epoch_bytes(const struct click_epoch *epoch)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < epoch->lane_count; i++)
        bytes += windows_bytes(&epoch->lanes[i].windows);
    return bytes;
}
