/* SPDX-License-Identifier: MIT */
/*
 * stats -- a link's row with all its clicks: those in Postgres and those on their way, each once.
 *
 * The order of asking makes the sum exact without a lock (see clicks/pending.h): first every click buffer, next Redis
 * for the lanes that none of them answers for, last Postgres: the row, the marks and the epochs that are not drained,
 * in one snapshot. A click only ever moves in that direction, so it is seen at least once, and what the marks say is in
 * the row already is left out.
 *
 * Which lanes Redis has to be asked for is known from the last snapshot anybody took. If this one lists more, they are
 * read and the snapshot is taken anew: it must be the last thing that is looked at. What cannot be asked makes the
 * answer a lower bound that says so; it is never an error.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/lane_keys.h"
#include "actors/clicks/pending.h"
#include "actors/links/links_state.h"
#include "proto/messages/clicks.h"

enum {
    REQUESTS_LIMIT = 512, /* under way; more are refused as overload */
    EPOCHS_LIMIT = 128,   /* not drained, of one request */
    LANES_LIMIT = 256,    /* to be read from Redis for one request */
    ROUNDS_LIMIT = 3,     /* snapshots */
    STRADDLES_LIMIT = 8,  /* windows to be looked into */
    BUFFER_LIMIT_US = 400 * 1000,
    REDIS_LIMIT_US = 500 * 1000,
    SNAPSHOT_LIMIT_US = 1500 * 1000
};

struct epoch {
    uint64_t number;
    uint32_t lanes;
};

struct lane_read { /* a lane that Redis was asked for */
    struct reading *reading;
    uint64_t epoch;
    uint32_t lane;
};

struct reading { /* a request under way */
    bool used;
    struct question question;
    uint64_t asked_us;
    char code[CODE_LIMIT_BYTES];
    uint8_t code_size;
    struct pending *pending; /* owned */
    uint32_t due;            /* answers that have to come before the next step */
    uint32_t rounds;
    uint32_t straddles;
    bool is_incomplete;
    struct epoch epochs[EPOCHS_LIMIT]; /* whose marks matter */
    uint32_t epoch_count;
    struct lane_read lanes[LANES_LIMIT];
    uint32_t lane_count;
    struct pending_total straddle; /* the window being looked into */
    struct link_row row;
    char url[URL_LIMIT_BYTES];
};

struct stats {
    struct reading *readings[REQUESTS_LIMIT]; /* owned; made when first needed */
    struct epoch undrained[EPOCHS_LIMIT];     /* of the last snapshot */
    uint32_t undrained_count;
};

static const struct postgres_statement read_row = {
    .sql = "SELECT id::int8, original_url, clicks::int8, created_at, updated_at, expires_at, withdrawn "
           "FROM urls WHERE short_code = $1::text"
};

static const struct postgres_statement read_undrained = {
    .sql = "SELECT epoch::int8, lanes::int4 FROM producer_epochs WHERE drained_at IS NULL ORDER BY epoch LIMIT 129"
};

/* $1: epochs that buffers or Redis named; an epoch may be newer than its record. */
static const struct postgres_statement read_marks = {
    .sql = "SELECT epoch::int8, lane::int4, mark::int8 FROM click_marks WHERE epoch = ANY($1::int8[]) "
           "OR epoch IN (SELECT epoch FROM producer_epochs WHERE drained_at IS NULL)"
};

static struct slice code_of(const struct reading *reading)
{
    return (struct slice){ .at = reading->code, .size = reading->code_size };
}

static void note_epoch(struct reading *reading, uint64_t number, uint32_t lanes)
{
    for (uint32_t i = 0; i < reading->epoch_count; i++)
        if (reading->epochs[i].number == number) {
            if (reading->epochs[i].lanes < lanes)
                reading->epochs[i].lanes = lanes; /* a buffer names lanes one by one */
            return;
        }
    if (reading->epoch_count < EPOCHS_LIMIT)
        reading->epochs[reading->epoch_count++] = (struct epoch){ .number = number, .lanes = lanes };
    else
        reading->is_incomplete = true;
}

/* ------------------------------------------------------------------------------------------------ the end */

static void end(struct reading *reading)
{
    pending_destroy(&reading->pending);
    reading->used = false;
}

static void answer(struct actor *me, struct reading *reading, uint64_t clicks)
{
    struct links *self = actor_state(me);

    reading->row.clicks += clicks;
    reading->row.code = code_of(reading);
    reading->row.clicks_incomplete = reading->is_incomplete;
    counter_add(&self->stats_total, 1);
    counter_add(&self->stats_incomplete_total, reading->is_incomplete);
    histogram_observe_us(&self->stats_us, actor_now_us(me) - reading->asked_us);
    actor_answer(me, reading->question, &link_row_schema, &reading->row);
    end(reading);
}

/* ------------------------------------------------------------------------------------------------ windows that
 * straddle */

static void finish(struct actor *me, struct reading *reading);

/* An entry of a stream is { id, { "b", batch } }. */
static bool add_entry(struct pending *pending, const struct redis_reply *entry)
{
    const struct redis_reply *fields = redis_reply_at(entry, 1);

    for (uint32_t i = 0; i + 1 < redis_reply_count(fields); i += 2)
        if (slice_is(redis_reply_text(redis_reply_at(fields, i)), "b"))
            return pending_add_batch(pending, redis_reply_text(redis_reply_at(fields, i + 1)));
    return false;
}

static void batches_read(struct actor *me, void *context, const struct redis_result *result)
{
    struct reading *reading = context;
    const struct pending_total *straddle = &reading->straddle;
    bool whole = result->outcome == OUTCOME_DONE && redis_reply_count(result->reply) > 0;

    for (uint32_t i = 0; i < redis_reply_count(result->reply); i++)
        whole &= add_entry(reading->pending, redis_reply_at(result->reply, i));
    reading->is_incomplete |= !whole;
    pending_drop_window(reading->pending, straddle->epoch, straddle->lane, straddle->last_seq);
    finish(me, reading);
}

static void look_into(struct actor *me, struct reading *reading, const struct pending_total *total)
{
    struct links *self = actor_state(me);
    struct lane_key key = lane_stream_key(total->epoch, total->lane);
    struct lane_key from = lane_entry_id(total->first_seq);

    reading->straddle = *total;
    REDIS(link_cache_primary(self->cache), batches_read, reading, SLICE("XRANGE"), slice_of(key.text),
          slice_of(from.text), SLICE("+"), SLICE("COUNT"), SLICE("10000"));
}

static void finish(struct actor *me, struct reading *reading)
{
    struct pending_total total = pending_sum(reading->pending);

    if (total.straddles && reading->straddles++ < STRADDLES_LIMIT) {
        look_into(me, reading, &total);
        return;
    }
    reading->is_incomplete |= total.straddles;
    answer(me, reading, total.clicks);
}

/* ------------------------------------------------------------------------------------------------ Postgres */

static bool read_missing_lanes(struct actor *me, struct reading *reading);

static void take_row(struct reading *reading, const struct postgres_rows *rows)
{
    struct slice url = postgres_text_at(rows, 0, 1);

    url.size = url.size < sizeof(reading->url) ? url.size : sizeof(reading->url);
    if (url.size > 0)
        memcpy(reading->url, url.at, url.size);
    reading->row = (struct link_row){ .id = (uint64_t)postgres_integer_at(rows, 0, 0),
                                      .url = { .at = reading->url, .size = url.size },
                                      .clicks = (uint64_t)postgres_integer_at(rows, 0, 2),
                                      .created_us = postgres_timestamp_at(rows, 0, 3),
                                      .updated_us = postgres_timestamp_at(rows, 0, 4),
                                      .expires_us = postgres_timestamp_at(rows, 0, 5),
                                      .withdrawn = postgres_bool_at(rows, 0, 6) };
}

static void take_undrained(struct links *self, struct reading *reading, const struct postgres_rows *rows)
{
    struct stats *stats = self->stats;

    stats->undrained_count = 0;
    for (uint32_t i = 0; i < postgres_row_count(rows); i++) {
        struct epoch epoch = { .number = (uint64_t)postgres_integer_at(rows, i, 0),
                               .lanes = (uint32_t)postgres_integer_at(rows, i, 1) };

        note_epoch(reading, epoch.number, epoch.lanes);
        if (stats->undrained_count < EPOCHS_LIMIT)
            stats->undrained[stats->undrained_count++] = epoch;
    }
}

static void snapshot_read(struct actor *me, void *context, const struct postgres_result *result)
{
    struct links *self = actor_state(me);
    struct reading *reading = context;

    if (result->outcome != OUTCOME_DONE) {
        actor_log(me, LOG_WARN, "a link's row could not be read: %s", result->detail);
        links_refuse_for_now(me, reading->question);
        end(reading);
        return;
    }
    if (postgres_row_count(result->rows[0]) == 0) {
        links_refuse(me, reading->question, 404, "", "There is no link with this code.");
        end(reading);
        return;
    }
    take_row(reading, result->rows[0]);
    take_undrained(self, reading, result->rows[1]);
    if (read_missing_lanes(me, reading))
        return; /* and then there is another snapshot */
    for (uint32_t i = 0; i < postgres_row_count(result->rows[2]); i++)
        pending_set_mark(reading->pending, (uint64_t)postgres_integer_at(result->rows[2], i, 0),
                         (uint32_t)postgres_integer_at(result->rows[2], i, 1),
                         (uint64_t)postgres_integer_at(result->rows[2], i, 2));
    finish(me, reading);
}

static void take_snapshot(struct actor *me, struct reading *reading)
{
    struct links *self = actor_state(me);
    struct postgres_array epochs;
    struct postgres_call calls[3];
    bool is_replica;
    struct postgres *reader = database_reader(self->database, &is_replica);

    /* A replica's lag may hide clicks whose windows are gone since: it never says too much, but perhaps too little. */
    reading->is_incomplete |= is_replica;
    reading->rounds++;
    postgres_array_of_int8(&epochs);
    for (uint32_t i = 0; i < reading->epoch_count; i++)
        postgres_array_add_int8(&epochs, (int64_t)reading->epochs[i].number);
    calls[0] = POSTGRES_CALL(&read_row, postgres_text(code_of(reading)));
    calls[1] = POSTGRES_CALL_BARE(&read_undrained);
    calls[2] = POSTGRES_CALL(&read_marks, postgres_array_value(&epochs));
    postgres_read_snapshot(reader, calls, 3, SNAPSHOT_LIMIT_US, snapshot_read, reading);
    postgres_array_destroy(&epochs);
}

/* ------------------------------------------------------------------------------------------------ Redis */

/* The reply is { { "FIRST-LAST", clicks ... }, { entry ... } }. */
static bool add_lane(struct pending *pending, const struct lane_read *read, const struct redis_reply *reply)
{
    const struct redis_reply *windows = redis_reply_at(reply, 0);
    const struct redis_reply *entries = redis_reply_at(reply, 1);
    bool whole = redis_reply_type(reply) == REDIS_ARRAY;

    for (uint32_t i = 0; i + 1 < redis_reply_count(windows); i += 2) {
        struct click_window window = { .epoch = read->epoch,
                                       .lane = read->lane,
                                       .clicks = (uint64_t)redis_reply_integer(redis_reply_at(windows, i + 1)) };

        if (lane_parse_pair(redis_reply_text(redis_reply_at(windows, i)), &window.first_seq, &window.last_seq))
            pending_add_window(pending, &window);
        else
            whole = false;
    }
    for (uint32_t i = 0; i < redis_reply_count(entries); i++)
        whole &= add_entry(pending, redis_reply_at(entries, i));
    return whole;
}

static void lane_was_read(struct actor *me, void *context, const struct redis_result *result)
{
    struct lane_read *read = context;
    struct reading *reading = read->reading;

    if (result->outcome != OUTCOME_DONE || !add_lane(reading->pending, read, result->reply))
        reading->is_incomplete = true;
    pending_cover(reading->pending, read->epoch, read->lane); /* it need not be asked again, whatever came of it */
    if (--reading->due == 0)
        take_snapshot(me, reading);
}

static void read_lane(struct actor *me, struct reading *reading, uint64_t epoch, uint32_t lane)
{
    struct links *self = actor_state(me);
    struct lane_key registry = lane_registry_key(epoch, lane);
    struct lane_key stream = lane_stream_key(epoch, lane);
    struct lane_read *read;

    if (redis_generation(link_cache_primary(self->cache)) == 0 || reading->lane_count == LANES_LIMIT) {
        reading->is_incomplete = true;
        return;
    }
    read = &reading->lanes[reading->lane_count++];
    *read = (struct lane_read){ .reading = reading, .epoch = epoch, .lane = lane };
    reading->due++;
    redis_command(link_cache_primary(self->cache),
                  (const struct slice[]){ SLICE("EVAL"), slice_of(lane_read_script), SLICE("2"),
                                          slice_of(registry.text), slice_of(stream.text), code_of(reading) },
                  6, REDIS_LIMIT_US, lane_was_read, read);
}

/* Reads every lane that matters and that nobody has answered for. False when there is none, or none can be read. */
static bool read_missing_lanes(struct actor *me, struct reading *reading)
{
    for (uint32_t i = 0; i < reading->epoch_count; i++)
        for (uint32_t lane = 0; lane < reading->epochs[i].lanes; lane++)
            if (!pending_is_covered(reading->pending, reading->epochs[i].number, lane)) {
                if (reading->rounds < ROUNDS_LIMIT)
                    read_lane(me, reading, reading->epochs[i].number, lane);
                else
                    reading->is_incomplete = true;
            }
    return reading->due > 0;
}

/* ------------------------------------------------------------------------------------------------ the click buffers */

static void ask_redis(struct actor *me, struct reading *reading)
{
    struct links *self = actor_state(me);

    for (uint32_t i = 0; i < self->stats->undrained_count; i++)
        note_epoch(reading, self->stats->undrained[i].number, self->stats->undrained[i].lanes);
    if (!read_missing_lanes(me, reading))
        take_snapshot(me, reading);
}

static void add_buffer(struct reading *reading, const struct clicks_pending *heard)
{
    reading->is_incomplete |= heard->incomplete;
    for (uint32_t i = 0; i < heard->covered.count; i++) {
        const struct covered_lane *covered = &heard->covered.at[i];

        pending_cover(reading->pending, covered->epoch, (uint32_t)covered->lane);
        note_epoch(reading, covered->epoch, 0);
    }
    for (uint32_t i = 0; i < heard->windows.count; i++)
        pending_add_window(reading->pending, &heard->windows.at[i]);
}

/* A buffer that does not answer is no failure: its lanes are not covered, so Redis is asked for them. But its journal
 * alone may hold clicks that it took while Redis was away, so what comes of it is a lower bound. */
static void buffer_answered(struct actor *me, void *context, const struct answer *answer)
{
    struct reading *reading = context;

    if (answer->outcome == ASK_ANSWERED && answer->schema == &clicks_pending_schema)
        add_buffer(reading, answer->message);
    else
        reading->is_incomplete = true;
    if (--reading->due == 0)
        ask_redis(me, reading);
}

static struct reading *new_reading(struct stats *stats)
{
    for (uint32_t i = 0; i < REQUESTS_LIMIT; i++) {
        struct reading *reading = stats->readings[i];

        if (reading == NULL) {
            reading = stats->readings[i] = calloc(1, sizeof(*reading));
            assert(reading != NULL);
        }
        if (!reading->used)
            return reading;
    }
    return NULL;
}

void stats_answer(struct actor *me, struct slice code, struct question question)
{
    struct links *self = actor_state(me);
    struct reading *reading = new_reading(self->stats);
    struct sending how = { .deadline_us = BUFFER_LIMIT_US, .then = buffer_answered, .context = reading };

    assert(code.size <= CODE_LIMIT_BYTES);
    if (reading == NULL) {
        links_refuse_for_now(me, question);
        return;
    }
    *reading = (struct reading){ .used = true,
                                 .question = question,
                                 .asked_us = actor_now_us(me),
                                 .code_size = (uint8_t)code.size,
                                 .pending = pending_new(code) };
    memcpy(reading->code, code.at, code.size);
    reading->due = actor_ask_each(me, OUT_BUFFERS, &how, &clicks_pending_read_schema,
                                  &(struct clicks_pending_read){ .code = code });
    if (reading->due == 0)
        ask_redis(me, reading);
}

void stats_on_ask(struct actor *me, const struct link_read *message, struct question question)
{
    if (code_rules_is_code(message->code))
        stats_answer(me, message->code, question);
    else
        links_refuse(me, question, 404, "", "There is no link with this code.");
}

/* ------------------------------------------------------------------------------------------------ life */

void stats_open(struct actor *me)
{
    struct links *self = actor_state(me);

    self->stats = calloc(1, sizeof(*self->stats));
    assert(self->stats != NULL);
}

void stats_close(struct links *self)
{
    if (self->stats == NULL)
        return;
    for (uint32_t i = 0; i < REQUESTS_LIMIT; i++) {
        if (self->stats->readings[i] != NULL)
            pending_destroy(&self->stats->readings[i]->pending);
        free(self->stats->readings[i]);
    }
    free(self->stats);
    self->stats = NULL;
}
