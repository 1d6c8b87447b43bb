/* SPDX-License-Identifier: MIT */
/* keygen: each lease carries the mark, nothing is given before its mark is kept, and one server is enough. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/actor/fakes/fake_file.h"
#include "tests/actor/fakes/fake_postgres.h"
#include "tests/actor/fakes/fake_redis.h"
#include "tests/testing.h"

extern const struct actor_kind keygen_kind;

struct stage {
    struct harness *harness;
    struct actor *keygen;
};

/* With what earlier lives left on the disk. */
static struct stage open_stage(void)
{
    static const char *const settings[] = { "postgres=postgresql://h/d",
                                            "redis_primary=redis://a",
                                            "redis_secondary=redis://b",
                                            "code_key=a key for tests only",
                                            "lease_codes=512",
                                            "low_codes=512",
                                            NULL };
    struct stage stage = { .harness = harness_new(3) };

    stage.keygen = harness_add(stage.harness, &keygen_kind, "keygen", settings);
    harness_start(stage.harness);
    return stage;
}

static struct stage fresh_stage(void)
{
    fake_file_forget();
    return open_stage();
}

static void close_stage(struct stage *stage)
{
    harness_destroy(&stage->harness);
}

/* Postgres says how far each stripe is. */
static void answer_marks(struct stage *stage, const char *first, const char *second)
{
    fake_postgres_connect();
    harness_run(stage->harness);
    assert_true(fake_postgres_is(0, "id_leases"));
    assert_int_equal(fake_postgres_calls(), 2);
    fake_postgres_row(0, first);
    fake_postgres_row(1, second);
    fake_postgres_done();
    harness_run(stage->harness);
}

/* The mark of a lease: `value` is what Postgres has afterwards. */
static void answer_raise(struct stage *stage, const char *value)
{
    assert_int_equal(fake_postgres_calls(), 1);
    fake_postgres_row(0, value);
    fake_postgres_done();
    harness_run(stage->harness);
}

static uint32_t codes_of(struct stage *stage, uint64_t question)
{
    const struct harness_letter *answer = harness_answer(stage->harness, question);

    assert_non_null(answer);
    assert_string_equal(answer->schema->name, "codes_leased");
    return (uint32_t)(((const struct codes_leased *)answer->message)->codes.size / 7);
}

static uint64_t ask(struct stage *stage, uint64_t count)
{
    uint64_t question =
        harness_ask(stage->harness, stage->keygen, &codes_lease_schema, &(struct codes_lease){ .count = count });

    harness_run(stage->harness);
    return question;
}

static void a_lease_carries_the_mark_and_raises_it(void **state)
{
    struct stage stage = fresh_stage();
    uint64_t question;

    (void)state;
    answer_marks(&stage, "40", "50");
    fake_redis_connect("keygen-redis-primary");
    harness_run(stage.harness);
    assert_non_null(strstr(fake_redis_next("keygen-redis-primary"), "keygen:blocks 40 2"));
    question = ask(&stage, 100);
    fake_file_held(true);
    fake_redis_answer_text("keygen-redis-primary", "42");
    harness_run(stage.harness);
    assert_string_equal(fake_postgres_value(0, 0), "keygen/0");
    assert_string_equal(fake_postgres_value(0, 1), "42");
    assert_null(harness_answer(stage.harness, question)); /* neither witness has the mark */
    answer_raise(&stage, "42");
    assert_null(harness_answer(stage.harness, question)); /* the file is still being written */
    fake_file_held(false);
    harness_run(stage.harness);
    assert_int_equal(codes_of(&stage, question), 100);
    assert_string_equal(fake_file_text("high-water"), "keygen/0 42\nkeygen/1 50\n");
    close_stage(&stage);
}

static void one_server_is_enough(void **state)
{
    struct stage stage = fresh_stage();

    (void)state;
    answer_marks(&stage, "0", "0");
    fake_redis_connect("keygen-redis-secondary");
    harness_run(stage.harness);
    fake_redis_answer_text("keygen-redis-secondary", "2");
    harness_run(stage.harness);
    answer_raise(&stage, "2");
    assert_true(harness_is_up(stage.keygen));
    assert_int_equal(codes_of(&stage, ask(&stage, 512)), 512);
    close_stage(&stage);
}

static void without_any_server_it_refuses_at_once(void **state)
{
    struct stage stage = fresh_stage();
    uint64_t question;

    (void)state;
    answer_marks(&stage, "0", "0");
    question = ask(&stage, 1);
    assert_string_equal(harness_answer(stage.harness, question)->schema->name, "ask_failed");
    close_stage(&stage);
}

/* The file and Postgres are both lost, as far as this start can see: nothing may be given. */
static void without_any_witness_nothing_is_given(void **state)
{
    struct stage stage = fresh_stage();

    (void)state;
    fake_redis_connect("keygen-redis-primary");
    harness_run(stage.harness);
    harness_advance(stage.harness, 10 * 1000 * 1000);
    assert_int_equal(fake_redis_waiting("keygen-redis-primary"), 0);
    close_stage(&stage);
}

static void the_file_alone_is_enough_after_a_while(void **state)
{
    struct stage stage;
    uint64_t question;

    (void)state;
    fake_file_forget();
    fake_file_put("high-water", "keygen/0 7\nkeygen/1 9\n");
    stage = open_stage();
    fake_redis_connect("keygen-redis-primary");
    harness_run(stage.harness);
    assert_int_equal(fake_redis_waiting("keygen-redis-primary"), 0);
    harness_advance(stage.harness, 3 * 1000 * 1000);
    assert_non_null(strstr(fake_redis_next("keygen-redis-primary"), "keygen:blocks 7 2"));
    question = ask(&stage, 5);
    fake_redis_answer_text("keygen-redis-primary", "9");
    harness_run(stage.harness);
    assert_int_equal(codes_of(&stage, question), 5);

    /* Postgres turns out to know more: what is leased below its mark is not given out. */
    fake_postgres_connect();
    harness_run(stage.harness);
    fake_postgres_row(0, "100");
    fake_postgres_row(1, "9");
    fake_postgres_done();
    harness_run(stage.harness);
    assert_string_equal(fake_file_text("high-water") != NULL ? "kept" : "", "kept");
    close_stage(&stage);
}

static void a_full_disk_and_no_postgres_give_nothing(void **state)
{
    struct stage stage = fresh_stage();
    uint64_t question;

    (void)state;
    answer_marks(&stage, "0", "0");
    fake_file_full(true);
    fake_postgres_lose();
    fake_redis_connect("keygen-redis-primary");
    harness_run(stage.harness);
    question = ask(&stage, 1);
    fake_redis_answer_text("keygen-redis-primary", "2");
    harness_run(stage.harness);
    harness_advance(stage.harness, 300 * 1000); /* it tries again */
    fake_redis_answer_text("keygen-redis-primary", "4");
    harness_run(stage.harness);
    assert_null(harness_answer(stage.harness, question));
    fake_file_full(false);
    harness_advance(stage.harness, 300 * 1000);
    assert_non_null(
        strstr(fake_redis_next("keygen-redis-primary"), "keygen:blocks 4 2")); /* never below what was leased */
    fake_redis_answer_text("keygen-redis-primary", "6");
    harness_run(stage.harness);
    assert_int_equal(codes_of(&stage, question), 1);
    close_stage(&stage);
}

static void a_short_key_stops_it_with_a_reason(void **state)
{
    static const char *const settings[] = { "postgres=p", "redis_primary=a", "redis_secondary=b", "code_key=short",
                                            NULL };
    struct harness *harness = harness_new(1);
    struct actor *keygen = harness_add(harness, &keygen_kind, "keygen", settings);

    (void)state;
    harness_start(harness);
    assert_false(harness_is_up(keygen));
    assert_non_null(strstr(harness_failure(keygen), "at least 16"));
    harness_destroy(&harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_carries_the_mark_and_raises_it),
        cmocka_unit_test(one_server_is_enough),
        cmocka_unit_test(without_any_server_it_refuses_at_once),
        cmocka_unit_test(without_any_witness_nothing_is_given),
        cmocka_unit_test(the_file_alone_is_enough_after_a_while),
        cmocka_unit_test(a_full_disk_and_no_postgres_give_nothing),
        cmocka_unit_test(a_short_key_stops_it_with_a_reason),
    };
    char folder[] = "/tmp/test_keygen.XXXXXX"; /* the harness makes the actor's folder for real */

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
