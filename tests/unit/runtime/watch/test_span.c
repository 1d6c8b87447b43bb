/* SPDX-License-Identifier: MIT */
/* Traces: what is recorded leaves spans of letters and stores under one id, what is not leaves nothing. */
#include "proto/messages/links.h"
#include "runtime/cell/cell.h"
#include "runtime/harness.h"
#include "runtime/watch/span.h"
#include "tests/testing.h"

enum { STORE_US = 700, ROWS = 64 };

/* ------------------------------------------------------------------------------------------------ two actors */

struct library {
    struct question question;
    struct span_mark mark;
};

static void store_answered(struct actor *me, void *context)
{
    struct library *self = context;

    actor_span_end(me, &self->mark, SPAN_STORE, "GET", "redis");
    ANSWER(me, self->question, link_resolved, .state = 0);
}

/* Its store answers by a timer, which belongs to no trace by itself. */
static void on_resolve(struct actor *me, const struct link_resolve *m, struct question q)
{
    struct library *self = actor_state(me);

    (void)m;
    self->question = q;
    self->mark = actor_span_begin(me);
    actor_after(me, STORE_US, store_answered, self);
}

static const struct handler library_handlers[] = { ASKED(link_resolve, on_resolve) };
static const struct actor_kind library_kind = { .name = "library",
                                                .state_size = sizeof(struct library),
                                                TABLE(handler, library_handlers) };

static struct trace asked_with;

static void answered(struct actor *me, void *context, const struct answer *answer)
{
    (void)me;
    (void)context;
    assert_int_equal(answer->outcome, ASK_ANSWERED);
}

static void on_beat(struct actor *me, const struct feed_beat *m)
{
    (void)m;
    ASK(me, 0, (&(struct sending){ .then = answered, .trace = asked_with }), link_resolve, .code = SLICE("x"));
}

static const struct handler reader_handlers[] = { TOLD(feed_beat, on_beat) };
static const struct outlet reader_outlets[] = { { .name = "library", .to = "library" } };
static const struct actor_kind reader_kind = { .name = "reader",
                                               TABLE(handler, reader_handlers),
                                               TABLE(outlet, reader_outlets) };

static struct harness *h;
static struct actor *reader;
static struct span rows[ROWS];

static int begin(void **state)
{
    (void)state;
    h = harness_new(1);
    reader = harness_add(h, &reader_kind, "reader", NULL);
    harness_add(h, &library_kind, "library", NULL);
    harness_start(h);
    asked_with = (struct trace){ .id = { 1, 2 } };
    return 0;
}

static int end(void **state)
{
    (void)state;
    harness_destroy(&h);
    return 0;
}

static struct span_ring *spans(void)
{
    return reader->reactor->node->spans;
}

static void beat(void)
{
    harness_tell(h, reader, &feed_beat_schema, &(struct feed_beat){ .number = 1 });
    harness_advance(h, STORE_US + 1);
}

static size_t read_all(uint64_t since)
{
    uint64_t last;

    return span_read(spans(), (const uint64_t[]){ 0, 0 }, since, rows, ROWS, &last);
}

/* ------------------------------------------------------------------------------------------------ tests */

static void what_is_recorded_leaves_its_spans(void **state)
{
    (void)state;
    asked_with.is_recorded = true;
    beat();
    assert_int_equal(read_all(0), 3);
    assert_int_equal(rows[0].kind, SPAN_STORE); /* each is written when it ends */
    assert_string_equal(rows[0].name, "GET");
    assert_string_equal(rows[0].other, "redis");
    assert_true(rows[0].duration_us >= STORE_US);
    assert_int_equal(rows[1].kind, SPAN_ASK);
    assert_string_equal(rows[1].actor, "library");
    assert_string_equal(rows[1].name, "link_resolve");
    assert_string_equal(rows[1].other, "test/reader");
    assert_true(rows[1].duration_us >= STORE_US && rows[1].started_wall_us <= rows[0].started_wall_us);
    assert_int_equal(rows[2].kind, SPAN_ANSWER);
    assert_string_equal(rows[2].name, "link_resolved");
    for (size_t i = 0; i < 3; i++)
        assert_true(rows[i].trace[0] == 1 && rows[i].trace[1] == 2 && rows[i].number == i + 1);
}

static void what_is_not_recorded_leaves_none(void **state)
{
    uint64_t last;

    (void)state;
    beat();
    asked_with = (struct trace){ 0 };
    beat();
    assert_int_equal(span_read(spans(), (const uint64_t[]){ 0, 0 }, 0, rows, ROWS, &last), 0);
    assert_int_equal(last, 0);
}

static void one_trace_is_found_among_others(void **state)
{
    uint64_t last;

    (void)state;
    asked_with.is_recorded = true;
    beat();
    asked_with.id[1] = 3;
    beat();
    assert_int_equal(span_read(spans(), (const uint64_t[]){ 1, 3 }, 0, rows, ROWS, &last), 3);
    assert_int_equal(rows[0].trace[1], 3);
    assert_int_equal(last, 6);
    assert_int_equal(span_read(spans(), (const uint64_t[]){ 1, 3 }, 5, rows, ROWS, &last), 1);
}

/* An operator watches a message: every second one begins a trace of its own, until the time is over. */
static void a_watched_message_begins_traces(void **state)
{
    uint64_t until_us = reader->reactor->now_us + 1000 * 1000;

    (void)state;
    asked_with = (struct trace){ 0 };
    span_watch(spans(), SLICE("reader"), feed_beat_schema.id, 2, until_us);
    for (int i = 0; i < 4; i++)
        beat();
    assert_int_equal(read_all(0), 8); /* twice: the beat, the store, the ask and its answer */
    assert_int_equal(rows[0].kind, SPAN_TELL);
    assert_string_equal(rows[0].name, "feed_beat");
    assert_true((rows[0].trace[0] | rows[0].trace[1]) != 0);
    assert_true(rows[3].trace[0] == rows[0].trace[0] && rows[4].trace[0] != rows[0].trace[0]);
    harness_advance(h, 1000 * 1000);
    beat();
    beat();
    assert_int_equal(read_all(0), 8);
    assert_false(span_is_watching(spans()));
}

static void other_messages_are_not_watched(void **state)
{
    (void)state;
    asked_with = (struct trace){ 0 };
    span_watch(spans(), SLICE("elsewhere"), 0, 1, UINT64_MAX);
    beat();
    span_watch(spans(), SLICE(""), link_resolved_schema.id, 1, UINT64_MAX);
    beat();
    assert_int_equal(read_all(0), 0);
}

static void the_ring_is_bounded(void **state)
{
    struct span span = { .kind = SPAN_TELL };
    uint64_t last;

    (void)state;
    for (int i = 0; i < SPANS_KEPT + 10; i++)
        span_add(spans(), &span);
    assert_int_equal(span_read(spans(), (const uint64_t[]){ 0, 0 }, 0, rows, ROWS, &last), ROWS);
    assert_int_equal(rows[0].number, 11);
    assert_int_equal(last, SPANS_KEPT + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_recorded_leaves_its_spans, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_recorded_leaves_none, begin, end),
        cmocka_unit_test_setup_teardown(one_trace_is_found_among_others, begin, end),
        cmocka_unit_test_setup_teardown(a_watched_message_begins_traces, begin, end),
        cmocka_unit_test_setup_teardown(other_messages_are_not_watched, begin, end),
        cmocka_unit_test_setup_teardown(the_ring_is_bounded, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
