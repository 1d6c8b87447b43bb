/* SPDX-License-Identifier: MIT */
/* The edge answers 404 by itself only while a keygen's promise holds, the feeds are heard and all chosen codes are
 * known; whoever was told 201 is found at once. */
#include <string.h>

#include "tests/actor/support/edge_stage.h"

static const char key_bytes[KEYED_HASH_KEY_BYTES] = "the test's  key";

/* The edge asks for a promise and gets one: nothing at or above `ceiling`. Questions from before are not answered. */
static void promise(struct stage *stage, uint64_t ceiling)
{
    const struct harness_letter *ask = NULL;

    while (harness_take_type(stage->harness, &codes_promise_schema) != NULL)
        ;
    for (int i = 0; i < 6 && ask == NULL; i++) {
        harness_advance(stage->harness, 500000);
        stage_run(stage); /* beats */
        ask = harness_take_type(stage->harness, &codes_promise_schema);
    }
    assert_non_null(ask);
    harness_reply(
        stage->harness, ask, &codes_promised_schema,
        &(struct codes_promised){
            .ceiling = ceiling, .code_length = 7, .key = { key_bytes, sizeof(key_bytes) }, .good_for_us = 2000000 });
    stage_run(stage);
}

static void answer_page(struct stage *stage, const char *codes, bool is_last)
{
    harness_reply(stage->harness, stage_expect(stage, &custom_codes_read_schema), &custom_codes_schema,
                  &(struct custom_codes){ .codes = slice_of(codes), .code_length = 7, .is_last = is_last });
    stage_run(stage);
}

/* Promised, and all chosen codes read. */
static void make_ready(struct stage *stage)
{
    promise(stage, 1000);
    promise(stage, 1000);
    answer_page(stage, "chosen1chosen2", false);
    answer_page(stage, "chosen3", true);
}

static void assert_denied(struct stage *stage, const char *path)
{
    int fd = stage_get(stage, path);

    stage_expect_none(stage, &link_resolve_schema);
    stage_assert_status(fd, "404", "");
}

static void assert_asked(struct stage *stage, const char *path)
{
    int fd = stage_get(stage, path);

    stage_resolve_as(stage, CODE_LIVE, "https://example.org/", 0);
    stage_commit(stage);
    stage_assert_status(fd, "307", "Location: https://example.org/\r\n");
}

static void test_denies_what_cannot_exist(void **state)
{
    struct stage *stage = *state;
    const struct edge *edge = actor_state(stage->edge);

    assert_asked(stage, "/nothing");
    make_ready(stage);
    assert_denied(stage, "/nothin1");
    assert_denied(stage, "/nothin2");
    assert_int_equal(counter_read(&edge->figures.denied), 2);
    assert_asked(stage, "/chosen1");
    assert_asked(stage, "/chosen3");
    assert_asked(stage, "/longer12");
}

static void test_what_was_given_is_asked_for(void **state)
{
    struct stage *stage = *state;
    struct code_permutation permutation;
    struct keyed_hash_key key;
    char path[] = "/.......";

    make_ready(stage);
    memcpy(key.bytes, key_bytes, sizeof(key.bytes));
    code_permutation_init(&permutation, &key, 7);
    code_permutation_write(&permutation, 999, path + 1);
    assert_asked(stage, path);
    code_permutation_write(&permutation, 1000, path + 1);
    assert_denied(stage, path);
    promise(stage, 2000);
    assert_asked(stage, path);
}

static void test_the_promise_ends(void **state)
{
    struct stage *stage = *state;

    make_ready(stage);
    assert_denied(stage, "/nothin1");
    for (int i = 0; i < 5; i++) { /* the feeds are alive, the keygen is silent */
        harness_advance(stage->harness, 500000);
        stage_run(stage);
    }
    assert_asked(stage, "/nothin1");
}

/* It counts from when it was asked for, whenever the answer comes. */
static void test_a_late_promise_is_none(void **state)
{
    struct stage *stage = *state;
    struct kept ask;

    make_ready(stage);
    harness_advance(stage->harness, 500000);
    stage_run(stage);
    stage_expect_and_keep(stage, &codes_promise_schema, &ask);
    harness_advance(stage->harness, 800000);
    stage_run(stage);
    harness_reply(
        stage->harness, &ask.letter, &codes_promised_schema,
        &(struct codes_promised){
            .ceiling = 1000, .code_length = 7, .key = { key_bytes, sizeof(key_bytes) }, .good_for_us = 2000000 });
    stage_run(stage);
    assert_denied(stage, "/nothin1");
    harness_advance(stage->harness, 1200000);
    stage_run(stage);
    assert_asked(stage, "/nothin2");
}

static void test_a_new_chosen_code_is_found(void **state)
{
    struct stage *stage = *state;

    make_ready(stage);
    assert_denied(stage, "/brandNu");
    harness_tell(
        stage->harness, stage->edge, &link_changed_schema,
        &(struct link_changed){ .feed = FEED, .number = ++stage->numbers[0], .code = SLICE("brandNu"), .version = 1 });
    assert_asked(stage, "/brandNu");
}

/* Its maker has the row; nobody needs the news for it. */
static void test_what_this_edge_made_is_found(void **state)
{
    struct stage *stage = *state;
    int fd;

    make_ready(stage);
    fd = stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}");
    harness_reply(stage->harness, stage_expect(stage, &link_shorten_schema), &link_row_schema,
                  &(struct link_row){ .id = 1, .code = SLICE("brandNu"), .url = SLICE("https://example.org/") });
    stage_run(stage);
    stage_assert_status(fd, "201", "brandNu");
    assert_asked(stage, "/brandNu");
}

static void test_a_gap_has_all_read_again(void **state)
{
    struct stage *stage = *state;

    make_ready(stage);
    stage->numbers[1] += 1; /* the next beat tells of a change that never came */
    assert_asked(stage, "/nothin1");
    promise(stage, 1000);
    answer_page(stage, "nothin2", true);
    assert_denied(stage, "/nothin3");
    assert_asked(stage, "/nothin2");
}

static void test_silence_has_all_read_again(void **state)
{
    struct stage *stage = *state;

    make_ready(stage);
    harness_advance(stage->harness, 2100000);
    promise(stage, 1000);
    assert_asked(stage, "/nothin1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_denies_what_cannot_exist),   WITH_STAGE(test_what_was_given_is_asked_for),
        WITH_STAGE(test_the_promise_ends),           WITH_STAGE(test_a_late_promise_is_none),
        WITH_STAGE(test_a_new_chosen_code_is_found), WITH_STAGE(test_what_this_edge_made_is_found),
        WITH_STAGE(test_a_gap_has_all_read_again),   WITH_STAGE(test_silence_has_all_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
