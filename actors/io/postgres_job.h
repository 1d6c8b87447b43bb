/* SPDX-License-Identifier: MIT */
/* postgres_job -- one pipeline's worth of statements, from the call that issued it to its answer. */
#ifndef ACTORS_IO_POSTGRES_JOB_H
#define ACTORS_IO_POSTGRES_JOB_H

#include <sys/queue.h>

#include <libpq-fe.h>

#include "actors/io/postgres.h"
#include "runtime/actor.h"

enum postgres_job_kind {
    JOB_RUN,      /* an implicit transaction; shares its connection */
    JOB_SNAPSHOT, /* BEGIN ... COMMIT around reads */
    JOB_INSIDE,   /* a part of a held transaction */
    JOB_COMMIT,   /* its last part */
    JOB_PREPARE,  /* the pool's own: makes one statement known to a connection */
    JOB_ROLLBACK  /* the pool's own: makes a connection usable again */
};

struct postgres_job_call {
    uint32_t statement; /* index in the pool */
    uint32_t first_value;
    uint32_t value_count;
};

struct postgres_job {
    TAILQ_ENTRY(postgres_job) link;
    enum postgres_job_kind kind;
    bool is_waiting; /* in the pool's queue */
    bool begins;     /* BEGIN goes before its calls */
    bool ends;       /* COMMIT goes behind them */
    struct postgres_transaction *transaction;
    postgres_handler *then; /* NULL once it has been called, or when nobody wants to know */
    void *context;
    struct span_mark span;
    const char *sql; /* of its first statement, for the span; NULL: none */
    uint64_t deadline_us;
    size_t bytes; /* counted against the pool's limit */

    uint32_t count;
    struct postgres_job_call *calls;
    const char **values;
    int *lengths;
    int *formats;
    PGresult **results; /* one for each call */

    uint32_t step;   /* which of its commands is being answered */
    bool has_result; /* that command's result has come, its end not yet */
    bool has_failed;
    uint32_t failed_call;
    char sqlstate[6];
    char constraint[64];
    char detail[256];
    enum outcome refusal; /* of one that is not sent */
};
TAILQ_HEAD(postgres_jobs, postgres_job);

/* Finds or adds a statement in the pool; its index. */
typedef uint32_t postgres_statement_index(void *pool, const struct postgres_statement *statement);

/* Copies calls and values. NULL when a value is too large to be sent (an array that failed). */
struct postgres_job *postgres_job_create(enum postgres_job_kind kind,
                                         const struct postgres_call *calls,
                                         uint32_t count,
                                         postgres_statement_index *index_of,
                                         void *pool);
void postgres_job_destroy(struct postgres_job *job);

/* How many commands it sends, its sync not counted, and which call a command is; a BEGIN or COMMIT is none: `count`. */
uint32_t postgres_job_steps(const struct postgres_job *job);
uint32_t postgres_job_call_of(const struct postgres_job *job, uint32_t step);
/* Takes the result of the present step; keeps the first error. Owns `result` from now on. */
void postgres_job_take(struct postgres_job *job, PGresult *result);
/* Calls the handler, once. */
void postgres_job_answer(struct postgres_job *job, struct actor *me, enum outcome outcome, const char *detail);

#endif
