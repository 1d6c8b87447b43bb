/* SPDX-License-Identifier: MIT */
/*
 * sim_redis -- the Redis adapter for tests in virtual time. Included by one test file, whose definitions take the
 * place of the adapter's.
 *
 * Replies come a little later, in order. The server keeps its data when a connection is cut; a test can make it lose
 * its tail, wipe it, refuse writes, or stop answering.
 */
#ifndef TESTS_SIM_CLICKS_SIM_REDIS_H
#define TESTS_SIM_CLICKS_SIM_REDIS_H

#include "tests/sim/clicks/sim_redis_server.h"

enum { FAKE_REDIS_DELAY_US = 100 };

/* ------------------------------------------------------------------------------------------------ the adapter */

struct redis {
    struct actor *me;
    struct redis_options options;
    uint64_t generation;
    uint64_t connections;
    uint64_t server_start; /* which process of the server it is connected to */
    struct fake_command *first;
    struct fake_command *last;
    uint64_t reply_timer;
    uint64_t connect_timer;
    struct redis_reply *transaction; /* between MULTI and EXEC */
};

static void fake_connect(struct actor *me, void *context);

static void fake_free_command(struct fake_command *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        free(c->items[i]);
    free(c);
}

static struct fake_command *fake_shift(struct redis *redis)
{
    struct fake_command *c = redis->first;

    redis->first = c->next;
    if (redis->first == NULL)
        redis->last = NULL;
    return c;
}

static void fake_cut(struct redis *redis, const char *why)
{
    uint64_t generation = redis->generation;

    if (generation == 0)
        return;
    redis->generation = 0;
    free_reply(redis->transaction);
    redis->transaction = NULL;
    actor_cancel_timer(redis->me, &redis->reply_timer);
    while (redis->first != NULL) {
        struct fake_command *c = fake_shift(redis);

        if (c->then != NULL)
            c->then(redis->me, c->context,
                    &(struct redis_result){ .outcome = OUTCOME_UNKNOWN, .reply = &nil_reply, .detail = why });
        fake_free_command(c);
    }
    if (redis->options.on_lost != NULL)
        redis->options.on_lost(redis->me, redis->options.context, generation, why);
    redis->connect_timer = actor_after(redis->me, 50000, fake_connect, redis);
}

static void fake_give(struct redis *redis, struct fake_command *c, struct redis_reply *reply)
{
    struct redis_result result = { .reply = reply, .detail = "" };

    if (reply->type == REDIS_ERROR) {
        bool later = strncmp(reply->text, "MISCONF", 7) == 0 || strncmp(reply->text, "OOM", 3) == 0;

        result.outcome = later ? OUTCOME_RETRY : OUTCOME_REJECTED;
        result.detail = reply->text;
    }
    if (c->then != NULL)
        c->then(redis->me, c->context, &result);
    free_reply(reply);
    fake_free_command(c);
}

static struct redis_reply *fake_run(struct redis *redis, const struct fake_command *c)
{
    struct redis_reply *reply;

    if (fake_is(c, "MULTI")) {
        redis->transaction = new_reply(REDIS_ARRAY);
        return string_reply("OK");
    }
    if (fake_is(c, "EXEC")) {
        reply = redis->transaction;
        redis->transaction = NULL;
        return reply;
    }
    if (redis->transaction == NULL)
        return fake_execute(c);
    add_item(redis->transaction, fake_execute(c));
    return string_reply("QUEUED");
}

static void fake_reply(struct actor *me, void *context)
{
    struct redis *redis = context;

    redis->reply_timer = 0;
    if (server.is_down || redis->server_start != server.starts) {
        fake_cut(redis, "the server is down");
        return;
    }
    while (redis->first != NULL && !server.is_hung) {
        struct fake_command *c;

        if (server.drop_after > 0 && --server.drop_after == 0) {
            if (server.drop_executes)
                free_reply(fake_run(redis, redis->first));
            fake_cut(redis, "the connection was cut");
            return;
        }
        c = fake_shift(redis);
        fake_give(redis, c, fake_run(redis, c));
    }
    if (server.is_hung && redis->first != NULL)
        redis->reply_timer = actor_after(me, 10000, fake_reply, redis);
}

static void fake_connect(struct actor *me, void *context)
{
    struct redis *redis = context;

    redis->connect_timer = 0;
    if (server.is_down || server.is_hung) {
        redis->connect_timer = actor_after(me, 50000, fake_connect, redis);
        return;
    }
    redis->generation = ++redis->connections;
    redis->server_start = server.starts;
    if (redis->options.on_connected != NULL)
        redis->options.on_connected(me, redis->options.context, redis->generation);
}

struct redis *redis_open(struct actor *me, const struct redis_options *options, char *why, size_t room)
{
    struct redis *redis = calloc(1, sizeof *redis);

    (void)why;
    (void)room;
    redis->me = me;
    redis->options = *options;
    redis->connect_timer = actor_after(me, 1000, fake_connect, redis);
    return redis;
}

void redis_close(struct redis **redis)
{
    if (*redis == NULL)
        return;
    actor_cancel_timer((*redis)->me, &(*redis)->reply_timer);
    actor_cancel_timer((*redis)->me, &(*redis)->connect_timer);
    while ((*redis)->first != NULL)
        fake_free_command(fake_shift(*redis));
    free_reply((*redis)->transaction);
    free(*redis);
    *redis = NULL;
}

uint64_t redis_generation(const struct redis *redis)
{
    return redis->generation;
}

uint32_t redis_under_way(const struct redis *redis)
{
    uint32_t count = 0;

    for (const struct fake_command *c = redis->first; c != NULL; c = c->next)
        count++;
    return count;
}

static void fake_not_sent(struct actor *me, void *context)
{
    struct fake_command *c = context;

    if (c->then != NULL)
        c->then(me, c->context,
                &(struct redis_result){ .outcome = OUTCOME_NOT_SENT, .reply = &nil_reply, .detail = "no connection" });
    fake_free_command(c);
}

void redis_command(struct redis *redis,
                   const struct slice *arguments,
                   uint32_t count,
                   uint64_t deadline_us,
                   redis_handler *then,
                   void *context)
{
    struct fake_command *c = calloc(1, sizeof *c);

    (void)deadline_us;
    assert(count <= FAKE_ITEMS_LIMIT * 32);
    for (uint32_t i = 0; i < count; i++) {
        c->items[i] = malloc(arguments[i].size + 1);
        memcpy(c->items[i], arguments[i].at, arguments[i].size);
        c->items[i][arguments[i].size] = '\0';
        c->sizes[i] = arguments[i].size;
    }
    c->count = count;
    c->then = then;
    c->context = context;
    if (redis->generation == 0) {
        (void)actor_after(redis->me, 0, fake_not_sent, c);
        return;
    }
    if (redis->last != NULL)
        redis->last->next = c;
    else
        redis->first = c;
    redis->last = c;
}

void redis_flush(struct redis *redis)
{
    if (redis->first != NULL && redis->reply_timer == 0)
        redis->reply_timer = actor_after(redis->me, FAKE_REDIS_DELAY_US, fake_reply, redis);
}

#endif
