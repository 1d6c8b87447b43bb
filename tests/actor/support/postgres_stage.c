/* SPDX-License-Identifier: MIT */
#include "tests/actor/support/postgres_stage.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct postgres_statement count_rows = { "select count(*) from t" };
const struct postgres_statement raise_count = { "update t set n = n + 1" };

static struct postgres_stage *the; /* handlers have their own contexts */

static void note(const char *text)
{
    assert_false(the->is_inside);
    assert_true(the->log_count < POSTGRES_STAGE_LOG_LIMIT);
    snprintf(the->log[the->log_count++], sizeof(the->log[0]), "%s", text);
}

static void changed(struct actor *me, void *context, bool connected)
{
    (void)me;
    (void)context;
    note(connected ? "connected" : "away");
}

void postgres_stage_ended(struct actor *me, void *context, const struct postgres_result *result)
{
    char text[80];

    (void)me;
    snprintf(text, sizeof(text), "%s %s%s%s", (const char *)context, outcome_name(result->outcome),
             result->sqlstate[0] != '\0' ? " " : "", result->sqlstate);
    note(text);
}

/* Contexts are names. */
void *postgres_stage_name(const char *text)
{
    return (void *)(uintptr_t)text;
}

int postgres_stage_setup(void **state)
{
    struct postgres_stage *fixture = calloc(1, sizeof(*fixture));

    the = fixture;
    *state = fixture;
    io_stage_open(&fixture->stage);
    io_server_open(&fixture->server);
    return 0;
}

int postgres_stage_teardown(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_close(&fixture->postgres);
    io_stage_close(&fixture->stage);
    io_server_close(&fixture->server);
    free(fixture);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ playing the server
 */

static void say(struct postgres_stage *fixture, char type, const char *payload, size_t size)
{
    char message[256];
    uint32_t length = htonl((uint32_t)size + 4);

    assert_true(size + 5 <= sizeof(message));
    message[0] = type;
    memcpy(message + 1, &length, 4);
    memcpy(message + 5, payload, size);
    io_server_send_bytes(&fixture->server, (struct slice){ .at = message, .size = size + 5 });
}
#define SAY(fixture, type, literal) say((fixture), (type), "" literal, sizeof(literal) - 1)

static void say_one_step(struct postgres_stage *fixture, char step)
{
    static const char one_column[] = "\0\1n\0\0\0\0\0\0\0\0\0\0\x14\0\x08\xff\xff\xff\xff\0\1"; /* n int8, binary */
    static const char one_row[] = "\0\1\0\0\0\x08\0\0\0\0\0\0\0\x2a";                           /* 42 */

    if (step == 'p' || step == 't')
        SAY(fixture, '1', "");
    if (step == 'r' || step == 'x' || step == 't')
        SAY(fixture, '2', "");
    if (step == 'r') {
        say(fixture, 'T', one_column, sizeof(one_column) - 1);
        say(fixture, 'D', one_row, sizeof(one_row) - 1);
        SAY(fixture, 'C', "SELECT 1\0");
    } else if (step == 'x' || step == 't') {
        SAY(fixture, 'n', "");
        SAY(fixture, 'C', "UPDATE 1\0");
    } else if (step == 'e') {
        SAY(fixture, 'E', "SERROR\0C23505\0Mduplicate key\0nurls_code_key\0\0");
    } else if (step == 's') {
        SAY(fixture, 'E', "SERROR\0C42P01\0Mno such table\0\0");
    } else if (step == 'u') {
        SAY(fixture, 'E', "SERROR\0C26000\0Mno such statement\0\0");
    }
}

/* Answers one pipeline: p a statement is prepared, r it gives a row, x it changes one, t the same for BEGIN, COMMIT or
 * ROLLBACK; e, s, u errors. `state`: I idle, T in a transaction, E in a failed one. */
void postgres_stage_reply(struct postgres_stage *fixture, const char *steps, char state)
{
    for (; *steps != '\0'; steps++)
        say_one_step(fixture, *steps);
    say(fixture, 'Z', &state, 1);
    fixture->syncs++;
}

/* How many messages of this type have come, behind the startup message, which has none. */
uint32_t postgres_stage_count(const struct postgres_stage *fixture, char type)
{
    struct slice input = buffer_slice(&fixture->server.input);
    size_t at = 0;
    uint32_t count = 0;
    uint32_t length;

    while (at + 5 <= input.size) {
        size_t head = at > 0 ? 1 : 0;

        memcpy(&length, input.at + at + head, 4);
        count += head == 1 && input.at[at] == type ? 1 : 0;
        at += head + ntohl(length);
    }
    return count;
}

bool postgres_stage_was_sent(const struct postgres_stage *fixture, const char *text)
{
    struct slice input = buffer_slice(&fixture->server.input);

    return input.size > 0 && memmem(input.at, input.size, text, strlen(text)) != NULL;
}

/* ------------------------------------------------------------------------------------------------ waiting */

bool postgres_stage_has_started(void *context)
{
    struct postgres_stage *fixture = context;

    io_server_serve(&fixture->server);
    return postgres_stage_was_sent(fixture, "application_name");
}

static bool has_another_sync(void *context)
{
    struct postgres_stage *fixture = context;

    io_server_serve(&fixture->server);
    return postgres_stage_count(fixture, 'S') > fixture->syncs;
}

void postgres_stage_until_sync(struct postgres_stage *fixture)
{
    io_stage_until(&fixture->stage, has_another_sync, fixture);
}

static bool has_noted(void *context)
{
    const struct postgres_stage *fixture = context;

    for (uint32_t i = 0; i < fixture->log_count; i++) {
        if (strcmp(fixture->log[i], fixture->wanted) == 0)
            return true;
    }
    return false;
}

void postgres_stage_until_noted(struct postgres_stage *fixture, const char *text)
{
    fixture->wanted = text;
    io_stage_until(&fixture->stage, has_noted, fixture);
}

void postgres_stage_pass(struct postgres_stage *fixture, uint64_t by_us)
{
    harness_advance(fixture->stage.harness, by_us);
    io_stage_turn(&fixture->stage);
}

/* ------------------------------------------------------------------------------------------------ what tests begin
 * with */

void postgres_stage_open(struct postgres_stage *fixture, struct postgres_options options)
{
    char uri[120];
    char why[200] = "";

    snprintf(uri, sizeof(uri), "postgresql://shunt@127.0.0.1:%u/shunt?sslmode=disable", fixture->server.port);
    options.name = "postgres";
    options.uri = uri;
    options.connections = 1;
    options.on_state = changed;
    fixture->postgres = postgres_open(fixture->stage.actor, &options, why, sizeof(why));
    assert_string_equal(why, "");
}

void postgres_stage_let_in(struct postgres_stage *fixture)
{
    io_stage_until(&fixture->stage, postgres_stage_has_started, fixture);
    SAY(fixture, 'R', "\0\0\0\0");
    SAY(fixture, 'Z', "I");
    fixture->syncs = 0;
}

void postgres_stage_connect(struct postgres_stage *fixture)
{
    postgres_stage_open(fixture, (struct postgres_options){ 0 });
    postgres_stage_let_in(fixture);
    postgres_stage_until_noted(fixture, "connected");
    fixture->log_count = 0;
}

void postgres_stage_run(struct postgres_stage *fixture, const struct postgres_statement *statement, const char *text)
{
    const struct postgres_call call = POSTGRES_CALL_BARE(statement);

    fixture->is_inside = true;
    postgres_run(fixture->postgres, &call, 1, 0, postgres_stage_ended, postgres_stage_name(text));
    fixture->is_inside = false;
}

void postgres_stage_assert_log(const struct postgres_stage *fixture, const char *const *expected)
{
    uint32_t count = 0;

    for (; expected[count] != NULL; count++) {
        assert_true(count < fixture->log_count);
        assert_string_equal(fixture->log[count], expected[count]);
    }
    assert_int_equal(fixture->log_count, count);
}
