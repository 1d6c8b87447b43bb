/* SPDX-License-Identifier: MIT */
/* redis -- see redis.h for the promise and redis_link.h for the connection behind it. */
#include "actors/io/redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/or_default.h"
#include "actors/io/redis_link.h"

enum {
    DEFAULT_CONNECT_LIMIT_US = 2 * 1000 * 1000,
    DEFAULT_DEADLINE_US = 1000 * 1000,
    DEFAULT_COMMANDS = 65536,
    DEFAULT_BYTES = 32 << 20,
    BEAT_US = 250 * 1000,
    BEAT_LIMIT_US = 450 * 1000 /* with the pause before it less than a second */
};

static void turn(struct actor *me, void *context);

void redis_arm_turn(struct redis *redis)
{
    if (redis->turn_timer == 0)
        redis->turn_timer = actor_after(redis->me, 0, turn, redis);
}

static void refuse(struct redis *redis, enum outcome outcome, struct redis_pending *how)
{
    if (how->then == NULL)
        return;
    how->refusal = outcome;
    redis_queue_push(&redis->refused, how);
    redis_arm_turn(redis);
}

/* Those that were refused while the handlers ran wait for the next time. */
static void tell_refused(struct redis *redis)
{
    char away[256];

    snprintf(away, sizeof(away), "Redis is away: %s", redis->breaker.reason);
    for (uint32_t left = redis->refused.count; left > 0; left--) {
        struct redis_pending pending = redis_queue_pop(&redis->refused);

        redis_link_complete(redis, &pending, pending.refusal, NULL,
                            pending.refusal == OUTCOME_OVERLOADED ? "Too many commands to Redis are under way" : away);
    }
}

static void turn(struct actor *me, void *context)
{
    struct redis *redis = context;

    (void)me;
    redis->turn_timer = 0;
    if (redis->link != NULL && redis->state >= LINK_GREETING && redis->doubt[0] == '\0')
        redis_link_write(redis);
    if (redis->doubt[0] != '\0')
        redis_link_lose(redis, redis->doubt);
    tell_refused(redis);
}

static void beat(struct actor *me, void *context)
{
    struct redis *redis = context;

    (void)me;
    if (redis->state == LINK_READY && redis->doubt[0] == '\0')
        redis_command(redis, (const struct slice[]){ SLICE("PING") }, 1, BEAT_LIMIT_US, NULL, NULL);
}

/* ------------------------------------------------------------------------------------------------ public */

struct redis *redis_open(struct actor *me, const struct redis_options *options, char *why, size_t room)
{
    struct uri uri;
    struct redis *redis;

    if (!uri_parse(options->uri, 6379, &uri, why, room))
        return NULL;
    if (strcmp(uri.scheme, "redis") != 0) {
        snprintf(why, room, "the address of Redis begins with %s://; expected redis://", uri.scheme);
        return NULL;
    }
    redis = calloc(1, sizeof(*redis));
    assert(redis != NULL);
    redis->me = me;
    redis->options = *options;
    redis->options.uri = NULL;
    redis->options.connect_limit_us = or_default(options->connect_limit_us, DEFAULT_CONNECT_LIMIT_US);
    redis->options.deadline_us = or_default(options->deadline_us, DEFAULT_DEADLINE_US);
    redis->options.commands_limit = (uint32_t)or_default(options->commands_limit, DEFAULT_COMMANDS);
    redis->options.bytes_limit = or_default(options->bytes_limit, DEFAULT_BYTES);
    redis->uri = uri;
    /* A threshold of one: without a connection nothing may be let through. */
    breaker_init(&redis->breaker, 1, REDIS_PAUSE_MIN_US, REDIS_PAUSE_MAX_US);
    snprintf(redis->breaker.reason, sizeof(redis->breaker.reason), "it has not been reached yet");
    actor_show_breaker(me, options->name, &redis->breaker);
    redis->connect_timer = actor_after(me, 0, redis_link_connect, redis);
    if (options->beats)
        redis->beat_timer = actor_every(me, BEAT_US, beat, redis);
    return redis;
}

void redis_close(struct redis **closed)
{
    struct redis *redis = *closed;

    *closed = NULL;
    if (redis == NULL)
        return;
    actor_show_breaker(redis->me, redis->options.name, NULL);
    redis_link_close(redis);
    actor_cancel_timer(redis->me, &redis->turn_timer);
    actor_cancel_timer(redis->me, &redis->beat_timer);
    redis_queue_destroy(&redis->sent);
    redis_queue_destroy(&redis->refused);
    free(redis);
}

uint64_t redis_generation(const struct redis *redis)
{
    return redis->state == LINK_READY ? redis->generation : 0;
}

uint32_t redis_under_way(const struct redis *redis)
{
    return redis->sent.count;
}

void redis_command(struct redis *redis,
                   const struct slice *arguments,
                   uint32_t count,
                   uint64_t deadline_us,
                   redis_handler *then,
                   void *context)
{
    struct redis_pending how = { .then = then,
                                 .context = context,
                                 .deadline_us =
                                     actor_now_us(redis->me) + or_default(deadline_us, redis->options.deadline_us),
                                 .span = actor_span_begin(redis->me) };
    uint64_t bytes = 0;

    if (how.span.trace.is_recorded)
        slice_copy(arguments[0], how.verb, sizeof(how.verb));

    for (uint32_t i = 0; i < count; i++)
        bytes += arguments[i].size;
    if (redis->state != LINK_READY || redis->doubt[0] != '\0')
        refuse(redis, OUTCOME_NOT_SENT, &how);
    else if (redis->sent.count >= redis->options.commands_limit || redis->bytes + bytes > redis->options.bytes_limit ||
             !redis_link_append(redis, arguments, count, &how))
        refuse(redis, OUTCOME_OVERLOADED, &how);
    else {
        redis_link_watch_deadline(redis, how.deadline_us);
        redis_arm_turn(redis);
    }
}

void redis_flush(struct redis *redis)
{
    if (redis == NULL || redis->state != LINK_READY || redis->doubt[0] != '\0')
        return;
    redis_link_write(redis);
    if (redis->doubt[0] == '\0' && redis->refused.count == 0)
        actor_cancel_timer(redis->me, &redis->turn_timer);
}
