/* SPDX-License-Identifier: MIT */
/*
 * redis: the connection against a server that the test plays -- greeting, one write per turn, order, deadlines, losses,
 * and that each command ends exactly once with the truth about its effect.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/redis.h"
#include "tests/actor/support/io_stage.h"

enum { LOG_LIMIT = 64 };

struct fixture {
    struct io_stage stage;
    struct io_server servers[2];
    struct redis *redis;
    char log[LOG_LIMIT][80]; /* what handlers said, in order */
    uint32_t log_count;
    bool is_inside; /* a call of redis: no handler may come */
    const char *wanted;
};

static struct fixture *the; /* handlers have their own contexts */

/* Contexts are names. */
static void *name(const char *text)
{
    return (void *)(uintptr_t)text;
}

static void note(const char *text)
{
    assert_false(the->is_inside);
    assert_true(the->log_count < LOG_LIMIT);
    snprintf(the->log[the->log_count++], sizeof(the->log[0]), "%s", text);
}

static void connected(struct actor *me, void *context, uint64_t generation)
{
    char text[80];

    (void)me;
    (void)context;
    snprintf(text, sizeof(text), "connected %d", (int)generation);
    note(text);
}

static void lost(struct actor *me, void *context, uint64_t generation, const char *why)
{
    char text[80];

    (void)me;
    (void)context;
    (void)why;
    snprintf(text, sizeof(text), "lost %d", (int)generation);
    note(text);
}

static void ended(struct actor *me, void *context, const struct redis_result *result)
{
    char text[80];

    (void)me;
    snprintf(text, sizeof(text), "%s %s", (const char *)context, outcome_name(result->outcome));
    note(text);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    the = fixture;
    *state = fixture;
    io_stage_open(&fixture->stage);
    io_server_open(&fixture->servers[0]);
    io_server_open(&fixture->servers[1]);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    redis_close(&fixture->redis);
    io_stage_close(&fixture->stage);
    io_server_close(&fixture->servers[0]);
    io_server_close(&fixture->servers[1]);
    free(fixture);
    return 0;
}

/* `login` stands before the host, "user:password@"; `hosts` is how many of the servers are named. */
static void
open_with(struct fixture *fixture, struct redis_options options, const char *login, int hosts, const char *path)
{
    char uri[160];
    char second[32] = "";
    char why[160] = "";

    if (hosts == 2)
        snprintf(second, sizeof(second), ",127.0.0.1:%u", fixture->servers[1].port);
    snprintf(uri, sizeof(uri), "redis://%s127.0.0.1:%u%s%s", login, fixture->servers[0].port, second, path);
    options.name = "redis";
    options.uri = uri;
    options.on_connected = connected;
    options.on_lost = lost;
    fixture->redis = redis_open(fixture->stage.actor, &options, why, sizeof(why));
    assert_string_equal(why, "");
}

/* ---- waiting */

static bool server_has(void *context)
{
    struct fixture *fixture = context;

    for (int i = 0; i < 2; i++)
        io_server_serve(&fixture->servers[i]);
    struct slice input = buffer_slice(&fixture->servers[0].input);
    struct slice other = buffer_slice(&fixture->servers[1].input);
    return (input.size > 0 && memmem(input.at, input.size, the->wanted, strlen(the->wanted)) != NULL) ||
           (other.size > 0 && memmem(other.at, other.size, the->wanted, strlen(the->wanted)) != NULL);
}

static void until_server_has(struct fixture *fixture, const char *text)
{
    fixture->wanted = text;
    io_stage_until(&fixture->stage, server_has, fixture);
}

static bool has_noted(void *context)
{
    const struct fixture *fixture = context;

    for (uint32_t i = 0; i < fixture->log_count; i++) {
        if (strcmp(fixture->log[i], fixture->wanted) == 0)
            return true;
    }
    return false;
}

static void until_noted(struct fixture *fixture, const char *text)
{
    fixture->wanted = text;
    io_stage_until(&fixture->stage, has_noted, fixture);
}

static bool has_ended(void *context)
{
    struct fixture *fixture = context;

    io_server_serve(&fixture->servers[0]);
    return fixture->servers[0].has_ended;
}

/* ---- what most tests begin with */

static void answer_greeting(struct fixture *fixture, struct io_server *server)
{
    until_server_has(fixture, "PING");
    io_server_send(server, "+OK\r\n+PONG\r\n"); /* CLIENT SETNAME, PING */
}

static void be_connected(struct fixture *fixture)
{
    open_with(fixture, (struct redis_options){ 0 }, "", 1, "");
    answer_greeting(fixture, &fixture->servers[0]);
    until_noted(fixture, "connected 1");
    buffer_free(&fixture->servers[0].input);
    fixture->servers[0].reads = 0;
    fixture->log_count = 0;
}

static void issue(struct fixture *fixture, const char *text)
{
    fixture->is_inside = true;
    REDIS(fixture->redis, ended, name(text), SLICE("GET"), slice_of(text));
    redis_flush(fixture->redis);
    fixture->is_inside = false;
}

static void assert_log(const struct fixture *fixture, const char *const *expected)
{
    uint32_t count = 0;

    for (; expected[count] != NULL; count++) {
        assert_true(count < fixture->log_count);
        assert_string_equal(fixture->log[count], expected[count]);
    }
    assert_int_equal(fixture->log_count, count);
}
#define ASSERT_LOG(fixture, ...) assert_log((fixture), (const char *const[]){ __VA_ARGS__, NULL })

/* ------------------------------------------------------------------------------------------------ the tests */

static void greets_before_it_is_ready(void **state)
{
    struct fixture *fixture = *state;
    struct slice input;

    open_with(fixture, (struct redis_options){ 0 }, "me:se%63ret@", 1, "/2");
    assert_int_equal(redis_generation(fixture->redis), 0);
    until_server_has(fixture, "PING");
    input = buffer_slice(&fixture->servers[0].input);
    static const char expected[] = "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n"
                                   "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
                                   "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$16\r\nshunt:test/stage\r\n"
                                   "*1\r\n$4\r\nPING\r\n";
    assert_int_equal(input.size, sizeof(expected) - 1);
    assert_memory_equal(input.at, expected, sizeof(expected) - 1);
    io_server_send(&fixture->servers[0], "+OK\r\n+OK\r\n+OK\r\n+PONG\r\n");
    until_noted(fixture, "connected 1");
    assert_int_equal(redis_generation(fixture->redis), 1);
}

static void stays_away_while_redis_loads(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, (struct redis_options){ 0 }, "", 1, "");
    until_server_has(fixture, "PING");
    io_server_send(&fixture->servers[0], "+OK\r\n-LOADING Redis is loading the dataset in memory\r\n");
    io_stage_until(&fixture->stage, has_ended, fixture);
    assert_int_equal(fixture->log_count, 0); /* it was never there, so it was not lost */
    harness_advance(fixture->stage.harness, 100 * 1000);
    answer_greeting(fixture, &fixture->servers[0]);
    until_noted(fixture, "connected 1");
}

static void goes_on_to_the_primary(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, (struct redis_options){ .primary_only = true }, "", 2, "");
    until_server_has(fixture, "PING");
    io_server_send(&fixture->servers[0], "+OK\r\n*3\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n+PONG\r\n");
    io_stage_until(&fixture->stage, has_ended, fixture);
    buffer_free(&fixture->servers[0].input);
    harness_advance(fixture->stage.harness, 100 * 1000);
    until_server_has(fixture, "PING");
    io_server_send(&fixture->servers[1], "+OK\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n+PONG\r\n");
    until_noted(fixture, "connected 1");
    ASSERT_LOG(fixture, "connected 1");
}

static void sends_a_turn_in_one_write_and_answers_in_order(void **state)
{
    struct fixture *fixture = *state;

    be_connected(fixture);
    fixture->is_inside = true;
    REDIS(fixture->redis, ended, name("a"), SLICE("GET"), SLICE("a"));
    REDIS(fixture->redis, ended, name("b"), SLICE("INCR"), SLICE("b"));
    REDIS(fixture->redis, NULL, NULL, SLICE("DEL"), SLICE("quiet"));
    REDIS(fixture->redis, ended, name("c"), SLICE("SET"), SLICE("c"), SLICE("x\0\r\n"));
    redis_flush(fixture->redis);
    fixture->is_inside = false;
    assert_int_equal(redis_under_way(fixture->redis), 4);
    until_server_has(fixture, "$4\r\nx");
    assert_int_equal(fixture->servers[0].reads, 1);
    io_server_send(&fixture->servers[0], "$-1\r\n-ERR no\r\n:1\r\n-READONLY no");
    until_noted(fixture, "b rejected");
    ASSERT_LOG(fixture, "a done", "b rejected");
    io_server_send(&fixture->servers[0], "t now\r\n");
    until_noted(fixture, "c retry");
    ASSERT_LOG(fixture, "a done", "b rejected", "c retry");
    assert_int_equal(redis_under_way(fixture->redis), 0);
}

static void leaves_by_itself_without_a_flush(void **state)
{
    struct fixture *fixture = *state;

    be_connected(fixture);
    REDIS(fixture->redis, ended, name("a"), SLICE("GET"), SLICE("a"));
    until_server_has(fixture, "GET");
}

static void refuses_at_once_while_away(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, (struct redis_options){ 0 }, "", 1, "");
    issue(fixture, "a");
    assert_int_equal(fixture->log_count, 0);
    until_noted(fixture, "a not sent");
}

static void drops_the_connection_when_a_deadline_passes(void **state)
{
    struct fixture *fixture = *state;
    const struct slice short_one[] = { SLICE("GET"), SLICE("b") };

    be_connected(fixture);
    issue(fixture, "a");
    redis_command(fixture->redis, short_one, 2, 200 * 1000, ended, name("b"));
    issue(fixture, "c");
    until_server_has(fixture, "$1\r\nc");
    io_server_send(&fixture->servers[0], "+for a\r\n");
    until_noted(fixture, "a done");
    harness_advance(fixture->stage.harness, 199 * 1000);
    io_stage_turn(&fixture->stage);
    ASSERT_LOG(fixture, "a done");
    harness_advance(fixture->stage.harness, 1000);
    ASSERT_LOG(fixture, "a done", "b unknown", "c unknown", "lost 1"); /* the loss is told last */
    io_stage_until(&fixture->stage, has_ended, fixture);
    harness_advance(fixture->stage.harness, 100 * 1000);
    answer_greeting(fixture, &fixture->servers[0]);
    until_noted(fixture, "connected 2");
    assert_int_equal(redis_generation(fixture->redis), 2);
}

static void tells_what_left_from_what_did_not(void **state)
{
    static char large[1 << 20];
    struct fixture *fixture = *state;
    char unknown[16] = "";
    char not_sent[16] = "";

    be_connected(fixture);
    for (const char *text = "abcdefghijklmnop"; *text != '\0'; text++)
        redis_command(fixture->redis,
                      (const struct slice[]){ SLICE("SET"), SLICE("k"), { .at = large, .size = sizeof(large) } }, 3, 0,
                      ended, name(text));
    redis_flush(fixture->redis); /* a socket's buffers hold a few of them */
    io_stage_turn(&fixture->stage);
    io_server_hang_up(&fixture->servers[0]);
    until_noted(fixture, "lost 1");
    assert_int_equal(fixture->log_count, 17);
    for (int i = 0; i < 16; i++) {
        bool is_unknown = strstr(fixture->log[i], " unknown") != NULL;

        assert_true(is_unknown || strstr(fixture->log[i], " not sent") != NULL);
        assert_false(is_unknown && not_sent[0] != '\0'); /* in order: first those that left, then the others */
        snprintf(is_unknown ? unknown : not_sent, sizeof(unknown), "%.1s", fixture->log[i]);
    }
    assert_string_not_equal(unknown, "");
    assert_string_not_equal(not_sent, "");
}

static void says_overloaded_at_its_limits(void **state)
{
    static char large[4096];
    struct fixture *fixture = *state;
    const struct slice big[] = { SLICE("SET"), SLICE("k"), { .at = large, .size = sizeof(large) } };

    open_with(fixture, (struct redis_options){ .commands_limit = 2, .bytes_limit = sizeof(large) }, "", 1, "");
    answer_greeting(fixture, &fixture->servers[0]);
    until_noted(fixture, "connected 1");
    redis_command(fixture->redis, big, 3, 0, ended, name("too large"));
    issue(fixture, "a");
    issue(fixture, "b");
    issue(fixture, "c");
    until_noted(fixture, "c overloaded");
    io_server_send(&fixture->servers[0], "+1\r\n+2\r\n");
    until_noted(fixture, "b done");
    ASSERT_LOG(fixture, "connected 1", "too large overloaded", "c overloaded", "a done", "b done");
}

static void drops_a_server_that_talks_unasked(void **state)
{
    struct fixture *fixture = *state;

    be_connected(fixture);
    io_server_send(&fixture->servers[0], "+surprise\r\n");
    until_noted(fixture, "lost 1");
}

static void drops_a_server_that_breaks_the_protocol(void **state)
{
    struct fixture *fixture = *state;

    be_connected(fixture);
    issue(fixture, "a");
    until_server_has(fixture, "GET");
    io_server_send(&fixture->servers[0], "HTTP/1.1 400 Bad Request\r\n");
    until_noted(fixture, "lost 1");
    ASSERT_LOG(fixture, "a unknown", "lost 1");
}

static void refuses_a_malformed_address(void **state)
{
    struct fixture *fixture = *state;
    char why[160];

    assert_null(redis_open(fixture->stage.actor, &(struct redis_options){ .name = "redis", .uri = "http://h" }, why,
                           sizeof(why)));
    assert_non_null(strstr(why, "redis://"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greets_before_it_is_ready),
        TEST(stays_away_while_redis_loads),
        TEST(goes_on_to_the_primary),
        TEST(sends_a_turn_in_one_write_and_answers_in_order),
        TEST(leaves_by_itself_without_a_flush),
        TEST(refuses_at_once_while_away),
        TEST(drops_the_connection_when_a_deadline_passes),
        TEST(tells_what_left_from_what_did_not),
        TEST(says_overloaded_at_its_limits),
        TEST(drops_a_server_that_talks_unasked),
        TEST(drops_a_server_that_breaks_the_protocol),
        TEST(refuses_a_malformed_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
