/* SPDX-License-Identifier: MIT */
/*
 * redis -- one pipelined connection to Redis in an actor's loop.
 *
 * Commands go out in the order they are issued and replies come back in that order. All commands of one turn leave in
 * one write when the actor calls redis_flush in its `turn_end` (without that call they leave a little later by
 * themselves). The connection makes itself: AUTH, SELECT, CLIENT SETNAME, then on_connected; after a loss it connects
 * again, with exponential pauses and jitter, behind a breaker that status shows under the dependency's name. While
 * there is no connection commands are not queued but end NOT_SENT: an actor must know at once that its store is away.
 *
 * A command whose deadline passes after it was sent makes the whole connection doubtful (its reply may still come, and
 * order is all that ties replies to commands), so the connection is dropped and everything under way ends UNKNOWN.
 *
 * All of it belongs to the actor's thread.
 */
#ifndef ACTORS_IO_REDIS_H
#define ACTORS_IO_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/io/outcome.h"
#include "proto/slice.h"

struct actor;
struct redis;

/* ------------------------------------------------------------------------------------------------ replies */

enum redis_type {
    REDIS_NIL,
    REDIS_INTEGER,
    REDIS_TEXT,  /* bulk and status strings alike */
    REDIS_ARRAY, /* its items may be errors: a transaction's do */
    REDIS_ERROR
};

/* A reply or a part of one; valid until the handler returns. */
struct redis_reply;

/* None of these fails: what is not there is nil, 0 or empty, so a malformed reply cannot hurt. `reply` is never NULL.
 */
enum redis_type redis_reply_type(const struct redis_reply *reply);
int64_t redis_reply_integer(const struct redis_reply *reply);   /* also of a text that is a decimal number; else 0 */
struct slice redis_reply_text(const struct redis_reply *reply); /* of a text or an error; else empty */
uint32_t redis_reply_count(const struct redis_reply *reply);    /* items of an array; else 0 */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, uint32_t index); /* nil when there is none */

struct redis_result {
    enum outcome outcome;            /* RETRY: LOADING, MASTERDOWN, READONLY, MISCONF, OOM, BUSY, TRYAGAIN, CLUSTERDOWN,
                                        NOREPLICAS;            REJECTED: any other error reply */
    const struct redis_reply *reply; /* never NULL; nil unless Redis answered */
    const char *detail;              /* one sentence, never NULL: Redis's own error text when there is one */
};

/* Comes exactly once for each command, never from inside redis_command; not after redis_close. May issue commands. */
typedef void redis_handler(struct actor *me, void *context, const struct redis_result *result);

/* ------------------------------------------------------------------------------------------------ the connection */

/* A new connection is usable; commands issued from here are the first on it. `generation` is 1, 2, 3 ...: whoever must
 * look again after any doubt does so once for each. */
typedef void redis_connected_handler(struct actor *me, void *context, uint64_t generation);
/* It is lost; what was under way on it has ended UNKNOWN before this call. */
typedef void redis_lost_handler(struct actor *me, void *context, uint64_t generation, const char *why);

struct redis_options {
    const char *name;          /* the dependency's name in status; a literal */
    const char *uri;           /* redis://[user][:password]@host[:port][,host...]/[db]; read during the call */
    bool beats;                /* ask for a sign of life several times a second: a server that stands still is dropped
                                  within a second, also when nothing else is asked of it */
    bool primary_only;         /* of several hosts, go on to the next unless this one is a primary */
    uint64_t connect_limit_us; /* for all steps of a connection; 0: 2 s */
    uint64_t deadline_us;      /* of commands that name none; 0: 1 s */
    uint32_t commands_limit;   /* under way at most; 0: 65,536. Beyond: OVERLOADED */
    size_t bytes_limit;        /* of commands under way at most; 0: 32 MiB. Beyond: OVERLOADED */
    redis_connected_handler *on_connected; /* may be NULL */
    redis_lost_handler *on_lost;           /* may be NULL */
    void *context;                         /* handed to both */
};

/* Starts to connect and returns at once. NULL with a sentence in `why` when the address is malformed. */
struct redis *redis_open(struct actor *me, const struct redis_options *options, char *why, size_t room);
/* Drops everything: handlers still due do not come. Not from inside one of its handlers. Accepts NULL in *closed; sets
 * it to NULL. */
void redis_close(struct redis **closed);

/* The number of the present connection; 0 while there is none. */
uint64_t redis_generation(const struct redis *redis);
/* Commands that are sent or waiting to be, and not answered. */
uint32_t redis_under_way(const struct redis *redis);

/* Issues one command; the arguments are copied, any bytes are fine. `deadline_us` is from now; 0: the option's. `then`
 * may be NULL when nobody wants to know. MULTI ... EXEC issued in one turn stay together: nobody else uses the
 * connection. */
void redis_command(struct redis *redis,
                   const struct slice *arguments,
                   uint32_t count,
                   uint64_t deadline_us,
                   redis_handler *then,
                   void *context);
/* REDIS(redis, then, context, SLICE("GET"), key) */
#define REDIS(redis, then, context, ...)                                                                               \
    redis_command((redis), (const struct slice[]){ __VA_ARGS__ },                                                      \
                  sizeof((const struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice), 0, (then), (context))

/* Writes what this turn has issued. Cheap when there is nothing; accepts NULL. Call it in `turn_end`. */
void redis_flush(struct redis *redis);

#endif
