/* SPDX-License-Identifier: MIT */
/*
 * postgres_sink -- counts clicks into Postgres, each exactly once.
 *
 * Reads the partitions that Kafka's group gives it, from the offsets that Postgres says; adds up what belongs to sealed
 * windows (ingestion.h); and every few seconds stores counts, marks and offsets in one transaction (postgres_ledger.h).
 * It keeps nothing that Postgres cannot give back: after any doubt (a lost commit, a lost partition, a failed store) it
 * forgets everything, reads again what Postgres has, and goes on from there. So it may be killed at any moment.
 *
 * Kafka being away means that nothing comes; Postgres being away that nothing is read: what is not stored stays in
 * Kafka.
 */
#include <assert.h>
#include <stdlib.h>

#include "actors/clicks/click_consumer.h"
#include "actors/clicks/postgres_epochs.h"
#include "actors/clicks/postgres_ledger.h"
#include "actors/ops/health.h"
#include "proto/messages/clicks.h"
#include "runtime/actor.h"
#include "runtime/failpoint.h"

enum { TO_BUFFERS };

enum {
    TICK_US = 100 * 1000,
    IDLE_LOOK_US = 20 * 1000 * 1000, /* without clicks: are the partitions still ours? */
    RELOAD_PAUSE_US = 500 * 1000,
    MARKS_PER_MESSAGE = 4096, /* the limit of marks_moved */
    DRAIN_LIMIT_US = 8 * 1000 * 1000
};

struct postgres_sink {
    struct postgres *postgres;
    struct click_consumer source;
    struct ingestion *ingestion;
    const char *postgres_uri;    /* option */
    const char *kafka_uri;       /* option */
    const char *topic;           /* option */
    const char *group;           /* option */
    uint64_t partitions_to_make; /* option */
    uint64_t flush_us;           /* option: between two stores */
    uint64_t codes_limit;        /* option: distinct codes in memory before reading pauses */

    uint64_t assignment; /* Kafka's word for what we read now */
    int32_t *partitions;
    uint32_t partition_count;
    int64_t owner;       /* our token in Postgres, new for each load */
    uint64_t generation; /* of the loads: an answer to an old one is ignored */
    bool is_loaded;
    bool is_storing;
    bool is_paused;
    bool must_reload; /* once the store under way has ended */
    uint64_t reload_timer;
    uint64_t stored_at_us;
    struct ingestion_flush flush; /* under way */
    uint64_t unknown_clicks;

    counter clicks_total;
    counter repeats_total;
    counter broken_total;
    counter unknown_total;
    counter flushes_total;
    counter failures_total;
    gauge waiting_clicks;
    gauge missing_clicks;
    struct histogram store_us;
};

static void load(struct actor *me);

/* ------------------------------------------------------------------------------------------------ starting over */

static void reload_due(struct actor *me, void *context)
{
    struct postgres_sink *self = actor_state(me);

    (void)context;
    self->reload_timer = 0;
    load(me);
}

/* Forgets everything and asks Postgres again; what was read since the last store is read again from Kafka. */
static void start_over(struct actor *me, const char *why)
{
    struct postgres_sink *self = actor_state(me);

    self->is_loaded = false;
    self->generation++;
    if (self->is_storing) {
        self->must_reload = true;
        return;
    }
    self->must_reload = false;
    ingestion_reset(self->ingestion);
    click_consumer_pause(&self->source);
    click_consumer_forget(&self->source);
    if (self->partition_count == 0 || self->reload_timer != 0)
        return;
    actor_log(me, LOG_INFO, "reads again what Postgres has: %s", why);
    self->reload_timer = actor_after(me, RELOAD_PAUSE_US, reload_due, NULL);
}

static void start_reading(struct actor *me)
{
    struct postgres_sink *self = actor_state(me);
    struct ingestion_flush offsets;
    struct kafka_position *positions = calloc(self->partition_count + 1, sizeof *positions);
    uint32_t count = 0;

    assert(positions != NULL);
    ingestion_flush_take(self->ingestion, &offsets); /* nothing was read yet: it only says where to begin */
    for (uint32_t i = 0; i < offsets.offset_count; i++)
        positions[count++] = (struct kafka_position){
            .partition = (int32_t)offsets.offsets[i].partition,
            .offset = offsets.offsets[i].from > 0 ? offsets.offsets[i].from : KAFKA_OFFSET_FIRST,
        };
    self->is_loaded = kafka_consumer_start(self->source.consumer, self->assignment, positions, count);
    self->is_paused = false;
    self->stored_at_us = 0;
    ingestion_flush_free(&offsets);
    free(positions);
}

static void loaded(struct actor *me, void *context, enum ledger_outcome outcome, const char *detail)
{
    struct postgres_sink *self = actor_state(me);

    if ((uint64_t)(uintptr_t)context != self->generation) {
        start_over(me, "the partitions changed meanwhile");
    } else if (outcome == LEDGER_DONE) {
        actor_dependency(me, "postgres", "normal");
        start_reading(me);
    } else {
        actor_dependency(me, "postgres", "away");
        start_over(me, detail);
    }
}

static void load(struct actor *me)
{
    struct postgres_sink *self = actor_state(me);

    ingestion_reset(self->ingestion);
    if (self->partition_count == 0)
        return;
    self->owner = (int64_t)(actor_random(me) >> 1);
    self->generation++;
    postgres_ledger_load(self->postgres, self->ingestion, self->partitions, self->partition_count, self->owner, loaded,
                         (void *)(uintptr_t)self->generation);
}

/* ------------------------------------------------------------------------------------------------ Kafka */

static void assigned(struct actor *me, void *context, uint64_t assignment, const int32_t *partitions, uint32_t count)
{
    struct postgres_sink *self = actor_state(me);

    (void)context;
    free(self->partitions);
    self->partitions = malloc((count + 1) * sizeof *self->partitions);
    assert(self->partitions != NULL);
    memcpy(self->partitions, partitions, count * sizeof *partitions);
    self->partition_count = count;
    self->assignment = assignment;
    actor_log(me, LOG_INFO, "counts the clicks of %u partitions", count);
    if (self->is_storing)
        start_over(me, "new partitions");
    else
        load(me);
}

static void revoked(struct actor *me, void *context)
{
    struct postgres_sink *self = actor_state(me);

    (void)context;
    self->partition_count = 0;
    start_over(me, "the partitions were taken away");
}

static void took(struct postgres_sink *self, enum ingestion_verdict verdict)
{
    if (verdict == INGESTION_REPEAT)
        counter_add(&self->repeats_total, 1);
    else if (verdict == INGESTION_BROKEN)
        counter_add(&self->broken_total, 1);
}

static void messages(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count)
{
    struct postgres_sink *self = actor_state(me);
    struct ingestion_figures figures;

    (void)context;
    (void)failpoint("postgres_sink.polled");
    if (!self->is_loaded)
        return; /* they come again, from the offsets that are being read */
    click_consumer_read(&self->source, messages, count);
    for (uint32_t i = 0; i < count; i++)
        took(self, ingestion_take(self->ingestion, &(struct ingestion_record){
                                                       .partition = (uint32_t)messages[i].partition,
                                                       .offset = messages[i].offset,
                                                       .key = messages[i].key,
                                                       .value = messages[i].value,
                                                   }));
    ingestion_measure(self->ingestion, &figures);
    if (figures.codes > self->codes_limit && !self->is_paused) {
        self->is_paused = true;
        click_consumer_pause(&self->source);
    }
}

/* ------------------------------------------------------------------------------------------------ storing */

/* In messages of at most MARKS_PER_MESSAGE marks. A message that is lost does no harm: buffers ask for marks they miss.
 */
static void publish_marks(struct actor *me, const struct ingestion_flush *flush)
{
    struct lane_position *positions = calloc(MARKS_PER_MESSAGE, sizeof *positions);
    struct marks_moved moved = { .marks.at = positions };

    assert(positions != NULL);
    for (uint32_t i = 0; i < flush->mark_count; i++) {
        positions[moved.marks.count++] = (struct lane_position){ .epoch = flush->marks[i].epoch,
                                                                 .lane = flush->marks[i].lane,
                                                                 .seq = flush->marks[i].to };
        if (moved.marks.count == MARKS_PER_MESSAGE || i + 1 == flush->mark_count) {
            actor_tell(me, TO_BUFFERS, &marks_moved_schema, &moved);
            moved.marks.count = 0;
        }
    }
    free(positions);
}

static void report_holes(struct actor *me, const struct ingestion_flush *flush)
{
    for (uint32_t i = 0; i < flush->hole_count; i++)
        actor_log(me, LOG_ERROR, "clicks %lu to %lu of a lane are missing; run `shunt console reconcile`",
                  (unsigned long)flush->holes[i].first, (unsigned long)flush->holes[i].last);
}

static void stored(struct actor *me, void *context, enum ledger_outcome outcome, const char *detail)
{
    struct postgres_sink *self = actor_state(me);

    (void)context;
    self->is_storing = false;
    if (outcome == LEDGER_DONE) {
        counter_add(&self->clicks_total, self->flush.counts.clicks);
        counter_add(&self->unknown_total, self->unknown_clicks);
        counter_add(&self->flushes_total, 1);
        histogram_observe_us(&self->store_us, actor_now_us(me) - self->stored_at_us);
        click_consumer_stored(&self->source, self->flush.counts.clicks);
        (void)failpoint("postgres_sink.after_commit");
        publish_marks(me, &self->flush);
        report_holes(me, &self->flush);
        actor_dependency(me, "postgres", "normal");
    } else {
        counter_add(&self->failures_total, 1);
        actor_dependency(me, "postgres", outcome == LEDGER_LOST ? "normal" : "away");
    }
    ingestion_flush_free(&self->flush);
    if (outcome != LEDGER_DONE || self->must_reload) {
        start_over(me, detail);
    } else if (self->is_paused) {
        self->is_paused = false;
        click_consumer_resume(&self->source);
    }
}

static void store(struct actor *me)
{
    struct postgres_sink *self = actor_state(me);

    ingestion_flush_take(self->ingestion, &self->flush);
    click_consumer_storing(&self->source);
    self->is_storing = true;
    self->stored_at_us = actor_now_us(me);
    postgres_ledger_store(self->postgres, &self->flush, self->owner, &self->unknown_clicks, stored, NULL);
}

static void tick(struct actor *me, void *context)
{
    struct postgres_sink *self = actor_state(me);
    bool is_time = actor_now_us(me) - self->stored_at_us >= self->flush_us || self->is_paused || actor_is_draining(me);
    struct ingestion_figures figures;

    (void)context;
    ingestion_measure(self->ingestion, &figures);
    gauge_set(&self->waiting_clicks, (int64_t)(figures.ready_clicks + figures.open_clicks));
    gauge_set(&self->missing_clicks, (int64_t)figures.missing_clicks);
    click_consumer_measure(&self->source);
    if (!self->is_loaded || self->is_storing) {
        if (actor_is_draining(me) && !self->is_storing)
            actor_drained(me);
        return;
    }
    if (is_time && (ingestion_is_ready(self->ingestion) || ingestion_has_moved(self->ingestion) ||
                    actor_now_us(me) - self->stored_at_us >= IDLE_LOOK_US))
        store(me);
    else if (actor_is_draining(me))
        actor_drained(me);
}

static void drain(struct actor *me)
{
    struct postgres_sink *self = actor_state(me);

    click_consumer_pause(&self->source);
    tick(me, NULL);
}

/* ------------------------------------------------------------------------------------------------ marks asked for */

static const struct postgres_statement marks_of = {
    "SELECT m.epoch, m.lane, m.mark FROM click_marks AS m JOIN unnest($1::int8[], $2::int8[]) AS n(e, l)"
    " ON m.epoch = n.e AND m.lane = n.l"
};

static void marks_came(struct actor *me, void *context, const struct postgres_result *result)
{
    struct question *asked = context;
    struct question question = *asked;
    struct lane_position *positions;
    struct marks_moved moved = { 0 };

    free(asked);
    if (result->outcome != OUTCOME_DONE) {
        actor_refuse(me, question, "Postgres does not say: %s", outcome_name(result->outcome));
        return;
    }
    moved.marks.count = postgres_row_count(result->rows[0]);
    positions = calloc(moved.marks.count + 1, sizeof *positions);
    assert(positions != NULL);
    for (uint32_t i = 0; i < moved.marks.count; i++)
        positions[i] = (struct lane_position){ .epoch = (uint64_t)postgres_integer_at(result->rows[0], i, 0),
                                               .lane = (uint64_t)postgres_integer_at(result->rows[0], i, 1),
                                               .seq = (uint64_t)postgres_integer_at(result->rows[0], i, 2) };
    moved.marks.at = positions;
    actor_answer(me, question, &marks_moved_schema, &moved);
    free(positions);
}

static void on_marks_read(struct actor *me, const struct marks_read *m, struct question q)
{
    struct postgres_sink *self = actor_state(me);
    struct postgres_array epochs = { 0 };
    struct postgres_array lanes = { 0 };
    struct question *asked = malloc(sizeof *asked);

    assert(asked != NULL);
    *asked = q;
    postgres_array_of_int8(&epochs);
    postgres_array_of_int8(&lanes);
    for (uint32_t i = 0; i < m->lanes.count; i++) {
        postgres_array_add_int8(&epochs, (int64_t)m->lanes.at[i].epoch);
        postgres_array_add_int8(&lanes, (int64_t)m->lanes.at[i].lane);
    }

    const struct postgres_call call =
        POSTGRES_CALL(&marks_of, postgres_array_value(&epochs), postgres_array_value(&lanes));

    postgres_run(self->postgres, &call, 1, 0, marks_came, asked);
    postgres_array_destroy(&epochs);
    postgres_array_destroy(&lanes);
}

static void on_epochs_read(struct actor *me, const struct epochs_read *m, struct question q)
{
    struct postgres_sink *self = actor_state(me);

    postgres_epochs_read(me, self->postgres, m, q);
}

static void on_beat(struct actor *me, const struct producer_beat *m, struct question q)
{
    struct postgres_sink *self = actor_state(me);

    postgres_epochs_beat(me, self->postgres, m, q);
}

static void on_epoch_drained(struct actor *me, const struct epoch_drained *m, struct question q)
{
    struct postgres_sink *self = actor_state(me);

    postgres_epochs_drained(me, self->postgres, m, q);
}

/* ------------------------------------------------------------------------------------------------ life */

static void start(struct actor *me)
{
    struct postgres_sink *self = actor_state(me);
    char why[256];

    self->ingestion = ingestion_new();
    self->postgres =
        postgres_open(me,
                      &(struct postgres_options){
                          .name = "postgres", .uri = self->postgres_uri, .connections = 2, .finds_by_index = true },
                      why, sizeof why);
    if (self->postgres == NULL) {
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
    actor_dependency(me, "postgres", "normal");
    actor_every(me, TICK_US, tick, NULL);
}

static void stop(struct actor *me)
{
    struct postgres_sink *self = actor_state(me);

    click_consumer_close(&self->source);
    postgres_close(&self->postgres);
    ingestion_flush_free(&self->flush);
    ingestion_destroy(&self->ingestion);
    free(self->partitions);
}

#define FIELD_AT(name) offsetof(struct postgres_sink, name)

static const struct option options[] = {
    { "postgres", OPTION_STORE, FIELD_AT(postgres_uri), "db", "Where the counts live.", 0, 0, NULL, false },
    { "kafka", OPTION_STORE, FIELD_AT(kafka_uri), "kafka", "Where the clicks come from.", 0, 0, NULL, false },
    { "topic", OPTION_TEXT, FIELD_AT(topic), "click_events", "Their topic.", 0, 0, NULL, false },
    { "group", OPTION_TEXT, FIELD_AT(group), "shunt-postgres", "The consumer group.", 0, 0, NULL, false },
    { "partitions", OPTION_NUMBER, FIELD_AT(partitions_to_make), "6",
      "Partitions to make the topic with, if it is not there.", 1, KAFKA_PARTITIONS_LIMIT, NULL, false },
    { "flush", OPTION_DURATION, FIELD_AT(flush_us), "5s",
      "Time between two stores; after a quiet while the first comes at once.", 100 * 1000, 60 * 1000 * 1000, NULL,
      true },
    { "codes", OPTION_NUMBER, FIELD_AT(codes_limit), "500k", "Distinct codes held in memory before reading pauses.",
      1000, 100 * 1000 * 1000, NULL, true },
};

static const struct metric metrics[] = {
    { "clicks_total", METRIC_COUNTER, FIELD_AT(clicks_total), "Clicks counted into Postgres.", NULL },
    { "repeats_total", METRIC_COUNTER, FIELD_AT(repeats_total), "Records that held nothing new.", NULL },
    { "broken_total", METRIC_COUNTER, FIELD_AT(broken_total), "Records that could not be read whole.", NULL },
    { "unknown_clicks_total", METRIC_COUNTER, FIELD_AT(unknown_total), "Clicks of codes that are not in the table.",
      NULL },
    { "flushes_total", METRIC_COUNTER, FIELD_AT(flushes_total), "Transactions that stored something.", NULL },
    { "failures_total", METRIC_COUNTER, FIELD_AT(failures_total), "Stores that did not commit for certain.", NULL },
    { "waiting_clicks", METRIC_GAUGE, FIELD_AT(waiting_clicks), "Clicks read and not yet stored.", NULL },
    { "missing_clicks", METRIC_GAUGE, FIELD_AT(missing_clicks), "Clicks below a mark that have not come.", NULL },
    { "store_us", METRIC_HISTOGRAM_US, FIELD_AT(store_us), "How long a store took.", NULL },
    CLICK_CONSUMER_METRICS(postgres_sink, source),
};

static const struct outlet outlets[] = {
    { .name = "buffers",
      .to = "click_buffer",
      .doc = "hear how far their lanes are counted",
      .pick = PICK_EACH,
      .overload = OVERLOAD_DROP_OLDEST,
      .optional = true },
};

static const struct handler handlers[] = {
    ASKED(marks_read, on_marks_read), ASKED(epochs_read, on_epochs_read), ASKED(epoch_drained, on_epoch_drained),
    ASKED(producer_beat, on_beat),    ASKED(health_read, health_on_read),
};

const struct actor_kind postgres_sink_kind = {
    .name = "postgres_sink",
    .doc = "counts clicks into Postgres, each exactly once",
    .state_size = sizeof(struct postgres_sink),
    .start = start,
    .stop = stop,
    .drain = drain,
    .stop_limit_us = DRAIN_LIMIT_US,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};
