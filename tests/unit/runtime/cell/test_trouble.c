/* SPDX-License-Identifier: MIT */
/* What may go wrong inside one thread: actors that fail in callbacks, retry without end, flood a neighbour, are drained
 * with work open, get options that do not parse. In the harness, so nothing waits and every run is the same. */
#include <stdlib.h>

#include "proto/messages/links.h"
#include "runtime/cell/cell.h"
#include "runtime/harness.h"
#include "tests/testing.h"

/* ------------------------------------------------------------------------------------------------ a sink */

struct sink_state {
    uint64_t letters;
    uint64_t starts;
    struct question open;
    bool has_open;
    const char *label;
    uint64_t speed;
};

static uint64_t sink_starts; /* over all incarnations */
static uint64_t sink_deaths;

static void sink_start(struct actor *me)
{
    (void)me;
    sink_starts++;
}

/* Fails in every letter numbered 13, and the first time in 14. */
static void sink_beat(struct actor *me, const struct feed_beat *m)
{
    struct sink_state *self = actor_state(me);

    self->letters++;
    if (m->number == 13 || (m->number == 14 && sink_deaths == 0)) {
        sink_deaths++;
        actor_fail(me, "number %lu", (unsigned long)m->number);
    }
}

/* 0: answers later; 13 and 14: as above; 15: answers, then fails; others: answers. */
static void sink_ids(struct actor *me, const struct ids_lease *m, struct question q)
{
    struct sink_state *self = actor_state(me);

    self->letters++;
    if (m->count == 0) {
        self->open = q;
        self->has_open = true;
        return;
    }
    if (m->count == 13 || (m->count == 14 && sink_deaths == 0)) {
        sink_deaths++;
        actor_fail(me, "count %lu", (unsigned long)m->count);
        return;
    }
    ANSWER(me, q, ids_leased, .first = self->letters, .count = m->count);
    if (m->count == 15)
        actor_fail(me, "after the answer");
}

static void sink_codes(struct actor *me, const struct codes_lease *m)
{
    struct sink_state *self = actor_state(me);

    (void)m;
    if (self->has_open)
        ANSWER(me, self->open, ids_leased, .first = 1);
    self->has_open = false;
}

static const struct option sink_options[] = {
    { .name = "label", .type = OPTION_TEXT, .offset = offsetof(struct sink_state, label), .default_text = "plain" },
    { .name = "speed",
      .type = OPTION_NUMBER,
      .offset = offsetof(struct sink_state, speed),
      .default_text = "5",
      .live = true },
};
static const struct handler sink_handlers[] = {
    TOLD(feed_beat, sink_beat),
    ASKED(ids_lease, sink_ids),
    TOLD(codes_lease, sink_codes),
};

static const struct actor_kind sink_kind = {
    .name = "sink",
    .state_size = sizeof(struct sink_state),
    .start = sink_start,
    TABLE(option, sink_options),
    TABLE(handler, sink_handlers),
};
static const struct actor_kind sturdy_kind = {
    .name = "sturdy",
    .state_size = sizeof(struct sink_state),
    .start = sink_start,
    .on_failure = LETTER_REDELIVERED,
    TABLE(option, sink_options),
    TABLE(handler, sink_handlers),
};

/* ------------------------------------------------------------------------------------------------ a source */

enum { TO_SINK, TO_DROPPER };

struct source_state {
    uint64_t answers;
    uint64_t outcomes[ASK_FAILED + 1];
    uint64_t retries;
    bool retries_for_ever;
    bool fails_when_told;
    uint64_t victim; /* an ask that the first answer cancels */
};

static void ended(struct actor *me, void *context, const struct answer *answer)
{
    struct source_state *self = actor_state(me);

    (void)context;
    self->answers++;
    self->outcomes[answer->outcome]++;
    actor_cancel_ask(me, self->victim);
    if (self->fails_when_told)
        actor_fail(me, "told that it ended");
    if (self->retries_for_ever && self->retries < 1000000) {
        self->retries++;
        ASK(me, TO_SINK, (&(struct sending){ .then = ended }), ids_lease, .count = 1);
    }
}

static uint64_t source_ask(struct actor *me, uint64_t count)
{
    return ASK(me, TO_SINK, (&(struct sending){ .deadline_us = 1000000, .then = ended }), ids_lease, .count = count);
}

static void source_start(struct actor *me)
{
    (void)me;
}

static const struct outlet source_outlets[] = {
    { .name = "sink", .to = "sink" },
    { .name = "dropper", .to = "sink", .overload = OVERLOAD_DROP_OLDEST },
};
static const struct actor_kind source_kind = {
    .name = "source",
    .state_size = sizeof(struct source_state),
    .start = source_start,
    TABLE(outlet, source_outlets),
};

static struct actor *sink;
static struct actor *source;

static struct harness *begin(const struct actor_kind *kind)
{
    struct harness *h = harness_new(1);

    sink_starts = sink_deaths = 0;
    sink = kind != NULL ? harness_add(h, kind, "sink", NULL) : NULL;
    source = harness_add(h, &source_kind, "source", NULL);
    harness_start(h);
    return h;
}

static const struct source_state *of_source(void)
{
    return actor_state(source);
}

static const struct sink_state *of_sink(void)
{
    return actor_state(sink);
}

/* ------------------------------------------------------------------------------------------------ credit */

static void a_flood_to_a_neighbour_arrives_as_a_whole(void **state)
{
    struct harness *h = begin(&sink_kind);
    uint32_t taken = 0;

    (void)state;
    while (TELL(source, TO_SINK, feed_beat, .number = 1))
        taken++;
    assert_int_equal(taken, 2 * WINDOW_DEFAULT); /* a window under way, another one waiting */
    assert_int_equal(actor_credit(source, TO_SINK), 0);
    harness_run(h);
    assert_int_equal(of_sink()->letters, taken);
    assert_int_equal(actor_credit(source, TO_SINK), 2 * WINDOW_DEFAULT);
    harness_destroy(&h);
}

static void what_is_dropped_for_newer_letters_is_counted(void **state)
{
    struct harness *h = begin(&sink_kind);

    (void)state;
    for (int i = 0; i < 2 * WINDOW_DEFAULT + 10; i++)
        assert_true(TELL(source, TO_DROPPER, feed_beat, .number = 1));
    assert_int_equal(source->dead.counts[DEAD_DROPPED], 10);
    harness_run(h);
    assert_int_equal(of_sink()->letters, 2 * WINDOW_DEFAULT);
    harness_destroy(&h);
}

/* ------------------------------------------------------------------------------------------------ asks */

static void a_retry_from_the_callback_is_not_ended_with_the_first(void **state)
{
    struct harness *h = begin(NULL);

    (void)state;
    ((struct source_state *)actor_state(source))->retries_for_ever = true;
    source_ask(source, 1);
    harness_run(h);
    harness_node(h, "absent", false); /* would never come back if the retry were ended in the same breath */
    assert_int_equal(of_source()->answers, 1);
    assert_int_equal(of_source()->retries, 1);
    harness_destroy(&h);
}

static void a_callback_may_cancel_an_ask_that_ends_with_it(void **state)
{
    struct harness *h = begin(NULL);

    (void)state;
    source_ask(source, 1);
    ((struct source_state *)actor_state(source))->victim = source_ask(source, 2);
    harness_run(h);
    harness_node(h, "absent", false);
    assert_int_equal(of_source()->answers, 1);
    assert_int_equal(source->asks.open, 0);
    harness_destroy(&h);
}

static void an_actor_that_fails_in_a_callback_gets_no_other(void **state)
{
    struct harness *h = begin(NULL);
    struct source_state *self = actor_state(source);

    (void)state;
    self->fails_when_told = true;
    source_ask(source, 1);
    source_ask(source, 2);
    harness_run(h);
    harness_node(h, "absent", false); /* a second call would touch freed state */
    assert_false(harness_is_up(source));
    assert_int_equal(source->asks.open, 0);
    harness_start(h);
    assert_int_equal(of_source()->answers, 0);
    harness_destroy(&h);
}

static void asks_beyond_the_limit_fail_and_say_so(void **state)
{
    struct harness *h = harness_new(1);
    const uint32_t extra = 1000;

    (void)state;
    source = harness_add(h, &source_kind, "source", NULL);
    harness_receivers(h, source, TO_SINK, 64);
    harness_start(h);
    for (uint32_t i = 0; i < ASKS_LIMIT + extra; i++)
        assert_int_not_equal(source_ask(source, 1), 0);
    harness_run(h);
    assert_int_equal(of_source()->outcomes[ASK_OVERLOADED], extra);
    harness_advance(h, 1000000);
    assert_int_equal(of_source()->outcomes[ASK_TIMED_OUT], ASKS_LIMIT);
    assert_int_equal(of_source()->answers, ASKS_LIMIT + extra);
    harness_destroy(&h);
}

/* ------------------------------------------------------------------------------------------------ failing */

static void a_letter_is_handled_again_once(void **state)
{
    struct harness *h = begin(&sturdy_kind);
    uint64_t ask;

    (void)state;
    harness_tell(h, sink, &feed_beat_schema, &(struct feed_beat){ .number = 14 });
    assert_false(harness_is_up(sink));
    harness_tell(h, sink, &feed_beat_schema, &(struct feed_beat){ .number = 1 });
    harness_start(h);
    assert_true(harness_is_up(sink));
    assert_int_equal(of_sink()->letters, 2); /* the one again, and the one behind it */
    assert_int_equal(sink->dead.total, 0);
    sink_deaths = 0;
    ask = harness_ask(h, sink, &ids_lease_schema, &(struct ids_lease){ .count = 14 });
    assert_null(harness_answer(h, ask)); /* the asker need not hear of it */
    harness_start(h);
    assert_ptr_equal(harness_answer(h, ask)->schema, &ids_leased_schema);
    harness_destroy(&h);
}

static void a_letter_that_always_kills_is_buried(void **state)
{
    struct harness *h = begin(&sturdy_kind);

    (void)state;
    harness_tell(h, sink, &feed_beat_schema, &(struct feed_beat){ .number = 13 });
    harness_start(h);
    assert_false(harness_is_up(sink));
    harness_start(h);
    assert_true(harness_is_up(sink));
    assert_int_equal(sink_deaths, 2);
    assert_int_equal(sink->dead.counts[DEAD_ACTOR_FAILED], 1);
    harness_destroy(&h);
}

static void an_answered_question_is_not_asked_again(void **state)
{
    struct harness *h = begin(&sturdy_kind);
    uint64_t ask;

    (void)state;
    ask = harness_ask(h, sink, &ids_lease_schema, &(struct ids_lease){ .count = 15 });
    assert_false(harness_is_up(sink));
    assert_ptr_equal(harness_answer(h, ask)->schema, &ids_leased_schema);
    harness_start(h);
    assert_int_equal(of_sink()->letters, 0);
    assert_null(harness_answer(h, ask));
    harness_destroy(&h);
}

static void a_question_in_hand_ends_with_the_actor(void **state)
{
    struct harness *h = begin(&sink_kind);
    uint64_t later;
    uint64_t now;
    const struct harness_letter *answer;

    (void)state;
    later = harness_ask(h, sink, &ids_lease_schema, &(struct ids_lease){ .count = 0 });
    now = harness_ask(h, sink, &ids_lease_schema, &(struct ids_lease){ .count = 13 });
    answer = harness_answer(h, later);
    assert_int_equal(((const struct ask_failed *)answer->message)->reason, ASK_TARGET_DIED);
    answer = harness_answer(h, now);
    assert_int_equal(((const struct ask_failed *)answer->message)->reason, ASK_TARGET_DIED);
    assert_int_equal(sink->dead.counts[DEAD_ACTOR_FAILED], 1);
    harness_destroy(&h);
}

/* ------------------------------------------------------------------------------------------------ suspending, draining
 */

static void a_suspended_actor_keeps_its_letters(void **state)
{
    struct harness *h = begin(&sink_kind);

    (void)state;
    sink->life = CELL_SUSPENDED;
    TELL(source, TO_SINK, feed_beat, .number = 1);
    harness_run(h);
    assert_int_equal(of_sink()->letters, 0);
    sink->life = CELL_UP;
    harness_run(h);
    assert_int_equal(of_sink()->letters, 1);
    harness_destroy(&h);
}

static void a_drained_actor_answers_first(void **state)
{
    struct harness *h = begin(&sink_kind);
    uint64_t ask;

    (void)state;
    ask = harness_ask(h, sink, &ids_lease_schema, &(struct ids_lease){ .count = 0 });
    cell_drain(sink);
    sink->had_event = true;
    harness_run(h);
    assert_int_equal(sink->life, CELL_DRAINING);
    harness_tell(h, sink, &codes_lease_schema, &(struct codes_lease){ .count = 1 });
    assert_int_equal(sink->life, CELL_STOPPED);
    assert_ptr_equal(harness_answer(h, ask)->schema, &ids_leased_schema);
    harness_destroy(&h);
}

static void a_stopped_actor_tells_its_askers(void **state)
{
    struct harness *h = begin(&sink_kind);

    (void)state;
    source_ask(source, 0);
    harness_run(h);
    harness_stop(h, sink);
    assert_int_equal(of_source()->outcomes[ASK_TARGET_DIED], 1);
    harness_destroy(&h);
}

/* ------------------------------------------------------------------------------------------------ options */

static void a_wrong_option_changes_nothing(void **state)
{
    struct harness *h = begin(&sink_kind);

    (void)state;
    harness_set_option(h, sink, "speed", "17");
    harness_set_option(h, sink, "speed", "fast");
    assert_int_equal(of_sink()->speed, 17);
    harness_set_option(h, sink, "label", "loud"); /* it is not live: the text in use must stay where it is */
    assert_string_equal(of_sink()->label, "plain");
    cell_fail(sink, "a test");
    harness_start(h);
    assert_true(harness_is_up(sink));
    assert_int_equal(of_sink()->speed, 17);
    harness_destroy(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_to_a_neighbour_arrives_as_a_whole),
        cmocka_unit_test(what_is_dropped_for_newer_letters_is_counted),
        cmocka_unit_test(a_retry_from_the_callback_is_not_ended_with_the_first),
        cmocka_unit_test(a_callback_may_cancel_an_ask_that_ends_with_it),
        cmocka_unit_test(an_actor_that_fails_in_a_callback_gets_no_other),
        cmocka_unit_test(asks_beyond_the_limit_fail_and_say_so),
        cmocka_unit_test(a_letter_is_handled_again_once),
        cmocka_unit_test(a_letter_that_always_kills_is_buried),
        cmocka_unit_test(an_answered_question_is_not_asked_again),
        cmocka_unit_test(a_question_in_hand_ends_with_the_actor),
        cmocka_unit_test(a_suspended_actor_keeps_its_letters),
        cmocka_unit_test(a_drained_actor_answers_first),
        cmocka_unit_test(a_stopped_actor_tells_its_askers),
        cmocka_unit_test(a_wrong_option_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
