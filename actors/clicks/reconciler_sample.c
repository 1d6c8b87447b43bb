/* SPDX-License-Identifier: MIT */
/*
 * reconciler_sample -- the cheap check that never stops: every minute a few codes, Postgres against ClickHouse.
 *
 * It takes neighbours from a random place of the index on codes, with their counts and with the marks those counts
 * belong to, in one snapshot; and a little later, when ClickHouse must have written as much, counts their rows at or
 * below these marks. The table's key begins with the code, so neither question reads more than it asks for. A
 * difference is looked at again a few times before it is called drift: ClickHouse may be behind.
 *
 * Both databases being wrong alike, or a code that is seldom drawn, is for the daily run to find, which reads Kafka.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/reconcile_run.h"
#include "proto/buffer.h"

enum {
    LOOKS = 5,                         /* before a difference is called drift */
    LOOK_PAUSE_US = 15 * 1000 * 1000,  /* three flushes of ClickHouse's sink */
    SAMPLE_LIMIT_US = 10 * 1000 * 1000 /* of one query */
};

static const struct postgres_statement draw = {
    "SELECT short_code, clicks FROM urls WHERE short_code >= $1::text COLLATE \"C\" ORDER BY short_code LIMIT 32"
};
/* Lanes that may still move; of all others every row counts. */
static const struct postgres_statement read_marks = {
    "SELECT p.epoch, l.lane::int8, coalesce(m.mark, 0) FROM producer_epochs AS p"
    " CROSS JOIN LATERAL generate_series(0, p.lanes - 1) AS l(lane)"
    " LEFT JOIN click_marks AS m ON m.epoch = p.epoch AND m.lane = l.lane WHERE p.drained_at IS NULL"
};
static const struct postgres_statement newest = { "SELECT coalesce(max(epoch), 0) FROM producer_epochs" };

struct sample {
    struct code_counts counts; /* Postgres's, those without clicks as well */
    struct buffer sql;         /* the question to ClickHouse */
    uint32_t looks;
    uint64_t timer;
};

void reconciler_sample_free(struct actor *me, struct sample **sample)
{
    if (*sample == NULL)
        return;
    actor_cancel_timer(me, &(*sample)->timer);
    code_counts_free(&(*sample)->counts);
    buffer_free(&(*sample)->sql);
    free(*sample);
    *sample = NULL;
}

/* ------------------------------------------------------------------------------------------------ ClickHouse */

static void look(struct actor *me, void *context);

static uint64_t drift_of(const struct sample *sample, const struct code_counts *rows)
{
    uint64_t drift = 0;

    for (uint32_t i = 0; i < sample->counts.count; i++) {
        const struct code_count *one = &sample->counts.at[i];

        drift += (uint64_t)llabs((int64_t)one->clicks - (int64_t)code_counts_of(rows, code_count_code(one)));
    }
    return drift;
}

static void rows_came(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct reconciler *self = actor_state(me);
    struct sample *sample = self->sample;
    struct code_counts rows = { 0 };
    struct slice body = result->body;
    struct slice code;
    uint64_t clicks;
    uint64_t drift;

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        reconciler_sample_free(me, &self->sample); /* the next one asks anew */
        return;
    }
    while (rowbinary_take_text(&body, &code) && rowbinary_take_u64(&body, &clicks))
        if (code.size >= 1 && code.size <= CODE_SIZE_LIMIT)
            code_counts_add(&rows, code, clicks);
    drift = drift_of(sample, &rows);
    code_counts_free(&rows);
    if (drift > 0 && ++sample->looks < LOOKS) {
        sample->timer = actor_after(me, LOOK_PAUSE_US, look, NULL);
        return;
    }
    if (drift > 0)
        actor_log(me, LOG_ERROR,
                  "Postgres and ClickHouse differ by %" PRIu64 " clicks in a sample of %" PRIu32
                  " codes; run `shunt console reconcile`",
                  drift, sample->counts.count);
    counter_add(&self->sampled_codes_total, sample->counts.count);
    gauge_set(&self->sampled_drift, (int64_t)drift);
    reconciler_sample_free(me, &self->sample);
}

static void look(struct actor *me, void *context)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    self->sample->timer = 0;
    clickhouse_send(
        self->clickhouse,
        &(struct clickhouse_query){ .sql = buffer_slice(&self->sample->sql), .deadline_us = SAMPLE_LIMIT_US },
        rows_came, NULL);
}

/* ------------------------------------------------------------------------------------------------ the question */

static void append_text(struct buffer *sql, const char *text)
{
    buffer_append(sql, text, strlen(text));
}

static void append_number(struct buffer *sql, bool is_first, uint64_t number)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%s%" PRIu64, is_first ? "" : ",", number);
    append_text(sql, text);
}

/* As hexadecimal digits: whatever a code is made of, it ends no string. */
static void append_code(struct buffer *sql, bool is_first, struct slice code)
{
    char digits[3];

    append_text(sql, is_first ? "unhex('" : ",unhex('");
    for (size_t i = 0; i < code.size; i++) {
        (void)snprintf(digits, sizeof digits, "%02x", (unsigned)(unsigned char)code.at[i]);
        append_text(sql, digits);
    }
    append_text(sql, "')");
}

/* Rows of the codes, of lanes that may still move only those at or below the marks. */
static void make_question(struct sample *sample, const struct postgres_rows *marks, uint64_t newest_epoch)
{
    struct buffer *sql = &sample->sql;
    uint32_t lanes = postgres_row_count(marks);

    append_text(sql, "SELECT short_code, uniqExact(epoch, lane, seq) FROM click_events WHERE short_code IN (");
    for (uint32_t i = 0; i < sample->counts.count; i++)
        append_code(sql, i == 0, code_count_code(&sample->counts.at[i]));
    append_text(sql, ") AND epoch <= ");
    append_number(sql, true, newest_epoch);
    if (lanes > 0) {
        append_text(sql, " AND seq <= transform(epoch * 65536 + lane, [");
        for (uint32_t i = 0; i < lanes; i++)
            append_number(sql, i == 0,
                          (uint64_t)postgres_integer_at(marks, i, 0) * 65536 +
                              (uint64_t)postgres_integer_at(marks, i, 1));
        append_text(sql, "], [");
        for (uint32_t i = 0; i < lanes; i++)
            append_number(sql, i == 0, (uint64_t)postgres_integer_at(marks, i, 2));
        append_text(sql, "], toUInt64(18446744073709551615))");
    }
    append_text(sql, " GROUP BY short_code FORMAT RowBinary");
}

static void drawn(struct actor *me, void *context, const struct postgres_result *result)
{
    struct reconciler *self = actor_state(me);
    struct sample *sample = self->sample;

    (void)context;
    for (uint32_t i = 0; result->outcome == OUTCOME_DONE && i < postgres_row_count(result->rows[0]); i++)
        code_counts_add(&sample->counts, postgres_text_at(result->rows[0], i, 0),
                        (uint64_t)postgres_integer_at(result->rows[0], i, 1));
    self->drew_nothing = sample->counts.count == 0;
    if (self->drew_nothing) { /* Postgres is away, or the draw went past the last code */
        reconciler_sample_free(me, &self->sample);
        return;
    }
    make_question(sample, result->rows[1], (uint64_t)postgres_integer_at(result->rows[2], 0, 0));
    sample->timer = actor_after(me, LOOK_PAUSE_US, look, NULL);
}

void reconciler_sample(struct actor *me, void *context)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct reconciler *self = actor_state(me);
    char from[3];

    (void)context;
    self->sample_timer = actor_after(me, self->sample_every_us, reconciler_sample, NULL);
    if (self->sample != NULL)
        return;
    self->sample = calloc(1, sizeof *self->sample);
    assert(self->sample != NULL);
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = letters[actor_random(me) % (sizeof letters - 1)];
    if (self->drew_nothing) /* so that a few codes at the alphabet's beginning are drawn, too */
        from[0] = '-';

    const struct postgres_call calls[] = {
        POSTGRES_CALL(&draw, postgres_text((struct slice){ from, sizeof from })),
        POSTGRES_CALL_BARE(&read_marks),
        POSTGRES_CALL_BARE(&newest),
    };

    postgres_read_snapshot(self->postgres, calls, 3, SAMPLE_LIMIT_US, drawn, NULL);
}
