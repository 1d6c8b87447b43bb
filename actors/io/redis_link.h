/* SPDX-License-Identifier: MIT */
/*
 * redis_link -- the connection behind struct redis: how it is made, written to, read from and lost.
 *
 * Only redis.c includes this. A connection's life: AWAY -(timer)-> RESOLVING -> CONNECTING -> GREETING -> READY, and
 * from anywhere back to AWAY by redis_link_lose. Handlers are only called from the loop (replies, timers), never from
 * within a call of the actor; so what goes wrong inside such a call is noted in `doubt` and done in the `turn` timer.
 */
#ifndef ACTORS_IO_REDIS_LINK_H
#define ACTORS_IO_REDIS_LINK_H

#include <hiredis/hiredis.h>

#include "actors/io/redis.h"
#include "actors/io/redis_queue.h"
#include "actors/io/uri.h"
#include "runtime/actor.h"

enum {
    REDIS_ARGUMENTS_LIMIT = 4096,       /* of one command */
    REDIS_INPUT_BYTES = 16 * 1024,      /* read at once */
    REDIS_INPUT_READS_LIMIT = 64,       /* per turn, so that other events get theirs */
    REDIS_REPLY_BYTES_LIMIT = 64 << 20, /* of one reply */
    REDIS_PAUSE_MIN_US = 50 * 1000,     /* between attempts to connect */
    REDIS_PAUSE_MAX_US = 1000 * 1000    /* back within a second or two, whatever happens */
};

enum link_state { LINK_AWAY, LINK_RESOLVING, LINK_CONNECTING, LINK_GREETING, LINK_READY };

struct redis {
    struct actor *me;
    struct redis_options options;
    struct uri uri;
    uint32_t host; /* the one in use or to be tried next */
    enum link_state state;
    struct resolve *resolve;
    redisContext *link;
    struct watch *watch;
    unsigned watched;
    uint64_t generation;        /* of the last connection that was ready */
    struct redis_queue sent;    /* in the order of their replies; the greeting's too */
    struct redis_queue refused; /* to be told in the turn timer */
    uint64_t bytes;             /* of all in `sent` */
    uint64_t appended;          /* bytes ever given to this connection */
    uint64_t reply_bytes;       /* read since the last whole reply */
    uint64_t sweep_at_us;       /* when the sweep timer is due; 0: not armed */
    uint64_t sweep_timer;
    uint64_t turn_timer;
    uint64_t beat_timer;    /* 0: no beats are wanted */
    uint64_t connect_timer; /* the next attempt, or the end of this one */
    char doubt[160];        /* why the connection is to be dropped; empty: it is fine */
    struct breaker breaker;
    char input[REDIS_INPUT_BYTES];
};

/* To be called by a timer: starts an attempt to connect. */
void redis_link_connect(struct actor *me, void *context);
/* Drops the connection, fails what is under way and plans the next attempt. From the loop only. */
void redis_link_lose(struct redis *redis, const char *reason);
/* Frees what the connection holds; nothing is called. */
void redis_link_close(struct redis *redis);
/* Says that the connection is to be dropped, once the loop is back. */
void redis_link_doubt(struct redis *redis, const char *why);
/* Adds one command to what is to be written, and `how` to what is to be answered. False when memory is short. */
bool redis_link_append(struct redis *redis,
                       const struct slice *arguments,
                       uint32_t count,
                       const struct redis_pending *how);
/* Writes as much as the socket takes. */
void redis_link_write(struct redis *redis);
/* Sees to it that the deadlines are looked at when this one passes. */
void redis_link_watch_deadline(struct redis *redis, uint64_t deadline_us);
/* Calls the handler of one command. */
void redis_link_complete(struct redis *redis,
                         const struct redis_pending *pending,
                         enum outcome outcome,
                         const void *reply,
                         const char *detail);
/* Arms the turn timer. In redis.c. */
void redis_arm_turn(struct redis *redis);

#endif
