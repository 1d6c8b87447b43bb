/* SPDX-License-Identifier: MIT */
/* edit: the order of its steps is its promise: tombstone, row, copy, news, answer. */
#include "tests/actor/links/links_stage.h"

static const struct link_changed *news(struct stage *stage, const char *to)
{
    const struct harness_letter *letter;

    while ((letter = harness_take_type(stage->harness, &link_changed_schema)) != NULL)
        if (strcmp(letter->to, to) == 0)
            return letter->message;
    return NULL;
}

/* The row with its clicks, which ends a change that went well. */
static void answer_row(struct stage *stage)
{
    const struct harness_letter *ask = harness_take_type(stage->harness, &clicks_pending_read_schema);

    assert_non_null(ask);
    harness_reply(stage->harness, ask, &clicks_pending_schema, &(struct clicks_pending){ 0 });
    harness_run(stage->harness);
    assert_true(fake_postgres_is(0, "FROM urls WHERE short_code"));
    fake_postgres_row(0, "5|https://two.example/|7|1|2||f");
    fake_postgres_done();
}

static void an_edit_goes_step_by_step(void **state)
{
    struct stage stage = stage_open(1);
    uint64_t question = STAGE_ASK(&stage, link_edit, .code = SLICE("abc"), .url = SLICE("https://two.example/"));
    const struct link_changed *changed;
    const struct link_row *row;

    (void)state;
    assert_true(fake_redis_next_is("redis", "SET url:abc !"));
    assert_non_null(strstr(fake_redis_next("redis"), " EX 10"));
    assert_int_equal(fake_postgres_waiting(), 0); /* not before the tombstone is there */
    fake_redis_answer_ok("redis");
    stage_run(&stage);

    assert_true(fake_postgres_is(0, "UPDATE urls"));
    assert_true(fake_postgres_is(0, "INSERT INTO link_changes"));
    assert_string_equal(fake_postgres_value(0, 0), "abc");
    assert_string_equal(fake_postgres_value(0, 1), "https://two.example/");
    assert_null(harness_take_type(stage.harness, &link_changed_schema)); /* not before the commit */
    fake_postgres_row(0, "1");
    fake_postgres_row(1, "https://two.example/|4||f");
    fake_postgres_done();
    stage_run(&stage);

    assert_true(fake_redis_next_is("redis", "EVAL"));
    assert_non_null(strstr(fake_redis_next("redis"), "url:abc 4 4 0 https://two.example/"));
    changed = news(&stage, "absent/edge");
    assert_non_null(changed);
    assert_int_equal(changed->number, 1);
    assert_int_equal(changed->version, 4);
    assert_true(slice_is(changed->code, "abc"));
    answer_row(&stage);
    row = STAGE_ANSWER(&stage, question, link_row);
    assert_int_equal(row->clicks, 7);
    stage_close(&stage);
}

static void without_redis_it_goes_on(void **state)
{
    struct stage stage = stage_open(1);

    (void)state;
    fake_redis_lose("redis");
    stage_run(&stage);
    (void)STAGE_ASK(&stage, link_edit, .code = SLICE("abc"), .withdraw = true);
    assert_int_equal(fake_postgres_waiting(), 1);
    assert_true(fake_postgres_is(0, "UPDATE urls"));
    assert_string_equal(fake_postgres_value(0, 5), "1");
    fake_postgres_row(0, "1");
    fake_postgres_row(1, "https://one.example/|2||t");
    fake_postgres_done();
    stage_run(&stage);
    assert_int_equal(news(&stage, "absent/edge")->version, 2);
    stage_close(&stage);
}

/* A slow Redis costs an edit its tombstone, not its life; the row of link_changes stands behind it. */
static void a_failed_tombstone_stops_nothing(void **state)
{
    struct stage stage = stage_open(1);

    (void)state;
    (void)STAGE_ASK(&stage, link_edit, .code = SLICE("abc"), .withdraw = true);
    fake_redis_fail("redis", OUTCOME_RETRY);
    stage_run(&stage);
    assert_true(fake_postgres_is(0, "UPDATE urls"));
    stage_close(&stage);
}

static void a_lost_answer_is_run_again_and_told_in_any_case(void **state)
{
    struct stage stage = stage_open(1);
    uint64_t question = STAGE_ASK(&stage, link_edit, .code = SLICE("abc"), .withdraw = true);

    (void)state;
    for (int attempt = 0; attempt < 3; attempt++) {
        assert_true(fake_redis_next_is("redis", "SET url:abc !")); /* the tombstone's life begins anew */
        fake_redis_answer_ok("redis");
        stage_run(&stage);
        assert_true(fake_postgres_is(0, "UPDATE urls"));
        fake_postgres_fail(OUTCOME_UNKNOWN);
        stage_run(&stage);
    }
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 503);
    assert_int_equal(news(&stage, "absent/edge")->version, INT64_MAX); /* no copy is good any more */
    stage_close(&stage);
}

static void nothing_there_is_404_and_withdrawn_is_for_ever(void **state)
{
    struct stage stage = stage_open(1);
    uint64_t question = STAGE_ASK(&stage, link_edit, .code = SLICE("nix"), .withdraw = true);

    (void)state;
    fake_redis_answer_ok("redis");
    stage_run(&stage);
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 404);

    question = STAGE_ASK(&stage, link_edit, .code = SLICE("abc"), .url = SLICE("https://two.example/"));
    fake_redis_answer_ok("redis");
    stage_run(&stage);
    fake_postgres_row(1, "https://one.example/|3||t");
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 410);
    stage_close(&stage);
}

static void the_feed_beats_with_its_last_number(void **state)
{
    struct stage stage = stage_open(1);
    const struct feed_beat *beat;

    (void)state;
    while (harness_take_type(stage.harness, &feed_beat_schema) != NULL)
        continue;
    harness_advance(stage.harness, 500 * 1000);
    beat = harness_take_type(stage.harness, &feed_beat_schema)->message;
    assert_int_equal(beat->number, 0);
    assert_int_equal(beat->feed, actor_incarnation(stage.links));
    stage_close(&stage);
}

/* Redis took neither tombstone nor new copy, though it is there: what it has is wrong until it is dropped. */
static void a_copy_that_could_not_be_replaced_is_not_trusted(void **state)
{
    struct stage stage = stage_open(1);
    uint64_t question;

    (void)state;
    (void)STAGE_ASK(&stage, link_edit, .code = SLICE("abc"), .withdraw = true);
    fake_redis_fail("redis", OUTCOME_RETRY);
    stage_run(&stage);
    fake_postgres_row(0, "1");
    fake_postgres_row(1, "https://one.example/|2||t");
    fake_postgres_done();
    stage_run(&stage);
    fake_redis_fail("redis", OUTCOME_RETRY);
    stage_run(&stage);
    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    assert_null(fake_redis_next("redis"));
    fake_postgres_bring_forward(fake_postgres_find("unnest"));
    fake_postgres_row(0, "1|https://one.example/|2||t");
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->state, 2);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_goes_step_by_step),
        cmocka_unit_test(without_redis_it_goes_on),
        cmocka_unit_test(a_failed_tombstone_stops_nothing),
        cmocka_unit_test(a_lost_answer_is_run_again_and_told_in_any_case),
        cmocka_unit_test(nothing_there_is_404_and_withdrawn_is_for_ever),
        cmocka_unit_test(the_feed_beats_with_its_last_number),
        cmocka_unit_test(a_copy_that_could_not_be_replaced_is_not_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
