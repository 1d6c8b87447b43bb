/* SPDX-License-Identifier: MIT */
/* redis: the view of replies (from bytes, through hiredis's own parser), how errors are classed, and the ring of
 * commands. */
#include <hiredis/hiredis.h>

#include "actors/io/redis_queue.h"
#include "actors/io/redis_reply.h"
#include "tests/testing.h"

struct parsed {
    redisReader *reader;
    void *reply;
};

static const struct redis_reply *parse(struct parsed *parsed, const char *bytes)
{
    parsed->reader = redisReaderCreate();
    assert_int_equal(redisReaderFeed(parsed->reader, bytes, strlen(bytes)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(parsed->reader, &parsed->reply), REDIS_OK);
    return redis_reply_of(parsed->reply);
}

static void drop(struct parsed *parsed)
{
    if (parsed->reply != NULL)
        freeReplyObject(parsed->reply);
    redisReaderFree(parsed->reader);
}

static void views_nested_arrays(void **state)
{
    struct parsed parsed;
    const struct redis_reply *reply = parse(&parsed, "*3\r\n:7\r\n*2\r\n$3\r\na\nb\r\n$-1\r\n-ERR no\r\n");
    const struct redis_reply *inner = redis_reply_at(reply, 1);

    (void)state;
    assert_int_equal(redis_reply_type(reply), REDIS_ARRAY);
    assert_int_equal(redis_reply_count(reply), 3);
    assert_int_equal(redis_reply_integer(redis_reply_at(reply, 0)), 7);
    assert_true(slice_is(redis_reply_text(redis_reply_at(inner, 0)), "a\nb"));
    assert_int_equal(redis_reply_type(redis_reply_at(inner, 1)), REDIS_NIL);
    assert_int_equal(redis_reply_type(redis_reply_at(reply, 2)), REDIS_ERROR);
    drop(&parsed);
}

static void finds_nothing_where_nothing_is(void **state)
{
    struct parsed parsed;
    const struct redis_reply *reply = parse(&parsed, "*1\r\n:7\r\n");

    (void)state;
    assert_int_equal(redis_reply_type(redis_reply_at(reply, 1)), REDIS_NIL);
    assert_int_equal(redis_reply_type(redis_reply_at(redis_reply_at(reply, 0), 0)), REDIS_NIL);
    assert_int_equal(redis_reply_count(redis_reply_at(reply, 0)), 0);
    assert_int_equal(redis_reply_text(redis_reply_at(reply, 0)).size, 0);
    assert_int_equal(redis_reply_integer(reply), 0);
    assert_int_equal(redis_reply_type(redis_reply_of(NULL)), REDIS_NIL);
    drop(&parsed);
}

static void reads_numbers_in_texts(void **state)
{
    static const struct {
        const char *bytes;
        int64_t value;
    } cases[] = {
        { "$2\r\n42\r\n", 42 },
        { "$3\r\n-42\r\n", -42 },
        { "$19\r\n9223372036854775807\r\n", INT64_MAX },
        { "$20\r\n-9223372036854775808\r\n", INT64_MIN },
        { "$19\r\n9223372036854775808\r\n", 0 },
        { "$3\r\n4 2\r\n", 0 },
        { "$1\r\n-\r\n", 0 },
        { "$0\r\n\r\n", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parsed parsed;

        assert_true(redis_reply_integer(parse(&parsed, cases[i].bytes)) == cases[i].value);
        drop(&parsed);
    }
}

static void classes_errors(void **state)
{
    static const struct {
        const char *bytes;
        enum outcome outcome;
    } cases[] = {
        { "+OK\r\n", OUTCOME_DONE },
        { "$7\r\nLOADING\r\n", OUTCOME_DONE }, /* a value, not an error */
        { "-LOADING Redis is loading the dataset in memory\r\n", OUTCOME_RETRY },
        { "-READONLY You can't write against a read only replica.\r\n", OUTCOME_RETRY },
        { "-OOM command not allowed when used memory > 'maxmemory'.\r\n", OUTCOME_RETRY },
        { "-MISCONF Errors writing to the AOF file: No space left on device\r\n", OUTCOME_RETRY },
        { "-MASTERDOWN Link with MASTER is down\r\n", OUTCOME_RETRY },
        { "-BUSY Redis is busy running a script.\r\n", OUTCOME_RETRY },
        { "-BUSYGROUP Consumer Group name already exists\r\n", OUTCOME_REJECTED },
        { "-ERR syntax error\r\n", OUTCOME_REJECTED },
        { "-WRONGTYPE Operation against a key\r\n", OUTCOME_REJECTED },
        { "-\r\n", OUTCOME_REJECTED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parsed parsed;

        assert_int_equal(redis_reply_outcome(parse(&parsed, cases[i].bytes)), cases[i].outcome);
        drop(&parsed);
    }
}

static void queue_keeps_order_while_it_grows_and_turns(void **state)
{
    struct redis_queue queue = { 0 };
    uint64_t pushed = 0;
    uint64_t popped = 0;

    (void)state;
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 7; i++)
            redis_queue_push(&queue, &(struct redis_pending){ .bytes = pushed++ });
        for (int i = 0; i < (round < 250 ? 5 : 9) && queue.count > 0; i++)
            assert_int_equal(redis_queue_pop(&queue).bytes, popped++);
        assert_int_equal(queue.count, pushed - popped);
        if (queue.count > 0)
            assert_int_equal(redis_queue_at(&queue, queue.count - 1)->bytes, pushed - 1);
    }
    redis_queue_destroy(&queue);
    assert_int_equal(queue.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_nested_arrays),
        cmocka_unit_test(finds_nothing_where_nothing_is),
        cmocka_unit_test(reads_numbers_in_texts),
        cmocka_unit_test(classes_errors),
        cmocka_unit_test(queue_keeps_order_while_it_grows_and_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
