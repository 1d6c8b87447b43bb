/* SPDX-License-Identifier: MIT */
/* What goes into ClickHouse, against a model that remembers every identity: nothing twice, nothing left out. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/click_rows.h"
#include "actors/clicks/click_run.h"
#include "tests/testing.h"

enum { DECEMBER_31 = 1767225599, LANES = 3, SEQS = 400 };

static void
add_batch(struct buffer *value, uint64_t epoch, uint32_t lane, uint64_t first, uint32_t count, uint64_t time_us)
{
    struct batch_maker maker = { 0 };

    for (uint32_t i = 0; i < count; i++)
        assert_true(batch_add(&maker, &(struct click){ .code = SLICE("abc"), .time_us = time_us + i }));
    assert_true(click_run_add(
        value, batch_finish(&maker,
                            &(struct batch_span){ .epoch = epoch, .lane = lane, .count = count, .first_seq = first })));
    batch_free(&maker);
}

static void
take(struct click_rows *rows, int64_t offset, uint32_t lane, uint64_t first, uint32_t count, uint64_t time_us)
{
    struct buffer key = { 0 };
    struct buffer value = { 0 };

    click_run_encode_key(&(struct click_run_key){ .epoch = 1, .lane = lane, .window_end = first + count - 1 }, &key);
    add_batch(&value, 1, lane, first, count, time_us);
    assert_true(click_rows_take(rows, (int32_t)lane, offset, buffer_slice(&key), buffer_slice(&value)));
    buffer_free(&key);
    buffer_free(&value);
}

/* Reads the rows back and counts each (lane, seq) in `seen`. */
static void read_back(struct rowbinary *block, uint32_t seen[LANES][SEQS])
{
    struct slice rows = rowbinary_slice(block);
    struct slice text;
    uint32_t u32;
    uint64_t epoch;
    uint16_t lane;
    uint64_t seq;
    uint8_t is_bot;

    while (rows.size > 0) {
        assert_true(rowbinary_take_text(&rows, &text) && rowbinary_take_u32(&rows, &u32) &&
                    rowbinary_take_u32(&rows, &u32) && rowbinary_take_u64(&rows, &epoch) &&
                    rowbinary_take_u16(&rows, &lane) && rowbinary_take_u64(&rows, &seq));
        for (int i = 0; i < 3; i++)
            assert_true(rowbinary_take_text(&rows, &text));
        assert_true(rowbinary_take_u8(&rows, &is_bot));
        seen[lane][seq]++;
    }
}

/* Answers as ClickHouse would. */
static void know_all(struct click_rows *rows, uint32_t seen[LANES][SEQS])
{
    struct click_lane lanes[CLICK_ROWS_LANES_PER_QUESTION];
    uint32_t count = click_rows_unknown_lanes(rows, lanes);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t highest = 0;
        uint64_t there = 0;

        for (uint64_t seq = 1; seq < SEQS; seq++) {
            if (seen[lanes[i].lane][seq] == 0)
                continue;
            highest = seq;
            there += seq >= lanes[i].first_seq;
        }
        click_rows_know(rows, &lanes[i], highest, there);
    }
}

static void a_month_never_shares_an_insert(void **state)
{
    struct click_rows *rows = click_rows_new();
    struct rowbinary block = { 0 };
    struct click_offset offsets[8];
    uint32_t nothing[LANES][SEQS] = { 0 };
    uint32_t count;

    (void)state;
    take(rows, 5, 1, 1, 10, (uint64_t)DECEMBER_31 * 1000000 + 999995); /* five clicks each side of midnight */
    know_all(rows, nothing);
    assert_int_equal(click_rows_build(rows, 1000, &block, &count), 0);
    assert_int_equal(count, 5);
    assert_int_equal(click_rows_done(rows, 0, offsets, 8), 0);
    rowbinary_clear(&block);
    assert_int_equal(click_rows_build(rows, 1000, &block, &count), 1);
    assert_int_equal(count, 5);
    assert_int_equal(click_rows_done(rows, 1, offsets, 8), 1);
    assert_int_equal(offsets[0].partition, 1);
    assert_int_equal(offsets[0].next, 6);
    assert_int_equal(click_rows_bytes(rows), 0);
    rowbinary_destroy(&block);
    click_rows_destroy(&rows);
}

/* Records come, some again; inserts succeed, fail without effect, or have effect and lose their answer; workers start
 * over from the last committed offset. In the end every click is there once. */
static void one_schedule(unsigned seed)
{
    struct click_rows *rows = click_rows_new();
    struct rowbinary block = { 0 };
    uint32_t seen[LANES][SEQS] = { 0 };
    struct click_offset offsets[8];
    uint32_t count;

    srand(seed);
    for (int step = 0; step < 300; step++) {
        for (uint32_t lane = 0; lane < LANES; lane++) {
            uint64_t first = (uint64_t)(step % 30) * 10 + 1;

            if (rand() % 10 != 0 || step < 30)
                take(rows, step, lane, first, 10, 1000000);
        }
        know_all(rows, seen);

        uint32_t records = click_rows_build(rows, (uint32_t)(rand() % 50 + 1), &block, &count);
        int fate = rand() % 4;

        if (fate != 0) /* it reached ClickHouse */
            read_back(&block, seen);
        if (fate <= 1) { /* and no answer came */
            click_rows_doubt(rows);
            if (rand() % 3 == 0)
                know_all(rows, seen);
        } else {
            click_rows_done(rows, records, offsets, 8);
        }
        rowbinary_clear(&block);
    }
    while (click_rows_records(rows) > 0) {
        know_all(rows, seen);

        uint32_t records = click_rows_build(rows, 1000, &block, &count);

        read_back(&block, seen);
        click_rows_done(rows, records, offsets, 8);
        rowbinary_clear(&block);
    }
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint32_t seq = 1; seq <= 300; seq++)
            assert_int_equal(seen[lane][seq], 1);
    }
    rowbinary_destroy(&block);
    click_rows_destroy(&rows);
}

static void every_click_once_whatever_happens(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++)
        one_schedule(seed);
}

/* Inserts all that waits, with the answer. */
static void insert(struct click_rows *rows, uint32_t seen[LANES][SEQS])
{
    struct rowbinary block = { 0 };
    struct click_offset offsets[8];
    uint32_t count;

    know_all(rows, seen);
    (void)click_rows_done(rows, click_rows_build(rows, 1000, &block, &count), offsets, 8);
    read_back(&block, seen);
    rowbinary_destroy(&block);
}

/* What was missing when the lane was last asked about comes after all, below its highest seq. */
static void a_hole_that_is_filled_late_is_filled_here_too(void **state)
{
    struct click_rows *rows = click_rows_new();
    uint32_t seen[LANES][SEQS] = { 0 };

    (void)state;
    take(rows, 0, 1, 1, 10, 1000000);
    take(rows, 1, 1, 21, 10, 1000000);
    insert(rows, seen);
    click_rows_reset(rows); /* another worker goes on */
    take(rows, 2, 1, 31, 10, 1000000);
    insert(rows, seen);
    take(rows, 3, 1, 11, 10, 1000000);
    insert(rows, seen);
    for (uint32_t seq = 1; seq <= 40; seq++)
        assert_int_equal(seen[1][seq], 1);
    click_rows_reset(rows);
    take(rows, 3, 1, 11, 10, 1000000);
    insert(rows, seen);
    for (uint32_t seq = 1; seq <= 40; seq++)
        assert_int_equal(seen[1][seq], 1); /* a lane without holes takes nothing twice */
    click_rows_destroy(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_month_never_shares_an_insert),
        cmocka_unit_test(every_click_once_whatever_happens),
        cmocka_unit_test(a_hole_that_is_filled_late_is_filled_here_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
