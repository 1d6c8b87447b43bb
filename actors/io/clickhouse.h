/* SPDX-License-Identifier: MIT */
/*
 * clickhouse -- queries and inserts to ClickHouse over HTTP in an actor's loop.
 *
 * Every request waits for its end at the server (wait_end_of_query), so an answer is whole or an error: a SELECT cannot
 * answer 200 and fail in the middle. Requests go to the first of the hosts that can be connected, behind a breaker that
 * status shows under the dependency's name. User and password travel in headers, never in a URL.
 *
 * An insert is one block, and therefore all or nothing, when it stays within one partition of the table and within
 * CLICKHOUSE_BLOCK_ROWS rows. The same insert sent twice is there twice: after UNKNOWN read back before sending again.
 *
 * All of it belongs to the actor's thread.
 */
#ifndef ACTORS_IO_CLICKHOUSE_H
#define ACTORS_IO_CLICKHOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/io/outcome.h"
#include "proto/slice.h"

struct actor;
struct clickhouse;

enum { CLICKHOUSE_BLOCK_ROWS = 1000000 /* below max_insert_block_size = 1,048,576 of every version */ };

struct clickhouse_options {
    const char *name; /* the dependency's name in status; a literal */
    const char
        *uri; /* http://user:password@host[:port][,host...]/?database=name, or clickhouse://.../name; port 8123 */
    uint32_t requests_limit; /* under way; 0: 16. Beyond: OVERLOADED */
    size_t bytes_limit;      /* of data under way; 0: 64 MiB. Beyond: OVERLOADED */
    uint64_t deadline_us;    /* of queries that name none; 0: 30 s */
};

struct clickhouse_query {
    struct slice sql;      /* "SELECT ... FORMAT RowBinary"; "INSERT INTO t (a, b) FORMAT RowBinary" */
    struct slice data;     /* what an INSERT inserts; see rowbinary.h */
    const char *query_id;  /* to find it in the server's log; may be NULL */
    uint64_t deadline_us;  /* from now; 0: the option's */
    size_t response_limit; /* bytes; 0: 16 MiB */
    bool without_database; /* names no default database: for the statement that makes it */
};

struct clickhouse_result {
    enum outcome
        outcome;       /* RETRY: too many parts or queries, memory limit, read-only ...; UNKNOWN: also an exception that
                          can come in the middle of an insert (timeout, network); REJECTED: any other exception */
    uint32_t code;     /* ClickHouse's exception code; 0 when none */
    struct slice body; /* the answer when DONE; valid until the handler returns */
    const char *detail; /* one sentence, never NULL: the exception's text when there is one */
};

/* Comes exactly once for each query, never from inside clickhouse_send; not after clickhouse_close. */
typedef void clickhouse_handler(struct actor *me, void *context, const struct clickhouse_result *result);

/* Connects with the first query. NULL with a sentence in `why` when the address is malformed. */
struct clickhouse *clickhouse_open(struct actor *me, const struct clickhouse_options *options, char *why, size_t room);
/* Drops all queries: handlers still due do not come. Accepts NULL in *closed; sets it to NULL. */
void clickhouse_close(struct clickhouse **closed);
/* Everything is copied. */
void clickhouse_send(struct clickhouse *clickhouse,
                     const struct clickhouse_query *query,
                     clickhouse_handler *then,
                     void *context);

#endif
