/* SPDX-License-Identifier: MIT */
/* code_promise: whatever lives come and go and however marks jump, nothing is given at or above a ceiling in force. */
#include <stdlib.h>

#include "actors/links/code_promise.h"
#include "tests/testing.h"

#define SECOND UINT64_C(1000000)
#define MARGIN CODE_PROMISE_MARGIN

static void a_ceiling_is_far_above_and_stays(void **state)
{
    struct code_promise promise;

    (void)state;
    code_promise_start(&promise, 0);
    code_promise_know(&promise, 0);
    assert_int_equal(code_promise_make(&promise, 0, 1), 2 * MARGIN);
    assert_int_equal(code_promise_make(&promise, MARGIN, SECOND), 2 * MARGIN);
    assert_true(code_promise_allows(&promise, 2 * MARGIN, SECOND));
    assert_false(code_promise_allows(&promise, 2 * MARGIN + 1, SECOND));
}

static void raising_frees_nothing_before_the_lower_one_is_over(void **state)
{
    struct code_promise promise;
    uint64_t now = 10 * SECOND;

    (void)state;
    code_promise_start(&promise, 0);
    code_promise_know(&promise, 0);
    assert_false(code_promise_allows(&promise, 2 * MARGIN + 1, 1)); /* a life before this one may have promised it */
    assert_int_equal(code_promise_make(&promise, 0, now), 2 * MARGIN);
    assert_int_equal(code_promise_make(&promise, MARGIN + 1, now + 1), 4 * MARGIN);
    assert_false(code_promise_allows(&promise, 2 * MARGIN + 1, now + 1));
    assert_false(code_promise_allows(&promise, 2 * MARGIN + 1, now + 3 * SECOND));
    assert_true(code_promise_allows(&promise, 2 * MARGIN + 1, now + 1 + 3 * SECOND));
    assert_false(code_promise_allows(&promise, 4 * MARGIN + 1, now + 1 + 3 * SECOND));
    assert_int_equal(code_promise_to_record(&promise, now + 4 * SECOND), 4 * MARGIN);
    assert_int_equal(code_promise_to_record(&promise, now + 9 * SECOND), 0); /* no promise is in force */
}

/* The turn that promises may have begun long before: its clock says nothing about when the question came. */
static void the_time_of_a_promise_begins_after_its_turn(void **state)
{
    struct code_promise promise;

    (void)state;
    code_promise_start(&promise, 0);
    code_promise_know(&promise, 0);
    (void)code_promise_make(&promise, 0, 10 * SECOND);
    assert_false(code_promise_allows(&promise, 3 * MARGIN, 20 * SECOND)); /* the first moment after it */
    assert_false(code_promise_allows(&promise, 3 * MARGIN, 23 * SECOND - 1));
    assert_true(code_promise_allows(&promise, 3 * MARGIN, 23 * SECOND));
}

static void a_jump_lifts_it_twice_at_most_at_once(void **state)
{
    struct code_promise promise;
    uint64_t now = 10 * SECOND;

    (void)state;
    code_promise_start(&promise, 0);
    code_promise_know(&promise, 0);
    assert_true(code_promise_allows(&promise, 0, 1));
    (void)code_promise_make(&promise, 0, now);
    assert_int_equal(code_promise_make(&promise, 100 * MARGIN, now + 1), 102 * MARGIN);
    assert_int_equal(code_promise_make(&promise, 200 * MARGIN, now + 2),
                     0); /* none to offer, until the first is over */
    assert_false(code_promise_allows(&promise, 100 * MARGIN, now + 2));
    assert_int_equal(code_promise_make(&promise, 200 * MARGIN, now + 2 + 3 * SECOND), 202 * MARGIN);
    assert_false(code_promise_allows(&promise, 202 * MARGIN + 1, now + 4 * SECOND));
}

static void a_new_life_keeps_what_is_recorded(void **state)
{
    struct code_promise promise;

    (void)state;
    code_promise_start(&promise, 0);
    assert_false(code_promise_allows(&promise, 3 * MARGIN, 1)); /* Postgres has not said: the least it may have been */
    code_promise_know(&promise, 50 * MARGIN);
    assert_true(code_promise_allows(&promise, 50 * MARGIN, 1));
    assert_false(code_promise_allows(&promise, 50 * MARGIN + 1, 1));
    assert_int_equal(code_promise_make(&promise, 0, 2), 50 * MARGIN); /* never below it */
    assert_false(code_promise_allows(&promise, 50 * MARGIN + 1, 1 + 3 * SECOND));
}

/* ---- many lives against a reader that believes each ceiling for two seconds */

enum { READERS = 4 };

struct reader {
    uint64_t ceiling;
    uint64_t until_us;
};

static void no_reader_is_ever_wrong(void **state)
{
    struct code_promise promise;
    struct reader readers[READERS] = { { 0 } };
    uint64_t now = 0, given = 0, reach = 0, recorded = 0;
    uint32_t held = 0, gave = 0;

    (void)state;
    srand(7);
    code_promise_start(&promise, now);
    for (int step = 0; step < 400000; step++) {
        now += (uint64_t)(rand() % 20000);
        switch (rand() % 8) {
        case 0: { /* a reader asks; its question was under way for a while */
            struct reader *reader = &readers[rand() % READERS];
            uint64_t asked = now - (uint64_t)(rand() % 2 == 0 ? 0 : (now < 1000000 ? now : 1000000));
            uint64_t ceiling = code_promise_make(&promise, reach, now);

            if (ceiling != 0)
                *reader = (struct reader){ ceiling, asked + CODE_PROMISE_GOOD_FOR_US };
            break;
        }
        case 1: { /* Postgres writes down what may be */
            uint64_t value = code_promise_to_record(&promise, now);

            if (value != 0 && rand() % 3 == 0)
                promise.recorded = recorded = value;
            break;
        }
        case 2: /* another life, which may not hear of Postgres at once, or of an older one */
            if (rand() % 50 == 0) {
                code_promise_start(&promise, now);
                if (rand() % 4 != 0)
                    code_promise_know(&promise, recorded);
            }
            break;
        case 3: /* the servers turn out to be far ahead */
            if (rand() % 400 == 0)
                reach += (uint64_t)(rand() % 20) * MARGIN;
            break;
        default: { /* a lease, large or small */
            uint64_t end = reach + (uint64_t)(rand() % 3 == 0 ? (uint64_t)rand() % MARGIN : 512);

            reach = end;
            if (!code_promise_allows(&promise, end, now)) {
                held++;
                break;
            }
            given = end;
            gave++;
            for (int i = 0; i < READERS; i++)
                if (now < readers[i].until_us)
                    assert_true(given <= readers[i].ceiling);
        }
        }
    }
    assert_true(held > 100 && gave > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ceiling_is_far_above_and_stays),
        cmocka_unit_test(raising_frees_nothing_before_the_lower_one_is_over),
        cmocka_unit_test(the_time_of_a_promise_begins_after_its_turn),
        cmocka_unit_test(a_jump_lifts_it_twice_at_most_at_once),
        cmocka_unit_test(a_new_life_keeps_what_is_recorded),
        cmocka_unit_test(no_reader_is_ever_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
