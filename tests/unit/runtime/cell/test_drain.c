/* SPDX-License-Identifier: MIT */
/* A drain: what is accepted is finished, who asks anew is sent elsewhere at once, and nothing that was told is lost. */

#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/testing.h"

/* ------------------------------------------------------------------------------------------------ a slow clerk */

/* Answers what it was asked when it is told the number 1; notes all numbers, also across its incarnations. */
struct clerk {
    struct question question;
    bool is_asked;
};

static uint64_t noted[8];
static size_t noted_count;

static void on_ids(struct actor *me, const struct ids_lease *m, struct question q)
{
    struct clerk *self = actor_state(me);

    (void)m;
    self->question = q;
    self->is_asked = true;
}

static void on_beat(struct actor *me, const struct feed_beat *m)
{
    struct clerk *self = actor_state(me);

    noted[noted_count++] = m->number;
    if (m->number == 1 && self->is_asked)
        ANSWER(me, self->question, ids_leased, .first = 7);
}

static const struct handler clerk_handlers[] = { ASKED(ids_lease, on_ids), TOLD(feed_beat, on_beat) };
static const struct actor_kind clerk_kind = { .name = "clerk",
                                              .state_size = sizeof(struct clerk),
                                              TABLE(handler, clerk_handlers) };

static uint64_t ask(struct harness *h, struct actor *clerk)
{
    return harness_ask(h, clerk, &ids_lease_schema, &(struct ids_lease){ .count = 1 });
}

static void tell(struct harness *h, struct actor *clerk, uint64_t number)
{
    harness_tell(h, clerk, &feed_beat_schema, &(struct feed_beat){ .number = number });
}

static void assert_turned_away(struct harness *h, uint64_t number)
{
    const struct harness_letter *answer = harness_answer(h, number);

    assert_non_null(answer);
    assert_ptr_equal(answer->schema, &ask_failed_schema);
    assert_int_equal(((const struct ask_failed *)answer->message)->reason, ASK_UNAVAILABLE);
}

/* ------------------------------------------------------------------------------------------------ tests */

static void finishes_what_it_has_and_turns_the_rest_away(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *clerk = harness_add(h, &clerk_kind, "clerk", NULL);
    uint64_t first;

    (void)state;
    noted_count = 0;
    harness_start(h);
    first = ask(h, clerk);
    harness_drain(h, clerk);
    assert_true(actor_is_draining(clerk)); /* it still owes an answer */
    assert_turned_away(h, ask(h, clerk));
    tell(h, clerk, 1);
    assert_ptr_equal(harness_answer(h, first)->schema, &ids_leased_schema);
    assert_null(actor_state(clerk)); /* and with that it has stopped */
    harness_destroy(&h);
}

static void while_it_is_away_askers_hear_at_once_and_tells_wait_in_order(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *clerk = harness_add(h, &clerk_kind, "clerk", NULL);
    uint64_t last;

    (void)state;
    noted_count = 0;
    harness_start(h);
    harness_drain(h, clerk);
    assert_null(actor_state(clerk));
    tell(h, clerk, 5);
    assert_turned_away(h, ask(h, clerk));
    tell(h, clerk, 6);
    assert_int_equal(noted_count, 0);
    harness_start(h);
    assert_int_equal(noted_count, 2);
    assert_int_equal(noted[0], 5);
    assert_int_equal(noted[1], 6);
    assert_false(((struct clerk *)actor_state(clerk))->is_asked); /* who was turned away is not served as well */
    last = ask(h, clerk);
    tell(h, clerk, 1);
    assert_ptr_equal(harness_answer(h, last)->schema, &ids_leased_schema);
    harness_destroy(&h);
}

/* ---- askers go elsewhere */

static void on_answer(struct actor *me, void *context, const struct answer *answer)
{
    (void)me;
    (void)context;
    (void)answer;
}

static void ask_again(struct actor *me, const struct feed_beat *m)
{
    (void)m;
    ASK(me, 0, (&(struct sending){ .deadline_us = 1000000, .then = on_answer }), ids_lease, .count = 1);
}

static const struct outlet asker_outlets[] = {
    { .name = "ids", .to = "clerk", .pick = PICK_LEAST_OUTSTANDING },
};
static const struct handler asker_handlers[] = { TOLD(feed_beat, ask_again) };
static const struct actor_kind asker_kind = { .name = "asker",
                                              TABLE(outlet, asker_outlets),
                                              TABLE(handler, asker_handlers) };

static void a_node_that_is_leaving_is_asked_no_more_but_still_heard(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *asker = harness_add(h, &asker_kind, "asker", NULL);

    (void)state;
    harness_receivers(h, asker, 0, 2);
    harness_start(h);
    tell(h, asker, 1);
    assert_non_null(harness_take(h));
    harness_leaves(h, "absent");
    assert_false(actor_receiver_is_up(asker, 0, 0));
    tell(h, asker, 2);
    assert_non_null(harness_take(h)); /* when all are leaving, one of them is better than none */
    harness_node(h, "absent", true);
    assert_true(actor_receiver_is_up(asker, 0, 0));
    harness_destroy(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finishes_what_it_has_and_turns_the_rest_away),
        cmocka_unit_test(while_it_is_away_askers_hear_at_once_and_tells_wait_in_order),
        cmocka_unit_test(a_node_that_is_leaving_is_asked_no_more_but_still_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
