/* SPDX-License-Identifier: MIT */
/*
 * postgres: runs -- when a statement is prepared, what travels together, what waits and for how long, and that each run
 * ends exactly once with the truth about its effect.
 */
#include "tests/actor/support/postgres_stage.h"

static void read_row(struct actor *me, void *context, const struct postgres_result *result)
{
    postgres_stage_ended(me, context, result);
    assert_int_equal(result->count, 1);
    assert_int_equal(postgres_row_count(result->rows[0]), 1);
    assert_int_equal(postgres_integer_at(result->rows[0], 0, 0), 42);
}

static void prepares_once_and_reads_rows(void **state)
{
    struct postgres_stage *fixture = *state;
    const struct postgres_call call = POSTGRES_CALL_BARE(&count_rows);

    postgres_stage_connect(fixture);
    postgres_run(fixture->postgres, &call, 1, 0, read_row, postgres_stage_name("a"));
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "p", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "r", 'I');
    postgres_stage_until_noted(fixture, "a done");
    postgres_run(fixture->postgres, &call, 1, 0, read_row, postgres_stage_name("b"));
    postgres_stage_until_sync(fixture);
    assert_int_equal(postgres_stage_count(fixture, 'P'), 1);
    assert_int_equal(postgres_stage_count(fixture, 'E'), 2);
    postgres_stage_reply(fixture, "r", 'I');
    postgres_stage_until_noted(fixture, "b done");
}

static void tells_which_statement_failed(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_connect(fixture);
    postgres_stage_run(fixture, &raise_count, "a");
    postgres_stage_run(fixture, &raise_count, "b");
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "p", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "e", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "x", 'I');
    postgres_stage_until_noted(fixture, "b done"); /* the one behind it is another transaction */
    ASSERT_LOG(fixture, "a rejected 23505", "b done");
}

static void explains_a_statement_that_could_not_be_prepared(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_connect(fixture);
    postgres_stage_run(fixture, &raise_count, "a");
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "s", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "u", 'I');
    postgres_stage_until_noted(fixture, "a rejected 42P01");
    postgres_stage_run(fixture, &raise_count, "b"); /* tried anew: the table may be there by now */
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "p", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "x", 'I');
    postgres_stage_until_noted(fixture, "b done");
}

static void does_not_know_what_became_of_a_run_on_a_lost_connection(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_connect(fixture);
    postgres_stage_run(fixture, &raise_count, "a");
    postgres_stage_until_sync(fixture);
    io_server_hang_up(&fixture->server);
    postgres_stage_until_noted(fixture, "away");
    ASSERT_LOG(fixture, "a unknown", "away");
    postgres_stage_run(fixture, &raise_count, "b"); /* a short absence is waited out */
    buffer_free(&fixture->server.input);
    postgres_stage_pass(fixture, 300 * 1000);
    postgres_stage_let_in(fixture);
    postgres_stage_until_noted(fixture, "connected");
    postgres_stage_until_sync(fixture);
    assert_int_equal(postgres_stage_count(fixture, 'P'), 1); /* a new connection knows no statement */
    postgres_stage_reply(fixture, "p", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "x", 'I');
    postgres_stage_until_noted(fixture, "b done");
}

static void ends_a_late_run_and_ignores_its_answer(void **state)
{
    struct postgres_stage *fixture = *state;
    const struct postgres_call call = POSTGRES_CALL_BARE(&raise_count);

    postgres_stage_connect(fixture);
    postgres_run(fixture->postgres, &call, 1, 100 * 1000, postgres_stage_ended, postgres_stage_name("a"));
    postgres_stage_until_sync(fixture);
    postgres_stage_pass(fixture, 100 * 1000);
    ASSERT_LOG(fixture, "a unknown");
    postgres_stage_run(fixture, &raise_count, "b");
    postgres_stage_reply(fixture, "p", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "x", 'I');
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "x", 'I');
    postgres_stage_until_noted(fixture, "b done");
    ASSERT_LOG(fixture, "a unknown", "b done");
}

static void drops_a_connection_that_has_gone_silent(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_connect(fixture);
    postgres_stage_run(fixture, &raise_count, "a");
    postgres_stage_until_sync(fixture);
    postgres_stage_pass(fixture, 5 * 1000 * 1000); /* its deadline, and the silence */
    postgres_stage_pass(fixture, 5 * 1000 * 1000);
    postgres_stage_until_noted(fixture, "away");
    ASSERT_LOG(fixture, "a unknown", "away");
}

static void says_overloaded_at_its_limit(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_open(fixture, (struct postgres_options){ .waiting_limit = 1 });
    postgres_stage_run(fixture, &raise_count, "a");
    postgres_stage_run(fixture, &raise_count, "b");
    postgres_stage_until_noted(fixture, "b overloaded");
    postgres_stage_pass(fixture, 5 * 1000 * 1000);
    postgres_stage_until_noted(fixture, "a not sent"); /* nobody let us in by its deadline */
}

static void answers_at_once_when_postgres_is_away_for_long(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_open(fixture, (struct postgres_options){ .deadline_us = 60 * 1000 * 1000 });
    postgres_stage_run(fixture, &raise_count, "a");
    for (int i = 0; i < 3; i++) {
        io_stage_until(&fixture->stage, postgres_stage_has_started, fixture);
        io_server_hang_up(&fixture->server);
        buffer_free(&fixture->server.input);
        for (int turn = 0; turn < 100; turn++)
            io_stage_turn(&fixture->stage);
        if (i < 2) {
            assert_int_equal(fixture->log_count, 0);
            postgres_stage_pass(fixture, 200 * 1000);
        }
    }
    postgres_stage_until_noted(fixture, "a not sent");
    postgres_stage_run(fixture, &raise_count, "b");
    postgres_stage_until_noted(fixture, "b not sent");
}

/* A plan made while a table was empty would otherwise read the whole of it for each row, long after it has grown. */
static void asks_for_plans_by_index_where_told(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_open(fixture, (struct postgres_options){ .finds_by_index = true });
    io_stage_until(&fixture->stage, postgres_stage_has_started, fixture);
    assert_true(postgres_stage_was_sent(fixture, "enable_seqscan=off"));
}

static void leaves_plans_to_the_server_else(void **state)
{
    struct postgres_stage *fixture = *state;

    postgres_stage_connect(fixture);
    assert_false(postgres_stage_was_sent(fixture, "enable_seqscan=off"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POSTGRES_STAGE(prepares_once_and_reads_rows),
        WITH_POSTGRES_STAGE(tells_which_statement_failed),
        WITH_POSTGRES_STAGE(explains_a_statement_that_could_not_be_prepared),
        WITH_POSTGRES_STAGE(does_not_know_what_became_of_a_run_on_a_lost_connection),
        WITH_POSTGRES_STAGE(ends_a_late_run_and_ignores_its_answer),
        WITH_POSTGRES_STAGE(drops_a_connection_that_has_gone_silent),
        WITH_POSTGRES_STAGE(says_overloaded_at_its_limit),
        WITH_POSTGRES_STAGE(answers_at_once_when_postgres_is_away_for_long),
        WITH_POSTGRES_STAGE(asks_for_plans_by_index_where_told),
        WITH_POSTGRES_STAGE(leaves_plans_to_the_server_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
