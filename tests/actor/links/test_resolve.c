/* SPDX-License-Identifier: MIT */
/* resolve and link_cache: where a code points, from Redis if its copy can be trusted, else from Postgres. */
#include "tests/actor/links/links_stage.h"

static void a_copy_answers(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    const struct link_resolved *resolved;

    (void)state;
    assert_string_equal(fake_redis_next("redis"), "GET url:abc");
    fake_redis_answer_text("redis", "3 0 https://example.org/");
    resolved = STAGE_ANSWER(&stage, question, link_resolved);
    assert_int_equal(resolved->state, 1);
    assert_int_equal(resolved->version, 3);
    assert_true(slice_is(resolved->location, "https://example.org/"));
    assert_int_equal(fake_postgres_waiting(), 0);
    stage_close(&stage);
}

static void misses_of_a_turn_are_one_statement_and_are_filled(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t known =
        harness_ask(stage.harness, stage.links, &link_resolve_schema, &(struct link_resolve){ .code = SLICE("abc") });
    uint64_t unknown =
        harness_ask(stage.harness, stage.links, &link_resolve_schema, &(struct link_resolve){ .code = SLICE("nix") });

    (void)state;
    harness_run(stage.harness);
    fake_redis_answer_nil("redis");
    fake_redis_answer_nil("redis");
    stage_run(&stage);
    assert_int_equal(fake_postgres_waiting(), 1);
    assert_string_equal(fake_postgres_value(0, 0), "abc,nix");
    fake_postgres_row(0, "1|https://example.org/|2||f");
    fake_postgres_done();
    stage_run(&stage);
    assert_true(fake_redis_next_is("redis", "SET url:abc 2 0 https://example.org/ NX PX 3600000"));
    assert_int_equal(STAGE_ANSWER(&stage, known, link_resolved)->state, 1);
    assert_int_equal(STAGE_ANSWER(&stage, unknown, link_resolved)->state, 0);
    stage_close(&stage);
}

static void a_tombstone_is_a_miss(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));

    (void)state;
    fake_redis_answer_text("redis", "!somebody");
    stage_run(&stage);
    fake_postgres_row(0, "1|https://new.example/|9||f");
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->version, 9);
    stage_close(&stage);
}

static void expired_and_withdrawn_are_gone(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));

    (void)state;
    fake_redis_answer_text("redis", "3 1767225600000001 https://example.org/"); /* the harness began then */
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->state, 2);
    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    fake_redis_answer_text("redis", "4 0 ");
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->state, 2);
    stage_close(&stage);
}

static void what_cannot_be_a_code_asks_nobody(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, link_resolve, .code = SLICE("a-b"));

    (void)state;
    assert_int_equal(fake_redis_waiting("redis"), 0);
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->state, 0);
    stage_close(&stage);
}

static void both_stores_away_is_no_answer(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));

    (void)state;
    fake_redis_fail("redis", OUTCOME_UNKNOWN);
    stage_run(&stage);
    fake_postgres_fail(OUTCOME_NOT_SENT);
    (void)STAGE_ANSWER(&stage, question, ask_failed);
    stage_close(&stage);
}

/* After a loss nobody knows whether an edit's tombstone got through. */
static void after_a_loss_copies_are_not_read_before_the_changes_are_known(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question;

    (void)state;
    fake_redis_lose("redis");
    stage_run(&stage);
    fake_redis_connect("redis");
    stage_run(&stage);
    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    assert_int_equal(fake_redis_waiting("redis"), 0);
    fake_postgres_bring_forward(fake_postgres_find("unnest"));
    fake_postgres_row(0, "1|https://example.org/|2||f");
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->version, 2);
    fake_redis_answer_ok("redis"); /* the fill */
    stage_run(&stage);

    fake_postgres_bring_forward(fake_postgres_find("link_changes"));
    fake_postgres_row(0, "xyz|7");
    fake_postgres_done();
    stage_run(&stage);
    assert_non_null(strstr(fake_redis_next("redis"), "url:xyz 7")); /* dropped if it is older */
    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    assert_int_equal(fake_redis_waiting("redis"), 1); /* still not: the drop is not answered */
    fake_postgres_fail(OUTCOME_NOT_SENT);
    stage_run(&stage);
    (void)STAGE_ANSWER(&stage, question, ask_failed);
    fake_redis_answer_integer("redis", 1);
    stage_run(&stage);

    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    assert_string_equal(fake_redis_next("redis"), "GET url:abc");
    fake_redis_answer_text("redis", "2 0 https://example.org/");
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->state, 1);
    stage_close(&stage);
}

static void the_replica_answers_meanwhile_but_not_for_what_was_changed(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question;

    (void)state;
    fake_redis_connect("redis-replica");
    stage_run(&stage);
    fake_redis_lose("redis");
    stage_run(&stage);
    fake_postgres_row(0, "abc|5");
    fake_postgres_done(); /* the changes of the time in doubt */
    stage_run(&stage);
    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("xyz"));
    assert_string_equal(fake_redis_next("redis-replica"), "GET url:xyz");
    fake_redis_answer_text("redis-replica", "1 0 https://example.org/");
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->state, 1);

    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    fake_redis_answer_text("redis-replica", "4 0 https://old.example/");
    stage_run(&stage);
    fake_postgres_row(0, "1|https://new.example/|5||f");
    fake_postgres_done();
    assert_true(slice_is(STAGE_ANSWER(&stage, question, link_resolved)->location, "https://new.example/"));
    stage_close(&stage);
}

/* A peer's edit reaches this one's Redis and its memory. */
static void a_peers_edit_is_obeyed(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question;

    (void)state;
    harness_tell(stage.harness, stage.links, &link_changed_schema,
                 &(struct link_changed){ .feed = 1, .number = 1, .code = SLICE("abc"), .version = 6 });
    stage_run(&stage);
    assert_non_null(strstr(fake_redis_next("redis"), "url:abc 6"));
    fake_redis_answer_integer("redis", 1);
    question = STAGE_ASK(&stage, link_resolve, .code = SLICE("abc"));
    fake_redis_answer_text("redis", "5 0 https://old.example/");
    stage_run(&stage);
    assert_int_equal(fake_postgres_waiting(), 1); /* not believed */
    fake_postgres_row(0, "1|https://new.example/|6||f");
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, question, link_resolved)->version, 6);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_answers),
        cmocka_unit_test(misses_of_a_turn_are_one_statement_and_are_filled),
        cmocka_unit_test(a_tombstone_is_a_miss),
        cmocka_unit_test(expired_and_withdrawn_are_gone),
        cmocka_unit_test(what_cannot_be_a_code_asks_nobody),
        cmocka_unit_test(both_stores_away_is_no_answer),
        cmocka_unit_test(after_a_loss_copies_are_not_read_before_the_changes_are_known),
        cmocka_unit_test(the_replica_answers_meanwhile_but_not_for_what_was_changed),
        cmocka_unit_test(a_peers_edit_is_obeyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
