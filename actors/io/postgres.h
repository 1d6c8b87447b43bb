/* SPDX-License-Identifier: MIT */
/*
 * postgres -- a small pool of pipelined connections to Postgres in an actor's loop.
 *
 * Statements are `const` data, prepared once per connection by the pool. A *run* is a list of statements that is sent
 * as one pipeline up to a sync: one round trip, one transaction, all or nothing; many runs may be under way on one
 * connection. A *transaction* holds a connection for as long as the actor needs to look at answers before it goes on:
 * begin, run, commit. Connections make themselves again after a loss, with exponential pauses and jitter, behind a
 * breaker that status shows under the dependency's name. Runs wait for a connection until their deadline, in bounded
 * number and size; once the breaker is open they end NOT_SENT at once: a short restart is waited out, a longer absence
 * is not.
 *
 * Results come in binary; the accessors turn integers, booleans, timestamps and texts into C.
 *
 * All of it belongs to the actor's thread.
 */
#ifndef ACTORS_IO_POSTGRES_H
#define ACTORS_IO_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/io/outcome.h"
#include "proto/slice.h"

struct actor;
struct postgres;

enum {
    POSTGRES_STATEMENTS_LIMIT = 128, /* distinct statements per pool */
    POSTGRES_CALLS_LIMIT = 64,       /* statements per run */
    POSTGRES_VALUES_LIMIT = 32       /* parameters per statement */
};

/* ------------------------------------------------------------------------------------------------ statements and
 * values */

/* Must live as long as the pool and be the same object each time (static const): it is known by its address.
 * The types of $1 ... are what the server infers: write casts, as in `$1::int8` and `$2::text[]`. */
struct postgres_statement {
    const char *sql; /* one statement, no BEGIN, COMMIT or ROLLBACK */
};

/* A parameter. Borrowed until the call that takes it returns. */
struct postgres_value {
    bool is_null;
    bool is_number;
    uint8_t number_size; /* 1, 4 or 8 bytes */
    int64_t number;
    struct slice bytes;
};

struct postgres_value postgres_null(void);
struct postgres_value postgres_bool(bool value);
struct postgres_value postgres_int4(int32_t value);
struct postgres_value postgres_int8(int64_t value);
struct postgres_value postgres_timestamp(uint64_t wall_us); /* timestamptz, from microseconds since 1970 */
struct postgres_value postgres_text(struct slice bytes); /* text, varchar or bytea; a text must be UTF-8 without NUL */

/* Arrays as parameters, in Postgres's binary form: one statement for any number of rows, with unnest($1::int8[], ...).
 * `memory` grows on demand; free it with postgres_array_destroy. */
struct postgres_array {
    char *memory;
    size_t size;
    size_t room;
    uint32_t count;
    uint32_t element_type; /* the OID */
    bool failed;           /* beyond POSTGRES_ARRAY_LIMIT: the value made of it is refused */
};
enum { POSTGRES_ARRAY_LIMIT = 64 * 1024 * 1024 /* bytes */ };

void postgres_array_of_int8(struct postgres_array *array);      /* initialises */
void postgres_array_of_text(struct postgres_array *array);      /* initialises */
void postgres_array_of_timestamp(struct postgres_array *array); /* initialises; timestamptz */
void postgres_array_of_bool(struct postgres_array *array);      /* initialises */
void postgres_array_add_int8(struct postgres_array *array, int64_t value);
void postgres_array_add_text(struct postgres_array *array, struct slice value);
void postgres_array_add_timestamp(struct postgres_array *array, uint64_t wall_us);
void postgres_array_add_bool(struct postgres_array *array, bool value);
void postgres_array_add_null(struct postgres_array *array);
void postgres_array_clear(struct postgres_array *array); /* keeps type and memory, for the next use */
void postgres_array_destroy(struct postgres_array *array);
struct postgres_value postgres_array_value(struct postgres_array *array); /* valid until the array changes */

/* One statement with its parameters. */
struct postgres_call {
    const struct postgres_statement *statement;
    const struct postgres_value *values;
    uint32_t value_count;
};
/* POSTGRES_CALL(&insert_url, postgres_text(code), postgres_int8(id)); POSTGRES_CALL_BARE(&now) without parameters */
#define POSTGRES_CALL(which, ...)                                                                                      \
    ((struct postgres_call){ .statement = (which),                                                                     \
                             .values = (const struct postgres_value[]){ __VA_ARGS__ },                                 \
                             .value_count = sizeof((const struct postgres_value[]){ __VA_ARGS__ }) /                   \
                                            sizeof(struct postgres_value) })
#define POSTGRES_CALL_BARE(which) ((struct postgres_call){ .statement = (which) })

/* ------------------------------------------------------------------------------------------------ results */

struct postgres_rows; /* what one statement answered */

struct postgres_result {
    enum outcome outcome; /* RETRY: SQLSTATE classes 08, 40, 53, 57, 58 and 55P03, 55006, 25006; REJECTED: any
                             other error; UNKNOWN: the connection or the deadline went while the answer was due */
    const char
        *sqlstate; /* five characters, "23505" for a broken unique constraint; "" unless the server sent an error */
    const char *constraint;            /* the constraint's name that was broken; "" when none */
    const char *detail;                /* one sentence, never NULL; it may quote data: not for clients */
    uint32_t failed_call;              /* which statement it was, when the server sent an error */
    struct postgres_rows *const *rows; /* one for each call, in order; only when DONE */
    uint32_t count;                    /* how many */
};

/* Comes exactly once, never from inside the call that issued it; not after postgres_close. May issue runs. The result
 * is valid until it returns. */
typedef void postgres_handler(struct actor *me, void *context, const struct postgres_result *result);

uint32_t postgres_row_count(const struct postgres_rows *rows);
uint64_t postgres_affected(const struct postgres_rows *rows); /* rows that INSERT, UPDATE or DELETE touched */
bool postgres_is_null(const struct postgres_rows *rows, uint32_t row, uint32_t column);
/* int2, int4, int8; NULL is 0. Any other type is a mistake in our SQL (cast it) and an assertion failure. */
int64_t postgres_integer_at(const struct postgres_rows *rows, uint32_t row, uint32_t column);
bool postgres_bool_at(const struct postgres_rows *rows, uint32_t row, uint32_t column);
uint64_t
postgres_timestamp_at(const struct postgres_rows *rows, uint32_t row, uint32_t column); /* us since 1970; NULL: 0 */
/* text, varchar, char(n), name, bytea: its bytes; NULL is empty. */
struct slice postgres_text_at(const struct postgres_rows *rows, uint32_t row, uint32_t column);

/* ------------------------------------------------------------------------------------------------ the pool */

/* The first connection is usable after there was none / the last one is lost. */
typedef void postgres_state_handler(struct actor *me, void *context, bool connected);

struct postgres_options {
    const char *name;        /* the dependency's name in status; a literal */
    const char *uri;         /* postgresql://user:password@host[:port][,host...]/database[?target_session_attrs=...] */
    uint32_t connections;    /* 0: 2; at most 16 */
    uint32_t pipeline_limit; /* runs under way per connection; 0: 16 */
    uint64_t connect_limit_us;        /* 0: 5 s */
    uint64_t deadline_us;             /* of runs that name none; 0: 5 s */
    uint64_t statement_limit_us;      /* the server ends a statement that takes longer; 0: 30 s */
    uint32_t waiting_limit;           /* runs and transactions waiting for a connection; 0: 4,096. Beyond: OVERLOADED */
    size_t bytes_limit;               /* of parameters waiting or under way; 0: 128 MiB. Beyond: OVERLOADED */
    bool finds_by_index;              /* all statements look up single rows: never plan to read a whole table */
    postgres_state_handler *on_state; /* may be NULL */
    void *context;                    /* handed to it */
};

/* Starts to connect and returns at once. NULL with a sentence in `why` when the address is malformed. */
struct postgres *postgres_open(struct actor *me, const struct postgres_options *options, char *why, size_t room);
/* Drops everything, transactions too: handlers still due do not come. Accepts NULL in *closed; sets it to NULL. */
void postgres_close(struct postgres **closed);
bool postgres_is_connected(const struct postgres *pool);

/* One transaction in one round trip: all statements take effect or none does. Runs may overtake each other: what must
 * see another's effect is issued from its handler. Everything is copied. `deadline_us` is from now; 0: the option's. */
void postgres_run(struct postgres *pool,
                  const struct postgres_call *calls,
                  uint32_t count,
                  uint64_t deadline_us,
                  postgres_handler *then,
                  void *context);
/* The same for reads that must all see one snapshot (REPEATABLE READ, READ ONLY). Has a connection to itself meanwhile.
 */
void postgres_read_snapshot(struct postgres *pool,
                            const struct postgres_call *calls,
                            uint32_t count,
                            uint64_t deadline_us,
                            postgres_handler *then,
                            void *context);

/* A transaction that looks before it goes on. It has a connection to itself from its first run to its end, and one
 * deadline for all of it: when that passes, or the connection is lost, it is rolled back. */
struct postgres_transaction;

/* READ COMMITTED; nothing is sent yet. The transaction is the caller's until it ends: by commit or rollback, or with
 * any outcome other than DONE in a handler of its own, whichever comes first. After that the pointer is void. */
struct postgres_transaction *postgres_begin(struct postgres *pool, uint64_t deadline_us);
/* One pipeline inside it. One at a time: issue the next from the handler or later. A failure has no effect on the data,
 * so UNKNOWN does not happen here: what the connection takes with it is rolled back (NOT_SENT). */
void postgres_transaction_run(struct postgres_transaction *transaction,
                              const struct postgres_call *calls,
                              uint32_t count,
                              postgres_handler *then,
                              void *context);
/* Runs `calls` (may be none) and commits, in one pipeline. Ends the transaction at once: the pointer is void. */
void postgres_transaction_commit(struct postgres_transaction *transaction,
                                 const struct postgres_call *calls,
                                 uint32_t count,
                                 postgres_handler *then,
                                 void *context);
/* Gives it up, also while a run is under way (its handler does not come). The pointer is void. */
void postgres_transaction_rollback(struct postgres_transaction *transaction);

#endif
