/* SPDX-License-Identifier: MIT */
/* deferred: a link accepted while the database is away is in Redis before its client hears of it, and is made once. */
#include <stdio.h>

#include "tests/actor/links/links_stage.h"

#define WAITING "wait 1000 codeAAA g 0 20\nhttps://example.org/https://example.org/"
#define TOKEN   "0123456789abcdef0123"

static uint64_t shorten(struct stage *stage, bool may_wait)
{
    uint64_t question =
        harness_ask(stage->harness, stage->links, &link_shorten_schema,
                    &(struct link_shorten){ .url = SLICE("https://example.org/"), .may_wait = may_wait });

    harness_run(stage->harness);
    return question;
}

static void lose_postgres(struct stage *stage)
{
    fake_postgres_lose();
    harness_run(stage->harness);
}

/* Postgres is back, and the queue is asked for. */
static void regain_postgres(struct stage *stage)
{
    fake_postgres_connect();
    harness_run(stage->harness);
    for (int i = 0; i < 10 && !fake_redis_next_is("redis", "EVAL local all"); i++)
        harness_advance(stage->harness, 200 * 1000);
    assert_true(fake_redis_next_is("redis", "EVAL local all"));
}

static void it_is_in_redis_before_the_client_hears_of_it(void **state)
{
    struct stage stage = stage_open(0);
    const struct link_deferred *deferred;
    uint64_t question;

    (void)state;
    lose_postgres(&stage);
    question = shorten(&stage, true);
    assert_true(fake_redis_next_is("redis", "EVAL if redis.call('ZCARD'"));
    assert_non_null(strstr(fake_redis_next("redis"), WAITING));
    assert_null(harness_answer(stage.harness, question));
    fake_redis_answer_integer("redis", 1);
    deferred = STAGE_ANSWER(&stage, question, link_deferred);
    assert_int_equal(deferred->token.size, 20);
    stage_close(&stage);
}

static void who_would_not_wait_is_refused(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question;

    (void)state;
    lose_postgres(&stage);
    question = shorten(&stage, false);
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 503);
    assert_int_equal(fake_redis_waiting("redis"), 0);
    stage_close(&stage);
}

static void too_many_or_no_redis_is_refused(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question;

    (void)state;
    lose_postgres(&stage);
    question = shorten(&stage, true);
    fake_redis_answer_integer("redis", 0);
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 503);
    fake_redis_lose("redis");
    harness_run(stage.harness);
    question = shorten(&stage, true);
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 503);
    stage_close(&stage);
}

static void a_transaction_that_the_database_lost_is_deferred_with_its_id(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = shorten(&stage, true);

    (void)state;
    assert_true(fake_postgres_is(0, "INSERT INTO urls"));
    fake_postgres_fail(OUTCOME_NOT_SENT);
    harness_run(stage.harness);
    assert_non_null(strstr(fake_redis_next("redis"), WAITING));
    fake_redis_answer_integer("redis", 1);
    (void)STAGE_ANSWER(&stage, question, link_deferred);
    stage_close(&stage);
}

static void give_round(struct stage *stage, const char *text)
{
    char item[128];

    snprintf(item, sizeof(item), "s:%s", text);
    fake_redis_answer_array("redis", (const char *[]){ "s:" TOKEN, item, NULL });
    harness_run(stage->harness);
}

static void when_the_database_is_back_it_is_made_by_its_id(void **state)
{
    struct stage stage = stage_open(0);

    (void)state;
    lose_postgres(&stage);
    regain_postgres(&stage);
    give_round(&stage, WAITING);
    assert_true(fake_postgres_is(0, "INSERT INTO urls"));
    assert_string_equal(fake_postgres_value(0, 0), "1000");
    assert_string_equal(fake_postgres_value(0, 1), "codeAAA");
    assert_string_equal(fake_postgres_value(0, 3), "NULL"); /* the location is the original */
    fake_postgres_row(1, "1000|codeAAA");
    fake_postgres_done();
    harness_run(stage.harness);
    assert_non_null(strstr(fake_redis_next("redis"), TOKEN " made codeAAA\n 86400000"));
    stage_close(&stage);
}

static void a_generated_code_that_is_taken_is_replaced(void **state)
{
    struct stage stage = stage_open(0);

    (void)state;
    lose_postgres(&stage);
    regain_postgres(&stage);
    give_round(&stage, "wait 7 codeXXX g 0 20\nhttps://example.org/https://example.org/");
    fake_postgres_done(); /* no row has its id */
    harness_run(stage.harness);
    assert_non_null(strstr(fake_redis_next("redis"), TOKEN " wait 7 codeAAA g 0 20\n"));
    stage_close(&stage);
}

static void a_chosen_code_that_is_taken_ends_it(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question;

    (void)state;
    lose_postgres(&stage);
    regain_postgres(&stage);
    give_round(&stage, "wait 7 mine c 0 20\nhttps://example.org/https://example.org/");
    fake_postgres_done();
    harness_run(stage.harness);
    assert_non_null(strstr(fake_redis_next("redis"), TOKEN " taken mine\n"));
    fake_redis_answer_integer("redis", 1);
    harness_run(stage.harness);
    fake_redis_answer_array("redis", (const char *[]){ NULL }); /* the next round: nothing waits */
    harness_run(stage.harness);
    question = STAGE_ASK(&stage, deferred_read, .token = SLICE(TOKEN));
    assert_true(fake_redis_next_is("redis", "GET {deferred}:link:" TOKEN));
    fake_redis_answer_text("redis", "taken mine\n");
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 409);
    stage_close(&stage);
}

static void its_fate_can_be_asked_for(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, deferred_read, .token = SLICE(TOKEN));

    (void)state;
    fake_redis_answer_text("redis", WAITING);
    assert_true(slice_is(STAGE_ANSWER(&stage, question, link_deferred)->token, TOKEN));
    question = STAGE_ASK(&stage, deferred_read, .token = SLICE(TOKEN));
    fake_redis_answer_nil("redis");
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 404);
    question = STAGE_ASK(&stage, deferred_read, .token = SLICE("short"));
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 404);
    stage_close(&stage);
}

static void every_edge_hears_of_a_chosen_code(void **state)
{
    struct stage stage = stage_open(0);
    const struct harness_letter *news;

    (void)state;
    (void)harness_ask(stage.harness, stage.links, &link_shorten_schema,
                      &(struct link_shorten){ .url = SLICE("https://example.org/"),
                                              .custom_code = SLICE("mine"),
                                              .has_custom_code = true });
    harness_run(stage.harness);
    fake_postgres_row(0, "1000|1|1");
    fake_postgres_done();
    harness_run(stage.harness);
    news = harness_take_type(stage.harness, &link_changed_schema);
    assert_non_null(news);
    assert_true(slice_is(((const struct link_changed *)news->message)->code, "mine"));
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_in_redis_before_the_client_hears_of_it),
        cmocka_unit_test(who_would_not_wait_is_refused),
        cmocka_unit_test(too_many_or_no_redis_is_refused),
        cmocka_unit_test(a_transaction_that_the_database_lost_is_deferred_with_its_id),
        cmocka_unit_test(when_the_database_is_back_it_is_made_by_its_id),
        cmocka_unit_test(a_generated_code_that_is_taken_is_replaced),
        cmocka_unit_test(a_chosen_code_that_is_taken_ends_it),
        cmocka_unit_test(its_fate_can_be_asked_for),
        cmocka_unit_test(every_edge_hears_of_a_chosen_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
