/* SPDX-License-Identifier: MIT */
/*
 * clickhouse_sink -- puts every click into ClickHouse as one row, at its own pace.
 *
 * A consumer group of its own: while ClickHouse is away its records wait in Kafka and Postgres goes on. What is read
 * gathers until there is enough or some seconds have passed, then goes in as one insert, which is one block within one
 * month and therefore all or nothing. After any doubt (a start, new partitions, an insert without an answer) ClickHouse
 * is asked for the highest seq of each lane concerned before anything more goes in, so no click goes in twice. Two
 * workers that both believe to own a partition may still write the same rows; the table's key is the click's identity,
 * so such rows become one when ClickHouse merges them.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/click_consumer.h"
#include "actors/clicks/click_rows.h"
#include "actors/io/clickhouse.h"
#include "actors/ops/health.h"
#include "proto/buffer.h"
#include "runtime/actor.h"
#include "runtime/failpoint.h"

enum {
    TICK_US = 100 * 1000,
    BEAT_US = 300 * 1000,
    BEAT_LIMIT_US = 600 * 1000, /* with the pause before it less than a second */
    PAUSE_AFTER_FAILURE_US = 1000 * 1000,
    INSERT_LIMIT_US = 60 * 1000 * 1000,
    DRAIN_LIMIT_US = 8 * 1000 * 1000
};

struct clickhouse_sink {
    struct clickhouse *clickhouse;
    struct click_consumer source;
    struct click_rows *rows;
    struct rowbinary block;      /* of the insert under way */
    const char *clickhouse_uri;  /* option */
    const char *kafka_uri;       /* option */
    const char *topic;           /* option */
    const char *group;           /* option */
    uint64_t partitions_to_make; /* option */
    uint64_t flush_us;           /* option */
    uint64_t rows_limit;         /* option: of one insert */
    uint64_t bytes_limit;        /* option: records held before reading pauses */

    uint64_t assignment;
    uint64_t generation; /* rises when partitions change: an answer to an older insert is about records we gave up */
    bool is_busy;        /* a question or an insert is under way */
    bool is_paused;
    struct click_lane asked[CLICK_ROWS_LANES_PER_QUESTION]; /* by the question under way */
    uint32_t asked_count;
    bool beat_is_due;
    bool has_failed;    /* the last question or insert */
    uint32_t inserting; /* records that the insert under way covers */
    uint32_t inserting_rows;
    uint64_t inserted_at_us;
    uint64_t not_before_us; /* after a failure */

    counter rows_total;
    counter inserts_total;
    counter failures_total;
    counter broken_total;
    gauge waiting_bytes;
    struct histogram insert_us;
};

/* ------------------------------------------------------------------------------------------------ what is there */

static void *generation_of(const struct clickhouse_sink *self)
{
    return (void *)(uintptr_t)self->generation;
}

static void failed(struct actor *me, const char *detail)
{
    struct clickhouse_sink *self = actor_state(me);

    counter_add(&self->failures_total, 1);
    click_rows_doubt(self->rows);
    self->not_before_us = actor_now_us(me) + PAUSE_AFTER_FAILURE_US;
    self->has_failed = true;
    actor_dependency(me, "clickhouse", "away");
    actor_log(me, LOG_WARN, "ClickHouse did not take the clicks: %s; they wait in Kafka", detail);
}

/* Lanes that ClickHouse does not name have no row yet. */
static void know(struct clickhouse_sink *self, struct slice body)
{
    uint64_t epoch;
    uint16_t lane;
    uint64_t highest;
    uint64_t count;

    while (rowbinary_take_u64(&body, &epoch) && rowbinary_take_u16(&body, &lane) &&
           rowbinary_take_u64(&body, &highest) && rowbinary_take_u64(&body, &count)) {
        for (uint32_t i = 0; i < self->asked_count; i++) {
            if (self->asked[i].epoch == epoch && self->asked[i].lane == lane)
                click_rows_know(self->rows, &self->asked[i], highest, count);
        }
    }
    for (uint32_t i = 0; i < self->asked_count; i++)
        click_rows_know(self->rows, &self->asked[i], 0, 0);
}

static void lanes_came(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct clickhouse_sink *self = actor_state(me);

    self->is_busy = false;
    if (context != generation_of(self))
        return;
    if (result->outcome == OUTCOME_DONE)
        know(self, result->body);
    else
        failed(me, result->detail);
}

/* "field,field,...": one field of each lane. */
static void
append_list(struct buffer *sql, const struct clickhouse_sink *self, uint64_t (*field)(const struct click_lane *))
{
    char number[32];

    for (uint32_t i = 0; i < self->asked_count; i++) {
        int size = snprintf(number, sizeof number, "%s%" PRIu64, i > 0 ? "," : "", field(&self->asked[i]));

        buffer_append(sql, number, (size_t)size);
    }
}

/* Epoch and lane as one number; both are far from its ends. */
static uint64_t lane_number(const struct click_lane *lane)
{
    return lane->epoch * BATCH_LANES_LIMIT + lane->lane;
}

static uint64_t lane_first(const struct click_lane *lane)
{
    return lane->first_seq;
}

static void append_text(struct buffer *sql, const char *text)
{
    buffer_append(sql, text, strlen(text));
}

/* Each lane's highest seq, and how many it has from the first on that waits. */
static void ask_for_lanes(struct actor *me)
{
    struct clickhouse_sink *self = actor_state(me);
    struct buffer sql = { 0 };
    char number[64];

    snprintf(number, sizeof number, "epoch * %d + lane", BATCH_LANES_LIMIT);
    append_text(&sql, "SELECT epoch, lane, max(seq), uniqExactIf(seq, seq >= transform(");
    append_text(&sql, number);
    append_text(&sql, ", [");
    append_list(&sql, self, lane_number);
    append_text(&sql, "], [");
    append_list(&sql, self, lane_first);
    append_text(&sql, "], toUInt64(0))) FROM click_events WHERE ");
    append_text(&sql, number);
    append_text(&sql, " IN (");
    append_list(&sql, self, lane_number);
    append_text(&sql, ") GROUP BY epoch, lane FORMAT RowBinary");
    self->is_busy = true;
    clickhouse_send(self->clickhouse, &(struct clickhouse_query){ .sql = buffer_slice(&sql) }, lanes_came,
                    generation_of(self));
    buffer_free(&sql);
}

/* ------------------------------------------------------------------------------------------------ inserting */

static void records_are_in(struct actor *me, uint32_t records)
{
    struct clickhouse_sink *self = actor_state(me);
    struct click_offset *offsets = calloc(KAFKA_PARTITIONS_LIMIT, sizeof *offsets);
    struct kafka_position *positions = calloc(KAFKA_PARTITIONS_LIMIT, sizeof *positions);
    uint32_t count;

    assert(offsets != NULL && positions != NULL);
    count = click_rows_done(self->rows, records, offsets, KAFKA_PARTITIONS_LIMIT);
    for (uint32_t i = 0; i < count; i++)
        positions[i] = (struct kafka_position){ .partition = offsets[i].partition, .offset = offsets[i].next };
    if (count > 0)
        kafka_consumer_commit(self->source.consumer, self->assignment, positions, count);
    free(offsets);
    free(positions);
    if (self->is_paused && click_rows_bytes(self->rows) < self->bytes_limit / 2) {
        self->is_paused = false;
        click_consumer_resume(&self->source);
    }
}

static void inserted(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct clickhouse_sink *self = actor_state(me);

    self->is_busy = false;
    if (context != generation_of(self))
        return;
    if (result->outcome != OUTCOME_DONE || failpoint("clickhouse_sink.insert_answer")) {
        failed(me, result->detail);
        return;
    }
    (void)failpoint("clickhouse_sink.after_insert");
    counter_add(&self->rows_total, self->inserting_rows);
    counter_add(&self->inserts_total, 1);
    histogram_observe_us(&self->insert_us, actor_now_us(me) - self->inserted_at_us);
    click_consumer_stored(&self->source, self->inserting_rows);
    self->has_failed = false;
    actor_dependency(me, "clickhouse", "normal");
    records_are_in(me, self->inserting);
}

static void insert(struct actor *me)
{
    struct clickhouse_sink *self = actor_state(me);
    struct clickhouse_query query = { .sql = SLICE("INSERT INTO click_events FORMAT RowBinary"),
                                      .deadline_us = INSERT_LIMIT_US };

    rowbinary_clear(&self->block);
    self->inserting = click_rows_build(self->rows, (uint32_t)self->rows_limit, &self->block, &self->inserting_rows);
    self->inserted_at_us = actor_now_us(me);
    click_consumer_storing(&self->source);
    assert(!self->block.failed);
    if (self->inserting_rows == 0) {
        records_are_in(me, self->inserting);
        return;
    }
    query.data = rowbinary_slice(&self->block);
    (void)failpoint("clickhouse_sink.before_insert");
    self->is_busy = true;
    clickhouse_send(self->clickhouse, &query, inserted, generation_of(self));
}

static void go_on(struct actor *me)
{
    struct clickhouse_sink *self = actor_state(me);

    self->asked_count = click_rows_unknown_lanes(self->rows, self->asked);
    if (self->asked_count > 0)
        ask_for_lanes(me);
    else
        insert(me);
}

static void tick(struct actor *me, void *context)
{
    struct clickhouse_sink *self = actor_state(me);
    uint64_t now_us = actor_now_us(me);
    bool has_records = click_rows_records(self->rows) > 0;
    bool is_time = now_us - self->inserted_at_us >= self->flush_us || self->is_paused || actor_is_draining(me);

    (void)context;
    gauge_set(&self->waiting_bytes, (int64_t)click_rows_bytes(self->rows));
    click_consumer_measure(&self->source);
    if (self->is_busy)
        return;
    if (has_records && is_time && now_us >= self->not_before_us)
        go_on(me);
    else if (actor_is_draining(me) && (!has_records || now_us < self->not_before_us))
        actor_drained(me); /* what is left waits in Kafka */
}

static void drain(struct actor *me)
{
    struct clickhouse_sink *self = actor_state(me);

    click_consumer_pause(&self->source);
    tick(me, NULL);
}

/* ------------------------------------------------------------------------------------------------ Kafka */

static void start_over(struct clickhouse_sink *self)
{
    self->generation++;
    self->is_paused = false;
    click_rows_reset(self->rows);
    click_consumer_forget(&self->source);
}

static void assigned(struct actor *me, void *context, uint64_t assignment, const int32_t *partitions, uint32_t count)
{
    struct clickhouse_sink *self = actor_state(me);

    (void)context;
    (void)partitions;
    start_over(self);
    self->assignment = assignment;
    actor_log(me, LOG_INFO, "copies the clicks of %u partitions", count);
    kafka_consumer_start(self->source.consumer, assignment, NULL, 0); /* where the group stands */
}

static void revoked(struct actor *me, void *context)
{
    (void)context;
    start_over(actor_state(me));
}

static void messages(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count)
{
    struct clickhouse_sink *self = actor_state(me);

    (void)context;
    click_consumer_read(&self->source, messages, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!click_rows_take(self->rows, messages[i].partition, messages[i].offset, messages[i].key, messages[i].value))
            counter_add(&self->broken_total, 1);
    }
    if (click_rows_bytes(self->rows) > self->bytes_limit && !self->is_paused) {
        self->is_paused = true;
        click_consumer_pause(&self->source);
    }
}

/* ------------------------------------------------------------------------------------------------ life */

/* Rows that cannot be inserted say more than a server that answers. */
static void beat_answered(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct clickhouse_sink *self = actor_state(me);

    (void)context;
    self->beat_is_due = false;
    if (result->outcome != OUTCOME_DONE)
        actor_dependency(me, "clickhouse", "away");
    else if (!self->has_failed || click_rows_bytes(self->rows) == 0)
        actor_dependency(me, "clickhouse", "normal");
}

/* There may be nothing to insert for hours: then this tells whether ClickHouse is there. */
static void beat(struct actor *me, void *context)
{
    struct clickhouse_sink *self = actor_state(me);

    (void)context;
    if (self->beat_is_due)
        return;
    self->beat_is_due = true;
    clickhouse_send(self->clickhouse,
                    &(struct clickhouse_query){ .sql = SLICE("SELECT 1"), .deadline_us = BEAT_LIMIT_US }, beat_answered,
                    NULL);
}

static void start(struct actor *me)
{
    struct clickhouse_sink *self = actor_state(me);
    char why[256];

    self->rows = click_rows_new();
    self->clickhouse =
        clickhouse_open(me,
                        &(struct clickhouse_options){
                            .name = "clickhouse", .uri = self->clickhouse_uri, .bytes_limit = ROWBINARY_LIMIT },
                        why, sizeof why);
    if (self->clickhouse == NULL) {
        actor_fail(me, "%s", why);
        return;
    }
    click_consumer_open(&self->source, me,
                        &(struct kafka_consumer_options){ .name = "kafka",
                                                          .uri = self->kafka_uri,
                                                          .topic = self->topic,
                                                          .group = self->group,
                                                          .on_assigned = assigned,
                                                          .on_revoked = revoked,
                                                          .on_messages = messages },
                        (uint32_t)self->partitions_to_make);
    actor_dependency(me, "clickhouse", "normal");
    actor_every(me, TICK_US, tick, NULL);
    actor_every(me, BEAT_US, beat, NULL);
}

static void stop(struct actor *me)
{
    struct clickhouse_sink *self = actor_state(me);

    click_consumer_close(&self->source);
    clickhouse_close(&self->clickhouse);
    click_rows_destroy(&self->rows);
    rowbinary_destroy(&self->block);
}

#define FIELD_AT(name) offsetof(struct clickhouse_sink, name)

static const struct option options[] = {
    { "clickhouse", OPTION_STORE, FIELD_AT(clickhouse_uri), "clickhouse", "Where the rows go.", 0, 0, NULL, false },
    { "kafka", OPTION_STORE, FIELD_AT(kafka_uri), "kafka", "Where the clicks come from.", 0, 0, NULL, false },
    { "topic", OPTION_TEXT, FIELD_AT(topic), "click_events", "Their topic.", 0, 0, NULL, false },
    { "group", OPTION_TEXT, FIELD_AT(group), "shunt-clickhouse", "The consumer group.", 0, 0, NULL, false },
    { "partitions", OPTION_NUMBER, FIELD_AT(partitions_to_make), "6",
      "Partitions to make the topic with, if it is not there.", 1, KAFKA_PARTITIONS_LIMIT, NULL, false },
    { "flush", OPTION_DURATION, FIELD_AT(flush_us), "5s",
      "Time between two inserts; after a quiet while the first comes at once.", 100 * 1000, 60 * 1000 * 1000, NULL,
      true },
    { "rows", OPTION_NUMBER, FIELD_AT(rows_limit), "500k", "Rows of one insert at most.", 1000, CLICKHOUSE_BLOCK_ROWS,
      NULL, true },
    { "bytes", OPTION_BYTES, FIELD_AT(bytes_limit), "32MiB", "Clicks held in memory before reading pauses.",
      1024 * 1024, 1024 * 1024 * 1024, NULL, true },
};

static const struct metric metrics[] = {
    { "rows_total", METRIC_COUNTER, FIELD_AT(rows_total), "Rows inserted into ClickHouse.", NULL },
    { "inserts_total", METRIC_COUNTER, FIELD_AT(inserts_total), "Inserts acknowledged.", NULL },
    { "failures_total", METRIC_COUNTER, FIELD_AT(failures_total), "Questions and inserts that failed.", NULL },
    { "broken_total", METRIC_COUNTER, FIELD_AT(broken_total), "Records whose key could not be read.", NULL },
    { "waiting_bytes", METRIC_GAUGE, FIELD_AT(waiting_bytes), "Clicks read and not yet inserted, in bytes.", NULL },
    { "insert_us", METRIC_HISTOGRAM_US, FIELD_AT(insert_us), "How long an insert took.", NULL },
    CLICK_CONSUMER_METRICS(clickhouse_sink, source),
};

static const struct handler handlers[] = {
    ASKED(health_read, health_on_read),
};

const struct actor_kind clickhouse_sink_kind = {
    .name = "clickhouse_sink",
    .doc = "puts every click into ClickHouse as one row",
    .state_size = sizeof(struct clickhouse_sink),
    .start = start,
    .stop = stop,
    .drain = drain,
    .stop_limit_us = DRAIN_LIMIT_US,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(handler, handlers),
};
