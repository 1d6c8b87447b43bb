/* SPDX-License-Identifier: MIT */
/* windows, pending, bridge_lane: what is not yet in Postgres, added up exactly once whatever stage it is in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/clicks/bridge_lane.h"
#include "actors/clicks/click_run.h"
#include "actors/clicks/lane_keys.h"
#include "actors/clicks/pending.h"
#include "actors/clicks/windows.h"
#include "tests/testing.h"

static unsigned seed;

static unsigned random_below(unsigned limit)
{
    return (unsigned)rand_r(&seed) % limit;
}

/* Clicks first .. last of lane 3, epoch 9: those whose seq divides by 3 are of "three", the others of "other". */
static struct slice batch_of(struct batch_maker *maker, uint64_t first, uint64_t last)
{
    struct batch_span span = { .epoch = 9, .lane = 3, .count = (uint32_t)(last - first + 1), .first_seq = first };

    batch_reset(maker);
    for (uint64_t seq = first; seq <= last; seq++)
        batch_add(maker, &(struct click){ .code = seq % 3 == 0 ? SLICE("three") : SLICE("other"), .time_us = seq });
    return batch_finish(maker, &span);
}

static uint64_t threes(uint64_t first, uint64_t last)
{
    return last / 3 - (first - 1) / 3;
}

/* ------------------------------------------------------------------------------------------------ windows */

static void a_window_is_sealed_and_dropped_whole(void **state)
{
    struct batch_maker maker = { 0 };
    struct windows windows;
    struct window *sealed;

    (void)state;
    windows_init(&windows, 1);
    windows_count(&windows, batch_of(&maker, 1, 10));
    windows_count(&windows, batch_of(&maker, 11, 12));
    sealed = windows_seal(&windows, 1000);
    assert_int_equal(sealed->first_seq, 1);
    assert_int_equal(sealed->last_seq, 12);
    assert_int_equal(code_counts_of(&sealed->counts, SLICE("three")), 4);
    assert_true(window_is_empty(&windows.open));
    windows_count(&windows, batch_of(&maker, 13, 20));
    (void)windows_seal(&windows, 2000);
    assert_ptr_equal(windows_unwritten(&windows), &windows.sealed[0]);
    windows.sealed[0].in_redis = windows.sealed[1].in_redis = true;
    assert_null(windows_unwritten(&windows));
    windows_doubt(&windows);
    assert_ptr_equal(windows_unwritten(&windows), &windows.sealed[0]);
    windows_published(&windows, 19);
    assert_true(windows.sealed[0].is_published);
    assert_false(windows.sealed[1].is_published);
    assert_int_equal(windows_pass(&windows, 11), 0); /* a mark within a window drops nothing */
    assert_int_equal(windows_pass(&windows, 12), 1);
    assert_ptr_equal(windows_ending(&windows, 20), &windows.sealed[0]);
    assert_int_equal(windows_pass(&windows, 100), 1);
    windows_free(&windows);
    batch_free(&maker);
}

/* A day of one click a second without Postgres: windows grow instead of multiplying. */
static void windows_do_not_multiply(void **state)
{
    struct batch_maker maker = { 0 };
    struct windows windows;
    uint64_t seq = 1;

    (void)state;
    windows_init(&windows, 1);
    for (uint64_t second = 1; second <= 24 * 3600; second++, seq++) {
        windows_count(&windows, batch_of(&maker, seq, seq));
        if (windows_is_due(&windows, second * 1000000, 1000000, 100000))
            (void)windows_seal(&windows, second * 1000000);
        if (second == 10)
            assert_int_equal(windows.sealed_count, 10); /* full pace while it is normal */
    }
    assert_in_range(windows.sealed_count, 300, 500);
    windows_free(&windows);
    batch_free(&maker);
}

/* ------------------------------------------------------------------------------------------------ pending */

/* A lane at a random moment: some of it counted, some published and trimmed, some sealed, some open. Whoever is asked,
 * in the right order, while the lane moves on between the questions, hears of every click once. */
static void no_order_of_events_loses_or_doubles_a_click(void **state)
{
    (void)state;
    for (unsigned run = 1; run < 3000; run++) {
        uint64_t ends[40];
        uint32_t windows = 1 + (run * 7) % 30;
        uint32_t mark_at_first; /* how many windows were dropped when the buffer or Redis was asked */
        uint32_t mark_at_last;  /* ... and are counted in the row */
        uint64_t open_end;
        bool by_redis;
        struct pending *pending = pending_new(SLICE("three"));
        struct batch_maker maker = { 0 };
        uint64_t row;

        seed = run;
        by_redis = random_below(2) == 1;
        for (uint32_t i = 0; i < windows; i++)
            ends[i] = (i > 0 ? ends[i - 1] : 0) + 1 + random_below(40);
        open_end = ends[windows - 1] + random_below(30);
        mark_at_first = random_below(windows + 1);
        mark_at_last = mark_at_first + random_below(windows - mark_at_first + 1);
        row = mark_at_last > 0 ? threes(1, ends[mark_at_last - 1]) : 0;
        for (uint32_t i = mark_at_first; i < windows; i++) {
            uint64_t first = i > 0 ? ends[i - 1] + 1 : 1;
            struct click_window window = { 9, 3, first, ends[i], threes(first, ends[i]) };

            if (window.clicks > 0)
                pending_add_window(pending, &window);
            if (random_below(4) == 0)
                pending_add_window(pending, &window); /* told twice */
        }
        if (open_end > ends[windows - 1] && by_redis)
            assert_true(pending_add_batch(pending, batch_of(&maker, ends[windows - 1] + 1, open_end)));
        else if (open_end > ends[windows - 1])
            pending_add_window(pending, &(struct click_window){ 9, 3, ends[windows - 1] + 1, open_end,
                                                                threes(ends[windows - 1] + 1, open_end) });
        pending_set_mark(pending, 9, 3, mark_at_last > 0 ? ends[mark_at_last - 1] : 0);
        pending_set_mark(pending, 9, 2, 1000000);
        assert_int_equal(row + pending_sum(pending).clicks, threes(1, open_end));
        assert_false(pending_sum(pending).straddles);
        pending_destroy(&pending);
        batch_free(&maker);
    }
}

static void a_window_across_its_mark_is_counted_from_its_batches(void **state)
{
    struct pending *pending = pending_new(SLICE("three"));
    struct batch_maker maker = { 0 };
    struct pending_total total;

    (void)state;
    pending_add_window(pending, &(struct click_window){ 9, 3, 1, 30, 10 });
    pending_set_mark(pending, 9, 3, 20);
    total = pending_sum(pending);
    assert_true(total.straddles);
    assert_int_equal(total.clicks, 0);
    assert_int_equal(total.first_seq, 21);
    assert_int_equal(total.last_seq, 30);
    assert_true(pending_add_batch(pending, batch_of(&maker, 15, 30)));
    pending_drop_window(pending, 9, 3, 30);
    total = pending_sum(pending);
    assert_false(total.straddles);
    assert_int_equal(total.clicks, threes(21, 30));
    pending_destroy(&pending);
    batch_free(&maker);
}

static void covered_lanes_are_remembered(void **state)
{
    struct pending *pending = pending_new(SLICE("x"));

    (void)state;
    pending_cover(pending, 9, 3);
    assert_true(pending_is_covered(pending, 9, 3));
    assert_false(pending_is_covered(pending, 9, 2));
    assert_false(pending_is_covered(pending, 8, 3));
    pending_destroy(&pending);
}

/* ------------------------------------------------------------------------------------------------ the bridge's lane */

static void a_window_is_published_when_all_of_it_is_safe(void **state)
{
    struct bridge_lane lane = { .epoch = 9, .lane = 3 };
    struct batch_maker maker = { 0 };

    (void)state;
    assert_false(bridge_lane_hear(&lane, 1, 20));
    assert_false(bridge_lane_hear(&lane, 1, 20)); /* said again */
    assert_false(bridge_lane_hear(&lane, 21, 25));
    assert_int_equal(lane.window_count, 2);
    bridge_lane_begin(&lane);
    assert_int_equal(bridge_lane_take(&lane, 10, batch_of(&maker, 1, 10)), BRIDGE_TAKEN);
    assert_false(bridge_lane_is_complete(&lane));
    assert_int_equal(bridge_lane_take(&lane, 20, batch_of(&maker, 11, 20)), BRIDGE_TAKEN);
    assert_true(bridge_lane_is_complete(&lane));
    assert_int_equal(bridge_lane_take(&lane, 25, batch_of(&maker, 21, 25)), BRIDGE_NOT_WANTED); /* of the next */
    assert_false(bridge_lane_is_done(&lane));                                                   /* not sent yet */
    lane.run.size = 0;
    lane.under_way = 1;
    assert_false(bridge_lane_is_done(&lane));
    lane.under_way = 0;
    lane.has_failed = true;
    assert_false(bridge_lane_is_done(&lane));
    bridge_lane_begin(&lane); /* from its first batch */
    assert_int_equal(lane.position, 0);
    assert_int_equal(bridge_lane_take(&lane, 20, batch_of(&maker, 1, 20)), BRIDGE_TAKEN);
    lane.run.size = 0;
    assert_int_equal(bridge_lane_finish(&lane), 20);
    assert_true(bridge_lane_hear(&lane, 1, 20)); /* told once more: say again that it is published */
    assert_int_equal(lane.window_count, 1);
    assert_int_equal(lane.gaps, 0);
    bridge_lane_free(&lane);
    batch_free(&maker);
}

static void what_the_stream_lacks_is_counted(void **state)
{
    struct bridge_lane lane = { .epoch = 9, .lane = 3 };
    struct batch_maker maker = { 0 };

    (void)state;
    (void)bridge_lane_hear(&lane, 1, 40);
    bridge_lane_begin(&lane);
    assert_int_equal(bridge_lane_take(&lane, 10, batch_of(&maker, 6, 10)), BRIDGE_TAKEN); /* 1..5: published before */
    assert_int_equal(lane.gaps, 0);
    assert_int_equal(bridge_lane_take(&lane, 30, batch_of(&maker, 21, 30)), BRIDGE_TAKEN);
    assert_int_equal(lane.gaps, 10);
    assert_int_equal(bridge_lane_take(&lane, 40, SLICE("rubbish")), BRIDGE_NOT_WANTED); /* passed for good */
    assert_true(bridge_lane_is_complete(&lane));
    assert_int_equal(lane.gaps, 20);
    bridge_lane_free(&lane);
    batch_free(&maker);
}

static void keys_are_read_back(void **state)
{
    uint64_t first;
    uint64_t last;

    (void)state;
    assert_string_equal(lane_stream_key(7, 2).text, "clicks:{7:2}");
    assert_string_equal(lane_window_key(7, 2, 10, 20).text, "windows:{7:2}:10-20");
    assert_true(lane_parse_pair(slice_of(lane_window_member(10, 20).text), &first, &last));
    assert_int_equal(first, 10);
    assert_int_equal(last, 20);
    assert_true(lane_parse_pair(SLICE("18446744073709551615-0"), &first, &last));
    assert_false(lane_parse_pair(SLICE("18446744073709551616-0"), &first, &last));
    assert_false(lane_parse_pair(SLICE("1-"), &first, &last));
    assert_false(lane_parse_pair(SLICE("-1"), &first, &last));
    assert_false(lane_parse_pair(SLICE("1x-2"), &first, &last));
    assert_false(lane_parse_pair(SLICE(""), &first, &last));
}

static void a_sealed_window_knows_its_largest_codes(void **state)
{
    struct windows windows;
    const struct window *sealed;
    char code[8];

    (void)state;
    windows_init(&windows, 1);
    for (uint64_t i = 1; i <= 20; i++) { /* the code ci has (7 * i) % 20 + 1 clicks: each number once */
        (void)snprintf(code, sizeof code, "c%u", (unsigned)i);
        code_counts_add(&windows.open.counts, slice_of(code), (7 * i) % 20 + 1);
    }
    windows.open.last_seq = windows.open.counts.clicks;
    sealed = windows_seal(&windows, 1);
    assert_int_equal(sealed->largest_count, WINDOW_LARGEST);
    for (uint32_t i = 0; i < WINDOW_LARGEST; i++)
        assert_int_equal(sealed->largest[i].clicks, 20 - i);
    windows_free(&windows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_sealed_and_dropped_whole),
        cmocka_unit_test(windows_do_not_multiply),
        cmocka_unit_test(no_order_of_events_loses_or_doubles_a_click),
        cmocka_unit_test(a_window_across_its_mark_is_counted_from_its_batches),
        cmocka_unit_test(covered_lanes_are_remembered),
        cmocka_unit_test(a_window_is_published_when_all_of_it_is_safe),
        cmocka_unit_test(what_the_stream_lacks_is_counted),
        cmocka_unit_test(keys_are_read_back),
        cmocka_unit_test(a_sealed_window_knows_its_largest_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
