/* SPDX-License-Identifier: MIT */
/*
 * ingestion against a model: whatever order records come in, however often, with losses, restarts and bridges that
 * begin again in the middle, after the end every click that reached Kafka is counted exactly once, marks stand at
 * window ends, and what never came is noted as missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/clicks/click_run.h"
#include "actors/clicks/ingestion.h"
#include "tests/testing.h"

enum { RUNS = 40 /* of each kind: some seconds under the sanitizers */ };

enum { CODES = 7, CLICKS_MOST = 4000, RECORDS_MOST = 4000, HOLES_MOST = 512 };

static const char *const codes[CODES] = { "a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg" };

/* ------------------------------------------------------------------------------------------------ the stores' part */

/* What Postgres would hold for lane 2 of epoch 9. */
struct database {
    uint64_t clicks[CODES];
    uint64_t mark;
    int64_t offset;
    struct seq_range holes[HOLES_MOST];
    uint32_t hole_count;
};

struct kafka_log {
    struct click_run_key keys[RECORDS_MOST];
    struct slice values[RECORDS_MOST];
    uint32_t count;
};

static unsigned seed;

static unsigned random_below(unsigned limit)
{
    return (unsigned)rand_r(&seed) % limit;
}

static unsigned code_of(uint64_t seq)
{
    return (unsigned)((seq * 2654435761u) >> 7) % CODES;
}

static struct slice batch_of(uint64_t first, uint64_t last)
{
    struct batch_span span = { .epoch = 9, .lane = 2, .count = (uint32_t)(last - first + 1), .first_seq = first };
    struct batch_maker maker = { 0 };
    struct slice bytes;
    char *copy;

    for (uint64_t seq = first; seq <= last; seq++)
        batch_add(&maker, &(struct click){ .code = slice_of(codes[code_of(seq)]), .time_us = seq });
    bytes = batch_finish(&maker, &span);
    copy = malloc(bytes.size);
    memcpy(copy, bytes.at, bytes.size);
    bytes.at = copy;
    batch_free(&maker);
    return bytes;
}

static void produce(struct kafka_log *log, uint64_t window_end, const struct slice *batches, uint32_t count)
{
    struct buffer value = { 0 };

    assert_true(log->count < RECORDS_MOST);
    for (uint32_t i = 0; i < count; i++)
        assert_true(click_run_add(&value, batches[i]));
    log->keys[log->count] = (struct click_run_key){ .epoch = 9, .lane = 2, .window_end = window_end };
    log->values[log->count++] = buffer_slice(&value);
}

static void free_log(struct kafka_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        free((char *)(uintptr_t)log->values[i].at);
    log->count = 0;
}

static enum ingestion_verdict feed(struct ingestion *ingestion, const struct kafka_log *log, int64_t offset)
{
    struct buffer key = { 0 };
    enum ingestion_verdict verdict;

    click_run_encode_key(&log->keys[offset], &key);
    verdict = ingestion_take(ingestion, &(struct ingestion_record){
                                            .partition = 2,
                                            .offset = offset,
                                            .key = buffer_slice(&key),
                                            .value = log->values[offset],
                                        });
    buffer_free(&key);
    return verdict;
}

static void load(struct ingestion *ingestion, const struct database *database)
{
    ingestion_reset(ingestion);
    ingestion_assign(ingestion, 2, database->offset);
    ingestion_know_mark(ingestion, 9, 2, database->mark);
    for (uint32_t i = 0; i < database->hole_count; i++)
        ingestion_know_hole(ingestion, 9, 2, database->holes[i]);
}

/* What the transaction does. */
static void commit(struct database *database, const struct ingestion_flush *flush)
{
    for (unsigned code = 0; code < CODES; code++)
        database->clicks[code] += code_counts_of(&flush->counts, slice_of(codes[code]));
    for (uint32_t i = 0; i < flush->mark_count; i++) {
        assert_int_equal(flush->marks[i].epoch, 9);
        assert_int_equal(flush->marks[i].from, database->mark);
        assert_true(flush->marks[i].to > database->mark);
        database->mark = flush->marks[i].to;
    }
    for (uint32_t i = 0; i < flush->hole_lane_count; i++) {
        const struct ingestion_lane_holes *lane = &flush->hole_lanes[i];

        assert_true(lane->hole_count <= HOLES_MOST);
        if (lane->hole_count > 0)
            memcpy(database->holes, &flush->holes[lane->first_hole], lane->hole_count * sizeof *flush->holes);
        database->hole_count = lane->hole_count;
    }
    assert_int_equal(flush->offset_count, 1);
    assert_int_equal(flush->offsets[0].from, database->offset);
    assert_true(flush->offsets[0].to >= database->offset);
    database->offset = flush->offsets[0].to;
}

static void flush(struct ingestion *ingestion, struct database *database, bool is_lost)
{
    struct ingestion_flush out;

    ingestion_flush_take(ingestion, &out);
    if (!is_lost)
        commit(database, &out);
    ingestion_flush_free(&out);
}

/* ------------------------------------------------------------------------------------------------ by hand */

static void a_window_counts_when_it_is_complete(void **state)
{
    struct ingestion *ingestion = ingestion_new();
    struct database database = { 0 };
    struct kafka_log log = { 0 };
    struct slice first = batch_of(1, 3);
    struct slice second = batch_of(4, 6);

    (void)state;
    produce(&log, 6, &first, 1);
    produce(&log, 6, &second, 1);
    load(ingestion, &database);
    assert_int_equal(feed(ingestion, &log, 0), INGESTION_TAKEN);
    assert_false(ingestion_is_ready(ingestion));
    assert_false(ingestion_has_moved(ingestion)); /* the offset waits for the window's first record */
    assert_int_equal(feed(ingestion, &log, 1), INGESTION_TAKEN);
    assert_true(ingestion_is_ready(ingestion));
    assert_int_equal(feed(ingestion, &log, 0), INGESTION_REPEAT);
    flush(ingestion, &database, false);
    assert_int_equal(database.mark, 6);
    assert_int_equal(database.offset, 2);
    assert_false(ingestion_is_ready(ingestion));
    assert_false(ingestion_has_moved(ingestion));
    free((char *)(uintptr_t)first.at);
    free((char *)(uintptr_t)second.at);
    free_log(&log);
    ingestion_destroy(&ingestion);
}

static void a_hole_is_noted_and_filled(void **state)
{
    struct ingestion *ingestion = ingestion_new();
    struct database database = { 0 };
    struct kafka_log log = { 0 };
    struct slice first = batch_of(1, 3);
    struct slice second = batch_of(4, 6);
    struct slice third = batch_of(7, 9);
    uint64_t sum = 0;

    (void)state;
    produce(&log, 3, &first, 1);
    produce(&log, 9, &third, 1);
    produce(&log, 6, &second, 1); /* late */
    load(ingestion, &database);
    feed(ingestion, &log, 0);
    feed(ingestion, &log, 1);
    flush(ingestion, &database, false);
    assert_int_equal(database.mark, 9);
    assert_int_equal(database.hole_count, 1);
    assert_int_equal(database.holes[0].first, 4);
    assert_int_equal(database.holes[0].last, 6);
    load(ingestion, &database); /* a restart knows it too */
    assert_int_equal(feed(ingestion, &log, 2), INGESTION_TAKEN);
    flush(ingestion, &database, false);
    assert_int_equal(database.hole_count, 0);
    for (unsigned code = 0; code < CODES; code++)
        sum += database.clicks[code];
    assert_int_equal(sum, 9);
    free((char *)(uintptr_t)first.at);
    free((char *)(uintptr_t)second.at);
    free((char *)(uintptr_t)third.at);
    free_log(&log);
    ingestion_destroy(&ingestion);
}

static void broken_records_are_passed_by(void **state)
{
    struct ingestion *ingestion = ingestion_new();
    struct database database = { 0 };
    struct kafka_log log = { 0 };
    struct slice good = batch_of(1, 3);

    (void)state;
    produce(&log, 3, &good, 1);
    produce(&log, 3, &good, 1);
    load(ingestion, &database);
    log.values[0].size -= 2;
    assert_int_equal(feed(ingestion, &log, 0), INGESTION_BROKEN);
    log.values[0].size += 2;
    log.keys[0].window_end = 2; /* a batch beyond its window's end */
    assert_int_equal(feed(ingestion, &log, 0), INGESTION_BROKEN);
    log.keys[0].window_end = 3;
    log.keys[0].epoch = 8;
    assert_int_equal(feed(ingestion, &log, 0), INGESTION_BROKEN);
    log.keys[0].epoch = 9;
    log.keys[0].lane = 1;
    assert_int_equal(feed(ingestion, &log, 0), INGESTION_NOT_OURS);
    assert_int_equal(ingestion_take(ingestion, &(struct ingestion_record){ .partition = 2, .offset = 0 }),
                     INGESTION_BROKEN);
    assert_int_equal(ingestion_take(ingestion, &(struct ingestion_record){ .partition = 3 }), INGESTION_NOT_OURS);
    assert_int_equal(feed(ingestion, &log, 1), INGESTION_TAKEN);
    flush(ingestion, &database, false);
    assert_int_equal(database.mark, 3);
    assert_int_equal(database.offset, 2);
    assert_int_equal(database.clicks[code_of(1)] > 0, 1);
    free((char *)(uintptr_t)good.at);
    free_log(&log);
    ingestion_destroy(&ingestion);
}

/* ------------------------------------------------------------------------------------------------ generated */

struct plan {
    struct slice batches[CLICKS_MOST];
    uint64_t firsts[CLICKS_MOST];
    uint64_t lasts[CLICKS_MOST];
    uint64_t ends[CLICKS_MOST]; /* of its window */
    bool lost[CLICKS_MOST];     /* never reaches Kafka */
    uint32_t count;
};

static void make_plan(struct plan *plan, bool with_losses)
{
    uint64_t seq = 1;
    uint32_t window_start = 0;

    plan->count = 20 + random_below(100);
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->firsts[i] = seq;
        plan->lasts[i] = seq + random_below(12);
        plan->batches[i] = batch_of(plan->firsts[i], plan->lasts[i]);
        plan->lost[i] = with_losses && random_below(12) == 0;
        seq = plan->lasts[i] + 1;
        if (random_below(5) == 0 || i + 1 == plan->count) {
            for (; window_start <= i; window_start++)
                plan->ends[window_start] = plan->lasts[i];
        }
    }
    plan->lost[plan->count - 1] = false; /* a lane's end is known by its last batch */
}

/* A bridge that sends windows in order and now and then begins again some batches earlier. */
static void publish(const struct plan *plan, struct kafka_log *log)
{
    uint32_t next = 0;

    while (next < plan->count) {
        struct slice run[4];
        uint32_t in_run = 0;
        uint64_t end = plan->ends[next];
        uint32_t most = 1 + random_below(4);

        while (next < plan->count && in_run < most && plan->ends[next] == end) {
            if (!plan->lost[next])
                run[in_run++] = plan->batches[next];
            next++;
        }
        if (in_run > 0)
            produce(log, end, run, in_run);
        if (random_below(6) == 0)
            next -= random_below(next + 1) / 4;
    }
    for (uint32_t extra = random_below(5); extra > 0; extra--) { /* a zombie says something old again */
        uint32_t old = random_below(plan->count);

        if (!plan->lost[old])
            produce(log, plan->ends[old], &plan->batches[old], 1);
    }
}

/* Reads the log with restarts at any point, flushes whose answer is lost before or after the commit. */
static void consume(const struct kafka_log *log, struct database *database)
{
    struct ingestion *ingestion = ingestion_new();
    int64_t offset = 0;

    load(ingestion, database);
    while (offset < log->count) {
        unsigned event = random_below(100);

        if (event < 80) {
            feed(ingestion, log, offset++);
        } else if (event < 97) {
            flush(ingestion, database, false);
        } else {
            flush(ingestion, database, event == 97); /* nobody knows: look what is there */
            load(ingestion, database);
            offset = database->offset;
        }
    }
    flush(ingestion, database, false);
    ingestion_destroy(&ingestion);
}

static void check(const struct plan *plan, const struct kafka_log *log, const struct database *database)
{
    uint64_t expected[CODES] = { 0 };
    uint64_t missing = 0;
    uint64_t noted = 0;

    for (uint32_t i = 0; i < plan->count; i++) {
        for (uint64_t seq = plan->firsts[i]; seq <= plan->lasts[i]; seq++) {
            expected[code_of(seq)] += plan->lost[i] ? 0 : 1;
            missing += plan->lost[i] ? 1 : 0;
        }
    }
    for (unsigned code = 0; code < CODES; code++)
        assert_int_equal(database->clicks[code], expected[code]);
    assert_int_equal(database->mark, plan->lasts[plan->count - 1]);
    assert_int_equal(database->offset, log->count);
    for (uint32_t i = 0; i < database->hole_count; i++)
        noted += database->holes[i].last - database->holes[i].first + 1;
    assert_int_equal(noted, missing);
}

static void run_seed(unsigned run, bool with_losses)
{
    static struct plan plan;
    static struct kafka_log log;
    struct database database = { 0 };

    seed = run;
    make_plan(&plan, with_losses);
    publish(&plan, &log);
    consume(&log, &database);
    check(&plan, &log, &database);
    free_log(&log);
    for (uint32_t i = 0; i < plan.count; i++)
        free((char *)(uintptr_t)plan.batches[i].at);
}

static void every_click_once_whatever_happens(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= RUNS; run++)
        run_seed(run, false);
}

static void what_is_lost_is_noted_exactly(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= RUNS; run++)
        run_seed(run, true);
}

/* ------------------------------------------------------------------------------------------------ the ledger alone */

static void the_ledger_agrees_with_a_bitmap(void **state)
{
    (void)state;
    for (seed = 1; seed < 300;) {
        bool seen[400] = { false };
        struct lane_ledger ledger = { 0 };
        uint64_t missing = 0;
        unsigned keep = seed + 1;

        for (int step = 0; step < 60; step++) {
            uint64_t first = 1 + random_below(380);
            uint64_t last = first + random_below(20);
            struct seq_range fresh;
            uint64_t at = first;
            uint64_t next = first;

            while (lane_ledger_take(&ledger, &at, last, &fresh)) {
                for (; next < fresh.first; next++)
                    assert_true(seen[next]);
                for (; next <= fresh.last; next++) {
                    assert_false(seen[next]);
                    seen[next] = true;
                }
            }
            for (; next <= last; next++)
                assert_true(seen[next]);
        }
        for (uint64_t seq = 1; seq <= ledger.position; seq++)
            missing += seen[seq] ? 0 : 1;
        assert_int_equal(lane_ledger_missing(&ledger), missing);
        lane_ledger_free(&ledger);
        seed = keep;
    }
}

static void the_ledger_is_bounded(void **state)
{
    struct lane_ledger ledger = { 0 };

    (void)state;
    for (uint64_t seq = 2; seq < 20002; seq += 2) {
        struct seq_range fresh;
        uint64_t first = seq;

        assert_true(lane_ledger_take(&ledger, &first, seq, &fresh));
    }
    assert_int_equal(ledger.missing_count, LANE_LEDGER_MISSING_LIMIT);
    assert_int_equal(ledger.given_up, 10000 - LANE_LEDGER_MISSING_LIMIT);
    lane_ledger_free(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_counts_when_it_is_complete),
        cmocka_unit_test(a_hole_is_noted_and_filled),
        cmocka_unit_test(broken_records_are_passed_by),
        cmocka_unit_test(every_click_once_whatever_happens),
        cmocka_unit_test(what_is_lost_is_noted_exactly),
        cmocka_unit_test(the_ledger_agrees_with_a_bitmap),
        cmocka_unit_test(the_ledger_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
