/* SPDX-License-Identifier: MIT */
/*
 * postgres_stage -- the pool of postgres.h with one connection, against a server that the test plays message by message
 * (the protocol is in PostgreSQL's manual, chapter "Frontend/Backend Protocol").
 */
#ifndef TESTS_ACTOR_SUPPORT_POSTGRES_STAGE_H
#define TESTS_ACTOR_SUPPORT_POSTGRES_STAGE_H

#include "actors/io/postgres.h"
#include "tests/actor/support/io_stage.h"

enum { POSTGRES_STAGE_LOG_LIMIT = 32 };

extern const struct postgres_statement count_rows;
extern const struct postgres_statement raise_count;

struct postgres_stage {
    struct io_stage stage;
    struct io_server server;
    struct postgres *postgres;
    char log[POSTGRES_STAGE_LOG_LIMIT][80]; /* what handlers said, in order */
    uint32_t log_count;
    bool is_inside; /* a call of postgres: no handler may come */
    const char *wanted;
    uint32_t syncs; /* that the server has answered on this connection */
    struct postgres_transaction *transaction;
};

/* For cmocka. */
int postgres_stage_setup(void **state);
int postgres_stage_teardown(void **state);
#define WITH_POSTGRES_STAGE(test) cmocka_unit_test_setup_teardown(test, postgres_stage_setup, postgres_stage_teardown)

void postgres_stage_open(struct postgres_stage *fixture, struct postgres_options options);
bool postgres_stage_has_started(void *fixture); /* the pool has said who it is, and waits to be let in */
void postgres_stage_let_in(struct postgres_stage *fixture);
void postgres_stage_connect(struct postgres_stage *fixture); /* all of these, with an empty log */

/* A run of one statement; its handler notes "TEXT OUTCOME SQLSTATE". */
void postgres_stage_run(struct postgres_stage *fixture, const struct postgres_statement *statement, const char *text);
void postgres_stage_ended(struct actor *me, void *context, const struct postgres_result *result);
void *postgres_stage_name(const char *text); /* a context for it */

/* Until the pool has sent one more pipeline than was answered. */
void postgres_stage_until_sync(struct postgres_stage *fixture);
/* Answers one pipeline: p a statement is prepared, r it gives a row, x it changes one, t the same for BEGIN, COMMIT or
 * ROLLBACK; e, s, u errors: 23505, 42P01, 26000. `state`: I idle, T in a transaction, E in a failed one. */
void postgres_stage_reply(struct postgres_stage *fixture, const char *steps, char state);
/* How many messages of this type have come on this connection, and whether a text was in any. */
uint32_t postgres_stage_count(const struct postgres_stage *fixture, char type);
bool postgres_stage_was_sent(const struct postgres_stage *fixture, const char *text);

void postgres_stage_pass(struct postgres_stage *fixture, uint64_t by_us);
void postgres_stage_until_noted(struct postgres_stage *fixture, const char *text);
void postgres_stage_assert_log(const struct postgres_stage *fixture, const char *const *expected);
#define ASSERT_LOG(fixture, ...) postgres_stage_assert_log((fixture), (const char *const[]){ __VA_ARGS__, NULL })

#endif
