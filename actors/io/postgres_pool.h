/* SPDX-License-Identifier: MIT */
/*
 * postgres_pool -- what postgres.c (the pool and its queue), postgres_connection.c (one connection) and
 * postgres_transaction.c share.
 *
 * Handlers are called from the loop only (socket events and timers), never from within a call of the actor: a call puts
 * a job into a queue and arms the pool's turn timer; what goes wrong inside it is noted in a connection's `doubt`.
 */
#ifndef ACTORS_IO_POSTGRES_POOL_H
#define ACTORS_IO_POSTGRES_POOL_H

#include <libpq-fe.h>

#include "actors/io/postgres.h"
#include "actors/io/postgres_address.h"
#include "actors/io/postgres_job.h"
#include "runtime/actor.h"

enum {
    POSTGRES_CONNECTIONS_LIMIT = 16,
    POSTGRES_PAUSE_MIN_US = 100 * 1000,   /* between attempts to connect */
    POSTGRES_PAUSE_MAX_US = 1000 * 1000,  /* back within a second or two, whatever happens */
    POSTGRES_SILENCE_US = 5 * 1000 * 1000 /* a connection with a late run that says nothing for so long is dropped */
};

enum postgres_link { POSTGRES_AWAY, POSTGRES_RESOLVING, POSTGRES_CONNECTING, POSTGRES_READY };

struct postgres_connection {
    struct postgres *pool;
    enum postgres_link state;
    PGconn *link;
    struct watch *watch;
    int watched_fd; /* a duplicate of libpq's: it closes its own when it likes, and the number may be reused at once */
    unsigned watched;
    struct resolve *resolve;
    uint32_t resolving; /* which host */
    uint32_t attempts;  /* rotates the hosts */
    uint64_t timer;     /* the next attempt, or the end of this one */
    struct postgres_jobs sent;
    uint32_t sent_count;
    bool is_exclusive; /* a transaction or snapshot has it, or has left it to be cleaned */
    bool is_draining;  /* gets no more runs, so that a transaction can have it */
    struct postgres_transaction *holder;
    uint64_t heard_us; /* when it last said anything */
    char doubt[256];   /* why it is to be dropped; empty: it is fine */
    bool prepared[POSTGRES_STATEMENTS_LIMIT];
};

struct postgres_transaction {
    LIST_ENTRY(postgres_transaction) link;
    struct postgres *pool;
    struct postgres_connection *connection; /* from its first run on */
    struct postgres_job *job;               /* waiting or under way */
    uint64_t deadline_us;
    bool has_begun;
    enum outcome over; /* DONE: it lives; else how its next call ends */
    char why[256];
};

struct postgres_known_statement {
    const struct postgres_statement *statement;
    char sqlstate[6];  /* of its last failure to be prepared; empty: none */
    char trouble[256]; /* what the server said */
};

struct postgres {
    struct actor *me;
    struct postgres_options options;
    char *uri;
    struct postgres_address address;
    struct breaker breaker;
    struct postgres_connection connections[POSTGRES_CONNECTIONS_LIMIT];
    uint32_t ready_count;
    struct postgres_jobs waiting; /* for a connection */
    uint32_t waiting_count;
    struct postgres_jobs refused; /* to be told in the turn timer */
    size_t bytes;                 /* of all jobs */
    LIST_HEAD(postgres_transactions, postgres_transaction) transactions;
    uint32_t transaction_count;
    struct postgres_known_statement statements[POSTGRES_STATEMENTS_LIMIT];
    uint32_t statement_count;
    uint64_t turn_timer;
    uint64_t sweep_timer;
    uint64_t sweep_at_us; /* when it is due; 0: not armed */
};

/* ---- postgres.c */

/* Dispatches what waits, writes, drops what is in doubt and tells refusals. From the loop only. */
void postgres_work(struct postgres *pool);
/* Has it done soon, from the loop. */
void postgres_arm_turn(struct postgres *pool);
/* Takes in a job for `transaction` or, with NULL, for itself. */
void postgres_submit(struct postgres *pool, struct postgres_transaction *transaction, struct postgres_job *job);
/* Ends a job that nobody will send: its handler comes from the turn timer. `why` may be NULL: then its detail says it.
 */
void postgres_refuse(struct postgres *pool, struct postgres_job *job, enum outcome outcome, const char *why);
struct postgres_job *postgres_new_job(struct postgres *pool,
                                      enum postgres_job_kind kind,
                                      const struct postgres_call *calls,
                                      uint32_t count,
                                      postgres_handler *then,
                                      void *context);
/* Ends all that waits, because there is no connection and the breaker is open. */
void postgres_fail_waiting(struct postgres *pool, const char *why);
/* Ends one that waits. */
void postgres_refuse_waiting(struct postgres *pool, struct postgres_job *job, const char *why);
/* Sees to it that deadlines are looked at when this one passes. */
void postgres_watch_deadline(struct postgres *pool, uint64_t deadline_us);
void postgres_free_job(struct postgres *pool, struct postgres_job *job);

/* ---- postgres_connection.c */

void postgres_connection_send(struct postgres_connection *connection, struct postgres_job *job);
void postgres_connection_flush(struct postgres_connection *connection);
void postgres_connection_doubt(struct postgres_connection *connection, const char *why);
void postgres_connection_doubt_link(struct postgres_connection *connection);             /* because of libpq's error */
void postgres_connection_serve(struct postgres_connection *connection, unsigned events); /* its socket's events */
void postgres_connection_lose(struct postgres_connection *connection); /* because of its doubt; from the loop only */
/* Makes an exclusive connection that nobody holds any more free for others, by a ROLLBACK if it takes one. */
void postgres_connection_settle(struct postgres_connection *connection);
/* Ends what is late; returns when to look again, UINT64_MAX for never. From the loop only. */
uint64_t postgres_connection_sweep(struct postgres_connection *connection, uint64_t now_us);
void postgres_connection_close(struct postgres_connection *connection); /* nothing is called */

/* ---- postgres_connect.c */

void postgres_connection_unwatch(struct postgres_connection *connection);
void postgres_connection_try(struct actor *me, void *context); /* a timer's: starts an attempt to connect */

/* ---- postgres_transaction.c */

/* The transaction is over for good: lets go of its connection and frees it. */
void postgres_transaction_end(struct postgres_transaction *transaction);
/* It ended without its owner's doing and while nothing was under way: its next call says so. */
void postgres_transaction_void(struct postgres_transaction *transaction, const char *why);
/* As postgres_connection_sweep, for transactions that are idle or wait. */
uint64_t postgres_transactions_sweep(struct postgres *pool, uint64_t now_us);

#endif
