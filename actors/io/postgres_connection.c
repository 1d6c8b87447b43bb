/* SPDX-License-Identifier: MIT */
/*
 * postgres_connection -- one connection of the pool, in libpq's pipeline mode.
 *
 * A job is sent as its commands and a sync; the answers come in the same order, each closed by a NULL, the sync by
 * itself. After an error the server skips to the sync. A statement is prepared by a pipeline of its own in front of the
 * first job that needs it, so that no error of a job can undo it.
 */
#include <stdio.h>
#include <string.h>

#include "actors/io/postgres_pool.h"
#include "actors/io/postgres_type.h"

void postgres_connection_doubt(struct postgres_connection *connection, const char *why)
{
    if (connection->doubt[0] == '\0') {
        snprintf(connection->doubt, sizeof(connection->doubt), "%s", why);
        connection->doubt[strcspn(connection->doubt, "\n")] = '\0'; /* libpq's messages end in one */
    }
    postgres_arm_turn(connection->pool);
}

void postgres_connection_doubt_link(struct postgres_connection *connection)
{
    const char *why = PQerrorMessage(connection->link);

    postgres_connection_doubt(connection, why[0] != '\0' ? why : "the connection broke");
}

/* ------------------------------------------------------------------------------------------------ sending */

static void statement_name(uint32_t statement, char name[16])
{
    snprintf(name, 16, "s%u", statement);
}

static void append(struct postgres_connection *connection, struct postgres_job *job, bool is_sent)
{
    if (!is_sent || PQpipelineSync(connection->link) != 1)
        postgres_connection_doubt_link(connection);
    if (connection->sent_count == 0)
        connection->heard_us = actor_now_us(connection->pool->me);
    TAILQ_INSERT_TAIL(&connection->sent, job, link);
    connection->sent_count++;
}

static void prepare(struct postgres_connection *connection, uint32_t statement)
{
    struct postgres *pool = connection->pool;
    const struct postgres_call call = { .statement = pool->statements[statement].statement };
    struct postgres_job *job = postgres_new_job(pool, JOB_PREPARE, &call, 1, NULL, NULL);
    char name[16];

    statement_name(statement, name);
    job->deadline_us = UINT64_MAX;
    connection->prepared[statement] = true; /* at once: what is sent behind it may count on it */
    append(connection, job, PQsendPrepare(connection->link, name, call.statement->sql, 0, NULL) == 1);
}

static bool send_plain(struct postgres_connection *connection, const char *sql)
{
    return PQsendQueryParams(connection->link, sql, 0, NULL, NULL, NULL, NULL, 1) == 1;
}

static bool send_call(struct postgres_connection *connection, const struct postgres_job *job, uint32_t index)
{
    const struct postgres_job_call *call = &job->calls[index];
    char name[16];

    statement_name(call->statement, name);
    return PQsendQueryPrepared(connection->link, name, (int)call->value_count, job->values + call->first_value,
                               job->lengths + call->first_value, job->formats + call->first_value, 1) == 1;
}

void postgres_connection_send(struct postgres_connection *connection, struct postgres_job *job)
{
    bool is_sent = true;

    for (uint32_t i = 0; i < job->count; i++) {
        if (!connection->prepared[job->calls[i].statement])
            prepare(connection, job->calls[i].statement);
    }
    if (job->begins)
        is_sent = send_plain(connection,
                             job->kind == JOB_SNAPSHOT ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN");
    for (uint32_t i = 0; i < job->count && is_sent; i++)
        is_sent = send_call(connection, job, i);
    if (job->ends && is_sent)
        is_sent = send_plain(connection, "COMMIT");
    if (job->kind == JOB_ROLLBACK)
        is_sent = send_plain(connection, "ROLLBACK");
    append(connection, job, is_sent);
}

static void watch_for(struct postgres_connection *connection, unsigned events)
{
    if (connection->watched == events)
        return;
    connection->watched = events;
    actor_watch_change(connection->pool->me, connection->watch, events);
}

void postgres_connection_flush(struct postgres_connection *connection)
{
    int left = PQflush(connection->link);

    if (left < 0)
        postgres_connection_doubt_link(connection);
    else
        watch_for(connection, left > 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

void postgres_connection_settle(struct postgres_connection *connection)
{
    struct postgres_job *job;

    switch (PQtransactionStatus(connection->link)) {
    case PQTRANS_IDLE:
        connection->is_exclusive = false;
        break;
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        job = postgres_new_job(connection->pool, JOB_ROLLBACK, NULL, 0, NULL, NULL);
        job->deadline_us = actor_now_us(connection->pool->me) + connection->pool->options.deadline_us;
        postgres_watch_deadline(connection->pool, job->deadline_us);
        postgres_connection_send(connection, job);
        postgres_connection_flush(connection);
        break;
    default:
        postgres_connection_doubt(connection, "its transaction could not be ended");
    }
}

/* ------------------------------------------------------------------------------------------------ answers */

static void take_out(struct postgres_connection *connection, struct postgres_job *job)
{
    TAILQ_REMOVE(&connection->sent, job, link);
    connection->sent_count--;
}

/* A statement that could not be prepared is prepared anew next time; until then its error explains why "s7" is unknown.
 */
static void note_prepared(struct postgres_connection *connection, const struct postgres_job *job)
{
    struct postgres_known_statement *known = &connection->pool->statements[job->calls[0].statement];

    if (job->has_failed)
        connection->prepared[job->calls[0].statement] = false;
    snprintf(known->sqlstate, sizeof(known->sqlstate), "%s", job->sqlstate);
    snprintf(known->trouble, sizeof(known->trouble), "%s", job->detail);
}

static void explain_unknown_statement(const struct postgres *pool, struct postgres_job *job)
{
    if (strcmp(job->sqlstate, "26000") != 0 || job->failed_call >= job->count)
        return;
    const struct postgres_known_statement *known = &pool->statements[job->calls[job->failed_call].statement];
    if (known->sqlstate[0] == '\0')
        return;
    snprintf(job->sqlstate, sizeof(job->sqlstate), "%s", known->sqlstate);
    snprintf(job->detail, sizeof(job->detail), "%s", known->trouble);
}

/* `is_answered`: the sync came, so this is the whole answer; else the connection went away before. */
static enum outcome outcome_of(const struct postgres_job *job, bool is_answered)
{
    if (job->has_failed && job->sqlstate[0] != '\0')
        return postgres_outcome_of(job->sqlstate);
    if (is_answered)
        return job->has_failed ? OUTCOME_REJECTED : OUTCOME_DONE;
    return job->kind == JOB_INSIDE || job->kind == JOB_SNAPSHOT ? OUTCOME_NOT_SENT : OUTCOME_UNKNOWN;
}

static void answer(struct postgres_connection *connection, struct postgres_job *job, bool is_answered, const char *why)
{
    struct postgres *pool = connection->pool;
    enum outcome outcome;

    explain_unknown_statement(pool, job);
    outcome = outcome_of(job, is_answered);
    if (job->transaction != NULL && outcome == OUTCOME_DONE && job->kind == JOB_INSIDE)
        job->transaction->job = NULL;
    else if (job->transaction != NULL)
        postgres_transaction_end(job->transaction);
    job->transaction = NULL;
    postgres_job_answer(job, pool->me, outcome, job->sqlstate[0] != '\0' || is_answered ? job->detail : why);
}

static void complete(struct postgres_connection *connection, struct postgres_job *job)
{
    take_out(connection, job);
    if (job->kind == JOB_PREPARE)
        note_prepared(connection, job);
    answer(connection, job, true, "");
    postgres_free_job(connection->pool, job);
}

static void take_results(struct postgres_connection *connection)
{
    while (connection->doubt[0] == '\0' && !PQisBusy(connection->link)) {
        PGresult *result = PQgetResult(connection->link);
        struct postgres_job *job = TAILQ_FIRST(&connection->sent);

        if (result == NULL) {
            if (job == NULL || !job->has_result)
                return;
            job->step++;
            job->has_result = false;
        } else if (job == NULL) {
            postgres_connection_doubt(connection, PQresultErrorMessage(result));
            PQclear(result);
        } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            complete(connection, job);
        } else {
            postgres_job_take(job, result);
        }
    }
}

static void receive(struct postgres_connection *connection)
{
    bool is_alive = PQconsumeInput(connection->link) == 1;

    connection->heard_us = actor_now_us(connection->pool->me);
    take_results(connection);
    if (!is_alive)
        postgres_connection_doubt_link(connection);
    if (connection->doubt[0] == '\0' && connection->is_exclusive && connection->holder == NULL &&
        connection->sent_count == 0)
        postgres_connection_settle(connection);
}

void postgres_connection_serve(struct postgres_connection *connection, unsigned events)
{
    if (events & WATCH_WRITE)
        postgres_connection_flush(connection);
    if (events & WATCH_READ)
        receive(connection);
}

uint64_t postgres_connection_sweep(struct postgres_connection *connection, uint64_t now_us)
{
    struct postgres_job *job = TAILQ_FIRST(&connection->sent);
    struct postgres_job *next;
    uint64_t look_again_us = UINT64_MAX;
    bool has_late = false;

    for (; job != NULL && connection->doubt[0] == '\0'; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->deadline_us > now_us) {
            look_again_us = job->deadline_us < look_again_us ? job->deadline_us : look_again_us;
            continue;
        }
        has_late = true;
        if (job->kind == JOB_INSIDE) /* its transaction promised to be rolled back by now */
            postgres_connection_doubt(connection, "the deadline of a transaction passed");
        else if (job->then != NULL)
            answer(connection, job, false, "Postgres did not answer in time");
    }
    if (has_late && now_us - connection->heard_us >= POSTGRES_SILENCE_US)
        postgres_connection_doubt(connection, "it did not answer for a long time");
    if (has_late && connection->heard_us + POSTGRES_SILENCE_US < look_again_us)
        look_again_us = connection->heard_us + POSTGRES_SILENCE_US;
    return look_again_us;
}

/* ------------------------------------------------------------------------------------------------ losing it */

static void drop_link(struct postgres_connection *connection)
{
    struct postgres *pool = connection->pool;

    resolve_cancel(&connection->resolve);
    postgres_connection_unwatch(connection);
    if (connection->link != NULL)
        PQfinish(connection->link);
    connection->link = NULL;
    if (connection->state == POSTGRES_READY)
        pool->ready_count--;
    connection->state = POSTGRES_AWAY;
    actor_cancel_timer(pool->me, &connection->timer);
    memset(connection->prepared, 0, sizeof(connection->prepared));
    connection->is_exclusive = false;
    connection->is_draining = false;
    connection->doubt[0] = '\0';
}

static uint64_t pause_us(struct postgres *pool, const char *why)
{
    uint64_t now_us = actor_now_us(pool->me);

    if (pool->ready_count > 0) /* others serve: no reason to hurry, none to stop either */
        return POSTGRES_PAUSE_MAX_US;
    breaker_failed(&pool->breaker, now_us, actor_random(pool->me), why);
    if (pool->breaker.state == BREAKER_OPEN && pool->breaker.retry_at_us > now_us)
        return pool->breaker.retry_at_us - now_us;
    return POSTGRES_PAUSE_MIN_US + actor_random(pool->me) % POSTGRES_PAUSE_MIN_US;
}

/* A holder whose job is under way ends with it. */
static void release_holder(struct postgres *pool, struct postgres_transaction *holder, const char *why)
{
    if (holder->job == NULL)
        postgres_transaction_void(holder, why);
    else if (holder->job->is_waiting)
        postgres_refuse_waiting(pool, holder->job, why);
}

void postgres_connection_lose(struct postgres_connection *connection)
{
    struct postgres *pool = connection->pool;
    bool was_ready = connection->state == POSTGRES_READY;
    struct postgres_transaction *holder = connection->holder;
    struct postgres_job *job;
    char why[300];

    snprintf(why, sizeof(why), "The connection to Postgres failed: %s", connection->doubt);
    actor_log(pool->me, LOG_WARN, "%s: %s", pool->options.name, why);
    drop_link(connection);
    connection->timer = actor_after(pool->me, pause_us(pool, why), postgres_connection_try, connection);
    connection->holder = NULL;
    if (holder != NULL)
        release_holder(pool, holder, why);
    while ((job = TAILQ_FIRST(&connection->sent)) != NULL) {
        take_out(connection, job);
        answer(connection, job, false, why);
        postgres_free_job(pool, job);
    }
    if (pool->ready_count == 0 && pool->breaker.state == BREAKER_OPEN)
        postgres_fail_waiting(pool, why);
    if (was_ready && pool->ready_count == 0 && pool->options.on_state != NULL)
        pool->options.on_state(pool->me, pool->options.context, false);
}

void postgres_connection_close(struct postgres_connection *connection)
{
    struct postgres_job *job;

    drop_link(connection);
    while ((job = TAILQ_FIRST(&connection->sent)) != NULL) {
        take_out(connection, job);
        postgres_free_job(connection->pool, job);
    }
}
