/* SPDX-License-Identifier: MIT */
/*
 * postgres_transaction -- a connection held until the actor has decided (declared in postgres.h).
 *
 * Until its COMMIT is sent nothing of it can have had effect, so whatever goes wrong before is certain: it was rolled
 * back.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/io/postgres_pool.h"

struct postgres_transaction *postgres_begin(struct postgres *pool, uint64_t deadline_us)
{
    struct postgres_transaction *transaction = calloc(1, sizeof(*transaction));

    assert(transaction != NULL);
    transaction->pool = pool;
    transaction->deadline_us = actor_now_us(pool->me) + (deadline_us != 0 ? deadline_us : pool->options.deadline_us);
    if (pool->transaction_count >= pool->options.waiting_limit) {
        transaction->over = OUTCOME_OVERLOADED;
        snprintf(transaction->why, sizeof(transaction->why), "Too many transactions are open");
    }
    LIST_INSERT_HEAD(&pool->transactions, transaction, link);
    pool->transaction_count++;
    postgres_watch_deadline(pool, transaction->deadline_us);
    return transaction;
}

static void issue(struct postgres_transaction *transaction,
                  enum postgres_job_kind kind,
                  const struct postgres_call *calls,
                  uint32_t count,
                  postgres_handler *then,
                  void *context)
{
    struct postgres *pool = transaction->pool;
    struct postgres_job *job;

    assert(transaction->job == NULL); /* one at a time */
    job = postgres_new_job(pool, kind, calls, count, then, context);
    job->begins = !transaction->has_begun;
    job->ends = kind == JOB_COMMIT;
    job->deadline_us = transaction->deadline_us;
    job->transaction = transaction;
    transaction->job = job;
    transaction->has_begun = true;
    if (transaction->over != OUTCOME_DONE)
        postgres_refuse(pool, job, transaction->over, transaction->why);
    else
        postgres_submit(pool, transaction, job);
}

void postgres_transaction_run(struct postgres_transaction *transaction,
                              const struct postgres_call *calls,
                              uint32_t count,
                              postgres_handler *then,
                              void *context)
{
    assert(count > 0);
    issue(transaction, JOB_INSIDE, calls, count, then, context);
}

void postgres_transaction_commit(struct postgres_transaction *transaction,
                                 const struct postgres_call *calls,
                                 uint32_t count,
                                 postgres_handler *then,
                                 void *context)
{
    issue(transaction, JOB_COMMIT, calls, count, then, context);
}

static void let_go(struct postgres_transaction *transaction)
{
    if (transaction->connection != NULL) {
        transaction->connection->holder = NULL;
        transaction->connection = NULL;
        postgres_arm_turn(transaction->pool); /* settles it */
    }
}

void postgres_transaction_end(struct postgres_transaction *transaction)
{
    let_go(transaction);
    LIST_REMOVE(transaction, link);
    transaction->pool->transaction_count--;
    free(transaction);
}

void postgres_transaction_void(struct postgres_transaction *transaction, const char *why)
{
    transaction->over = OUTCOME_NOT_SENT;
    snprintf(transaction->why, sizeof(transaction->why), "%s", why);
    let_go(transaction);
}

/* A job that waits or was refused is taken back; one that is under way ends unheard, and the connection is settled
 * then. */
void postgres_transaction_rollback(struct postgres_transaction *transaction)
{
    struct postgres_job *job = transaction->job;

    if (job != NULL) {
        job->then = NULL;
        job->transaction = NULL;
    }
    postgres_transaction_end(transaction);
}

uint64_t postgres_transactions_sweep(struct postgres *pool, uint64_t now_us)
{
    struct postgres_transaction *transaction = LIST_FIRST(&pool->transactions);
    uint64_t look_again_us = UINT64_MAX;

    for (; transaction != NULL; transaction = LIST_NEXT(transaction, link)) {
        if (transaction->job != NULL || transaction->over != OUTCOME_DONE)
            continue; /* its job has the same deadline */
        if (transaction->deadline_us <= now_us)
            postgres_transaction_void(transaction, "The deadline of the transaction passed: it was rolled back");
        else if (transaction->deadline_us < look_again_us)
            look_again_us = transaction->deadline_us;
    }
    return look_again_us;
}
