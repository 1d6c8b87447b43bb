/* SPDX-License-Identifier: MIT */
/* reconciler_read -- how far both databases are, what the topic holds, what they counted; see reconciler.c. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/reconcile_run.h"
#include "proto/buffer.h"

/* ------------------------------------------------------------------------------------------------ Postgres */

static const struct postgres_statement read_marks = { "SELECT epoch, lane, mark FROM click_marks" };
static const struct postgres_statement read_offsets = {
    "SELECT partition::int8, next_offset FROM click_offsets WHERE consumer = 'postgres'"
};
static const struct postgres_statement sum_holes = {
    "SELECT coalesce(sum(last_seq - first_seq + 1), 0)::int8 FROM click_holes"
};
static const struct postgres_statement read_counts = { "SELECT short_code, clicks FROM urls WHERE clicks > 0" };

static void take_marks(struct reconciler *self, const struct postgres_rows *rows)
{
    for (uint32_t i = 0; i < postgres_row_count(rows); i++)
        recount_cut(&self->recount, RECOUNT_POSTGRES, (uint64_t)postgres_integer_at(rows, i, 0),
                    (uint32_t)postgres_integer_at(rows, i, 1), (uint64_t)postgres_integer_at(rows, i, 2));
}

static void postgres_cut(struct actor *me, void *context, const struct postgres_result *result)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        reconciler_step_done(me, result->detail);
        return;
    }
    take_marks(self, result->rows[0]);
    for (uint32_t i = 0; i < postgres_row_count(result->rows[1]); i++)
        code_counts_add(&self->found[RECOUNT_POSTGRES], postgres_text_at(result->rows[1], i, 0),
                        (uint64_t)postgres_integer_at(result->rows[1], i, 1));
    for (uint32_t i = 0; i < postgres_row_count(result->rows[2]); i++)
        recount_offset(&self->recount, RECOUNT_POSTGRES, postgres_integer_at(result->rows[2], i, 0),
                       postgres_integer_at(result->rows[2], i, 1));
    self->holes = postgres_integer_at(result->rows[3], 0, 0);
    reconciler_step_done(me, NULL);
}

/* Marks and counts in one snapshot: the counts are those at the marks, to the click. */
void reconciler_cut_postgres(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    const struct postgres_call calls[] = { POSTGRES_CALL_BARE(&read_marks), POSTGRES_CALL_BARE(&read_counts),
                                           POSTGRES_CALL_BARE(&read_offsets), POSTGRES_CALL_BARE(&sum_holes) };

    postgres_read_snapshot(self->postgres, calls, 4, RECONCILER_LIMIT_US, postgres_cut, NULL);
}

/* ------------------------------------------------------------------------------------------------ ClickHouse */

static void group_came(struct actor *me, void *context, const struct kafka_topic_result *result)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    self->extents = NULL;
    for (uint32_t i = 0; result->outcome == OUTCOME_DONE && i < result->partitions; i++)
        recount_offset(&self->recount, RECOUNT_CLICKHOUSE, result->extents[i].partition, result->extents[i].group);
    reconciler_step_done(me, result->outcome == OUTCOME_DONE ? NULL : result->detail);
}

/* Before ClickHouse is asked: what the group had read then is in the rows that it has now. */
void reconciler_cut_group(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    const struct kafka_topic topic = { .uri = self->kafka_uri, .name = self->topic, .group = self->group };

    self->extents = kafka_topic_extents(me, &topic, group_came, NULL);
    if (self->extents == NULL)
        reconciler_step_done(me, "Kafka cannot be asked how far ClickHouse's workers have read");
}

static void clickhouse_cut(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct reconciler *self = actor_state(me);
    struct slice body = result->body;
    uint64_t epoch;
    uint16_t lane;
    uint64_t seq;

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        reconciler_step_done(me, result->detail);
        return;
    }
    while (rowbinary_take_u64(&body, &epoch) && rowbinary_take_u16(&body, &lane) && rowbinary_take_u64(&body, &seq))
        recount_cut(&self->recount, RECOUNT_CLICKHOUSE, epoch, lane, seq);
    reconciler_step_done(me, NULL);
}

void reconciler_cut_clickhouse(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    struct clickhouse_query query = {
        .sql = SLICE("SELECT epoch, lane, max(seq) FROM click_events GROUP BY epoch, lane FORMAT RowBinary"),
        .deadline_us = RECONCILER_LIMIT_US
    };

    clickhouse_send(self->clickhouse, &query, clickhouse_cut, NULL);
}

static void counts_came(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct reconciler *self = actor_state(me);
    struct slice body = result->body;
    struct slice code;
    uint64_t clicks;

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        reconciler_step_done(me, result->detail);
        return;
    }
    while (rowbinary_take_text(&body, &code) && rowbinary_take_u64(&body, &clicks)) {
        if (code.size >= 1 && code.size <= CODE_SIZE_LIMIT)
            code_counts_add(&self->found[RECOUNT_CLICKHOUSE], code, clicks);
    }
    reconciler_step_done(me, NULL);
}

static void append_text(struct buffer *sql, const char *text)
{
    buffer_append(sql, text, strlen(text));
}

/* "(epoch = 1 AND lane = 0 AND seq <= 500) OR ...": rows that came after the cut are left out. */
static void append_cut(struct buffer *sql, const struct recount *recount)
{
    char term[128];
    bool is_first = true;

    for (uint32_t i = 0; i < recount->lane_count; i++) {
        const struct recount_lane *lane = &recount->lanes[i];

        if (lane->cut[RECOUNT_CLICKHOUSE] == 0)
            continue;
        snprintf(term, sizeof term, "%s(epoch = %" PRIu64 " AND lane = %" PRIu32 " AND seq <= %" PRIu64 ")",
                 is_first ? "" : " OR ", lane->epoch, lane->lane, lane->cut[RECOUNT_CLICKHOUSE]);
        append_text(sql, term);
        is_first = false;
    }
    if (is_first)
        append_text(sql, "0");
}

void reconciler_read_clickhouse(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    struct buffer sql = { 0 };

    append_text(&sql, "SELECT short_code, uniqExact(epoch, lane, seq) FROM click_events WHERE ");
    append_cut(&sql, &self->recount);
    append_text(&sql, " GROUP BY short_code FORMAT RowBinary");
    clickhouse_send(self->clickhouse,
                    &(struct clickhouse_query){ .sql = buffer_slice(&sql),
                                                .deadline_us = RECONCILER_LIMIT_US,
                                                .response_limit = ROWBINARY_LIMIT },
                    counts_came, NULL);
    buffer_free(&sql);
}

/* ------------------------------------------------------------------------------------------------ the topic */

/* A turn after the last record: a consumer is not to be closed from inside its own handler. */
static void topic_is_read(struct actor *me, void *context)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    kafka_consumer_close(&self->consumer);
    self->on_topic_read(me);
}

static void partition_ended(struct actor *me, struct reconciler *self, int32_t partition, int64_t next)
{
    for (uint32_t i = 0; i < self->partitions; i++) {
        if (self->ends[i].partition != partition || self->ends[i].offset < 0 || next < self->ends[i].offset)
            continue;
        self->ends[i].offset = -1;
        if (--self->partitions_left == 0)
            actor_after(me, 0, topic_is_read, NULL);
    }
}

static void records_came(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count)
{
    struct reconciler *self = actor_state(me);

    self->on_messages(me, context, messages, count);
    for (uint32_t i = 0; i < count; i++)
        partition_ended(me, self, messages[i].partition, messages[i].offset + 1);
}

/* Kafka's own end may lie behind control records that are never handed out. */
static void end_reached(struct actor *me, void *context, int32_t partition, int64_t offset)
{
    (void)context;
    partition_ended(me, actor_state(me), partition, offset);
}

static void start_consumer(struct actor *me, struct kafka_position *starts, uint32_t count)
{
    struct reconciler *self = actor_state(me);
    char why[256];

    self->consumer = kafka_consumer_open(me,
                                         &(struct kafka_consumer_options){ .name = "kafka",
                                                                           .uri = self->kafka_uri,
                                                                           .topic = self->topic,
                                                                           .on_messages = records_came,
                                                                           .on_end = end_reached },
                                         why, sizeof why);
    if (self->consumer == NULL)
        reconciler_step_done(me, why);
    else
        kafka_consumer_start(self->consumer, 0, starts, count);
}

static void extents_came(struct actor *me, void *context, const struct kafka_topic_result *result)
{
    struct reconciler *self = actor_state(me);
    struct kafka_position starts[KAFKA_PARTITIONS_LIMIT];

    (void)context;
    self->extents = NULL;
    if (result->outcome != OUTCOME_DONE) {
        reconciler_step_done(me, result->detail);
        return;
    }
    self->partitions = 0;
    for (uint32_t i = 0; i < result->partitions && self->partitions < KAFKA_PARTITIONS_LIMIT; i++) {
        const struct kafka_extent *extent = &result->extents[i];

        int64_t first = extent->first;

        if (extent->partition < KAFKA_PARTITIONS_LIMIT && self->from[extent->partition] > first)
            first = self->from[extent->partition];
        if (first >= extent->end)
            continue;
        starts[self->partitions] = (struct kafka_position){ .partition = extent->partition, .offset = first };
        self->ends[self->partitions++] =
            (struct kafka_position){ .partition = extent->partition, .offset = extent->end };
    }
    self->partitions_left = self->partitions;
    if (self->partitions == 0)
        self->on_topic_read(me);
    else
        start_consumer(me, starts, self->partitions);
}

void reconciler_read_topic(struct actor *me, kafka_messages_handler *messages, void (*then)(struct actor *me))
{
    struct reconciler *self = actor_state(me);

    self->on_messages = messages;
    self->on_topic_read = then;
    self->extents = kafka_topic_extents(me, &(struct kafka_topic){ .uri = self->kafka_uri, .name = self->topic },
                                        extents_came, NULL);
    if (self->extents == NULL)
        reconciler_step_done(me, "Kafka cannot be asked where the topic ends");
}

static void recount_records(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    for (uint32_t i = 0; i < count; i++)
        recount_take(&self->recount, messages[i].partition, messages[i].offset, messages[i].key, messages[i].value);
}

static void replayed(struct actor *me)
{
    reconciler_step_done(me, NULL);
}

void reconciler_replay(struct actor *me)
{
    reconciler_read_topic(me, recount_records, replayed);
}
