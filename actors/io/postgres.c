/* SPDX-License-Identifier: MIT */
/*
 * postgres -- the pool: which job goes to which connection, and what becomes of those that wait (see postgres.h).
 *
 * Plain runs share connections, the least loaded first. A transaction or a snapshot needs one to itself: it gets an
 * idle one, or one is drained for it; with more than one connection the last is never given away, so runs always go on.
 */
#include "actors/io/postgres.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/or_default.h"
#include "actors/io/postgres_pool.h"

enum {
    DEFAULT_CONNECTIONS = 2,
    DEFAULT_PIPELINE = 16,
    DEFAULT_CONNECT_LIMIT_US = 5 * 1000 * 1000,
    DEFAULT_DEADLINE_US = 5 * 1000 * 1000,
    DEFAULT_STATEMENT_LIMIT_US = 30 * 1000 * 1000,
    DEFAULT_WAITING = 4096,
    DEFAULT_BYTES = 128 << 20,
    FAILURES_TO_OPEN = 3 /* a short restart is waited out; a longer absence is answered at once */
};

/* ------------------------------------------------------------------------------------------------ jobs */

static uint32_t index_of(void *context, const struct postgres_statement *statement)
{
    struct postgres *pool = context;
    uint32_t i = 0;

    while (i < pool->statement_count && pool->statements[i].statement != statement)
        i++;
    if (i == pool->statement_count) {
        assert(i < POSTGRES_STATEMENTS_LIMIT);
        pool->statements[pool->statement_count++].statement = statement;
    }
    return i;
}

struct postgres_job *postgres_new_job(struct postgres *pool,
                                      enum postgres_job_kind kind,
                                      const struct postgres_call *calls,
                                      uint32_t count,
                                      postgres_handler *then,
                                      void *context)
{
    struct postgres_job *job = postgres_job_create(kind, calls, count, index_of, pool);

    if (job == NULL) {
        job = postgres_job_create(kind, NULL, 0, index_of, pool);
        job->has_failed = true;
        snprintf(job->detail, sizeof(job->detail), "A parameter is larger than %d MiB", POSTGRES_ARRAY_LIMIT >> 20);
    }
    job->then = then;
    job->context = context;
    job->span = actor_span_begin(pool->me);
    job->sql = count > 0 ? calls[0].statement->sql : NULL;
    pool->bytes += job->bytes;
    return job;
}

void postgres_free_job(struct postgres *pool, struct postgres_job *job)
{
    pool->bytes -= job->bytes;
    postgres_job_destroy(job);
}

void postgres_refuse(struct postgres *pool, struct postgres_job *job, enum outcome outcome, const char *why)
{
    job->refusal = outcome;
    if (why != NULL)
        snprintf(job->detail, sizeof(job->detail), "%s", why);
    TAILQ_INSERT_TAIL(&pool->refused, job, link);
    postgres_arm_turn(pool);
}

void postgres_submit(struct postgres *pool, struct postgres_transaction *transaction, struct postgres_job *job)
{
    bool is_new = transaction == NULL || transaction->connection == NULL;
    char why[sizeof(pool->breaker.reason) + 32];

    if (job->has_failed) {
        postgres_refuse(pool, job, OUTCOME_REJECTED, NULL);
    } else if ((is_new && pool->waiting_count >= pool->options.waiting_limit) ||
               pool->bytes > pool->options.bytes_limit) {
        postgres_refuse(pool, job, OUTCOME_OVERLOADED, "Too much for Postgres is waiting or under way");
    } else if (pool->ready_count == 0 && pool->breaker.state != BREAKER_CLOSED) {
        snprintf(why, sizeof(why), "Postgres is away: %s", pool->breaker.reason);
        postgres_refuse(pool, job, OUTCOME_NOT_SENT, why);
    } else {
        if (is_new)
            TAILQ_INSERT_TAIL(&pool->waiting, job, link);
        else /* it has its connection: nobody gains by its waiting */
            TAILQ_INSERT_HEAD(&pool->waiting, job, link);
        job->is_waiting = true;
        pool->waiting_count++;
        postgres_watch_deadline(pool, job->deadline_us);
        postgres_arm_turn(pool);
    }
}

/* Ends a job that was never sent. */
static void answer_unsent(struct postgres *pool, struct postgres_job *job, enum outcome outcome, const char *why)
{
    if (job->transaction != NULL)
        postgres_transaction_end(job->transaction);
    job->transaction = NULL;
    postgres_job_answer(job, pool->me, outcome, why);
    postgres_free_job(pool, job);
}

static void take_waiting(struct postgres *pool, struct postgres_job *job)
{
    TAILQ_REMOVE(&pool->waiting, job, link);
    job->is_waiting = false;
    pool->waiting_count--;
}

void postgres_refuse_waiting(struct postgres *pool, struct postgres_job *job, const char *why)
{
    take_waiting(pool, job);
    postgres_refuse(pool, job, OUTCOME_NOT_SENT, why);
}

void postgres_fail_waiting(struct postgres *pool, const char *why)
{
    for (uint32_t left = pool->waiting_count; left > 0; left--) {
        struct postgres_job *job = TAILQ_FIRST(&pool->waiting);

        take_waiting(pool, job);
        answer_unsent(pool, job, OUTCOME_NOT_SENT, why);
    }
}

/* Those that handlers add meanwhile wait for the next turn. */
static void tell_refused(struct postgres *pool)
{
    struct postgres_jobs refused = TAILQ_HEAD_INITIALIZER(refused);
    struct postgres_job *job;

    TAILQ_CONCAT(&refused, &pool->refused, link);
    while ((job = TAILQ_FIRST(&refused)) != NULL) {
        TAILQ_REMOVE(&refused, job, link);
        answer_unsent(pool, job, job->refusal, job->detail);
    }
}

/* ------------------------------------------------------------------------------------------------ dispatching */

static bool is_usable(const struct postgres_connection *connection)
{
    return connection->state == POSTGRES_READY && connection->doubt[0] == '\0' && !connection->is_exclusive;
}

static struct postgres_connection *least_loaded(struct postgres *pool)
{
    struct postgres_connection *best = NULL;

    for (uint32_t i = 0; i < pool->options.connections; i++) {
        struct postgres_connection *connection = &pool->connections[i];

        if (is_usable(connection) && !connection->is_draining &&
            connection->sent_count < pool->options.pipeline_limit &&
            (best == NULL || connection->sent_count < best->sent_count))
            best = connection;
    }
    return best;
}

/* An idle connection for a transaction; NULL when there is none yet: then the least loaded one gets no more runs. */
static struct postgres_connection *idle_one(struct postgres *pool)
{
    struct postgres_connection *best = NULL;
    uint32_t exclusive = 0;

    for (uint32_t i = 0; i < pool->options.connections; i++) {
        struct postgres_connection *connection = &pool->connections[i];

        exclusive += connection->is_exclusive ? 1 : 0;
        if (is_usable(connection) && (best == NULL || connection->is_draining ||
                                      (!best->is_draining && connection->sent_count < best->sent_count)))
            best = connection;
    }
    if (best == NULL || (exclusive + 1 >= pool->options.connections && pool->options.connections > 1))
        return NULL;
    best->is_draining = best->sent_count > 0;
    return best->is_draining ? NULL : best;
}

static struct postgres_connection *connection_for(struct postgres *pool, const struct postgres_job *job)
{
    if (job->kind == JOB_RUN)
        return least_loaded(pool);
    if (job->transaction != NULL && job->transaction->connection != NULL)
        return job->transaction->connection;
    return idle_one(pool);
}

static void give(struct postgres_connection *connection, struct postgres_job *job)
{
    if (job->kind == JOB_INSIDE && job->transaction == NULL) {
        postgres_free_job(connection->pool, job); /* its transaction was rolled back before it was sent */
        return;
    }
    if (job->kind != JOB_RUN) {
        connection->is_exclusive = true;
        connection->holder = job->transaction;
        if (job->transaction != NULL)
            job->transaction->connection = connection;
    }
    postgres_connection_send(connection, job);
}

/* Drained is only what somebody still wants: dispatch says so anew. */
static void stop_draining(struct postgres *pool)
{
    for (uint32_t i = 0; i < pool->options.connections; i++)
        pool->connections[i].is_draining = false;
}

static void dispatch(struct postgres *pool)
{
    struct postgres_job *job = TAILQ_FIRST(&pool->waiting);
    struct postgres_job *next;
    bool has_room[2] = { true, true }; /* for runs; for those that want a connection to themselves */

    stop_draining(pool);
    for (; job != NULL && (has_room[0] || has_room[1]); job = next) {
        bool is_inside = job->transaction != NULL && job->transaction->connection != NULL;
        bool *room = &has_room[job->kind == JOB_RUN ? 0 : 1];
        struct postgres_connection *connection = *room || is_inside ? connection_for(pool, job) : NULL;

        next = TAILQ_NEXT(job, link);
        if (connection == NULL) {
            *room = false;
            continue;
        }
        take_waiting(pool, job);
        give(connection, job);
    }
}

static void work_on(struct postgres_connection *connection)
{
    if (connection->doubt[0] == '\0' && connection->state == POSTGRES_READY) {
        if (connection->is_exclusive && connection->holder == NULL && connection->sent_count == 0)
            postgres_connection_settle(connection);
        if (connection->sent_count > 0)
            postgres_connection_flush(connection);
    }
    if (connection->doubt[0] != '\0')
        postgres_connection_lose(connection);
}

void postgres_work(struct postgres *pool)
{
    dispatch(pool);
    for (uint32_t i = 0; i < pool->options.connections; i++)
        work_on(&pool->connections[i]);
    tell_refused(pool);
}

/* ------------------------------------------------------------------------------------------------ timers */

static void turn(struct actor *me, void *context)
{
    struct postgres *pool = context;

    (void)me;
    pool->turn_timer = 0;
    postgres_work(pool);
}

void postgres_arm_turn(struct postgres *pool)
{
    if (pool->turn_timer == 0)
        pool->turn_timer = actor_after(pool->me, 0, turn, pool);
}

static uint64_t sweep_waiting(struct postgres *pool, uint64_t now_us)
{
    uint64_t look_again_us = UINT64_MAX;
    struct postgres_jobs late = TAILQ_HEAD_INITIALIZER(late);
    struct postgres_job *job;
    struct postgres_job *next;

    for (job = TAILQ_FIRST(&pool->waiting); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->deadline_us > now_us) {
            look_again_us = job->deadline_us < look_again_us ? job->deadline_us : look_again_us;
            continue;
        }
        take_waiting(pool, job);
        TAILQ_INSERT_TAIL(&late, job, link);
    }
    while ((job = TAILQ_FIRST(&late)) != NULL) {
        TAILQ_REMOVE(&late, job, link);
        answer_unsent(pool, job, OUTCOME_NOT_SENT, "No connection to Postgres was free in time");
    }
    return look_again_us;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void sweep(struct actor *me, void *context)
{
    struct postgres *pool = context;
    uint64_t now_us = actor_now_us(me);
    uint64_t next_us = postgres_transactions_sweep(pool, now_us);

    pool->sweep_timer = 0;
    pool->sweep_at_us = 0;
    next_us = earlier(next_us, sweep_waiting(pool, now_us));
    for (uint32_t i = 0; i < pool->options.connections; i++)
        next_us = earlier(next_us, postgres_connection_sweep(&pool->connections[i], now_us));
    if (next_us != UINT64_MAX)
        postgres_watch_deadline(pool, next_us);
    postgres_work(pool);
}

/* The deadlines of all jobs need one timer: it is due when the first of them can be, and then looks again. */
void postgres_watch_deadline(struct postgres *pool, uint64_t deadline_us)
{
    uint64_t now_us = actor_now_us(pool->me);

    if (pool->sweep_at_us != 0 && pool->sweep_at_us <= deadline_us)
        return;
    actor_cancel_timer(pool->me, &pool->sweep_timer);
    pool->sweep_at_us = deadline_us;
    pool->sweep_timer = actor_after(pool->me, deadline_us > now_us ? deadline_us - now_us : 0, sweep, pool);
}

/* ------------------------------------------------------------------------------------------------ public */

static struct postgres_options with_defaults(const struct postgres_options *options)
{
    struct postgres_options own = *options;

    own.uri = NULL; /* the caller's */
    own.connections = (uint32_t)or_default(options->connections, DEFAULT_CONNECTIONS);
    own.pipeline_limit = (uint32_t)or_default(options->pipeline_limit, DEFAULT_PIPELINE);
    own.connect_limit_us = or_default(options->connect_limit_us, DEFAULT_CONNECT_LIMIT_US);
    own.deadline_us = or_default(options->deadline_us, DEFAULT_DEADLINE_US);
    own.statement_limit_us = or_default(options->statement_limit_us, DEFAULT_STATEMENT_LIMIT_US);
    own.waiting_limit = (uint32_t)or_default(options->waiting_limit, DEFAULT_WAITING);
    own.bytes_limit = or_default(options->bytes_limit, DEFAULT_BYTES);
    return own;
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);

    assert(copy != NULL);
    return copy;
}

static void begin_connection(struct postgres *pool, struct postgres_connection *connection)
{
    connection->pool = pool;
    connection->watched_fd = -1;
    TAILQ_INIT(&connection->sent);
    connection->timer = actor_after(pool->me, 0, postgres_connection_try, connection);
}

struct postgres *postgres_open(struct actor *me, const struct postgres_options *options, char *why, size_t room)
{
    struct postgres_address address;
    struct postgres *pool;

    assert(options->connections <= POSTGRES_CONNECTIONS_LIMIT);
    if (!postgres_address_parse(options->uri, &address, why, room))
        return NULL;
    pool = calloc(1, sizeof(*pool));
    assert(pool != NULL);
    pool->me = me;
    pool->address = address;
    pool->options = with_defaults(options);
    pool->uri = copy_of(options->uri);
    TAILQ_INIT(&pool->waiting);
    TAILQ_INIT(&pool->refused);
    breaker_init(&pool->breaker, FAILURES_TO_OPEN, POSTGRES_PAUSE_MIN_US, POSTGRES_PAUSE_MAX_US);
    actor_show_breaker(me, options->name, &pool->breaker);
    for (uint32_t i = 0; i < pool->options.connections; i++)
        begin_connection(pool, &pool->connections[i]);
    return pool;
}

static void free_jobs(struct postgres *pool, struct postgres_jobs *jobs)
{
    struct postgres_job *job;

    while ((job = TAILQ_FIRST(jobs)) != NULL) {
        TAILQ_REMOVE(jobs, job, link);
        postgres_free_job(pool, job);
    }
}

void postgres_close(struct postgres **closed)
{
    struct postgres *pool = *closed;
    struct postgres_transaction *transaction;

    *closed = NULL;
    if (pool == NULL)
        return;
    actor_show_breaker(pool->me, pool->options.name, NULL);
    for (uint32_t i = 0; i < pool->options.connections; i++)
        postgres_connection_close(&pool->connections[i]);
    free_jobs(pool, &pool->waiting);
    free_jobs(pool, &pool->refused);
    while ((transaction = LIST_FIRST(&pool->transactions)) != NULL)
        postgres_transaction_end(transaction);
    actor_cancel_timer(pool->me, &pool->turn_timer);
    actor_cancel_timer(pool->me, &pool->sweep_timer);
    explicit_bzero(pool->uri, strlen(pool->uri)); /* it holds a password */
    free(pool->uri);
    free(pool);
}

bool postgres_is_connected(const struct postgres *pool)
{
    return pool->ready_count > 0;
}

static void run(struct postgres *pool,
                enum postgres_job_kind kind,
                const struct postgres_call *calls,
                uint32_t count,
                uint64_t deadline_us,
                postgres_handler *then,
                void *context)
{
    struct postgres_job *job = postgres_new_job(pool, kind, calls, count, then, context);

    assert(count > 0);
    job->begins = kind == JOB_SNAPSHOT;
    job->ends = kind == JOB_SNAPSHOT;
    job->deadline_us = actor_now_us(pool->me) + or_default(deadline_us, pool->options.deadline_us);
    postgres_submit(pool, NULL, job);
}

void postgres_run(struct postgres *pool,
                  const struct postgres_call *calls,
                  uint32_t count,
                  uint64_t deadline_us,
                  postgres_handler *then,
                  void *context)
{
    run(pool, JOB_RUN, calls, count, deadline_us, then, context);
}

void postgres_read_snapshot(struct postgres *pool,
                            const struct postgres_call *calls,
                            uint32_t count,
                            uint64_t deadline_us,
                            postgres_handler *then,
                            void *context)
{
    run(pool, JOB_SNAPSHOT, calls, count, deadline_us, then, context);
}
