/* SPDX-License-Identifier: MIT */
/* What a node that never comes back left in Redis: another one publishes it, once, and removes nothing that is not its.
 */
#include "tests/sim/clicks/sim_buffer.h"

/* Another node, with another disk, and no earlier starts; epoch 100 is of one that is silent. */
static void start_another_node(void)
{
    const struct harness_letter *letter;

    kill_buffer();
    assert_int_equal(system("rm -rf nodes"), 0);
    start_buffer(2);
    while ((letter = harness_take_type(h, &epochs_read_schema)) != NULL)
        harness_reply(h, letter, &epochs_known_schema, &(struct epochs_known){ 0 });
    harness_advance(h, 11000000);
    letter = harness_take_type(h, &producer_beat_schema);
    assert_non_null(letter);
    assert_int_equal(((const struct producer_beat *)letter->message)->epoch, 101);
    harness_reply(h, letter, &epochs_known_schema,
                  &(struct epochs_known){ .epochs = { (struct producer_epoch[]){ { 100, LANES } }, 1 } });
    harness_advance(h, 1000000);
}

static uint64_t lanes_of_epoch(uint64_t epoch)
{
    uint64_t question = harness_ask(h, buffer, &lanes_read_schema, &(struct lanes_read){});
    const struct lanes_known *known;
    uint64_t count = 0;

    harness_run(h);
    known = harness_answer(h, question)->message;
    for (uint32_t i = 0; i < known->lanes.count; i++)
        count += known->lanes.at[i].epoch == epoch;
    return count;
}

static void what_a_node_that_never_returns_left_in_redis_is_published(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)commit("abc", 3);
        harness_advance(h, 1000);
    }
    start_another_node();
    assert_int_equal(pending("abc", NULL), 15);
    assert_int_equal(lanes_of_epoch(100), LANES);
    assert_true(publish_and_count(true) > 0);
    harness_advance(h, 1000000);
    assert_int_equal(pending("abc", NULL), 0);
    assert_int_equal(lanes_of_epoch(100), 0); /* it has let go of it ... */
    assert_int_equal(streams_hold(100), 15);  /* ... and removed nothing: that is its producer's right */
    assert_int_not_equal(access("nodes/node/click_buffer/journal/100.2", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_node_that_never_returns_left_in_redis_is_published, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
