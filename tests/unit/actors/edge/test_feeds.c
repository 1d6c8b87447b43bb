/* SPDX-License-Identifier: MIT */
/* When copies of links are in doubt. */
#include "actors/edge/feeds.h"
#include "tests/testing.h"

enum { LEASE = 2000 };

static void test_complete_feeds_leave_no_doubt(void **state)
{
    struct feeds feeds = { .lease_us = LEASE };

    (void)state;
    assert_int_equal(feeds_beat(&feeds, 1, 0, 10), FEEDS_NEW);
    assert_int_equal(feeds_beat(&feeds, 2, 7, 10), FEEDS_NEW);
    assert_int_equal(feeds_change(&feeds, 1, 1, 20), FEEDS_FINE);
    assert_int_equal(feeds_change(&feeds, 1, 2, 30), FEEDS_FINE);
    assert_int_equal(feeds_change(&feeds, 1, 2, 31), FEEDS_FINE); /* a repeat */
    assert_int_equal(feeds_beat(&feeds, 1, 2, 40), FEEDS_FINE);
    assert_int_equal(feeds_change(&feeds, 2, 8, 50), FEEDS_FINE);
    assert_int_equal(feeds_check(&feeds, 60), FEEDS_FINE);
    assert_true(feeds_are_enough(&feeds, 2));
    assert_false(feeds_are_enough(&feeds, 3));
}

static void test_gaps(void **state)
{
    struct feeds feeds = { .lease_us = LEASE };

    (void)state;
    feeds_beat(&feeds, 1, 5, 10);
    assert_int_equal(feeds_change(&feeds, 1, 7, 20), FEEDS_GAP);
    assert_int_equal(feeds_change(&feeds, 1, 8, 20), FEEDS_FINE);
    assert_int_equal(feeds_beat(&feeds, 1, 9, 30), FEEDS_GAP);
    assert_int_equal(feeds_beat(&feeds, 1, 9, 40), FEEDS_FINE);
}

static void test_silence(void **state)
{
    struct feeds feeds = { .lease_us = LEASE };

    (void)state;
    feeds_beat(&feeds, 1, 0, 0);
    feeds_beat(&feeds, 2, 0, 1000);
    assert_int_equal(feeds_check(&feeds, LEASE), FEEDS_FINE);
    assert_int_equal(feeds_check(&feeds, LEASE + 1), FEEDS_LATE);
    assert_false(feeds_are_enough(&feeds, 2));
    assert_true(feeds_are_enough(&feeds, 1));
    assert_int_equal(feeds_check(&feeds, LEASE + 2), FEEDS_FINE); /* once */
    assert_int_equal(feeds_beat(&feeds, 1, 0, LEASE + 3), FEEDS_NEW);
}

/* Whoever slept must not believe the beat that wakes it. */
static void test_own_sleep_counts_as_silence(void **state)
{
    struct feeds feeds = { .lease_us = LEASE };

    (void)state;
    feeds_beat(&feeds, 1, 0, 0);
    assert_int_equal(feeds_beat(&feeds, 1, 0, LEASE + 1), FEEDS_LATE);
    assert_int_equal(feeds_change(&feeds, 1, 1, 2 * LEASE + 2), FEEDS_LATE);
    assert_int_equal(feeds_beat(&feeds, 1, 1, 2 * LEASE + 3), FEEDS_FINE);
}

static void test_bounded(void **state)
{
    struct feeds feeds = { .lease_us = LEASE };

    (void)state;
    for (uint64_t i = 0; i < FEEDS_LIMIT + 10; i++)
        assert_int_equal(feeds_beat(&feeds, i + 1, 0, i), FEEDS_NEW);
    assert_int_equal(feeds.count, FEEDS_LIMIT);
    assert_int_equal(feeds_beat(&feeds, FEEDS_LIMIT + 10, 0, FEEDS_LIMIT + 10), FEEDS_FINE); /* the newest stayed */
    assert_int_equal(feeds_beat(&feeds, 1, 0, FEEDS_LIMIT + 11), FEEDS_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete_feeds_leave_no_doubt),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_own_sleep_counts_as_silence),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
