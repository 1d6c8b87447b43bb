/* SPDX-License-Identifier: MIT */
/*
 * postgres: held transactions -- they have their connection to themselves, nothing of them has effect before their
 * COMMIT is sent, and whatever ends them early is rolled back.
 */
#include "tests/actor/support/postgres_stage.h"

static void run_inside(struct postgres_stage *fixture, const char *text)
{
    const struct postgres_call call = POSTGRES_CALL_BARE(&raise_count);

    postgres_transaction_run(fixture->transaction, &call, 1, postgres_stage_ended, postgres_stage_name(text));
}

/* A transaction whose first run has been answered. */
static void be_in_transaction(struct postgres_stage *fixture, uint64_t deadline_us)
{
    postgres_stage_connect(fixture);
    fixture->transaction = postgres_begin(fixture->postgres, deadline_us);
    run_inside(fixture, "first");
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "p", 'I');
    postgres_stage_until_sync(fixture);
    assert_true(postgres_stage_was_sent(fixture, "BEGIN")); /* in the same round trip */
    postgres_stage_reply(fixture, "tx", 'T');
    postgres_stage_until_noted(fixture, "first done");
    fixture->log_count = 0;
}

static void commits_in_the_round_trip_of_its_last_run(void **state)
{
    struct postgres_stage *fixture = *state;
    const struct postgres_call call = POSTGRES_CALL_BARE(&raise_count);

    be_in_transaction(fixture, 0);
    postgres_stage_run(fixture, &raise_count, "other"); /* must not slip into the transaction */
    io_stage_turn(&fixture->stage);
    postgres_transaction_commit(fixture->transaction, &call, 1, postgres_stage_ended, postgres_stage_name("commit"));
    postgres_stage_until_sync(fixture);
    assert_true(postgres_stage_was_sent(fixture, "COMMIT"));
    assert_int_equal(postgres_stage_count(fixture, 'S'), 3);
    postgres_stage_reply(fixture, "xt", 'I');
    postgres_stage_until_noted(fixture, "commit done");
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "x", 'I');
    postgres_stage_until_noted(fixture, "other done");
    assert_false(postgres_stage_was_sent(fixture, "ROLLBACK"));
}

static void does_not_know_a_commit_on_a_lost_connection(void **state)
{
    struct postgres_stage *fixture = *state;

    be_in_transaction(fixture, 0);
    postgres_transaction_commit(fixture->transaction, NULL, 0, postgres_stage_ended, postgres_stage_name("commit"));
    postgres_stage_until_sync(fixture);
    io_server_hang_up(&fixture->server);
    postgres_stage_until_noted(fixture, "away");
    ASSERT_LOG(fixture, "commit unknown", "away");
}

static void knows_that_nothing_was_committed_before(void **state)
{
    struct postgres_stage *fixture = *state;

    be_in_transaction(fixture, 0);
    run_inside(fixture, "second");
    postgres_stage_until_sync(fixture);
    io_server_hang_up(&fixture->server);
    postgres_stage_until_noted(fixture, "away");
    ASSERT_LOG(fixture, "second not sent", "away"); /* and with it the transaction is over */
}

static void tells_at_the_next_call_that_the_connection_went(void **state)
{
    struct postgres_stage *fixture = *state;

    be_in_transaction(fixture, 0);
    io_server_hang_up(&fixture->server);
    postgres_stage_until_noted(fixture, "away");
    run_inside(fixture, "second");
    postgres_stage_until_noted(fixture, "second not sent");
}

static void rolls_back_after_an_error(void **state)
{
    struct postgres_stage *fixture = *state;

    be_in_transaction(fixture, 0);
    run_inside(fixture, "second");
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "e", 'E');
    postgres_stage_until_noted(fixture, "second rejected 23505");
    postgres_stage_until_sync(fixture);
    assert_true(postgres_stage_was_sent(fixture, "ROLLBACK"));
    postgres_stage_reply(fixture, "t", 'I');
    postgres_stage_run(fixture, &raise_count, "next");
    postgres_stage_until_sync(fixture);
    postgres_stage_reply(fixture, "x", 'I');
    postgres_stage_until_noted(fixture, "next done");
}

static void rolls_back_when_told_while_a_run_is_under_way(void **state)
{
    struct postgres_stage *fixture = *state;

    be_in_transaction(fixture, 0);
    run_inside(fixture, "second");
    postgres_stage_until_sync(fixture);
    postgres_transaction_rollback(fixture->transaction);
    postgres_stage_reply(fixture, "x", 'T');
    postgres_stage_until_sync(fixture);
    assert_true(postgres_stage_was_sent(fixture, "ROLLBACK"));
    postgres_stage_reply(fixture, "t", 'I');
    io_stage_turn(&fixture->stage);
    assert_int_equal(fixture->log_count, 0);
}

static void rolls_back_an_idle_transaction_at_its_deadline(void **state)
{
    struct postgres_stage *fixture = *state;

    be_in_transaction(fixture, 1000 * 1000);
    postgres_stage_pass(fixture, 1000 * 1000);
    postgres_stage_until_sync(fixture);
    assert_true(postgres_stage_was_sent(fixture, "ROLLBACK"));
    postgres_transaction_commit(fixture->transaction, NULL, 0, postgres_stage_ended, postgres_stage_name("commit"));
    postgres_stage_until_noted(fixture, "commit not sent");
    assert_false(postgres_stage_was_sent(fixture, "COMMIT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POSTGRES_STAGE(commits_in_the_round_trip_of_its_last_run),
        WITH_POSTGRES_STAGE(does_not_know_a_commit_on_a_lost_connection),
        WITH_POSTGRES_STAGE(knows_that_nothing_was_committed_before),
        WITH_POSTGRES_STAGE(tells_at_the_next_call_that_the_connection_went),
        WITH_POSTGRES_STAGE(rolls_back_after_an_error),
        WITH_POSTGRES_STAGE(rolls_back_when_told_while_a_run_is_under_way),
        WITH_POSTGRES_STAGE(rolls_back_an_idle_transaction_at_its_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
