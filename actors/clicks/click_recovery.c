/* SPDX-License-Identifier: MIT */
/* click_recovery -- see the header. */
#include "actors/clicks/click_recovery.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "actors/clicks/lane_keys.h"
#include "runtime/failpoint.h"

enum { SLICE_RECORDS = 512, DRAINED_LIMIT_US = 5 * 1000 * 1000, DRAINED_PAUSE_US = 2 * 1000 * 1000 };

/* ------------------------------------------------------------------------------------------------ reading the journal
 */

/* The batch that was held back is committed as far as windows are concerned. */
static void count_held(struct epoch_lane *lane)
{
    struct batch_reader batch;

    if (lane->held.size == 0)
        return;
    if (batch_open(&batch, buffer_slice(&lane->held)))
        click_epoch_committed(lane->epoch, lane->number, &batch.span, buffer_slice(&lane->held));
    lane->held.size = 0;
}

/* A batch is written before it is committed and a seal covers what is committed, so the newest batch of a lane may
 * stand before a seal that does not cover it: it is held back until the next record tells. */
static void read_batch(struct epoch_lane *lane, const struct journal_record *record)
{
    if (lane->seen == 0) {
        windows_init(&lane->windows, record->span.first_seq);
        lane->begins = record->span.first_seq;
    } else if (record->span.first_seq > lane->seen + 1) {
        lane->is_partial = true; /* the journal could not be written in between */
    }
    if (record->span.first_seq <= lane->seen)
        return;
    count_held(lane);
    buffer_append(&lane->held, record->bytes.at, record->bytes.size);
    lane->seen = record->last_seq;
}

static void read_seal(struct epoch_lane *lane, const struct journal_record *record)
{
    struct windows *windows = &lane->windows;

    if (record->last_seq >= lane->seen)
        count_held(lane);
    if (record->last_seq > lane->seen || record->span.first_seq < windows->open.first_seq)
        lane->is_partial = true; /* it covers clicks that are not here */
    if (!window_is_empty(&windows->open) && windows->open.last_seq == record->last_seq)
        (void)windows_seal(windows, 0);
}

static void reading_done(struct click_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->lane_count; i++)
        count_held(&epoch->lanes[i]);
    actor_log(epoch->place->me, LOG_INFO,
              "epoch %" PRIu64 " of an earlier start: %" PRIu64 " bytes of journal read, "
              "%" PRIu64 " torn",
              epoch->number, journal_bytes(epoch->journal), journal_torn_bytes(epoch->journal));
    epoch->state = EPOCH_AWAY;
    click_epoch_look(epoch);
}

static void read_slice(struct actor *me, void *context)
{
    struct click_epoch *epoch = context;
    struct journal_record record;

    epoch->timer = 0;
    for (int i = 0; i < SLICE_RECORDS; i++) {
        if (!journal_read(epoch->journal, &epoch->cursor, &record)) {
            reading_done(epoch);
            return;
        }
        if (record.kind == JOURNAL_BATCH)
            read_batch(&epoch->lanes[record.span.lane], &record);
        else
            read_seal(&epoch->lanes[record.span.lane], &record);
    }
    epoch->timer = actor_after(me, 0, read_slice, epoch);
}

void click_recovery_read(struct click_epoch *epoch)
{
    assert(epoch->state == EPOCH_READING && epoch->timer == 0);
    epoch->timer = actor_after(epoch->place->me, 0, read_slice, epoch);
}

/* ------------------------------------------------------------------------------------------------ learning from Redis
 */

/* An entry of a stream is { id, { "b", batch } }. */
static struct slice entry_batch(const struct redis_reply *entry)
{
    return redis_reply_text(redis_reply_at(redis_reply_at(entry, 1), 1));
}

/* The windows that are sealed in Redis take the place of ours, without counts: readers find those in Redis. */
static void adopt_windows(struct epoch_lane *lane, const struct redis_reply *members)
{
    for (uint32_t i = 0; i + 1 < redis_reply_count(members); i += 2) {
        uint64_t first;
        uint64_t last;

        if (!lane_parse_pair(redis_reply_text(redis_reply_at(members, i)), &first, &last) || first == 0 ||
            last < first || first <= lane->windows.open.last_seq)
            continue;
        lane->windows.open.first_seq = first;
        lane->windows.open.last_seq = last;
        windows_seal(&lane->windows, 0)->in_redis = true;
    }
}

/* Counts the stream's entries that we do not have. Contiguous ones make the lane whole again. */
static void adopt_entries(struct epoch_lane *lane, const struct redis_reply *entries)
{
    for (uint32_t i = 0; i < redis_reply_count(entries); i++) {
        struct slice bytes = entry_batch(redis_reply_at(entries, i));
        struct batch_span span;

        if (!batch_check(bytes, &span) || span.epoch != lane->epoch->number || span.lane != lane->number ||
            span.first_seq <= lane->committed)
            continue;
        if (span.first_seq != lane->committed + 1)
            lane->is_partial = true;
        if (window_is_empty(&lane->windows.open) && span.first_seq > lane->windows.open.first_seq)
            lane->windows.open = (struct window){ .first_seq = span.first_seq, .last_seq = span.first_seq - 1 };
        click_epoch_committed(lane->epoch, lane->number, &span, bytes);
    }
}

/* Whether Redis has clicks that are neither in the journal nor behind it: what the journal begins with is then not what
 * others had finished with, but what it could not be written before; or a seal is missing for the same reason. */
static bool knows_more(const struct epoch_lane *lane, const struct redis_reply *reply)
{
    const struct redis_reply *members = redis_reply_at(reply, 0);
    const struct redis_reply *entries = redis_reply_at(reply, 1);
    struct batch_span span;

    for (uint32_t i = 0; i + 1 < redis_reply_count(members); i += 2) {
        uint64_t first;
        uint64_t last;

        if (lane_parse_pair(redis_reply_text(redis_reply_at(members, i)), &first, &last) &&
            (first < lane->begins || last > lane->committed))
            return true;
    }
    return redis_reply_count(entries) > 0 && batch_check(entry_batch(redis_reply_at(entries, 0)), &span) &&
           span.first_seq < lane->begins;
}

static void adopt(struct epoch_lane *lane, const struct redis_reply *reply)
{
    const struct redis_reply *members = redis_reply_at(reply, 0);

    lane->is_partial = lane->is_partial || knows_more(lane, reply);
    if (lane->is_partial) {
        windows_free(&lane->windows);
        windows_init(&lane->windows, 1);
        adopt_windows(lane, members);
        lane->committed = lane->windows.open.last_seq;
    }
    adopt_entries(lane, redis_reply_at(reply, 1));
}

static void all_learnt(struct click_epoch *epoch)
{
    epoch->is_known = true;
    click_epoch_go_live(epoch);
}

static void lane_learnt(struct actor *me, void *context, const struct redis_result *result)
{
    struct epoch_lane *lane = context;
    struct click_epoch *epoch = lane->epoch;

    (void)me;
    lane->is_asked = false;
    if (epoch->state != EPOCH_DRAINING)
        return;
    if (result->outcome != OUTCOME_DONE) {
        click_epoch_doubt(epoch, result->detail);
        return;
    }
    adopt(lane, result->reply);
    if (--epoch->asks_due == 0)
        all_learnt(epoch);
}

static void learn_lane(struct epoch_lane *lane)
{
    struct click_epoch *epoch = lane->epoch;
    struct lane_key registry = lane_registry_key(epoch->number, lane->number);
    struct lane_key stream = lane_stream_key(epoch->number, lane->number);

    lane->is_asked = true;
    epoch->asks_due++;
    REDIS(epoch->place->redis, lane_learnt, lane, SLICE("EVAL"), slice_of(lane_read_script), SLICE("2"),
          slice_of(registry.text), slice_of(stream.text), SLICE("-"));
}

void click_recovery_learn(struct click_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        struct epoch_lane *lane = &epoch->lanes[i];

        if (lane->is_partial || lane->in_redis > lane->committed || lane->begins > 1)
            learn_lane(lane);
    }
    if (epoch->asks_due == 0)
        all_learnt(epoch);
}

/* ------------------------------------------------------------------------------------------------ the end */

static void drained_noted(struct actor *me, void *context, const struct answer *answer)
{
    struct click_epoch *epoch = context;

    (void)me;
    epoch->is_drained_asked = false;
    epoch->is_drained = answer->outcome == ASK_ANSWERED && answer->schema == &done_schema;
}

void click_recovery_tick(struct click_epoch *epoch)
{
    struct click_place *place = epoch->place;
    struct lane_position ends[BATCH_LANES_LIMIT];
    struct epoch_drained message = { .epoch = epoch->number, .ends = { .at = ends } };
    struct sending how = { .deadline_us = DRAINED_LIMIT_US, .then = drained_noted, .context = epoch };

    if (epoch->state != EPOCH_LIVE || epoch->is_drained_asked || epoch->is_drained || click_epoch_has_pending(epoch))
        return;
    if (epoch->drained_asked_us != 0 && actor_now_us(place->me) < epoch->drained_asked_us + DRAINED_PAUSE_US)
        return; /* refused: Postgres may not have heard of the epoch yet */
    epoch->drained_asked_us = actor_now_us(place->me);
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        const struct epoch_lane *lane = &epoch->lanes[i];
        uint64_t end = lane->committed > lane->in_redis ? lane->committed : lane->in_redis;

        if (end > 0)
            ends[message.ends.count++] = (struct lane_position){ .epoch = epoch->number, .lane = i, .seq = end };
    }
    epoch->is_drained_asked = true;
    (void)actor_ask(place->me, place->to_sink, &how, &epoch_drained_schema, &message);
}

/* Postgres says that nobody looks for this epoch any more, so what is deleted now is missed by nobody; what a crash
 * leaves undeleted is deleted by the next start, which finds the journal's folder. So that goes last. */
void click_recovery_remove(struct click_epoch **epoch)
{
    struct redis *redis = (*epoch)->place->redis;

    for (uint32_t i = 0; i < (*epoch)->lane_count; i++) {
        struct lane_key stream = lane_stream_key((*epoch)->number, i);
        struct lane_key registry = lane_registry_key((*epoch)->number, i);

        REDIS(redis, NULL, NULL, SLICE("EVAL"), slice_of(lane_forget_script), SLICE("1"), slice_of(registry.text),
              SLICE("+inf"));
        REDIS(redis, NULL, NULL, SLICE("DEL"), slice_of(stream.text), slice_of(registry.text));
    }
    (void)failpoint("click_buffer.epoch_removed");
    actor_log((*epoch)->place->me, LOG_INFO, "epoch %" PRIu64 " is drained and forgotten", (*epoch)->number);
    journal_remove(&(*epoch)->journal);
    click_epoch_free(epoch);
}
