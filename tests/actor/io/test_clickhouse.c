/* SPDX-License-Identifier: MIT */
/*
 * clickhouse and http_client: what is sent, byte for byte where it matters, and that every way in which a request can
 * end says the truth about its effect. The test plays the server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/clickhouse.h"
#include "tests/actor/support/io_stage.h"

struct fixture {
    struct io_stage stage;
    struct io_server server;
    struct clickhouse *clickhouse;
    const char *wanted;
    uint32_t requests; /* connections that brought one: each POST has its own */
    bool is_inside;    /* a call of clickhouse: no handler may come */
    uint32_t ended;
    enum outcome outcome;
    uint32_t code;
    char body[64];
    char detail[200];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    *state = fixture;
    io_stage_open(&fixture->stage);
    io_server_open(&fixture->server);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    clickhouse_close(&fixture->clickhouse);
    io_stage_close(&fixture->stage);
    io_server_close(&fixture->server);
    free(fixture);
    return 0;
}

static void open_with(struct fixture *fixture, uint32_t requests_limit, const char *before_host)
{
    char uri[160];
    char why[160] = "";

    snprintf(uri, sizeof(uri), "clickhouse://me:se%%63ret@%s127.0.0.1:%u/clicks", before_host, fixture->server.port);
    fixture->clickhouse = clickhouse_open(
        fixture->stage.actor,
        &(struct clickhouse_options){ .name = "clickhouse", .uri = uri, .requests_limit = requests_limit }, why,
        sizeof(why));
    assert_string_equal(why, "");
}

static void ended(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct fixture *fixture = context;

    (void)me;
    assert_false(fixture->is_inside);
    fixture->ended++;
    fixture->outcome = result->outcome;
    fixture->code = result->code;
    slice_copy(result->body, fixture->body, sizeof(fixture->body));
    slice_copy(slice_of(result->detail), fixture->detail, sizeof(fixture->detail));
}

static void issue(struct fixture *fixture, const struct clickhouse_query *query)
{
    fixture->is_inside = true;
    clickhouse_send(fixture->clickhouse, query, ended, fixture);
    fixture->is_inside = false;
}

static void ask(struct fixture *fixture, const char *sql)
{
    issue(fixture, &(struct clickhouse_query){ .sql = slice_of(sql) });
}

static void insert(struct fixture *fixture)
{
    issue(fixture, &(struct clickhouse_query){ .sql = SLICE("INSERT INTO t (a) FORMAT RowBinary"),
                                               .data = SLICE("\1\2\3data"),
                                               .query_id = "edge-1/7" });
}

/* libcurl's timer is one of the actor's: let it be due. */
static void pass_time(struct fixture *fixture)
{
    harness_advance(fixture->stage.harness, 1000);
}

static bool server_has(void *context)
{
    struct fixture *fixture = context;
    int before = fixture->server.client;
    struct slice input;

    pass_time(fixture);
    io_server_serve(&fixture->server);
    fixture->requests += fixture->server.client != before ? 1 : 0;
    input = buffer_slice(&fixture->server.input);
    return input.size > 0 && memmem(input.at, input.size, fixture->wanted, strlen(fixture->wanted)) != NULL;
}

static void until_server_has(struct fixture *fixture, const char *text)
{
    fixture->wanted = text;
    io_stage_until(&fixture->stage, server_has, fixture);
}

static bool has_ended(void *context)
{
    struct fixture *fixture = context;

    fixture->wanted = "nothing of the kind";
    server_has(fixture); /* a second request would show itself */
    return fixture->ended > 0;
}

static void until_ended(struct fixture *fixture)
{
    io_stage_until(&fixture->stage, has_ended, fixture);
    assert_int_equal(fixture->ended, 1);
    fixture->ended = 0;
}

static void answer(struct fixture *fixture, const char *status, const char *body)
{
    char text[512];

    snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    io_server_send(&fixture->server, text);
    until_ended(fixture);
}

static bool was_sent(const struct fixture *fixture, const char *text)
{
    struct slice input = buffer_slice(&fixture->server.input);

    return memmem(input.at, input.size, text, strlen(text)) != NULL;
}

/* ------------------------------------------------------------------------------------------------ the tests */

static void asks_and_is_answered(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    ask(fixture, "SELECT 1");
    until_server_has(fixture, "\r\n\r\nSELECT 1");
    assert_true(was_sent(fixture, "POST /?wait_end_of_query=1&database=clicks HTTP/1.1\r\n"));
    assert_true(was_sent(fixture, "X-ClickHouse-User: me\r\n"));
    assert_true(was_sent(fixture, "X-ClickHouse-Key: secret\r\n"));
    answer(fixture, "200 OK", "1\n");
    assert_int_equal(fixture->outcome, OUTCOME_DONE);
    assert_string_equal(fixture->body, "1\n");
}

static void sends_an_insert_with_its_statement_in_the_address(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    insert(fixture);
    until_server_has(fixture, "\r\n\r\n\1\2\3data");
    assert_true(
        was_sent(fixture, "&query_id=edge-1%2F7&query=INSERT%20INTO%20t%20%28a%29%20FORMAT%20RowBinary HTTP/1.1"));
    answer(fixture, "200 OK", "");
    assert_int_equal(fixture->outcome, OUTCOME_DONE);
}

static void classes_exceptions(void **state)
{
    static const struct {
        const char *body;
        bool is_insert;
        enum outcome outcome;
        uint32_t code;
    } cases[] = {
        { "Code: 60, e.displayText() = DB::Exception: Table t doesn't exist.", false, OUTCOME_REJECTED, 60 },
        { "Code: 60. DB::Exception: Table t doesn't exist.", true, OUTCOME_REJECTED, 60 },
        { "Code: 252. DB::Exception: Too many parts", true, OUTCOME_RETRY, 252 },
        { "Code: 159. DB::Exception: Timeout exceeded", false, OUTCOME_RETRY, 159 },
        { "Code: 159. DB::Exception: Timeout exceeded", true, OUTCOME_UNKNOWN, 159 },
        { "what is this", true, OUTCOME_REJECTED, 0 },
    };
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buffer_free(&fixture->server.input);
        if (cases[i].is_insert)
            insert(fixture);
        else
            ask(fixture, "SELECT data");
        until_server_has(fixture, "data");
        answer(fixture, "500 Internal Server Error", cases[i].body);
        assert_int_equal(fixture->outcome, cases[i].outcome);
        assert_int_equal(fixture->code, cases[i].code);
        assert_string_equal(fixture->detail, cases[i].body);
    }
}

static void never_sends_an_insert_twice(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    insert(fixture);
    until_server_has(fixture, "data");
    answer(fixture, "200 OK", "");
    buffer_free(&fixture->server.input);
    insert(fixture); /* the server takes it, and dies before it answers */
    until_server_has(fixture, "data");
    fixture->requests = 0;
    io_server_hang_up(&fixture->server);
    until_ended(fixture);
    assert_int_equal(fixture->outcome, OUTCOME_UNKNOWN);
    for (int i = 0; i < 50; i++)
        server_has(fixture);
    assert_int_equal(fixture->requests, 0);
    assert_int_equal(fixture->ended, 0);
}

static void says_unknown_when_the_answer_is_cut(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    ask(fixture, "SELECT 1");
    until_server_has(fixture, "SELECT");
    io_server_send(&fixture->server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    io_server_hang_up(&fixture->server);
    until_ended(fixture);
    assert_int_equal(fixture->outcome, OUTCOME_UNKNOWN);
    assert_string_equal(fixture->body, "");
}

static void bounds_the_answer(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    issue(fixture, &(struct clickhouse_query){ .sql = SLICE("SELECT 1"), .response_limit = 9 });
    until_server_has(fixture, "SELECT");
    answer(fixture, "200 OK", "1234567890");
    assert_int_equal(fixture->outcome, OUTCOME_UNKNOWN);
    issue(fixture, &(struct clickhouse_query){ .sql = SLICE("SELECT 2"), .response_limit = 10 });
    until_server_has(fixture, "SELECT 2");
    answer(fixture, "200 OK", "1234567890");
    assert_int_equal(fixture->outcome, OUTCOME_DONE);
}

static void ends_at_its_deadline(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    issue(fixture, &(struct clickhouse_query){ .sql = SLICE("SELECT 1"), .deadline_us = 50 * 1000 });
    until_server_has(fixture, "SELECT");
    until_ended(fixture);
    assert_int_equal(fixture->outcome, OUTCOME_UNKNOWN);
}

static void goes_on_to_the_next_host(void **state)
{
    struct io_server gone;
    struct fixture *fixture = *state;
    char first[40];

    io_server_open(&gone);
    snprintf(first, sizeof(first), "127.0.0.1:%u,", gone.port);
    io_server_close(&gone);
    open_with(fixture, 0, first);
    ask(fixture, "SELECT 1");
    until_ended(fixture);
    assert_int_equal(fixture->outcome, OUTCOME_NOT_SENT);
    ask(fixture, "SELECT 1");
    until_server_has(fixture, "SELECT");
    answer(fixture, "200 OK", "1\n");
    assert_int_equal(fixture->outcome, OUTCOME_DONE);
}

static void stops_asking_a_server_that_is_away(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 0, "");
    for (int i = 0; i < 3; i++) {
        ask(fixture, "SELECT 1");
        until_server_has(fixture, "SELECT");
        io_server_hang_up(&fixture->server);
        until_ended(fixture);
        assert_int_equal(fixture->outcome, OUTCOME_UNKNOWN);
        buffer_free(&fixture->server.input);
    }
    fixture->requests = 0;
    ask(fixture, "SELECT 1");
    until_ended(fixture);
    assert_int_equal(fixture->outcome, OUTCOME_NOT_SENT);
    assert_int_equal(fixture->requests, 0);
    harness_advance(fixture->stage.harness, 10 * 1000 * 1000);
    io_stage_turn(&fixture->stage); /* reads the clock */
    ask(fixture, "SELECT 1");       /* the probe */
    until_server_has(fixture, "SELECT");
    answer(fixture, "200 OK", "1\n");
    assert_int_equal(fixture->outcome, OUTCOME_DONE);
}

static void says_overloaded_at_its_limit(void **state)
{
    struct fixture *fixture = *state;

    open_with(fixture, 1, "");
    ask(fixture, "SELECT 1");
    ask(fixture, "SELECT 2");
    until_ended(fixture);
    assert_int_equal(fixture->outcome, OUTCOME_OVERLOADED);
    until_server_has(fixture, "SELECT 1");
    answer(fixture, "200 OK", "1\n");
    assert_int_equal(fixture->outcome, OUTCOME_DONE);
}

static void refuses_a_malformed_address(void **state)
{
    struct fixture *fixture = *state;
    char why[160] = "";

    assert_null(clickhouse_open(fixture->stage.actor,
                                &(struct clickhouse_options){ .name = "clickhouse", .uri = "https://h" }, why,
                                sizeof(why)));
    assert_non_null(strstr(why, "clickhouse://"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asks_and_is_answered),
        TEST(sends_an_insert_with_its_statement_in_the_address),
        TEST(classes_exceptions),
        TEST(never_sends_an_insert_twice),
        TEST(says_unknown_when_the_answer_is_cut),
        TEST(bounds_the_answer),
        TEST(ends_at_its_deadline),
        TEST(goes_on_to_the_next_host),
        TEST(stops_asking_a_server_that_is_away),
        TEST(says_overloaded_at_its_limit),
        TEST(refuses_a_malformed_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
