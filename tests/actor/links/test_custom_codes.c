/* SPDX-License-Identifier: MIT */
/* Chosen codes: their rows say so, every edge hears of them before they are there and after, and reads all of them. */
#include <stdio.h>

#include "tests/actor/links/links_stage.h"

static uint64_t shorten(struct stage *stage, const char *code)
{
    uint64_t question = harness_ask(stage->harness, stage->links, &link_shorten_schema,
                                    &(struct link_shorten){ .url = SLICE("https://example.org/"),
                                                            .custom_code = slice_of(code),
                                                            .has_custom_code = code != NULL });

    harness_run(stage->harness);
    return question;
}

/* How often the edges were told that this code is new. */
static uint32_t news_of(struct stage *stage, const char *code)
{
    const struct harness_letter *letter;
    uint32_t count = 0;

    harness_run(stage->harness);
    while ((letter = harness_take_type(stage->harness, &link_changed_schema)) != NULL) {
        const struct link_changed *changed = letter->message;

        assert_true(slice_is(changed->code, code));
        assert_int_equal(changed->version, 1);
        count += strstr(letter->to, "edge") != NULL;
    }
    return count;
}

static void a_chosen_code_is_published_before_and_after(void **state)
{
    struct stage stage = stage_open(0);

    (void)state;
    (void)shorten(&stage, "mine123");
    assert_string_equal(fake_postgres_value(0, 5), "1");
    assert_int_equal(news_of(&stage, "mine123"), 1);
    fake_postgres_row(0, "1000|1|1");
    fake_postgres_done();
    assert_int_equal(news_of(&stage, "mine123"), 1);
    stage_close(&stage);
}

static void a_given_code_is_not(void **state)
{
    struct stage stage = stage_open(0);

    (void)state;
    (void)shorten(&stage, NULL);
    assert_string_equal(fake_postgres_value(0, 1), "codeAAA");
    assert_string_equal(fake_postgres_value(0, 5), "0");
    fake_postgres_row(0, "1000|1|1");
    fake_postgres_done();
    assert_int_equal(news_of(&stage, ""), 0);
    stage_close(&stage);
}

/* Four recorded ones come first; four later ones are not, and until those are used up nothing is. */
static void a_given_code_without_a_record_counts_as_chosen(void **state)
{
    struct stage stage = stage_open(0);
    const struct harness_letter *ask;

    (void)state;
    harness_advance(stage.harness, 300 * 1000);
    while ((ask = harness_take_type(stage.harness, &codes_lease_schema)) != NULL)
        harness_reply(stage.harness, ask, &codes_leased_schema,
                      &(struct codes_leased){ .codes = SLICE("codeXXXcodeYYY"), .code_length = 7 });
    harness_run(stage.harness);
    (void)shorten(&stage, NULL);
    assert_string_equal(fake_postgres_value(0, 5), "1");
    fake_postgres_row(0, "1000|1|1");
    fake_postgres_done();
    assert_int_equal(news_of(&stage, "codeAAA"), 2);
    stage_close(&stage);
}

/* It may be there although its maker was told that nothing was done. */
static void a_doubtful_one_is_published_when_given_up(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = shorten(&stage, "mine123");

    (void)state;
    (void)news_of(&stage, "mine123");
    fake_postgres_fail(OUTCOME_UNKNOWN);
    harness_run(stage.harness);
    (void)news_of(&stage, "mine123"); /* sent again */
    fake_postgres_fail(OUTCOME_NOT_SENT);
    assert_int_equal(news_of(&stage, "mine123"), 1);
    (void)STAGE_ANSWER(&stage, question, link_refused);
    stage_close(&stage);
}

static void a_page_has_what_the_database_says(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, custom_codes_read, .after = SLICE("abcdefg"), .code_length = 7);
    const struct custom_codes *page;

    (void)state;
    assert_true(fake_postgres_is(0, "WHERE custom AND"));
    assert_string_equal(fake_postgres_value(0, 0), "7");
    assert_string_equal(fake_postgres_value(0, 1), "abcdefg");
    fake_postgres_row(0, "chosen1");
    fake_postgres_row(0, "chosen2");
    fake_postgres_done();
    page = STAGE_ANSWER(&stage, question, custom_codes);
    assert_true(slice_is(page->codes, "chosen1chosen2"));
    assert_int_equal(page->code_length, 7);
    assert_true(page->is_last);
    stage_close(&stage);
}

static void a_page_that_cannot_be_read_is_refused(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = STAGE_ASK(&stage, custom_codes_read, .code_length = 21);

    (void)state;
    assert_string_equal(harness_answer(stage.harness, question)->schema->name, "ask_failed");
    question = STAGE_ASK(&stage, custom_codes_read, .code_length = 7);
    fake_postgres_fail(OUTCOME_RETRY);
    harness_run(stage.harness);
    assert_string_equal(harness_answer(stage.harness, question)->schema->name, "ask_failed");
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chosen_code_is_published_before_and_after),
        cmocka_unit_test(a_given_code_is_not),
        cmocka_unit_test(a_given_code_without_a_record_counts_as_chosen),
        cmocka_unit_test(a_doubtful_one_is_published_when_given_up),
        cmocka_unit_test(a_page_has_what_the_database_says),
        cmocka_unit_test(a_page_that_cannot_be_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
