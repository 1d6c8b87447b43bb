/* SPDX-License-Identifier: MIT */
/*
 * click_drain -- how an epoch comes back to Redis after any doubt: ask each lane for its last entry, send what it lacks
 * from the journal, go on live. See click_epoch.h.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "actors/clicks/click_epoch.h"
#include "actors/clicks/click_recovery.h"
#include "actors/clicks/lane_keys.h"
#include "runtime/failpoint.h"

enum {
    SLICE_RECORDS = 512,        /* read in one turn: others on this thread wait meanwhile */
    DOUBT_PAUSE_US = 200 * 1000 /* between two looks at a Redis that is connected but refuses */
};

/* ------------------------------------------------------------------------------------------------ entries */

void click_epoch_send(
    struct epoch_lane *lane, uint64_t last_seq, struct slice bytes, redis_handler *then, void *context)
{
    struct lane_key key = lane_stream_key(lane->epoch->number, lane->number);
    struct lane_key id = lane_entry_id(last_seq);

    REDIS(lane->epoch->place->redis, then, context, SLICE("XADD"), slice_of(key.text), slice_of(id.text), SLICE("b"),
          bytes);
}

static bool contains(struct slice text, const char *word)
{
    return text.size > 0 && memmem(text.at, text.size, word, strlen(word)) != NULL;
}

bool click_epoch_is_there(const struct redis_result *result)
{
    if (result->outcome == OUTCOME_DONE)
        return true;
    /* An epoch has one writer and its lanes one entry under way: what is there with our id is our entry. */
    return result->outcome == OUTCOME_REJECTED && contains(slice_of(result->detail), "equal or smaller");
}

/* ------------------------------------------------------------------------------------------------ doubt */

void click_epoch_lost(struct click_epoch *epoch)
{
    if (epoch->state == EPOCH_READING)
        return;
    epoch->state = EPOCH_AWAY;
    epoch->has_record = false;
    epoch->asks_due = 0;
    actor_cancel_timer(epoch->place->me, &epoch->timer);
}

void click_epoch_doubt(struct click_epoch *epoch, const char *why)
{
    if (epoch->state == EPOCH_AWAY || epoch->state == EPOCH_READING)
        return;
    actor_log(epoch->place->me, LOG_WARN, "Redis is in doubt, clicks of epoch %" PRIu64 " go to the journal: %s",
              epoch->number, why);
    counter_add(epoch->place->doubts_total, 1);
    epoch->away_until_us = actor_now_us(epoch->place->me) + DOUBT_PAUSE_US;
    click_epoch_lost(epoch);
}

/* ------------------------------------------------------------------------------------------------ draining */

static void pump(struct click_epoch *epoch);

static void next_slice(struct actor *me, void *context)
{
    struct click_epoch *epoch = context;

    (void)me;
    epoch->timer = 0;
    pump(epoch);
}

static void entry_sent(struct actor *me, void *context, const struct redis_result *result)
{
    struct epoch_lane *lane = context;
    struct click_epoch *epoch = lane->epoch;

    (void)me;
    lane->is_asked = false;
    if (click_epoch_is_there(result)) {
        counter_add(epoch->place->drained_total, 1);
        if (lane->sending > lane->in_redis)
            lane->in_redis = lane->sending;
        (void)failpoint("click_buffer.drained_entry");
        if (epoch->state == EPOCH_DRAINING)
            pump(epoch);
    } else {
        click_epoch_doubt(epoch, result->detail);
    }
}

static void send(struct epoch_lane *lane, uint64_t last_seq, struct slice bytes)
{
    lane->is_asked = true;
    lane->sending = last_seq;
    click_epoch_send(lane, last_seq, bytes, entry_sent, lane);
}

/* A retained batch comes after all that the journal has of its lane. True when none is left to be sent. */
static bool send_retained(struct click_epoch *epoch)
{
    bool all_there = true;

    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        struct epoch_lane *lane = &epoch->lanes[i];

        if (lane->is_asked) {
            all_there = false;
        } else if (lane->retained_last > lane->in_redis) {
            all_there = false;
            send(lane, lane->retained_last, lane->retained);
        } else if (lane->retained_last != 0) {
            lane->retained_last = 0;
            epoch->place->on_resolved(epoch->place->me, epoch, i);
        }
    }
    return all_there;
}

void click_epoch_go_live(struct click_epoch *epoch)
{
    epoch->state = EPOCH_LIVE;
    actor_log(epoch->place->me, LOG_INFO, "Redis has all of epoch %" PRIu64, epoch->number);
    epoch->place->on_live(epoch->place->me, epoch);
    click_epoch_tick(epoch, !epoch->is_current); /* an earlier epoch gets no more: what is open is complete */
}

/* Redis has all that the journal has. Of an earlier epoch it may have more. */
static void journal_is_sent(struct click_epoch *epoch)
{
    if (epoch->is_current || epoch->is_known)
        click_epoch_go_live(epoch);
    else if (epoch->asks_due == 0)
        click_recovery_learn(epoch);
}

/* Sends from the journal until every lane with something to send has it under way, or a slice of reading is done. */
static void pump(struct click_epoch *epoch)
{
    for (int i = 0; i < SLICE_RECORDS; i++) {
        const struct journal_record *record = &epoch->record;
        struct epoch_lane *lane;

        if (!epoch->has_record && !journal_read(epoch->journal, &epoch->cursor, &epoch->record)) {
            if (send_retained(epoch))
                journal_is_sent(epoch);
            return;
        }
        epoch->has_record = false;
        lane = &epoch->lanes[record->span.lane];
        if (record->kind != JOURNAL_BATCH || record->last_seq <= lane->in_redis || record->last_seq <= lane->published)
            continue;
        epoch->has_record = lane->is_asked;
        if (lane->is_asked)
            return; /* this lane's reply goes on from here */
        send(lane, record->last_seq, record->bytes);
    }
    if (epoch->timer == 0)
        epoch->timer = actor_after(epoch->place->me, 0, next_slice, epoch);
}

/* Every lane's place in Redis is known: sends what it lacks. */
static void drain(struct click_epoch *epoch)
{
    uint64_t there[BATCH_LANES_LIMIT];

    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        const struct epoch_lane *lane = &epoch->lanes[i];

        there[i] = lane->in_redis > lane->published ? lane->in_redis : lane->published;
    }
    epoch->state = EPOCH_DRAINING;
    epoch->has_record = false;
    epoch->cursor = journal_seek(epoch->journal, there);
    pump(epoch);
}

/* ------------------------------------------------------------------------------------------------ asking */

/* XINFO STREAM answers pairs of name and value. */
static uint64_t last_generated(const struct redis_reply *reply)
{
    for (uint32_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
        uint64_t last;
        uint64_t part;

        if (slice_is(redis_reply_text(redis_reply_at(reply, i)), "last-generated-id") &&
            lane_parse_pair(redis_reply_text(redis_reply_at(reply, i + 1)), &last, &part))
            return last;
    }
    return 0;
}

static void lane_told(struct actor *me, void *context, const struct redis_result *result)
{
    struct epoch_lane *lane = context;
    struct click_epoch *epoch = lane->epoch;
    bool is_none = result->outcome == OUTCOME_REJECTED && contains(slice_of(result->detail), "no such key");

    (void)me;
    lane->is_asked = false;
    if (epoch->state != EPOCH_ASKING)
        return;
    if (result->outcome != OUTCOME_DONE && !is_none) {
        click_epoch_doubt(epoch, result->detail);
        return;
    }
    lane->in_redis = is_none ? 0 : last_generated(result->reply);
    if (--epoch->asks_due == 0)
        drain(epoch);
}

static bool is_anything_asked(const struct click_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        if (epoch->lanes[i].is_asked)
            return true;
    }
    return false;
}

void click_epoch_connected(struct click_epoch *epoch)
{
    if (epoch->state != EPOCH_AWAY || redis_generation(epoch->place->redis) == 0 || is_anything_asked(epoch))
        return; /* what is under way ends first: the tick looks again */
    epoch->state = EPOCH_ASKING;
    epoch->asks_due = epoch->lane_count;
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        struct epoch_lane *lane = &epoch->lanes[i];
        struct lane_key key = lane_stream_key(epoch->number, i);

        windows_doubt(&lane->windows);
        lane->must_forget = lane->marked > 0;
        lane->is_asked = true;
        REDIS(epoch->place->redis, lane_told, lane, SLICE("XINFO"), SLICE("STREAM"), slice_of(key.text));
    }
}

void click_epoch_look(struct click_epoch *epoch)
{
    if (epoch->state == EPOCH_AWAY && actor_now_us(epoch->place->me) >= epoch->away_until_us)
        click_epoch_connected(epoch);
}
