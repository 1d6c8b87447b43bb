/* SPDX-License-Identifier: MIT */
#include "actors/clicks/postgres_ledger.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/actor.h"
#include "runtime/failpoint.h"

#define CONSUMER "postgres"
#define TOPIC    "click_events"

enum { TRANSACTION_LIMIT_US = 20 * 1000 * 1000 };

/* ------------------------------------------------------------------------------------------------ taking over */

static const struct postgres_statement take_over = {
    "INSERT INTO click_offsets (consumer, topic, partition, next_offset, owner)"
    " SELECT '" CONSUMER "', '" TOPIC "', p, 0, $2::int8 FROM unnest($1::int8[]) AS p ORDER BY p"
    " ON CONFLICT (consumer, topic, partition) DO UPDATE SET owner = excluded.owner"
    " RETURNING partition, next_offset"
};
static const struct postgres_statement read_marks = {
    "SELECT epoch, lane, mark FROM click_marks WHERE lane = ANY($1::int8[])"
};
static const struct postgres_statement read_holes = {
    "SELECT epoch, lane, first_seq, last_seq FROM click_holes WHERE lane = ANY($1::int8[])"
};

struct load {
    struct ingestion *ingestion;
    ledger_handler *then;
    void *context;
};

static void know_all(struct ingestion *ingestion, const struct postgres_result *result)
{
    const struct postgres_rows *offsets = result->rows[0];
    const struct postgres_rows *marks = result->rows[1];
    const struct postgres_rows *holes = result->rows[2];

    for (uint32_t i = 0; i < postgres_row_count(offsets); i++)
        ingestion_assign(ingestion, (uint32_t)postgres_integer_at(offsets, i, 0), postgres_integer_at(offsets, i, 1));
    for (uint32_t i = 0; i < postgres_row_count(marks); i++)
        ingestion_know_mark(ingestion, (uint64_t)postgres_integer_at(marks, i, 0),
                            (uint32_t)postgres_integer_at(marks, i, 1), (uint64_t)postgres_integer_at(marks, i, 2));
    for (uint32_t i = 0; i < postgres_row_count(holes); i++) {
        struct seq_range hole = { .first = (uint64_t)postgres_integer_at(holes, i, 2),
                                  .last = (uint64_t)postgres_integer_at(holes, i, 3) };

        ingestion_know_hole(ingestion, (uint64_t)postgres_integer_at(holes, i, 0),
                            (uint32_t)postgres_integer_at(holes, i, 1), hole);
    }
}

static void loaded(struct actor *me, void *context, const struct postgres_result *result)
{
    struct load load = *(struct load *)context;

    free(context);
    if (result->outcome == OUTCOME_DONE)
        know_all(load.ingestion, result);
    load.then(me, load.context, result->outcome == OUTCOME_DONE ? LEDGER_DONE : LEDGER_FAILED, result->detail);
}

void postgres_ledger_load(struct postgres *postgres,
                          struct ingestion *ingestion,
                          const int32_t *partitions,
                          uint32_t count,
                          int64_t owner,
                          ledger_handler *then,
                          void *context)
{
    struct load *load = calloc(1, sizeof *load);
    struct postgres_array lanes = { 0 };

    assert(load != NULL);
    *load = (struct load){ .ingestion = ingestion, .then = then, .context = context };
    postgres_array_of_int8(&lanes);
    for (uint32_t i = 0; i < count; i++)
        postgres_array_add_int8(&lanes, partitions[i]);

    const struct postgres_call calls[] = {
        POSTGRES_CALL(&take_over, postgres_array_value(&lanes), postgres_int8(owner)),
        POSTGRES_CALL(&read_marks, postgres_array_value(&lanes)),
        POSTGRES_CALL(&read_holes, postgres_array_value(&lanes)),
    };

    postgres_run(postgres, calls, 3, TRANSACTION_LIMIT_US, loaded, load);
    postgres_array_destroy(&lanes);
}

/* ------------------------------------------------------------------------------------------------ storing */

static const struct postgres_statement lock_owned = {
    "SELECT partition FROM click_offsets WHERE consumer = '" CONSUMER "' AND topic = '" TOPIC "'"
    " AND partition = ANY($1::int8[]) AND owner = $2::int8 ORDER BY partition FOR UPDATE"
};
/* The rows are locked in the order of their codes, so that two workers never wait for each other in a ring. */
static const struct postgres_statement add_counts = {
    "WITH locked AS MATERIALIZED ("
    " SELECT u.id, d.clicks FROM unnest($1::text[], $2::int8[]) AS d(code, clicks)"
    " JOIN urls AS u ON u.short_code = d.code COLLATE \"C\" ORDER BY u.short_code FOR NO KEY UPDATE OF u)"
    " UPDATE urls SET clicks = urls.clicks + locked.clicks FROM locked WHERE urls.id = locked.id"
    " RETURNING locked.clicks"
};
static const struct postgres_statement move_marks = {
    "INSERT INTO click_marks (epoch, lane, mark) SELECT e, l, m FROM unnest($1::int8[], $2::int8[], $3::int8[])"
    " AS n(e, l, m) ORDER BY e, l"
    " ON CONFLICT (epoch, lane) DO UPDATE SET mark = excluded.mark, updated_at = now()"
};
static const struct postgres_statement forget_holes = {
    "DELETE FROM click_holes USING unnest($1::int8[], $2::int8[]) AS n(e, l) WHERE epoch = n.e AND lane = n.l"
};
static const struct postgres_statement note_holes = {
    "INSERT INTO click_holes (epoch, lane, first_seq, last_seq)"
    " SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[])"
};
static const struct postgres_statement move_offsets = {
    "UPDATE click_offsets SET next_offset = n.o FROM unnest($1::int8[], $2::int8[]) AS n(p, o)"
    " WHERE consumer = '" CONSUMER "' AND topic = '" TOPIC "' AND partition = n.p"
};

struct store {
    struct postgres_transaction *transaction;
    const struct ingestion_flush *flush;
    uint64_t *ret_unknown_clicks;
    ledger_handler *then;
    void *context;
};

/* The parameters of one store, built together and freed together. */
struct parameters {
    struct postgres_array codes;
    struct postgres_array clicks;
    struct postgres_array mark_epochs;
    struct postgres_array mark_lanes;
    struct postgres_array marks;
    struct postgres_array cleared_epochs;
    struct postgres_array cleared_lanes;
    struct postgres_array hole_epochs;
    struct postgres_array hole_lanes;
    struct postgres_array hole_firsts;
    struct postgres_array hole_lasts;
    struct postgres_array partitions;
    struct postgres_array offsets;
};

static int by_code(const void *a, const void *b)
{
    const struct code_count *left = a;
    const struct code_count *right = b;
    size_t common = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->code, right->code, common);

    return order != 0 ? order : (int)left->size - (int)right->size;
}

/* Sorted by code: neighbours in the index are then updated one behind the other. */
static void fill_counts(struct parameters *parameters, const struct ingestion_flush *flush)
{
    struct code_count *sorted = malloc((flush->counts.count + 1) * sizeof *sorted);

    assert(sorted != NULL);
    if (flush->counts.count > 0)
        memcpy(sorted, flush->counts.at, flush->counts.count * sizeof *sorted);
    qsort(sorted, flush->counts.count, sizeof *sorted, by_code);
    postgres_array_of_text(&parameters->codes);
    postgres_array_of_int8(&parameters->clicks);
    for (uint32_t i = 0; i < flush->counts.count; i++) {
        postgres_array_add_text(&parameters->codes, code_count_code(&sorted[i]));
        postgres_array_add_int8(&parameters->clicks, (int64_t)sorted[i].clicks);
    }
    free(sorted);
}

static void fill_marks(struct parameters *parameters, const struct ingestion_flush *flush)
{
    postgres_array_of_int8(&parameters->mark_epochs);
    postgres_array_of_int8(&parameters->mark_lanes);
    postgres_array_of_int8(&parameters->marks);
    for (uint32_t i = 0; i < flush->mark_count; i++) {
        postgres_array_add_int8(&parameters->mark_epochs, (int64_t)flush->marks[i].epoch);
        postgres_array_add_int8(&parameters->mark_lanes, flush->marks[i].lane);
        postgres_array_add_int8(&parameters->marks, (int64_t)flush->marks[i].to);
    }
}

static void fill_lane_holes(struct parameters *parameters,
                            const struct ingestion_flush *flush,
                            const struct ingestion_lane_holes *lane)
{
    postgres_array_add_int8(&parameters->cleared_epochs, (int64_t)lane->epoch);
    postgres_array_add_int8(&parameters->cleared_lanes, lane->lane);
    for (uint32_t i = lane->first_hole; i < lane->first_hole + lane->hole_count; i++) {
        postgres_array_add_int8(&parameters->hole_epochs, (int64_t)lane->epoch);
        postgres_array_add_int8(&parameters->hole_lanes, lane->lane);
        postgres_array_add_int8(&parameters->hole_firsts, (int64_t)flush->holes[i].first);
        postgres_array_add_int8(&parameters->hole_lasts, (int64_t)flush->holes[i].last);
    }
}

static void fill_holes(struct parameters *parameters, const struct ingestion_flush *flush)
{
    postgres_array_of_int8(&parameters->cleared_epochs);
    postgres_array_of_int8(&parameters->cleared_lanes);
    postgres_array_of_int8(&parameters->hole_epochs);
    postgres_array_of_int8(&parameters->hole_lanes);
    postgres_array_of_int8(&parameters->hole_firsts);
    postgres_array_of_int8(&parameters->hole_lasts);
    for (uint32_t i = 0; i < flush->hole_lane_count; i++)
        fill_lane_holes(parameters, flush, &flush->hole_lanes[i]);
}

static void fill_offsets(struct parameters *parameters, const struct ingestion_flush *flush)
{
    postgres_array_of_int8(&parameters->partitions);
    postgres_array_of_int8(&parameters->offsets);
    for (uint32_t i = 0; i < flush->offset_count; i++) {
        postgres_array_add_int8(&parameters->partitions, flush->offsets[i].partition);
        postgres_array_add_int8(&parameters->offsets, flush->offsets[i].to);
    }
}

static void free_parameters(struct parameters *parameters)
{
    struct postgres_array *arrays = (struct postgres_array *)parameters;

    for (size_t i = 0; i < sizeof *parameters / sizeof *arrays; i++)
        postgres_array_destroy(&arrays[i]);
}

static void finish(struct actor *me, struct store *store, enum ledger_outcome outcome, const char *detail)
{
    struct store done = *store;

    free(store);
    done.then(me, done.context, outcome, detail);
}

static uint64_t sum_of(const struct postgres_rows *rows)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < postgres_row_count(rows); i++)
        sum += (uint64_t)postgres_integer_at(rows, i, 0);
    return sum;
}

static void committed(struct actor *me, void *context, const struct postgres_result *result)
{
    struct store *store = context;

    if (failpoint("postgres_sink.commit_answer")) {
        finish(me, store, LEDGER_UNKNOWN, "the answer was lost on purpose");
        return;
    }
    if (result->outcome == OUTCOME_DONE)
        *store->ret_unknown_clicks = store->flush->counts.clicks - sum_of(result->rows[0]);
    finish(me, store,
           result->outcome == OUTCOME_DONE      ? LEDGER_DONE
           : result->outcome == OUTCOME_UNKNOWN ? LEDGER_UNKNOWN
                                                : LEDGER_FAILED,
           result->detail);
}

static void store_all(struct store *store)
{
    struct parameters p = { 0 };

    fill_counts(&p, store->flush);
    fill_marks(&p, store->flush);
    fill_holes(&p, store->flush);
    fill_offsets(&p, store->flush);

    const struct postgres_call calls[] = {
        POSTGRES_CALL(&add_counts, postgres_array_value(&p.codes), postgres_array_value(&p.clicks)),
        POSTGRES_CALL(&move_marks, postgres_array_value(&p.mark_epochs), postgres_array_value(&p.mark_lanes),
                      postgres_array_value(&p.marks)),
        POSTGRES_CALL(&forget_holes, postgres_array_value(&p.cleared_epochs), postgres_array_value(&p.cleared_lanes)),
        POSTGRES_CALL(&note_holes, postgres_array_value(&p.hole_epochs), postgres_array_value(&p.hole_lanes),
                      postgres_array_value(&p.hole_firsts), postgres_array_value(&p.hole_lasts)),
        POSTGRES_CALL(&move_offsets, postgres_array_value(&p.partitions), postgres_array_value(&p.offsets)),
    };

    (void)failpoint("postgres_sink.before_commit");
    postgres_transaction_commit(store->transaction, calls, sizeof calls / sizeof calls[0], committed, store);
    free_parameters(&p);
}

static void locked(struct actor *me, void *context, const struct postgres_result *result)
{
    struct store *store = context;

    if (result->outcome != OUTCOME_DONE) {
        finish(me, store, LEDGER_FAILED, result->detail);
        return;
    }
    if (postgres_row_count(result->rows[0]) != store->flush->offset_count) {
        postgres_transaction_rollback(store->transaction);
        finish(me, store, LEDGER_LOST, "another worker has taken a partition over");
        return;
    }
    store_all(store);
}

void postgres_ledger_store(struct postgres *postgres,
                           const struct ingestion_flush *flush,
                           int64_t owner,
                           uint64_t *ret_unknown_clicks,
                           ledger_handler *then,
                           void *context)
{
    struct store *store = calloc(1, sizeof *store);
    struct postgres_array partitions = { 0 };

    assert(store != NULL);
    *store = (struct store){ .transaction = postgres_begin(postgres, TRANSACTION_LIMIT_US),
                             .flush = flush,
                             .ret_unknown_clicks = ret_unknown_clicks,
                             .then = then,
                             .context = context };
    postgres_array_of_int8(&partitions);
    for (uint32_t i = 0; i < flush->offset_count; i++)
        postgres_array_add_int8(&partitions, flush->offsets[i].partition);

    const struct postgres_call call =
        POSTGRES_CALL(&lock_owned, postgres_array_value(&partitions), postgres_int8(owner));

    postgres_transaction_run(store->transaction, &call, 1, locked, store);
    postgres_array_destroy(&partitions);
}
