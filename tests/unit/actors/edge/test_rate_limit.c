/* SPDX-License-Identifier: MIT */
/* How often one client may come. */
#include "actors/edge/rate_limit.h"
#include "tests/testing.h"

enum { SECOND = 1000000 };

/* How many of `requests` evenly spread over `span_us` pass. */
static unsigned passed(struct rate_limit *limit, uint64_t client, unsigned requests, uint64_t from_us, uint64_t span_us)
{
    unsigned count = 0;

    for (unsigned i = 0; i < requests; i++)
        count += rate_limit_wait_us(limit, client, 10, 5, from_us + span_us * i / requests) == 0;
    return count;
}

static void test_rate_and_burst(void **state)
{
    struct rate_limit *limit = rate_limit_new(1);

    (void)state;
    assert_int_equal(passed(limit, 7, 20, SECOND, 0), 5); /* the burst */
    assert_int_equal(passed(limit, 8, 20, SECOND, 0), 5); /* somebody else's */
    assert_int_equal(rate_limit_wait_us(limit, 7, 10, 5, SECOND), SECOND / 10);
    assert_int_equal(rate_limit_wait_us(limit, 7, 10, 5, SECOND + SECOND / 10), 0);
    assert_in_range(passed(limit, 7, 10000, 2 * SECOND, 100 * (uint64_t)SECOND), 1000, 1006);
    assert_int_equal(passed(limit, 7, 90, 1000 * (uint64_t)SECOND, 10 * SECOND), 90); /* below the rate: all */
    rate_limit_destroy(&limit);
    assert_null(limit);
}

/* More clients than places: nobody who keeps to the rate is refused, and one that storms stays limited. */
static void test_many_clients(void **state)
{
    struct rate_limit *limit = rate_limit_new(2);
    uint64_t now_us = SECOND;
    unsigned stormed = 0;

    (void)state;
    for (uint64_t client = 100; client < 200100; client++, now_us += 50) {
        assert_int_equal(rate_limit_wait_us(limit, client, 10, 5, now_us), 0);
        stormed += rate_limit_wait_us(limit, 1, 10, 5, now_us) == 0;
    }
    assert_in_range(stormed, 100, 120); /* ten seconds at ten a second, and the burst */
    rate_limit_destroy(&limit);
}

/* What others let pass moves a schedule forward, never back. */
static void test_hearing_of_others(void **state)
{
    struct rate_limit *limit = rate_limit_new(3);

    (void)state;
    rate_limit_hear(limit, 7, 10 * SECOND);
    assert_int_equal(rate_limit_wait_us(limit, 7, 10, 5, 9 * SECOND), SECOND - 4 * SECOND / 10);
    rate_limit_hear(limit, 7, 2 * SECOND);
    assert_int_equal(rate_limit_wait_us(limit, 7, 10, 5, 9 * SECOND), SECOND - 4 * SECOND / 10);
    assert_int_equal(rate_limit_wait_us(limit, 8, 10, 5, 9 * SECOND), 0);
    rate_limit_destroy(&limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rate_and_burst), cmocka_unit_test(test_many_clients),
                                        cmocka_unit_test(test_hearing_of_others) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
