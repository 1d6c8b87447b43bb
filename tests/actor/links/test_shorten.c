/* SPDX-License-Identifier: MIT */
/* shorten: many links in one transaction, each with its own outcome; a lost answer neither doubles nor loses one. */
#include <stdio.h>

#include "tests/actor/links/links_stage.h"

static uint64_t shorten(struct stage *stage, const char *url, const char *code)
{
    return harness_ask(
        stage->harness, stage->links, &link_shorten_schema,
        &(struct link_shorten){ .url = slice_of(url), .custom_code = slice_of(code), .has_custom_code = code != NULL });
}

/* The first link goes alone; those behind it, which came meanwhile, go together. */
static void end_first(struct stage *stage, uint64_t question)
{
    stage_run(stage);
    assert_string_equal(fake_postgres_value(0, 1), "first");
    fake_postgres_row(0, "1000|1|1");
    fake_postgres_done();
    (void)STAGE_ANSWER(stage, question, link_row);
}

static void a_link_is_made_and_its_copy_put_into_redis(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t question = shorten(&stage, " https://example.org/\xc3\xa4 ", NULL);
    const struct link_row *row;

    (void)state;
    stage_run(&stage);
    assert_true(fake_postgres_is(0, "INSERT INTO urls"));
    assert_int_equal(fake_postgres_calls(), 1);
    assert_string_equal(fake_postgres_value(0, 0), "1000");
    assert_string_equal(fake_postgres_value(0, 1), "codeAAA");
    assert_string_equal(fake_postgres_value(0, 2), "https://example.org/\xc3\xa4");
    assert_string_equal(fake_postgres_value(0, 3), "https://example.org/%C3%A4");
    assert_string_equal(fake_postgres_value(0, 4), "NULL");
    fake_postgres_row(0, "1000|11|12");
    fake_postgres_done();
    row = STAGE_ANSWER(&stage, question, link_row);
    assert_int_equal(row->id, 1000);
    assert_true(slice_is(row->code, "codeAAA"));
    assert_true(slice_is(row->url, "https://example.org/\xc3\xa4"));
    assert_int_equal(row->created_us, 11);
    assert_int_equal(row->updated_us, 12);
    assert_true(fake_redis_next_is("redis", "SET url:codeAAA 1 0 https://example.org/%C3%A4 NX PX"));
    stage_close(&stage);
}

static void what_comes_meanwhile_goes_into_the_next_transaction(void **state)
{
    struct stage stage = stage_open(0);

    (void)state;
    (void)shorten(&stage, "https://example.org/1", NULL);
    stage_run(&stage);
    (void)shorten(&stage, "https://example.org/2", NULL);
    (void)shorten(&stage, "https://example.org/2", "mine");
    stage_run(&stage);
    assert_int_equal(fake_postgres_waiting(), 1);
    fake_postgres_row(0, "1000|1|1");
    fake_postgres_done();
    stage_run(&stage);
    assert_int_equal(fake_postgres_waiting(), 1);
    assert_string_equal(fake_postgres_value(0, 0), "1001,1002");
    assert_string_equal(fake_postgres_value(0, 1), "codeBBB,mine");
    stage_close(&stage);
}

static void a_taken_code_leaves_out_its_row_alone(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t first = shorten(&stage, "https://example.org/", "first");
    uint64_t custom = shorten(&stage, "https://example.org/1", "mine");
    uint64_t generated = shorten(&stage, "https://example.org/2", NULL);
    uint64_t good = shorten(&stage, "https://example.org/3", NULL);
    const struct link_refused *refused;

    (void)state;
    end_first(&stage, first);
    assert_string_equal(fake_postgres_value(0, 1), "mine,codeAAA,codeBBB");
    fake_postgres_row(0, "1003|1|1");
    fake_postgres_done();
    refused = STAGE_ANSWER(&stage, custom, link_refused);
    assert_int_equal(refused->status, 409);
    assert_true(slice_is(refused->pointer, "#/custom_code"));
    assert_int_equal(STAGE_ANSWER(&stage, good, link_row)->id, 1003);
    assert_null(harness_answer(stage.harness, generated));
    assert_string_equal(fake_postgres_value(0, 1), "codeCCC"); /* the next code, the same id */
    assert_string_equal(fake_postgres_value(0, 0), "1002");
    fake_postgres_row(0, "1002|1|1");
    fake_postgres_done();
    assert_true(slice_is(STAGE_ANSWER(&stage, generated, link_row)->code, "codeCCC"));
    stage_close(&stage);
}

/* The first attempt may have worked, or may work yet: the same rows again, and what is there by id is ours. */
static void a_lost_answer_is_settled_by_id(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t first = shorten(&stage, "https://example.org/", "first");
    uint64_t made = shorten(&stage, "https://example.org/1", "mine");
    uint64_t lost = shorten(&stage, "https://example.org/2", "yours");

    (void)state;
    end_first(&stage, first);
    fake_postgres_fail(OUTCOME_UNKNOWN);
    stage_run(&stage);
    assert_int_equal(fake_postgres_calls(), 2);
    assert_string_equal(fake_postgres_value(0, 0), "1001,1002");
    assert_string_equal(fake_postgres_value(0, 1), "mine,yours");
    assert_string_equal(fake_postgres_value(1, 0), "1001,1002");
    fake_postgres_row(1, "1001|1|1"); /* from the first attempt: the insert itself answers no row */
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, made, link_row)->id, 1001);
    assert_int_equal(STAGE_ANSWER(&stage, lost, link_refused)->status, 409);
    stage_close(&stage);
}

static void a_row_that_spoils_the_transaction_is_found_alone(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t first = shorten(&stage, "https://example.org/", "first");
    uint64_t bad = shorten(&stage, "https://example.org/1", NULL);
    uint64_t good = shorten(&stage, "https://example.org/2", NULL);

    (void)state;
    end_first(&stage, first);
    fake_postgres_fail(OUTCOME_REJECTED);
    stage_run(&stage);
    assert_string_equal(fake_postgres_value(0, 0), "1001");
    fake_postgres_fail(OUTCOME_REJECTED);
    assert_int_equal(STAGE_ANSWER(&stage, bad, link_refused)->status, 503);
    assert_string_equal(fake_postgres_value(0, 0), "1002");
    fake_postgres_row(0, "1002|1|1");
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, good, link_row)->id, 1002);
    stage_close(&stage);
}

static void without_a_database_it_says_when_to_come_back(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t sent = shorten(&stage, "https://example.org/1", NULL);
    uint64_t late;
    const struct link_refused *refused;

    (void)state;
    stage_run(&stage);
    fake_postgres_fail(OUTCOME_NOT_SENT);
    refused = STAGE_ANSWER(&stage, sent, link_refused);
    assert_int_equal(refused->status, 503);
    assert_true(refused->retry_after_s > 0);
    fake_postgres_lose();
    stage_run(&stage);
    late = shorten(&stage, "https://example.org/2", NULL);
    assert_int_equal(STAGE_ANSWER(&stage, late, link_refused)->status, 503);
    stage_close(&stage);
}

/* There are a few codes in hand; the last links wait for a lease, and not for ever. */
static void without_codes_it_waits_a_while(void **state)
{
    struct stage stage = stage_open(0);
    uint64_t first = shorten(&stage, "https://example.org/", "first");
    uint64_t last = 0;
    uint32_t sent = 0;
    char ids[512];
    char *rest = ids;

    (void)state;
    for (int i = 0; i < 40; i++)
        last = shorten(&stage, "https://example.org/", NULL);
    end_first(&stage, first);
    assert_true(slice_copy(slice_of(fake_postgres_value(0, 0)), ids, sizeof(ids)));
    for (char *id = strsep(&rest, ","); id != NULL; id = strsep(&rest, ",")) {
        char row[32];

        (void)snprintf(row, sizeof(row), "%s|1|1", id);
        fake_postgres_row(0, row);
        sent++;
    }
    assert_in_range(sent, 4, 20);
    fake_postgres_done();
    stage_run(&stage);
    assert_null(harness_answer(stage.harness, last));
    harness_advance(stage.harness, 5 * 1000 * 1000);
    assert_int_equal(STAGE_ANSWER(&stage, last, link_refused)->status, 503);
    stage_close(&stage);
}

static void what_is_wrong_is_refused_before_anything_is_sent(void **state)
{
    static const struct {
        const char *url;
        const char *code;
        uint64_t status;
        const char *pointer;
    } rows[] = {
        { "ftp://example.org/", NULL, 422, "#/url" },
        { "https://example.org/", "ab", 422, "#/custom_code" },
        { "https://example.org/", "a b c", 422, "#/custom_code" },
        { "https://example.org/", "Health", 409, "#/custom_code" },
    };
    struct stage stage = stage_open(0);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t question = shorten(&stage, rows[i].url, rows[i].code);
        const struct link_refused *refused = STAGE_ANSWER(&stage, question, link_refused);

        assert_int_equal(refused->status, rows[i].status);
        assert_true(slice_is(refused->pointer, rows[i].pointer));
        assert_true(refused->detail.size > 0);
    }
    assert_int_equal(fake_postgres_waiting(), 0);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_made_and_its_copy_put_into_redis),
        cmocka_unit_test(what_comes_meanwhile_goes_into_the_next_transaction),
        cmocka_unit_test(a_taken_code_leaves_out_its_row_alone),
        cmocka_unit_test(a_lost_answer_is_settled_by_id),
        cmocka_unit_test(a_row_that_spoils_the_transaction_is_found_alone),
        cmocka_unit_test(without_a_database_it_says_when_to_come_back),
        cmocka_unit_test(without_codes_it_waits_a_while),
        cmocka_unit_test(what_is_wrong_is_refused_before_anything_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
