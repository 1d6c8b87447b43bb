/* SPDX-License-Identifier: MIT */
/* An actor's life and letters, in the harness: what actor.h promises, without sockets and without waiting. */

#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/testing.h"

/* ------------------------------------------------------------------------------------------------ two small actors */

struct counter_state {
    uint64_t total;
    uint64_t limit;
    uint64_t turns;
};

static void on_ids(struct actor *me, const struct ids_lease *m, struct question q)
{
    struct counter_state *self = actor_state(me);

    if (self->total + m->count > self->limit) {
        actor_refuse(me, q, "the limit is %lu", (unsigned long)self->limit);
        return;
    }
    ANSWER(me, q, ids_leased, .first = self->total + 1, .count = m->count);
    self->total += m->count;
}

static void on_beat(struct actor *me, const struct feed_beat *m)
{
    if (m->number == 13)
        actor_fail(me, "thirteen");
}

static void counter_start(struct actor *me)
{
    (void)me;
}

static const struct option counter_options[] = {
    { "limit", OPTION_NUMBER, offsetof(struct counter_state, limit), "100", "How far to count.", 0, 0, NULL, true },
};

static const struct handler counter_handlers[] = { ASKED(ids_lease, on_ids), TOLD(feed_beat, on_beat) };

static const struct actor_kind counter_kind = {
    .name = "counter",
    .state_size = sizeof(struct counter_state),
    .start = counter_start,
    TABLE(option, counter_options),
    TABLE(handler, counter_handlers),
};

struct asker_state {
    uint64_t answers;
    enum ask_outcome outcome;
    uint64_t first;
};

static void answered(struct actor *me, void *context, const struct answer *answer)
{
    struct asker_state *self = actor_state(me);

    (void)context;
    self->answers++;
    self->outcome = answer->outcome;
    if (answer->outcome == ASK_ANSWERED)
        self->first = ((const struct ids_leased *)answer->message)->first;
}

static void asker_start(struct actor *me)
{
    ASK(me, 0, (&(struct sending){ .deadline_us = 1000000, .then = answered }), ids_lease, .count = 5);
}

static const struct outlet asker_outlets[] = { { .name = "ids", .to = "counter" } };

static const struct actor_kind asker_kind = {
    .name = "asker",
    .state_size = sizeof(struct asker_state),
    .start = asker_start,
    TABLE(outlet, asker_outlets),
};

/* ------------------------------------------------------------------------------------------------ tests */

static void an_ask_is_answered_once(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *counter = harness_add(h, &counter_kind, "counter", NULL);
    struct actor *asker = harness_add(h, &asker_kind, "asker", NULL);

    (void)state;
    harness_start(h);
    assert_true(harness_is_up(counter));

    const struct asker_state *self = actor_state(asker);

    assert_int_equal(self->answers, 1);
    assert_int_equal(self->outcome, ASK_ANSWERED);
    assert_int_equal(self->first, 1);
    harness_advance(h, 5000000);
    assert_int_equal(self->answers, 1);
    harness_destroy(&h);
}

static void an_ask_without_answer_times_out(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *asker = harness_add(h, &asker_kind, "asker", NULL);

    (void)state;
    harness_start(h);

    const struct asker_state *self = actor_state(asker);
    const struct harness_letter *ask = harness_take(h);

    assert_non_null(ask);
    assert_string_equal(ask->to, "absent/counter");
    harness_advance(h, 999999);
    assert_int_equal(self->answers, 0);
    harness_advance(h, 1);
    assert_int_equal(self->answers, 1);
    assert_int_equal(self->outcome, ASK_TIMED_OUT);
    harness_reply(h, ask, &ids_leased_schema, &(struct ids_leased){ .first = 7 });
    assert_int_equal(self->answers, 1); /* a late answer is counted and dropped */
    harness_destroy(&h);
}

static void an_ask_ends_when_the_node_dies(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *asker = harness_add(h, &asker_kind, "asker", NULL);

    (void)state;
    harness_start(h);
    harness_node(h, "absent", false);

    const struct asker_state *self = actor_state(asker);

    assert_int_equal(self->answers, 1);
    assert_int_equal(self->outcome, ASK_TARGET_DIED);
    harness_destroy(&h);
}

static void a_refusal_says_why(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *counter = harness_add(h, &counter_kind, "counter", (const char *[]){ "limit=3", NULL });

    (void)state;
    harness_start(h);

    uint64_t number = harness_ask(h, counter, &ids_lease_schema, &(struct ids_lease){ .count = 5 });
    const struct harness_letter *answer = harness_answer(h, number);

    assert_non_null(answer);
    assert_ptr_equal(answer->schema, &ask_failed_schema);
    assert_true(slice_is(((const struct ask_failed *)answer->message)->detail, "the limit is 3"));
    harness_set_option(h, counter, "limit", "1k");
    number = harness_ask(h, counter, &ids_lease_schema, &(struct ids_lease){ .count = 5 });
    answer = harness_answer(h, number);
    assert_ptr_equal(answer->schema, &ids_leased_schema);
    harness_destroy(&h);
}

static void a_restart_loses_no_letter_but_the_one_in_hand(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *counter = harness_add(h, &counter_kind, "counter", NULL);

    (void)state;
    harness_start(h);
    harness_tell(h, counter, &feed_beat_schema, &(struct feed_beat){ .number = 13 });
    assert_false(harness_is_up(counter));
    assert_string_equal(harness_failure(counter), "thirteen");

    uint64_t number = harness_ask(h, counter, &ids_lease_schema, &(struct ids_lease){ .count = 5 });

    assert_null(harness_answer(h, number)); /* it waits in the mailbox */
    harness_start(h);
    assert_true(harness_is_up(counter));
    assert_non_null(harness_answer(h, number));
    harness_destroy(&h);
}

static void a_letter_nobody_knows_is_refused(void **state)
{
    struct harness *h = harness_new(1);
    struct actor *counter = harness_add(h, &counter_kind, "counter", NULL);

    (void)state;
    harness_start(h);

    uint64_t number = harness_ask(h, counter, &codes_lease_schema, &(struct codes_lease){ .count = 5 });

    assert_ptr_equal(harness_answer(h, number)->schema, &ask_failed_schema);
    assert_true(harness_is_up(counter));
    harness_destroy(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ask_is_answered_once),
        cmocka_unit_test(an_ask_without_answer_times_out),
        cmocka_unit_test(an_ask_ends_when_the_node_dies),
        cmocka_unit_test(a_refusal_says_why),
        cmocka_unit_test(a_restart_loses_no_letter_but_the_one_in_hand),
        cmocka_unit_test(a_letter_nobody_knows_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
