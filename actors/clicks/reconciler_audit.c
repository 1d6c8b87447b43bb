/* SPDX-License-Identifier: MIT */
/*
 * reconciler_audit -- says lane by lane how many clicks Kafka and both databases have, for whoever holds that against
 * what the click buffers have issued (`shunt console audit`).
 *
 * Who asks says how far Kafka has acknowledged each lane. Then, in this order: marks, holes, offsets and the sum of all
 * counts from Postgres in one snapshot; the topic from those offsets on, where every click between the mark and what
 * was acknowledged must be found; the rows of each lane from ClickHouse. So nothing that moves meanwhile looks like a
 * loss: a click that was acknowledged before the snapshot is below the mark or behind the offset.
 *
 * Only the backlog is read from Kafka, but ClickHouse's identity columns are read whole: as often as a person asks,
 * not as a timer would. An audit and a reconciling run wait for each other: they share the consumer.
 */
#include <assert.h>
#include <stdlib.h>

#include "actors/clicks/reconcile_run.h"

enum { AUDIT_LANES_SHOWN = 16384, AUDIT_LIMIT_US = 60 * 1000 * 1000, AUDIT_LANES_LIMIT = 4 * 1024 * 1024 };

struct place {
    struct audit_lane row;
    uint64_t published;        /* 0: no click buffer spoke of it */
    struct lane_ledger ledger; /* what was found in Kafka behind the mark */
};

struct audit {
    struct question question;
    struct place *places; /* in the order of epoch and lane, once Postgres has answered */
    uint32_t count;
    uint32_t room;
    struct audit_known known;
};

static const struct postgres_statement read_lanes = {
    "SELECT m.epoch, m.lane, m.mark,"
    " coalesce((SELECT sum(h.last_seq - h.first_seq + 1) FROM click_holes AS h"
    "  WHERE h.epoch = m.epoch AND h.lane = m.lane), 0)::int8,"
    " (p.drained_at IS NOT NULL)::int4::int8"
    " FROM click_marks AS m LEFT JOIN producer_epochs AS p ON p.epoch = m.epoch ORDER BY 1, 2"
};
static const struct postgres_statement read_offsets = {
    "SELECT partition::int8, next_offset FROM click_offsets WHERE consumer = 'postgres'"
};
static const struct postgres_statement sum_urls = { "SELECT coalesce(sum(clicks), 0)::int8 FROM urls" };

/* ------------------------------------------------------------------------------------------------ lanes */

static int by_place(const void *left, const void *right)
{
    const struct audit_lane *a = &((const struct place *)left)->row;
    const struct audit_lane *b = &((const struct place *)right)->row;

    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return a->lane < b->lane ? -1 : a->lane > b->lane;
}

/* Among the first `count` ones, which are in order. */
static struct place *find(const struct audit *audit, uint32_t count, uint64_t epoch, uint64_t lane)
{
    struct place key = { .row = { .epoch = epoch, .lane = lane } };

    return count > 0 ? bsearch(&key, audit->places, count, sizeof key, by_place) : NULL;
}

/* NULL when there are too many: then the answer says how many are left out. */
static struct place *add(struct audit *audit, const struct audit_lane *row)
{
    if (audit->count == AUDIT_LANES_LIMIT) {
        audit->known.lanes_left_out++;
        return NULL;
    }
    if (audit->count == audit->room) {
        audit->room = audit->room == 0 ? 256 : audit->room * 2;
        audit->places = realloc(audit->places, audit->room * sizeof *audit->places);
        assert(audit->places != NULL);
    }
    audit->places[audit->count] = (struct place){ .row = *row, .ledger.position = row->mark };
    return &audit->places[audit->count++];
}

static void sort(struct audit *audit)
{
    if (audit->count > 0)
        qsort(audit->places, audit->count, sizeof *audit->places, by_place);
}

/* ------------------------------------------------------------------------------------------------ the end */

void reconciler_audit_free(struct audit **audit)
{
    if (*audit == NULL)
        return;
    for (uint32_t i = 0; i < (*audit)->count; i++)
        lane_ledger_free(&(*audit)->places[i].ledger);
    free((*audit)->places);
    free(*audit);
    *audit = NULL;
}

static void end(struct actor *me)
{
    struct reconciler *self = actor_state(me);

    reconciler_audit_free(&self->audit);
    reconciler_forget(self);
}

void reconciler_audit_stopped(struct actor *me, const char *trouble)
{
    struct reconciler *self = actor_state(me);

    actor_refuse(me, self->audit->question, "the audit could not be finished: %s", trouble);
    end(me);
}

static bool agrees(const struct audit_lane *lane)
{
    return lane->is_drained && lane->missing == 0 && lane->rows == lane->mark && lane->highest == lane->mark;
}

static void answer(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    struct audit *audit = self->audit;
    struct audit_known *known = &audit->known;
    struct audit_lane *shown = calloc(AUDIT_LANES_SHOWN, sizeof *shown);

    assert(shown != NULL);
    known->lanes.at = shown;
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct audit_lane *lane = &audit->places[i].row;

        known->counted += lane->mark - lane->missing;
        known->rows += lane->rows;
        if (agrees(lane))
            known->lanes_agreed++;
        else if (known->lanes.count == AUDIT_LANES_SHOWN)
            known->lanes_left_out++;
        else
            shown[known->lanes.count++] = *lane;
    }
    actor_answer(me, audit->question, &audit_known_schema, known);
    free(shown);
    end(me);
}

/* ------------------------------------------------------------------------------------------------ ClickHouse */

static void take_rows(struct audit *audit, struct slice body)
{
    uint32_t known = audit->count;
    struct audit_lane row = { 0 };
    uint16_t lane;

    while (rowbinary_take_u64(&body, &row.epoch) && rowbinary_take_u16(&body, &lane) &&
           rowbinary_take_u64(&body, &row.highest) && rowbinary_take_u64(&body, &row.rows)) {
        struct place *place = find(audit, known, row.epoch, lane);

        row.lane = lane;
        if (place == NULL) {
            (void)add(audit, &row);
            continue;
        }
        place->row.highest = row.highest;
        place->row.rows = row.rows;
    }
    sort(audit);
}

static void rows_came(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        reconciler_audit_stopped(me, result->detail);
        return;
    }
    take_rows(self->audit, result->body);
    answer(me);
}

/* ------------------------------------------------------------------------------------------------ Kafka */

static void take_batch(struct audit *audit, struct slice bytes)
{
    struct batch_span span;
    struct place *place;
    struct seq_range fresh;
    uint64_t first;

    if (!batch_check(bytes, &span))
        return;
    first = span.first_seq;
    place = find(audit, audit->count, span.epoch, span.lane);
    while (place != NULL && lane_ledger_take(&place->ledger, &first, batch_last_seq(&span), &fresh)) {
        uint64_t last = fresh.last < place->published ? fresh.last : place->published;

        place->row.in_kafka += fresh.first <= last ? last - fresh.first + 1 : 0;
    }
}

static void take_records(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    for (uint32_t i = 0; i < count; i++) {
        struct slice value = messages[i].value;
        struct slice batch;

        while (click_run_next(&value, &batch))
            take_batch(self->audit, batch);
    }
}

static void topic_was_read(struct actor *me)
{
    struct reconciler *self = actor_state(me);
    struct clickhouse_query query = { .sql = SLICE("SELECT epoch, lane, max(seq), uniqExact(seq) FROM click_events"
                                                   " GROUP BY epoch, lane FORMAT RowBinary"),
                                      .deadline_us = AUDIT_LIMIT_US,
                                      .response_limit = ROWBINARY_LIMIT };

    clickhouse_send(self->clickhouse, &query, rows_came, NULL);
}

/* ------------------------------------------------------------------------------------------------ Postgres */

/* The lanes of whoever asked stand first, in any order. */
static void take_lanes(struct audit *audit, const struct postgres_rows *rows)
{
    uint32_t asked = audit->count;

    sort(audit);
    for (uint32_t i = 0; i < postgres_row_count(rows); i++) {
        struct audit_lane row = { .epoch = (uint64_t)postgres_integer_at(rows, i, 0),
                                  .lane = (uint64_t)postgres_integer_at(rows, i, 1),
                                  .mark = (uint64_t)postgres_integer_at(rows, i, 2),
                                  .missing = (uint64_t)postgres_integer_at(rows, i, 3),
                                  .is_drained = postgres_integer_at(rows, i, 4) != 0 };
        struct place *place = find(audit, asked, row.epoch, row.lane);

        if (place == NULL) {
            (void)add(audit, &row);
            continue;
        }
        place->row = row;
        place->ledger.position = row.mark;
    }
    sort(audit);
}

static void lanes_came(struct actor *me, void *context, const struct postgres_result *result)
{
    struct reconciler *self = actor_state(me);

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        reconciler_audit_stopped(me, result->detail);
        return;
    }
    take_lanes(self->audit, result->rows[0]);
    for (uint32_t i = 0; i < postgres_row_count(result->rows[1]); i++) {
        int64_t partition = postgres_integer_at(result->rows[1], i, 0);

        if (partition >= 0 && partition < KAFKA_PARTITIONS_LIMIT)
            self->from[partition] = postgres_integer_at(result->rows[1], i, 1);
    }
    self->audit->known.in_urls = (uint64_t)postgres_integer_at(result->rows[2], 0, 0);
    reconciler_read_topic(me, take_records, topic_was_read);
}

void reconciler_on_audit(struct actor *me, const struct audit_read *message, struct question question)
{
    struct reconciler *self = actor_state(me);
    const struct postgres_call calls[] = { POSTGRES_CALL_BARE(&read_lanes), POSTGRES_CALL_BARE(&read_offsets),
                                           POSTGRES_CALL_BARE(&sum_urls) };

    if (self->step != STEP_IDLE || self->audit != NULL) {
        actor_refuse(me, question, "a run or another audit is under way; try again when it has ended");
        return;
    }
    self->audit = calloc(1, sizeof *self->audit);
    assert(self->audit != NULL);
    self->audit->question = question;
    for (uint32_t i = 0; i < message->lanes.count; i++) {
        const struct audit_position *at = &message->lanes.at[i];
        struct place *place = add(self->audit, &(struct audit_lane){ .epoch = at->epoch, .lane = at->lane });

        if (place != NULL)
            place->published = at->published;
    }
    postgres_read_snapshot(self->postgres, calls, 3, AUDIT_LIMIT_US, lanes_came, NULL);
}
