/* SPDX-License-Identifier: MIT */
/* stats: buffers first, Redis next, Postgres last; each click once, and a lower bound says that it is one. */
#include "actors/clicks/batch.h"
#include "tests/actor/links/links_stage.h"

static void reply_pending(struct stage *stage, const struct clicks_pending *pending)
{
    const struct harness_letter *ask = harness_take_type(stage->harness, &clicks_pending_read_schema);

    assert_non_null(ask);
    harness_reply(stage->harness, ask, &clicks_pending_schema, pending);
    harness_run(stage->harness);
}

static void answer_snapshot(const char *row, const char *epoch, const char *mark)
{
    assert_true(fake_postgres_is(0, "FROM urls"));
    assert_true(fake_postgres_is(1, "producer_epochs"));
    assert_true(fake_postgres_is(2, "click_marks"));
    fake_postgres_row(0, row);
    if (epoch != NULL)
        fake_postgres_row(1, epoch);
    if (mark != NULL)
        fake_postgres_row(2, mark);
    fake_postgres_done();
}

#define ROW "5|https://example.org/|100|1|2||f"

static void windows_above_the_mark_count_once(void **state)
{
    static const struct covered_lane covered[] = { { .epoch = 9, .lane = 0 } };
    static const struct click_window windows[] = {
        { .epoch = 9, .lane = 0, .first_seq = 1, .last_seq = 10, .clicks = 4 },  /* in the row already */
        { .epoch = 9, .lane = 0, .first_seq = 11, .last_seq = 20, .clicks = 3 }, /* not yet */
        { .epoch = 9, .lane = 0, .first_seq = 11, .last_seq = 20, .clicks = 3 }, /* the same again */
    };
    struct stage stage = stage_open(2);
    uint64_t question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));
    const struct link_row *row;

    (void)state;
    assert_int_equal(fake_postgres_waiting(), 0); /* not before both buffers were heard */
    reply_pending(&stage, &(struct clicks_pending){ .covered = { covered, 1 }, .windows = { windows, 3 } });
    assert_int_equal(fake_postgres_waiting(), 0);
    reply_pending(&stage, &(struct clicks_pending){ 0 });
    assert_string_equal(fake_postgres_value(2, 0), "9");
    answer_snapshot(ROW, "9|1", "9|0|10");
    row = STAGE_ANSWER(&stage, question, link_row);
    assert_int_equal(row->clicks, 103);
    assert_false(row->clicks_incomplete);
    assert_int_equal(row->id, 5);
    stage_close(&stage);
}

/* The next blob is a batch of clicks of abc, as the stream would hold it. */
static void lay_batch(uint64_t first_seq, uint32_t count)
{
    static char bytes[512];
    struct batch_maker maker = { 0 };
    struct slice batch;

    for (uint32_t i = 0; i < count; i++)
        assert_true(batch_add(&maker, &(struct click){ .code = SLICE("abc"), .time_us = 5 }));
    batch = batch_finish(&maker, &(struct batch_span){ .epoch = 9, .lane = 0, .count = count, .first_seq = first_seq });
    assert_true(batch.size <= sizeof(bytes));
    memcpy(bytes, batch.at, batch.size);
    fake_redis_blob((struct slice){ .at = bytes, .size = batch.size });
    batch_free(&maker);
}

/* The epoch of a dead edge: nobody answers for it, the snapshot names it, so Redis is read and the snapshot taken anew.
 */
static void lanes_that_nobody_covers_are_read_from_redis(void **state)
{
    struct stage stage = stage_open(1);
    uint64_t question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));

    (void)state;
    reply_pending(&stage, &(struct clicks_pending){ 0 });
    answer_snapshot(ROW, "9|1", "9|0|10");
    stage_run(&stage);
    assert_true(fake_redis_next_is("redis", "EVAL"));
    assert_non_null(strstr(fake_redis_next("redis"), "windows:{9:0} clicks:{9:0} abc"));
    lay_batch(21, 2);
    fake_redis_answer_array("redis", (const char *[]){ "(", "s:1-10", "s:4", "s:11-20", "s:3", ")", "(", "(", "s:22-0",
                                                       "(", "s:b", "blob", ")", ")", ")", NULL });
    stage_run(&stage);
    answer_snapshot(ROW, "9|1", "9|0|10");
    assert_int_equal(STAGE_ANSWER(&stage, question, link_row)->clicks, 105);

    /* The next one knows the epoch and reads Redis before its only snapshot. */
    question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));
    reply_pending(&stage, &(struct clicks_pending){ 0 });
    assert_int_equal(fake_postgres_waiting(), 0);
    fake_redis_answer_array("redis", (const char *[]){ "(", ")", "(", ")", NULL });
    stage_run(&stage);
    answer_snapshot(ROW, "9|1", "9|0|22");
    assert_int_equal(STAGE_ANSWER(&stage, question, link_row)->clicks, 100);
    stage_close(&stage);
}

static void what_cannot_be_asked_makes_a_lower_bound(void **state)
{
    struct stage stage = stage_open(1);
    uint64_t question;
    const struct link_row *row;

    (void)state;
    fake_redis_lose("redis");
    stage_run(&stage);
    question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));
    harness_advance(stage.harness, 500 * 1000); /* the buffer does not answer */
    fake_postgres_bring_forward(fake_postgres_find("FROM urls WHERE short_code"));
    answer_snapshot(ROW, "9|1", NULL);
    row = STAGE_ANSWER(&stage, question, link_row);
    assert_int_equal(row->clicks, 100);
    assert_true(row->clicks_incomplete);
    stage_close(&stage);
}

/* Redis is there, but what only its journal has is not in Redis. */
static void a_silent_buffer_makes_a_lower_bound(void **state)
{
    struct stage stage = stage_open(2);
    uint64_t question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));
    const struct link_row *row;

    (void)state;
    reply_pending(&stage, &(struct clicks_pending){ 0 });
    harness_advance(stage.harness, 500 * 1000); /* the other does not answer */
    fake_postgres_bring_forward(fake_postgres_find("FROM urls WHERE short_code"));
    answer_snapshot(ROW, NULL, NULL);
    row = STAGE_ANSWER(&stage, question, link_row);
    assert_int_equal(row->clicks, 100);
    assert_true(row->clicks_incomplete);
    stage_close(&stage);
}

static void a_window_across_its_mark_is_looked_into(void **state)
{
    static const struct covered_lane covered[] = { { .epoch = 9, .lane = 0 } };
    static const struct click_window windows[] = {
        { .epoch = 9, .lane = 0, .first_seq = 1, .last_seq = 20, .clicks = 4 },
    };
    struct stage stage = stage_open(1);
    uint64_t question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));
    const struct link_row *row;

    (void)state;
    reply_pending(&stage, &(struct clicks_pending){ .covered = { covered, 1 }, .windows = { windows, 1 } });
    answer_snapshot(ROW, "9|1", "9|0|10");
    stage_run(&stage);
    assert_true(fake_redis_next_is("redis", "XRANGE clicks:{9:0} 11-0 +"));
    lay_batch(9, 4);
    fake_redis_answer_array("redis", (const char *[]){ "(", "s:12-0", "(", "s:b", "blob", ")", ")", NULL });
    row = STAGE_ANSWER(&stage, question, link_row);
    assert_int_equal(row->clicks, 102); /* 11 and 12; 9 and 10 are in the row */
    stage_close(&stage);
}

static void no_row_is_404_and_no_database_503(void **state)
{
    struct stage stage = stage_open(1);
    uint64_t question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));

    (void)state;
    reply_pending(&stage, &(struct clicks_pending){ 0 });
    fake_postgres_done();
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 404);
    question = STAGE_ASK(&stage, link_read, .code = SLICE("abc"));
    reply_pending(&stage, &(struct clicks_pending){ 0 });
    fake_postgres_fail(OUTCOME_NOT_SENT);
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 503);
    question = STAGE_ASK(&stage, link_read, .code = SLICE("no code"));
    assert_int_equal(STAGE_ANSWER(&stage, question, link_refused)->status, 404);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_above_the_mark_count_once),
        cmocka_unit_test(lanes_that_nobody_covers_are_read_from_redis),
        cmocka_unit_test(what_cannot_be_asked_makes_a_lower_bound),
        cmocka_unit_test(a_silent_buffer_makes_a_lower_bound),
        cmocka_unit_test(a_window_across_its_mark_is_looked_into),
        cmocka_unit_test(no_row_is_404_and_no_database_503),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
