/* SPDX-License-Identifier: MIT */
/* reconciler_mend -- compares what was recounted with what was found, and mends both databases; see reconciler.c. */
#include <assert.h>
#include <stdlib.h>

#include "actors/clicks/click_rows.h"
#include "actors/clicks/reconcile_run.h"

/* ------------------------------------------------------------------------------------------------ comparing */

static void compare_code(struct reconciler *self, struct slice code)
{
    int64_t difference[RECOUNT_SIDES];

    for (int side = 0; side < RECOUNT_SIDES; side++)
        difference[side] = (int64_t)code_counts_of(&self->found[side], code) -
                           (int64_t)code_counts_of(&self->recount.counts[side], code);
    difference[RECOUNT_POSTGRES] -= (int64_t)code_counts_of(&self->recount.passed, code);
    self->drift.codes++;
    self->drift.postgres += llabs(difference[RECOUNT_POSTGRES]);
    self->drift.clickhouse += llabs(difference[RECOUNT_CLICKHOUSE]);
    if ((difference[RECOUNT_POSTGRES] == 0 && difference[RECOUNT_CLICKHOUSE] == 0) ||
        self->drift.count == DRIFT_ROWS_LIMIT)
        return;
    self->drift.rows = realloc(self->drift.rows, (self->drift.count + 1) * sizeof *self->drift.rows);
    assert(self->drift.rows != NULL);
    self->drift.rows[self->drift.count++] = (struct drift_row){ .code = code,
                                                                .postgres = difference[RECOUNT_POSTGRES],
                                                                .clickhouse = difference[RECOUNT_CLICKHOUSE] };
}

/* Codes that any of the tables knows, each once. */
void reconciler_compare(struct reconciler *self)
{
    const struct code_counts *tables[] = { &self->recount.counts[RECOUNT_POSTGRES],
                                           &self->recount.counts[RECOUNT_CLICKHOUSE], &self->found[RECOUNT_POSTGRES],
                                           &self->found[RECOUNT_CLICKHOUSE], &self->recount.passed };

    self->absent =
        recount_absent(&self->recount, RECOUNT_POSTGRES) + recount_absent(&self->recount, RECOUNT_CLICKHOUSE);
    for (size_t table = 0; table < sizeof tables / sizeof tables[0]; table++) {
        for (uint32_t i = 0; i < tables[table]->count; i++) {
            struct slice code = code_count_code(&tables[table]->at[i]);
            bool is_known = false;

            for (size_t earlier = 0; earlier < table && !is_known; earlier++)
                is_known = code_counts_of(tables[earlier], code) > 0;
            if (!is_known)
                compare_code(self, code);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ Postgres */

static const struct postgres_statement add_difference = {
    "UPDATE urls SET clicks = greatest(urls.clicks + d.clicks, 0)"
    " FROM unnest($1::text[], $2::int8[]) AS d(code, clicks) WHERE urls.short_code = d.code COLLATE \"C\""
};
/* A hole that was filled since then would be counted by the difference once more: the transaction fails, by a division
 * by zero. Whoever could fill one waits for the rows that `disown` has locked. */
static const struct postgres_statement check_holes = {
    "SELECT 1 / (coalesce(sum(last_seq - first_seq + 1), 0) = $1::int8)::int FROM click_holes"
};
/* What was missing below the marks is counted now. Whoever remembers it otherwise must read it again: the owners go. */
static const struct postgres_statement forget_holes = { "DELETE FROM click_holes" };
/* Clicks that were passed by are read again; those that were not are recognised by their marks. */
static const struct postgres_statement go_back = {
    "UPDATE click_offsets SET next_offset = least(next_offset, n.o) FROM unnest($1::int8[], $2::int8[]) AS n(p, o)"
    " WHERE consumer = 'postgres' AND partition = n.p"
};
static const struct postgres_statement disown = { "UPDATE click_offsets SET owner = 0 WHERE consumer = 'postgres'" };

static void postgres_mended(struct actor *me, void *context, const struct postgres_result *result)
{
    bool has_changed = strcmp(result->sqlstate, "22012") == 0;

    (void)context;
    reconciler_step_done(me, result->outcome == OUTCOME_DONE ? NULL
                             : has_changed ? "clicks that were missing have come meanwhile; run it again"
                                           : result->detail);
}

/* The clicks that are to be added, without those that are read again. */
static void fill_differences(const struct reconciler *self, struct postgres_array *codes, struct postgres_array *clicks)
{
    postgres_array_of_text(codes);
    postgres_array_of_int8(clicks);
    for (uint32_t i = 0; i < self->drift.count; i++) {
        const struct drift_row *row = &self->drift.rows[i];
        int64_t to_add = -row->postgres - (int64_t)code_counts_of(&self->recount.passed, row->code);

        if (to_add == 0)
            continue;
        postgres_array_add_text(codes, row->code);
        postgres_array_add_int8(clicks, to_add);
    }
}

static void
fill_offsets(const struct reconciler *self, struct postgres_array *partitions, struct postgres_array *offsets)
{
    postgres_array_of_int8(partitions);
    postgres_array_of_int8(offsets);
    for (int64_t i = 0; i < RECOUNT_PARTITIONS_LIMIT; i++) {
        if (self->recount.back_to[i] == 0)
            continue;
        postgres_array_add_int8(partitions, i);
        postgres_array_add_int8(offsets, self->recount.back_to[i] - 1);
    }
}

void reconciler_mend_postgres(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    struct postgres_array codes = { 0 };
    struct postgres_array clicks = { 0 };
    struct postgres_array partitions = { 0 };
    struct postgres_array offsets = { 0 };

    fill_differences(self, &codes, &clicks);
    fill_offsets(self, &partitions, &offsets);

    const struct postgres_call calls[] = {
        POSTGRES_CALL_BARE(&disown),
        POSTGRES_CALL(&check_holes, postgres_int8(self->holes)),
        POSTGRES_CALL_BARE(&forget_holes),
        POSTGRES_CALL(&add_difference, postgres_array_value(&codes), postgres_array_value(&clicks)),
        POSTGRES_CALL(&go_back, postgres_array_value(&partitions), postgres_array_value(&offsets)),
    };

    if (codes.count + partitions.count > 0)
        postgres_run(self->postgres, calls, 5, RECONCILER_LIMIT_US, postgres_mended, NULL);
    else
        reconciler_step_done(me, NULL);
    postgres_array_destroy(&codes);
    postgres_array_destroy(&clicks);
    postgres_array_destroy(&partitions);
    postgres_array_destroy(&offsets);
}

/* ------------------------------------------------------------------------------------------------ ClickHouse */

/* Doubles that were never merged do not count in any answer; while everything is being mended they go too. */
static void merged(struct actor *me, void *context, const struct clickhouse_result *result)
{
    (void)context;
    reconciler_step_done(me, result->outcome == OUTCOME_DONE ? NULL : result->detail);
}

static void merge_doubles(struct actor *me)
{
    struct reconciler *self = actor_state(me);

    clickhouse_send(self->clickhouse,
                    &(struct clickhouse_query){ .sql = SLICE("OPTIMIZE TABLE click_events FINAL"),
                                                .deadline_us = RECONCILER_LIMIT_US },
                    merged, NULL);
}

static void rows_are_in(struct actor *me, void *context, const struct clickhouse_result *result)
{
    (void)context;
    if (result->outcome == OUTCOME_DONE)
        merge_doubles(me);
    else
        reconciler_step_done(me, result->detail);
}

/* Rows that are there already come again with the same identity and become one: so nothing must be looked up first. */
static void write_wanted(struct reconciler *self, struct slice bytes)
{
    struct batch_reader batch;
    struct click click;

    if (!batch_open(&batch, bytes))
        return;
    for (uint64_t seq = batch.span.first_seq; batch_next(&batch, &click); seq++) {
        if (code_counts_of(&self->wanted, click.code) == 0)
            continue;
        click_rows_write(&self->rows, &click, batch.span.epoch, batch.span.lane, seq);
        self->row_count++;
    }
}

static void pick_records(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    for (uint32_t i = 0; i < count; i++) {
        struct slice value = messages[i].value;
        struct slice batch;

        while (click_run_next(&value, &batch))
            write_wanted(self, batch);
    }
}

static void insert_picked(struct actor *me)
{
    struct reconciler *self = actor_state(me);

    if (self->rows.failed) {
        reconciler_step_done(me,
                             "more rows are missing than one run can put back; run it again after replaying by hand");
        return;
    }
    if (self->row_count == 0) {
        merge_doubles(me);
        return;
    }
    clickhouse_send(self->clickhouse,
                    &(struct clickhouse_query){ .sql = SLICE("INSERT INTO click_events FORMAT RowBinary"),
                                                .data = rowbinary_slice(&self->rows),
                                                .deadline_us = RECONCILER_LIMIT_US },
                    rows_are_in, NULL);
}

/* Rows too many cannot come from the topic: somebody else put them there. They are reported and left alone. */
void reconciler_mend_clickhouse(struct actor *me)
{
    struct reconciler *self = actor_state(me);

    for (uint32_t i = 0; i < self->drift.count; i++) {
        if (self->drift.rows[i].clickhouse < 0)
            code_counts_add(&self->wanted, self->drift.rows[i].code, 1);
    }
    if (self->wanted.count == 0)
        merge_doubles(me);
    else
        reconciler_read_topic(me, pick_records, insert_picked);
}

/* ------------------------------------------------------------------------------------------------ the record of runs
 */

static const struct postgres_statement note_run = {
    "INSERT INTO reconcile_runs (started_at, finished_at, clicks_compared, postgres_drift, clickhouse_drift,"
    " postgres_repaired, clickhouse_repaired) VALUES ($1::timestamptz, now(), $2::int8, $3::int8, $4::int8, $5::int8, "
    "$6::int8)"
};

static void noted(struct actor *me, void *context, const struct postgres_result *result)
{
    (void)context;
    if (result->outcome != OUTCOME_DONE)
        actor_log(me, LOG_WARN, "the run could not be noted in reconcile_runs: %s", result->detail);
}

void reconciler_record(struct actor *me, const struct drift_report *report)
{
    struct reconciler *self = actor_state(me);
    const struct postgres_call call = POSTGRES_CALL(
        &note_run, postgres_timestamp(self->started_wall_us), postgres_int8((int64_t)report->clicks_compared),
        postgres_int8(report->postgres_drift), postgres_int8(report->clickhouse_drift),
        postgres_int8(report->repaired ? report->postgres_drift : 0),
        postgres_int8(report->repaired ? report->clickhouse_drift : 0));

    postgres_run(self->postgres, &call, 1, 0, noted, NULL);
}

void reconciler_forget(struct reconciler *self)
{
    kafka_topic_cancel(&self->extents);
    kafka_consumer_close(&self->consumer);
    recount_free(&self->recount);
    for (int side = 0; side < RECOUNT_SIDES; side++)
        code_counts_free(&self->found[side]);
    code_counts_free(&self->wanted);
    rowbinary_destroy(&self->rows);
    free(self->drift.rows);
    self->drift = (struct drift){ 0 };
    memset(self->from, 0, sizeof self->from);
    self->row_count = 0;
    self->absent = 0;
    self->has_repaired = false;
}
