/* SPDX-License-Identifier: MIT */
/* keygen: each lease carries the mark, nothing is given before its mark is kept, and one server is enough. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/links/code_promise.h"
#include "actors/links/code_record.h"
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

/* Postgres says which key the codes are made with, and how much was promised. */
static void answer_record(struct stage *stage, const char *key, const char *promised)
{
    if (fake_postgres_find("keygen/key") == -1)
        harness_advance(stage->harness, 250 * 1000); /* it looks now and then */
    fake_postgres_bring_forward(fake_postgres_find("keygen/key"));
    if (key != NULL)
        fake_postgres_row(0, key);
    if (promised != NULL)
        fake_postgres_row(1, promised);
    fake_postgres_done();
    harness_run(stage->harness);
}

static const char *our_key(void)
{
    static char text[24];
    struct keyed_hash_key key = keyed_hash_key_of(SLICE("a key for tests only"));

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)code_record_fingerprint(&key));
    return text;
}

/* Postgres says how far each stripe is. */
static void answer_marks_alone(struct stage *stage, const char *first, const char *second)
{
    fake_postgres_connect();
    harness_run(stage->harness);
    fake_postgres_bring_forward(fake_postgres_find("VALUES ($1::text"));
    assert_int_equal(fake_postgres_calls(), 2);
    fake_postgres_row(0, first);
    fake_postgres_row(1, second);
    fake_postgres_done();
    harness_run(stage->harness);
}

static void answer_marks(struct stage *stage, const char *first, const char *second)
{
    answer_marks_alone(stage, first, second);
    answer_record(stage, our_key(), NULL);
}

/* The mark of a lease: `value` is what Postgres has afterwards. */
static void answer_raise(struct stage *stage, const char *value)
{
    fake_postgres_bring_forward(fake_postgres_find("VALUES ($1::text"));
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

/* ---- what edges are told */

static const struct codes_promised *ask_promise(struct stage *stage)
{
    uint64_t question = harness_ask(stage->harness, stage->keygen, &codes_promise_schema, &(struct codes_promise){});
    const struct harness_letter *answer;

    harness_run(stage->harness);
    answer = harness_answer(stage->harness, question);
    assert_non_null(answer);
    assert_string_equal(answer->schema->name, "codes_promised");
    return answer->message;
}

static bool are_recorded(struct stage *stage, uint64_t question)
{
    const struct harness_letter *answer = harness_answer(stage->harness, question);

    assert_non_null(answer);
    assert_string_equal(answer->schema->name, "codes_leased");
    return ((const struct codes_leased *)answer->message)->recorded;
}

/* A lease from the first server whose last block is the one before `end`. */
static void lease(struct stage *stage, const char *end)
{
    fake_redis_answer_text("keygen-redis-primary", end);
    harness_run(stage->harness);
    answer_raise(stage, end);
}

static void a_ceiling_is_promised_with_the_key(void **state)
{
    struct stage stage = fresh_stage();
    struct keyed_hash_key key = keyed_hash_key_of(SLICE("a key for tests only"));
    const struct codes_promised *promised;

    (void)state;
    answer_marks(&stage, "0", "0");
    promised = ask_promise(&stage);
    assert_int_equal(promised->ceiling, CODE_PROMISE_LEAST);
    assert_int_equal(promised->code_length, 7);
    assert_int_equal(promised->good_for_us, CODE_PROMISE_GOOD_FOR_US);
    assert_int_equal(promised->key.size, sizeof(key.bytes));
    assert_memory_equal(promised->key.at, key.bytes, sizeof(key.bytes));
    close_stage(&stage);
}

static void marks_that_are_far_lift_the_ceiling(void **state)
{
    struct stage stage = fresh_stage();

    (void)state;
    answer_marks(&stage, "40", "400000");
    assert_true(ask_promise(&stage)->ceiling >= UINT64_C(400000) * 2 * 256 + CODE_PROMISE_MARGIN);
    close_stage(&stage);
}

/* The file says less than Postgres may know. */
static void nothing_is_promised_before_postgres_has_spoken(void **state)
{
    struct stage stage;

    (void)state;
    fake_file_forget();
    fake_file_put("high-water", "keygen/0 7\nkeygen/1 9\n");
    stage = open_stage();
    harness_advance(stage.harness, 4 * 1000 * 1000);
    assert_int_equal(ask_promise(&stage)->ceiling, 0);
    assert_int_equal(ask_promise(&stage)->key.size, 0);
    answer_marks_alone(&stage, "7", "9");
    assert_int_equal(ask_promise(&stage)->ceiling, 0);
    answer_record(&stage, our_key(), NULL);
    assert_true(ask_promise(&stage)->ceiling > 0);
    close_stage(&stage);
}

static void with_another_key_nothing_is_promised_or_recorded(void **state)
{
    static const char *const keys[] = { "4711", NULL };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stage stage = fresh_stage();
        uint64_t question;

        answer_marks_alone(&stage, "0", "0");
        answer_record(&stage, keys[i], "99000000");
        assert_int_equal(ask_promise(&stage)->ceiling, 0);
        fake_redis_connect("keygen-redis-primary");
        harness_run(stage.harness);
        question = ask(&stage, 5);
        lease(&stage, "2");
        assert_false(are_recorded(&stage, question));
        close_stage(&stage);
    }
}

static void codes_are_recorded_once_postgres_has_their_mark(void **state)
{
    struct stage stage = fresh_stage();
    uint64_t question;

    (void)state;
    answer_marks(&stage, "0", "0");
    fake_redis_connect("keygen-redis-primary");
    harness_run(stage.harness);
    question = ask(&stage, 5);
    fake_redis_answer_text("keygen-redis-primary", "2");
    harness_run(stage.harness);
    fake_postgres_fail(OUTCOME_RETRY); /* the file alone has it */
    harness_run(stage.harness);
    assert_false(are_recorded(&stage, question));
    question = ask(&stage, 500); /* the rest; then the next lease */
    lease(&stage, "4");
    question = ask(&stage, 5);
    assert_true(are_recorded(&stage, question));
    close_stage(&stage);
}

/* The server turns out to be far beyond what edges were told. */
static void a_lease_beyond_the_ceiling_is_held(void **state)
{
    struct stage stage = fresh_stage();
    uint64_t question, ceiling;

    (void)state;
    answer_marks(&stage, "0", "0");
    harness_advance(stage.harness, 5 * 1000 * 1000); /* what an earlier life may have promised is over */
    assert_int_equal(ask_promise(&stage)->ceiling, CODE_PROMISE_LEAST);
    fake_redis_connect("keygen-redis-primary");
    harness_run(stage.harness);
    question = ask(&stage, 5);
    lease(&stage, "400000");
    ceiling = ask_promise(&stage)->ceiling; /* that edges are told of a higher one changes nothing for those before */
    assert_true(ceiling >= UINT64_C(399999) * 2 * 256 + CODE_PROMISE_MARGIN);
    harness_advance(stage.harness, 2900 * 1000);
    assert_null(harness_answer(stage.harness, question));
    harness_advance(stage.harness, 700 * 1000);
    assert_int_equal(codes_of(&stage, question), 5);
    assert_int_equal(ask_promise(&stage)->ceiling, ceiling);
    close_stage(&stage);
}

/* What an earlier life promised is at least what it recorded; without a record it may be the least there is. */
static void a_start_keeps_what_may_have_been_promised(void **state)
{
    static const char *const recorded[] = { NULL, "500000000" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stage stage = fresh_stage();
        uint64_t question;

        answer_marks_alone(&stage, "400000", "0");
        answer_record(&stage, our_key(), recorded[i]);
        fake_redis_connect("keygen-redis-primary");
        harness_run(stage.harness);
        question = ask(&stage, 5);
        lease(&stage, "400002");
        if (recorded[i] == NULL) {
            assert_null(harness_answer(stage.harness, question));
            assert_true(ask_promise(&stage)->ceiling > 400002 * 2 * 256);
            harness_advance(stage.harness, 2900 * 1000);
            assert_null(harness_answer(stage.harness, question));
            harness_advance(stage.harness, 700 * 1000);
        }
        assert_int_equal(codes_of(&stage, question), 5);
        close_stage(&stage);
    }
}

static void what_is_promised_is_recorded(void **state)
{
    struct stage stage = fresh_stage();
    int index;

    (void)state;
    answer_marks(&stage, "400000", "0");
    (void)ask_promise(&stage);
    harness_advance(stage.harness, 500 * 1000);
    assert_int_equal(fake_postgres_find("keygen/promised"), -1); /* a lower one may be in force */
    for (int i = 0; i < 8; i++) {
        harness_advance(stage.harness, 500 * 1000);
        (void)ask_promise(&stage);
    }
    index = fake_postgres_find("VALUES ('keygen/promised'");
    assert_int_not_equal(index, -1);
    fake_postgres_bring_forward(index);
    assert_true(strtoull(fake_postgres_value(0, 0), NULL, 10) == ask_promise(&stage)->ceiling);
    close_stage(&stage);
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
        cmocka_unit_test(a_ceiling_is_promised_with_the_key),
        cmocka_unit_test(marks_that_are_far_lift_the_ceiling),
        cmocka_unit_test(nothing_is_promised_before_postgres_has_spoken),
        cmocka_unit_test(with_another_key_nothing_is_promised_or_recorded),
        cmocka_unit_test(codes_are_recorded_once_postgres_has_their_mark),
        cmocka_unit_test(a_lease_beyond_the_ceiling_is_held),
        cmocka_unit_test(a_start_keeps_what_may_have_been_promised),
        cmocka_unit_test(what_is_promised_is_recorded),
    };
    char folder[] = "/tmp/test_keygen.XXXXXX"; /* the harness makes the actor's folder for real */

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
