/* SPDX-License-Identifier: MIT */
/* click_buffer: what it has answered is never lost and never double, whatever Redis, the journal and the process do. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/clicks/batch.h"
#include "actors/clicks/code_counts.h"
#include "proto/messages/links.h"
#include "runtime/failpoint.h"
#include "runtime/harness.h"
#include "tests/sim/clicks/sim_buffer.h"
#include "tests/testing.h"

static void clicks_are_answered_with_their_identities(void **state)
{
    struct clicks_committed first;
    struct clicks_committed second;
    const struct lanes_known *known;
    uint64_t question = commit("abc", 3);

    (void)state;
    harness_advance(h, 1000);
    first = committed(question);
    question = commit("abc", 2);
    harness_advance(h, 1000);
    second = committed(question);
    assert_true(first.epoch == 100 && first.first_seq == 1 && second.first_seq == 1 && second.lane != first.lane);
    assert_int_equal(streams_hold(100), 5);
    assert_int_equal(pending("abc", NULL), 5);
    assert_int_equal(pending("other", NULL), 0);
    question = harness_ask(h, buffer, &lanes_read_schema, &(struct lanes_read){});
    harness_run(h);
    known = harness_answer(h, question)->message;
    assert_int_equal(known->lanes.count, LANES);
    assert_int_equal(known->lanes.at[first.lane].issued, 3);
    assert_int_equal(known->lanes.at[first.lane].in_redis, 3);
    assert_int_equal(known->lanes.at[first.lane].counted, 0);
    assert_true(slice_is(known->redis, "normal"));
}

static void windows_live_until_their_mark_has_passed(void **state)
{
    struct lane_key registry = lane_registry_key(100, 0);

    (void)state;
    (void)commit("abc", 3);
    harness_advance(h, 1500000);
    assert_int_equal(fake_count(registry.text) + fake_count(lane_registry_key(100, 1).text), 1);
    assert_int_equal(pending("abc", NULL), 3);
    assert_true(publish_and_count(false) > 0);
    assert_int_equal(pending("abc", NULL), 3);
    assert_null(harness_take_type(h, &windows_sealed_schema)); /* published: no longer told */
    (void)commit("abc", 1);
    harness_advance(h, 1500000);
    assert_true(publish_and_count(true) > 0);
    assert_int_equal(pending("abc", NULL), 3); /* the other lane's mark has not moved */
    harness_tell(h, buffer, &marks_moved_schema,
                 &(struct marks_moved){ .marks = { (struct lane_position[]){ { 100, 0, 99 }, { 100, 1, 99 } }, 2 } });
    harness_advance(h, 500000);
    assert_int_equal(pending("abc", NULL), 0);
    assert_int_equal(fake_count(registry.text) + fake_count(lane_registry_key(100, 1).text), 0);
}

static void without_redis_the_journal_is_the_commit(void **state)
{
    uint64_t questions[20];

    (void)state;
    (void)commit("abc", 1);
    harness_advance(h, 1000);
    server.is_down = true;
    for (int i = 0; i < 20; i++) {
        questions[i] = commit("abc", 2);
        harness_advance(h, 20000);
    }
    for (int i = 0; i < 20; i++)
        (void)committed(questions[i]);
    assert_int_equal(streams_hold(100), 1);
    assert_int_equal(pending("abc", NULL), 41);
    server.is_down = false;
    harness_advance(h, 500000);
    assert_int_equal(streams_hold(100), 41);
    (void)commit("abc", 1);
    harness_advance(h, 1000);
    assert_int_equal(streams_hold(100), 42);
    assert_int_equal(pending("abc", NULL), 42);
}

/* Cuts the connection after every number of commands, with and without the last one taking effect. */
static void lost_answers_neither_lose_nor_double(void **state)
{
    (void)state;
    for (uint32_t drop = 1; drop < 40; drop++) {
        uint64_t questions[12];

        server.drop_after = drop / 2 + 1;
        server.drop_executes = drop % 2;
        for (int i = 0; i < 12; i++) {
            questions[i] = commit("abc", 1 + (uint32_t)i % 3);
            harness_advance(h, 30000);
        }
        harness_advance(h, 1000000);
        for (int i = 0; i < 12; i++)
            (void)committed(questions[i]);
        assert_int_equal(streams_hold(100), (uint64_t)drop * 24);
        assert_int_equal(pending("abc", NULL), (uint64_t)drop * 24);
        while (harness_take(h) != NULL)
            continue;
    }
}

static void a_tail_that_redis_lost_is_sent_again(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        (void)commit("abc", 3);
        harness_advance(h, 1000);
    }
    server.is_down = true;
    harness_advance(h, 1000);
    (void)commit("abc", 3);
    harness_advance(h, 100000);
    fake_lose_tail(lane_stream_key(100, 0).text, 6);
    fake_lose_tail(lane_stream_key(100, 1).text, 0);
    server.is_down = false;
    harness_advance(h, 500000);
    assert_int_equal(streams_hold(100), 33);
}

static void a_wiped_redis_is_filled_again(void **state)
{
    (void)state;
    (void)commit("abc", 3);
    harness_advance(h, 1500000);
    server.is_down = true;
    harness_advance(h, 100000);
    (void)commit("abc", 2);
    harness_advance(h, 100000);
    fake_wipe();
    server.is_down = false;
    harness_advance(h, 500000);
    assert_int_equal(streams_hold(100), 5);
    assert_int_equal(fake_count(lane_registry_key(100, 0).text) + fake_count(lane_registry_key(100, 1).text), 2);
}

static void a_refusing_redis_is_tried_again(void **state)
{
    uint64_t question;

    (void)state;
    server.refuses = "MISCONF the disk is full";
    question = commit("abc", 3);
    harness_advance(h, 100000);
    (void)committed(question); /* by the journal */
    assert_int_equal(streams_hold(100), 0);
    server.refuses = NULL;
    harness_advance(h, 1000000);
    assert_int_equal(streams_hold(100), 3);
}

static void without_both_clicks_are_refused(void **state)
{
    uint64_t question;

    (void)state;
    assert_null(failpoint_set("click_buffer.journal_write", "error"));
    question = commit("abc", 3);
    harness_advance(h, 1000);
    (void)committed(question); /* by Redis alone */
    server.is_down = true;
    harness_advance(h, 1000);
    question = commit("abc", 3);
    harness_advance(h, 100000);
    assert_true(is_refused(question));
    server.is_down = false;
    harness_advance(h, 1000000);
    question = commit("abc", 1);
    harness_advance(h, 1000);
    (void)committed(question);
}

/* In no journal, the answer lost: its clicks are refused, but they may be there. They end up there, once. */
static void an_undecided_batch_is_settled(void **state)
{
    (void)state;
    for (int executes = 0; executes < 2; executes++) {
        uint64_t before = streams_hold(100);
        uint64_t question;

        assert_null(failpoint_set("click_buffer.journal_write", "error"));
        server.drop_after = 1;
        server.drop_executes = executes;
        question = commit("abc", 3);
        harness_advance(h, 10000);
        assert_true(is_refused(question));
        harness_advance(h, 1000000);
        assert_int_equal(streams_hold(100), before + 3);
        assert_int_equal(pending("abc", NULL), before + 3);
        question = commit("abc", 2);
        harness_advance(h, 10000);
        (void)committed(question);
        assert_int_equal(streams_hold(100), before + 5);
    }
}

static void what_an_earlier_start_left_is_brought_home(void **state)
{
    const struct harness_letter *letter;
    bool incomplete = true;

    (void)state;
    (void)commit("abc", 3);
    harness_advance(h, 1500000); /* sealed */
    (void)commit("abc", 2);
    harness_advance(h, 1000);
    server.is_down = true;
    harness_advance(h, 100000);
    (void)commit("abc", 4); /* in the journal only */
    harness_advance(h, 1000);
    kill_buffer();
    server.is_down = false;
    start_buffer(2);
    harness_advance(h, 1000000);
    assert_int_equal(streams_hold(100), 9);
    assert_int_equal(pending("abc", &incomplete), 9);
    assert_true(incomplete); /* Postgres may know of more */
    while ((letter = harness_take_type(h, &epochs_read_schema)) != NULL)
        harness_reply(h, letter, &epochs_known_schema, &(struct epochs_known){ 0 });
    harness_run(h);
    assert_int_equal(pending("abc", &incomplete), 9);
    assert_false(incomplete);
    assert_true(publish_and_count(true) > 0);
    assert_int_equal(pending("abc", NULL), 0);
    letter = harness_take_type(h, &epoch_drained_schema);
    assert_non_null(letter);
    assert_int_equal(((const struct epoch_drained *)letter->message)->epoch, 100);
    harness_reply(h, letter, &done_schema, &(struct done){ 0 });
    harness_advance(h, 1000000);
    assert_int_equal(server.row_count, 0);
    assert_int_not_equal(access("nodes/test/click_buffer/journal/100.2", F_OK), 0);
}

/* What Kafka would hold: each lane up to a seq, window behind window. */
static uint64_t kafka[64][LANES];

/* Bridge and sink in one: takes what is sealed if the stream has it, counts it, says so; notes drained epochs. */
static void play_the_rest(void)
{
    const struct harness_letter *letter;
    struct lane_position end;

    while ((letter = harness_take_type(h, &windows_sealed_schema)) != NULL) {
        const struct lane_window *window = ((const struct windows_sealed *)letter->message)->windows.at;
        uint64_t *position = &kafka[window->epoch - 100][window->lane];

        end = (struct lane_position){ window->epoch, window->lane, window->last_seq };
        if (window->last_seq > *position) {
            assert_int_equal(window->first_seq, *position + 1);
            assert_true(stream_end(window->epoch, (uint32_t)window->lane, 1) >= window->last_seq);
            *position = window->last_seq;
        }
        harness_tell(h, buffer, &clicks_published_schema, &(struct clicks_published){ .ends = { &end, 1 } });
        harness_tell(h, buffer, &marks_moved_schema, &(struct marks_moved){ .marks = { &end, 1 } });
    }
    while ((letter = harness_take_type(h, &epoch_drained_schema)) != NULL) {
        const struct epoch_drained *drained = letter->message;

        for (uint32_t i = 0; i < drained->ends.count; i++)
            assert_int_equal(kafka[drained->epoch - 100][drained->ends.at[i].lane], drained->ends.at[i].seq);
        harness_reply(h, letter, &done_schema, &(struct done){ 0 });
    }
    while (harness_take(h) != NULL)
        continue;
}

/* Dies over and over, at any moment; in the end all that was answered has arrived, in order, and nothing else. */
static void many_deaths_lose_nothing(void **state)
{
    uint64_t answered = 0;
    uint64_t asked = 0;
    uint64_t held = 0;

    (void)state;
    memset(kafka, 0, sizeof kafka);
    for (uint64_t life = 2; life < 40; life++) {
        for (uint64_t i = 0; i < 12; i++) {
            uint64_t count = 1 + (life + i) % 5;
            uint64_t question = commit("abc", (uint32_t)count);
            const struct harness_letter *answer;

            asked += count;
            server.is_down = (life + i) % 7 == 0;
            harness_advance(h, 50 + (life * 7919 + i * 104729) % 300000);
            answer = harness_answer(h, question);
            if (answer != NULL && answer->schema == &clicks_committed_schema)
                answered += count;
            if (i % 3 == 2)
                play_the_rest();
        }
        server.is_down = false;
        kill_buffer();
        start_buffer(life);
    }
    for (int i = 0; i < 100; i++) {
        harness_advance(h, 500000);
        play_the_rest();
    }
    for (uint64_t epoch = 0; epoch < 64; epoch++)
        held += kafka[epoch][0] + kafka[epoch][1];
    assert_true(held >= answered);
    assert_true(held <= asked);
    assert_true(answered > 1000);
    assert_int_equal(server.row_count, 0); /* all epochs but the last are gone from Redis, and the last was not used */
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(clicks_are_answered_with_their_identities),
        CASE(windows_live_until_their_mark_has_passed),
        CASE(without_redis_the_journal_is_the_commit),
        CASE(lost_answers_neither_lose_nor_double),
        CASE(a_tail_that_redis_lost_is_sent_again),
        CASE(a_wiped_redis_is_filled_again),
        CASE(a_refusing_redis_is_tried_again),
        CASE(without_both_clicks_are_refused),
        CASE(an_undecided_batch_is_settled),
        CASE(what_an_earlier_start_left_is_brought_home),
        CASE(many_deaths_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
