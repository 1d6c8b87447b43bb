/* SPDX-License-Identifier: MIT */
/* breaker: its states one by one, then generated schedules under a fake clock against what the header promises. */
#include <stdint.h>
#include <string.h>

#include "runtime/breaker.h"
#include "tests/testing.h"

enum { PAUSE_MIN_US = 100, PAUSE_MAX_US = 1600, THRESHOLD = 3 };

static void opens_after_threshold_failures_in_a_row(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, THRESHOLD, PAUSE_MIN_US, PAUSE_MAX_US);
    breaker_failed(&breaker, 0, 0, "refused");
    breaker_failed(&breaker, 0, 0, "refused");
    breaker_succeeded(&breaker); /* breaks the row */
    breaker_failed(&breaker, 0, 0, "refused");
    breaker_failed(&breaker, 0, 0, "refused");
    assert_true(breaker_allows(&breaker, 0));
    breaker_failed(&breaker, 0, 0, "timed out");
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_false(breaker_allows(&breaker, 0));
    assert_int_equal(breaker.opened_total, 1);
    assert_string_equal(breaker.reason, "timed out");
}

static void lets_one_probe_through(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, 1, PAUSE_MIN_US, PAUSE_MAX_US);
    breaker_failed(&breaker, 1000, 0, "refused");
    assert_int_equal(breaker.retry_at_us, 1000 + PAUSE_MIN_US / 2);
    assert_false(breaker_allows(&breaker, breaker.retry_at_us - 1));
    assert_true(breaker_allows(&breaker, breaker.retry_at_us));
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_false(breaker_allows(&breaker, breaker.retry_at_us + PAUSE_MAX_US));
    breaker_succeeded(&breaker);
    assert_true(breaker_allows(&breaker, breaker.retry_at_us));
    assert_true(breaker_allows(&breaker, breaker.retry_at_us));
}

static void late_failures_do_not_push_the_probe_away(void **state)
{
    struct breaker breaker;
    uint64_t retry_at_us;

    (void)state;
    breaker_init(&breaker, 1, PAUSE_MIN_US, PAUSE_MAX_US);
    breaker_failed(&breaker, 0, 7, "refused");
    retry_at_us = breaker.retry_at_us;
    breaker_failed(&breaker, retry_at_us - 1, 7, "late");
    assert_int_equal(breaker.retry_at_us, retry_at_us);
    assert_int_equal(breaker.opened_total, 1);
}

static void cuts_a_long_reason(void **state)
{
    struct breaker breaker;
    char reason[400];

    (void)state;
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    breaker_init(&breaker, 1, PAUSE_MIN_US, PAUSE_MAX_US);
    breaker_failed(&breaker, 0, 0, reason);
    assert_int_equal(strlen(breaker.reason), sizeof(breaker.reason) - 1);
}

static uint64_t next_random(uint64_t *seed) /* xorshift64: Marsaglia, "Xorshift RNGs", 2003 */
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* What the header says, kept in the plainest form. */
struct model {
    uint32_t failures;
    uint32_t openings;
    uint64_t opened_at_us;
    bool open;
    bool probing;
};

static void check_pause(const struct breaker *breaker, const struct model *model)
{
    uint64_t full_us = PAUSE_MIN_US;

    for (uint32_t i = 1; i < model->openings && full_us < PAUSE_MAX_US; i++)
        full_us *= 2;
    assert_in_range(breaker->retry_at_us - model->opened_at_us, full_us / 2, full_us);
}

static void fail_once(struct breaker *breaker, struct model *model, uint64_t now_us, uint64_t random)
{
    breaker_failed(breaker, now_us, random, "no answer");
    model->failures++;
    if (model->probing || (!model->open && model->failures >= THRESHOLD)) {
        model->open = true;
        model->probing = false;
        model->openings++;
        model->opened_at_us = now_us;
        check_pause(breaker, model);
    }
}

static void ask(struct breaker *breaker, struct model *model, uint64_t now_us)
{
    bool allowed = breaker_allows(breaker, now_us);

    if (!model->open) {
        assert_true(allowed);
    } else if (model->probing) {
        assert_false(allowed);
    } else {
        assert_int_equal(allowed, now_us >= breaker->retry_at_us);
        model->probing = allowed;
    }
}

static void run_schedule(uint64_t seed)
{
    struct breaker breaker;
    struct model model = { 0 };
    uint64_t now_us = 0;

    breaker_init(&breaker, THRESHOLD, PAUSE_MIN_US, PAUSE_MAX_US);
    for (int step = 0; step < 200; step++) {
        uint64_t random = next_random(&seed);

        now_us += random % 400;
        switch ((random >> 32) % 8) {
        case 0:
            breaker_succeeded(&breaker);
            model = (struct model){ 0 };
            break;
        case 1:
        case 2:
        case 3:
            fail_once(&breaker, &model, now_us, next_random(&seed));
            break;
        default:
            ask(&breaker, &model, now_us);
        }
        assert_int_equal(breaker.state, !model.open     ? BREAKER_CLOSED
                                        : model.probing ? BREAKER_HALF_OPEN
                                                        : BREAKER_OPEN);
    }
}

static void generated_schedules_agree_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10000; seed++)
        run_schedule(seed * 0x9E3779B97F4A7C15u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_threshold_failures_in_a_row),  cmocka_unit_test(lets_one_probe_through),
        cmocka_unit_test(late_failures_do_not_push_the_probe_away), cmocka_unit_test(cuts_a_long_reason),
        cmocka_unit_test(generated_schedules_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
