/* SPDX-License-Identifier: MIT */
/*
 * reconciler -- proves the counts: reads the topic again, compares with Postgres and ClickHouse, repairs by replay.
 *
 * A run has six steps: ask both databases how far they claim to have counted (the cut) and how far their workers claim
 * to have read (the offsets), replay the topic up to where it ends now, read ClickHouse's counts at the cut (those of
 * Postgres came with its marks, in one snapshot), compare code by code, and, when told to, mend. Postgres is mended by
 * adding the difference, which commutes with the counting that goes on meanwhile; ClickHouse by putting in again the
 * clicks of the codes concerned that it does not have. Daily by itself, and on demand from the console.
 *
 * It compares only what the topic still holds in full. When clicks at or below a cut are not in the topic any more, it
 * says so and mends nothing: then the topic is no longer the whole truth.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/reconcile_run.h"

/* ------------------------------------------------------------------------------------------------ the end of a run */

static int by_size(const void *a, const void *b)
{
    const struct drift_row *left = a;
    const struct drift_row *right = b;
    int64_t difference =
        (llabs(right->postgres) + llabs(right->clickhouse)) - (llabs(left->postgres) + llabs(left->clickhouse));

    return difference > 0 ? 1 : difference < 0 ? -1 : 0;
}

static void fill_summary(const struct reconciler *self, char *out, size_t room)
{
    int size = snprintf(out, room,
                        "%" PRIu64 " clicks of %" PRIu32 " codes compared: Postgres is off by %" PRId64
                        ", ClickHouse by %" PRId64,
                        self->recount.clicks, self->drift.codes, self->drift.postgres, self->drift.clickhouse);

    if (self->absent > 0 && size > 0 && (size_t)size < room)
        snprintf(out + size, room - (size_t)size,
                 "; %" PRIu64 " clicks are not in Kafka any more, so nothing was mended", self->absent);
    else if (self->has_repaired && size > 0 && (size_t)size < room)
        snprintf(out + size, room - (size_t)size, "; mended");
}

static void answer_all(struct actor *me, const struct drift_report *report)
{
    struct reconciler *self = actor_state(me);

    for (uint32_t i = 0; i < self->question_count; i++)
        actor_answer(me, self->questions[i], &drift_report_schema, report);
    self->question_count = 0;
}

static void end_run(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    char summary[256];
    struct drift_report report = { .clicks_compared = self->recount.clicks,
                                   .codes_compared = self->drift.codes,
                                   .postgres_drift = self->drift.postgres,
                                   .clickhouse_drift = self->drift.clickhouse,
                                   .repaired = self->has_repaired };

    if (self->drift.count > 0)
        qsort(self->drift.rows, self->drift.count, sizeof *self->drift.rows, by_size);
    fill_summary(self, summary, sizeof summary);
    report.summary = slice_of(summary);
    report.rows.at = self->drift.rows;
    report.rows.count = self->drift.count < DRIFT_ROWS_SHOWN ? self->drift.count : DRIFT_ROWS_SHOWN;
    actor_log(me, self->drift.count > 0 ? LOG_ERROR : LOG_INFO, "%s", summary);
    gauge_set(&self->postgres_drift, self->has_repaired ? 0 : self->drift.postgres);
    gauge_set(&self->clickhouse_drift, self->has_repaired ? 0 : self->drift.clickhouse);
    gauge_set(&self->finished_s, (int64_t)(actor_wall_us(me) / 1000000));
    counter_add(&self->runs_total, 1);
    answer_all(me, &report);
    reconciler_record(me, &report);
    reconciler_forget(self);
    self->step = STEP_IDLE;
}

static void fail_run(struct actor *me, const char *step, const char *detail)
{
    struct reconciler *self = actor_state(me);

    actor_log(me, LOG_WARN, "reconciling stopped while %s: %s", step, detail);
    counter_add(&self->failures_total, 1);
    for (uint32_t i = 0; i < self->question_count; i++)
        actor_refuse(me, self->questions[i], "stopped while %s: %s", step, detail);
    self->question_count = 0;
    reconciler_forget(self);
    self->step = STEP_IDLE;
}

/* ------------------------------------------------------------------------------------------------ the steps */

void reconciler_step_done(struct actor *me, const char *trouble)
{
    static const char *const doing[] = {
        [STEP_CUT_POSTGRES] = "reading the counts of Postgres",
        [STEP_CUT_GROUP] = "asking how far ClickHouse's workers have read",
        [STEP_CUT_CLICKHOUSE] = "asking how far ClickHouse is",
        [STEP_REPLAY] = "replaying the topic",
        [STEP_READ_CLICKHOUSE] = "reading the counts of ClickHouse",
        [STEP_MEND_POSTGRES] = "mending Postgres",
        [STEP_MEND_CLICKHOUSE] = "mending ClickHouse",
    };
    struct reconciler *self = actor_state(me);

    if (self->audit != NULL) {
        reconciler_audit_stopped(me, trouble);
        return;
    }
    if (trouble != NULL) {
        fail_run(me, doing[self->step], trouble);
        return;
    }
    self->step++;
    switch (self->step) {
    case STEP_CUT_GROUP:
        reconciler_cut_group(me);
        break;
    case STEP_CUT_CLICKHOUSE:
        reconciler_cut_clickhouse(me);
        break;
    case STEP_REPLAY:
        reconciler_replay(me);
        break;
    case STEP_READ_CLICKHOUSE:
        reconciler_read_clickhouse(me);
        break;
    case STEP_MEND_POSTGRES:
        reconciler_compare(self);
        if (self->must_repair && self->absent == 0 && self->drift.count > 0)
            reconciler_mend_postgres(me);
        else
            end_run(me);
        break;
    case STEP_MEND_CLICKHOUSE:
        reconciler_mend_clickhouse(me);
        break;
    default:
        self->has_repaired = true;
        end_run(me);
        break;
    }
}

static void begin(struct actor *me, bool repair)
{
    struct reconciler *self = actor_state(me);

    reconciler_forget(self);
    self->must_repair = repair;
    self->started_wall_us = actor_wall_us(me);
    self->step = STEP_CUT_POSTGRES;
    reconciler_cut_postgres(me);
}

static void on_run(struct actor *me, const struct reconcile_run *m, struct question q)
{
    struct reconciler *self = actor_state(me);

    if (self->audit != NULL) {
        actor_refuse(me, q, "an audit is under way; try again when it has ended");
        return;
    }
    if (self->question_count == RECONCILER_QUESTIONS_LIMIT) {
        actor_refuse(me, q, "too many are waiting for the run that is under way");
        return;
    }
    if (self->step != STEP_IDLE && m->repair && !self->must_repair) {
        actor_refuse(me, q, "a run that only compares is under way; try again when it has ended");
        return;
    }
    self->questions[self->question_count++] = q;
    if (m->who.size > 0)
        actor_log(me, LOG_INFO, "%.*s: %s", (int)m->who.size, m->who.at, m->repair ? "compare and mend" : "compare");
    if (self->step == STEP_IDLE)
        begin(me, m->repair);
}

static void run_by_itself(struct actor *me, void *context)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    self->daily = actor_after(me, self->every_us, run_by_itself, NULL);
    if (self->step == STEP_IDLE && self->audit == NULL)
        begin(me, false);
}

static void option_changed(struct actor *me, const char *option)
{
    struct reconciler *self = actor_state(me);

    (void)option;
    actor_cancel_timer(me, &self->daily);
    self->daily = actor_after(me, self->every_us, run_by_itself, NULL);
    actor_cancel_timer(me, &self->sample_timer);
    self->sample_timer = actor_after(me, self->sample_every_us, reconciler_sample, NULL);
}

/* ------------------------------------------------------------------------------------------------ life */

static void start(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    char why[256];

    self->postgres =
        postgres_open(me, &(struct postgres_options){ .name = "postgres", .uri = self->postgres_uri, .connections = 1 },
                      why, sizeof why);
    self->clickhouse =
        self->postgres == NULL
            ? NULL
            : clickhouse_open(me, &(struct clickhouse_options){ .name = "clickhouse", .uri = self->clickhouse_uri },
                              why, sizeof why);
    if (self->clickhouse == NULL) {
        actor_fail(me, "%s", why);
        return;
    }
    actor_dependency(me, "postgres", "normal");
    actor_dependency(me, "clickhouse", "normal");
    self->daily = actor_after(me, self->every_us, run_by_itself, NULL);
    self->sample_timer = actor_after(me, self->sample_every_us, reconciler_sample, NULL);
}

static void stop(struct actor *me)
{
    struct reconciler *self = actor_state(me);

    reconciler_sample_free(me, &self->sample);
    reconciler_audit_free(&self->audit);
    reconciler_forget(self);
    clickhouse_close(&self->clickhouse);
    postgres_close(&self->postgres);
}

#define FIELD_AT(name) offsetof(struct reconciler, name)

static const struct option options[] = {
    { "postgres", OPTION_STORE, FIELD_AT(postgres_uri), "db", "The counts.", 0, 0, NULL, false },
    { "clickhouse", OPTION_STORE, FIELD_AT(clickhouse_uri), "clickhouse", "The rows.", 0, 0, NULL, false },
    { "kafka", OPTION_STORE, FIELD_AT(kafka_uri), "kafka", "The clicks themselves.", 0, 0, NULL, false },
    { "topic", OPTION_TEXT, FIELD_AT(topic), "click_events", "Their topic.", 0, 0, NULL, false },
    { "group", OPTION_TEXT, FIELD_AT(group), "shunt-clickhouse", "The consumer group of those who fill ClickHouse.", 0,
      0, NULL, false },
    { "every", OPTION_DURATION, FIELD_AT(every_us), "24h", "Time between two runs by itself.", 60 * 1000 * 1000,
      UINT64_C(31) * 24 * 3600 * 1000 * 1000, NULL, true },
    { "sample_every", OPTION_DURATION, FIELD_AT(sample_every_us), "1min",
      "Time between two looks at a few codes, Postgres against ClickHouse.", 1000 * 1000,
      UINT64_C(24) * 3600 * 1000 * 1000, NULL, true },
};

static const struct metric metrics[] = {
    { "postgres_drift_clicks", METRIC_GAUGE, FIELD_AT(postgres_drift),
      "Clicks by which Postgres was off at the last run.", NULL },
    { "clickhouse_drift_clicks", METRIC_GAUGE, FIELD_AT(clickhouse_drift),
      "Clicks by which ClickHouse was off at the last run.", NULL },
    { "sampled_drift_clicks", METRIC_GAUGE, FIELD_AT(sampled_drift),
      "Clicks by which Postgres and ClickHouse differed in the last sample.", NULL },
    { "sampled_codes_total", METRIC_COUNTER, FIELD_AT(sampled_codes_total), "Codes that samples have compared.", NULL },
    { "finished_timestamp_seconds", METRIC_GAUGE, FIELD_AT(finished_s), "When the last run ended.", NULL },
    { "runs_total", METRIC_COUNTER, FIELD_AT(runs_total), "Runs that compared everything.", NULL },
    { "failures_total", METRIC_COUNTER, FIELD_AT(failures_total), "Runs that could not be finished.", NULL },
};

static const struct handler handlers[] = { ASKED(reconcile_run, on_run), ASKED(audit_read, reconciler_on_audit) };

const struct actor_kind reconciler_kind = {
    .name = "reconciler",
    .doc = "proves the counts: replays the topic, compares both databases with it, mends what is wrong",
    .state_size = sizeof(struct reconciler),
    .start = start,
    .stop = stop,
    .option_changed = option_changed,
    .hang_limit_us = 30 * 1000 * 1000, /* comparing millions of codes is one long step */
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(handler, handlers),
};
