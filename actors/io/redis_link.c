/* SPDX-License-Identifier: MIT */
/*
 * redis_link -- see redis_link.h.
 *
 * Built on the part of hiredis that formats commands and parses replies; its async layer would allocate per command and
 * decide by itself when to write. Here a ring of pending commands stands beside the one output buffer: the n-th reply
 * belongs to the n-th command, and the place of a command in the stream of bytes tells, after a loss, whether any of it
 * had left.
 */
#include "actors/io/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "actors/io/redis_reply.h"
#include "actors/io/resolve.h"

static void sweep(struct actor *me, void *context);

static const char *host_name(const struct redis *redis)
{
    return redis->uri.hosts[redis->host].name;
}

void redis_link_doubt(struct redis *redis, const char *why)
{
    if (redis->doubt[0] == '\0')
        snprintf(redis->doubt, sizeof(redis->doubt), "%s", why);
    redis_arm_turn(redis);
}

void redis_link_complete(struct redis *redis,
                         const struct redis_pending *pending,
                         enum outcome outcome,
                         const void *reply,
                         const char *detail)
{
    const struct redis_result result = { .outcome = outcome, .reply = redis_reply_of(reply), .detail = detail };

    actor_span_end(redis->me, &pending->span, SPAN_STORE, pending->verb, redis->options.name);
    if (pending->then != NULL)
        pending->then(redis->me, pending->context, &result);
}

/* ------------------------------------------------------------------------------------------------ losing it */

void redis_link_close(struct redis *redis)
{
    resolve_cancel(&redis->resolve);
    actor_unwatch(redis->me, &redis->watch);
    if (redis->link != NULL)
        redisFree(redis->link);
    redis->link = NULL;
    actor_cancel_timer(redis->me, &redis->connect_timer);
    actor_cancel_timer(redis->me, &redis->sweep_timer);
    redis->sweep_at_us = 0;
    redis->state = LINK_AWAY;
}

static void fail_sent(struct redis *redis, uint64_t written, const char *why)
{
    struct redis_queue lost = redis->sent;

    redis->sent = (struct redis_queue){ 0 };
    redis->bytes = 0;
    while (lost.count > 0) {
        struct redis_pending pending = redis_queue_pop(&lost);

        redis_link_complete(redis, &pending, pending.begins_at >= written ? OUTCOME_NOT_SENT : OUTCOME_UNKNOWN, NULL,
                            why);
    }
    redis_queue_destroy(&lost);
}

void redis_link_lose(struct redis *redis, const char *reason)
{
    bool was_ready = redis->state == LINK_READY;
    uint64_t written = redis->appended - (redis->link != NULL ? sdslen(redis->link->obuf) : 0);
    char why[256];

    snprintf(why, sizeof(why), "The connection to Redis at %s:%u failed: %s", host_name(redis),
             redis->uri.hosts[redis->host].port, reason);
    redis_link_close(redis);
    redis->doubt[0] = '\0';
    redis->host = (redis->host + 1) % redis->uri.host_count;
    breaker_failed(&redis->breaker, actor_now_us(redis->me), actor_random(redis->me), why);
    redis->connect_timer =
        actor_after(redis->me, redis->breaker.retry_at_us - actor_now_us(redis->me), redis_link_connect, redis);
    actor_log(redis->me, LOG_WARN, "%s: %s", redis->options.name, why);
    fail_sent(redis, written, why);
    if (was_ready && redis->options.on_lost != NULL)
        redis->options.on_lost(redis->me, redis->options.context, redis->generation, why);
}

/* ------------------------------------------------------------------------------------------------ writing */

static void watch_for(struct redis *redis, unsigned events)
{
    if (redis->watched == events)
        return;
    redis->watched = events;
    actor_watch_change(redis->me, redis->watch, events);
}

void redis_link_write(struct redis *redis)
{
    int is_empty = 0;

    if (sdslen(redis->link->obuf) == 0)
        return;
    if (redisBufferWrite(redis->link, &is_empty) != REDIS_OK)
        redis_link_doubt(redis, redis->link->errstr);
    else
        watch_for(redis, is_empty ? WATCH_READ : WATCH_READ | WATCH_WRITE);
}

void redis_link_watch_deadline(struct redis *redis, uint64_t deadline_us)
{
    uint64_t now_us = actor_now_us(redis->me);

    if (redis->sweep_at_us != 0 && redis->sweep_at_us <= deadline_us)
        return;
    actor_cancel_timer(redis->me, &redis->sweep_timer);
    redis->sweep_at_us = deadline_us;
    redis->sweep_timer = actor_after(redis->me, deadline_us > now_us ? deadline_us - now_us : 0, sweep, redis);
}

/* The deadlines of all commands need one timer: it is due when the first of them can be, and then looks again. */
static void sweep(struct actor *me, void *context)
{
    struct redis *redis = context;
    uint64_t next_us = UINT64_MAX;

    redis->sweep_timer = 0;
    redis->sweep_at_us = 0;
    for (uint32_t i = 0; i < redis->sent.count; i++) {
        uint64_t deadline_us = redis_queue_at(&redis->sent, i)->deadline_us;

        if (deadline_us < next_us)
            next_us = deadline_us;
    }
    if (next_us <= actor_now_us(me))
        redis_link_lose(redis, "it did not answer in time");
    else if (next_us != UINT64_MAX)
        redis_link_watch_deadline(redis, next_us);
}

bool redis_link_append(struct redis *redis,
                       const struct slice *arguments,
                       uint32_t count,
                       const struct redis_pending *how)
{
    const char *at[REDIS_ARGUMENTS_LIMIT];
    size_t sizes[REDIS_ARGUMENTS_LIMIT];
    struct redis_pending pending = *how;
    size_t before = sdslen(redis->link->obuf);

    assert(count > 0 && count <= REDIS_ARGUMENTS_LIMIT);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = arguments[i].size > 0 ? arguments[i].at : "";
        sizes[i] = arguments[i].size;
    }
    if (redisAppendCommandArgv(redis->link, (int)count, at, sizes) != REDIS_OK)
        return false;
    pending.begins_at = redis->appended;
    pending.bytes = sdslen(redis->link->obuf) - before;
    redis->appended += pending.bytes;
    redis->bytes += pending.bytes;
    redis_queue_push(&redis->sent, &pending);
    return true;
}

/* ------------------------------------------------------------------------------------------------ greeting */

static void greeted(struct actor *me, void *context, const struct redis_result *result)
{
    struct redis *redis = context;

    (void)me;
    if (result->outcome == OUTCOME_RETRY || result->outcome == OUTCOME_REJECTED)
        redis_link_doubt(redis, result->detail);
}

static void got_role(struct actor *me, void *context, const struct redis_result *result)
{
    struct redis *redis = context;

    greeted(me, context, result);
    if (result->outcome == OUTCOME_DONE && !slice_is(redis_reply_text(redis_reply_at(result->reply, 0)), "master"))
        redis_link_doubt(redis, "it is a replica and a primary is wanted");
}

/* The last step of the greeting: a Redis that is loading its data refuses it. */
static void got_ping(struct actor *me, void *context, const struct redis_result *result)
{
    struct redis *redis = context;

    greeted(me, context, result);
    if (result->outcome != OUTCOME_DONE || redis->doubt[0] != '\0')
        return;
    redis->state = LINK_READY;
    redis->generation++;
    actor_cancel_timer(me, &redis->connect_timer);
    breaker_succeeded(&redis->breaker);
    actor_log(me, LOG_INFO, "%s: connected to Redis at %s:%u", redis->options.name, host_name(redis),
              redis->uri.hosts[redis->host].port);
    if (redis->options.on_connected != NULL)
        redis->options.on_connected(me, redis->options.context, redis->generation);
}

static void step(struct redis *redis, redis_handler *then, const struct slice *arguments, uint32_t count)
{
    const struct redis_pending how = { .then = then, .context = redis, .deadline_us = UINT64_MAX };

    if (!redis_link_append(redis, arguments, count, &how))
        redis_link_doubt(redis, "out of memory");
}
#define STEP(redis, then, ...)                                                                                         \
    step((redis), (then), (const struct slice[]){ __VA_ARGS__ },                                                       \
         sizeof((const struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice))

static void greet(struct redis *redis)
{
    char name[160];

    redis->state = LINK_GREETING;
    if (redis->uri.user[0] != '\0')
        STEP(redis, greeted, SLICE("AUTH"), slice_of(redis->uri.user), slice_of(redis->uri.password));
    else if (redis->uri.password[0] != '\0')
        STEP(redis, greeted, SLICE("AUTH"), slice_of(redis->uri.password));
    if (redis->uri.path[0] != '\0')
        STEP(redis, greeted, SLICE("SELECT"), slice_of(redis->uri.path));
    snprintf(name, sizeof(name), "shunt:%s/%s", actor_node(redis->me), actor_name(redis->me));
    STEP(redis, greeted, SLICE("CLIENT"), SLICE("SETNAME"), slice_of(name));
    if (redis->options.primary_only)
        STEP(redis, got_role, SLICE("ROLE"));
    STEP(redis, got_ping, SLICE("PING"));
    redis_link_write(redis);
}

/* ------------------------------------------------------------------------------------------------ events */

static void deliver(struct redis *redis, redisReply *reply)
{
    const struct redis_reply *view = redis_reply_of(reply);
    enum outcome outcome = redis_reply_outcome(view);
    char detail[256] = "";

    redis->reply_bytes = 0;
    if (redis->sent.count == 0) {
        redis_link_doubt(redis, "it answered what nobody asked");
        return;
    }
    struct redis_pending pending = redis_queue_pop(&redis->sent);
    redis->bytes -= pending.bytes;
    slice_copy(redis_reply_text(view), detail, outcome != OUTCOME_DONE ? sizeof(detail) : 1);
    if (redis->options.primary_only && strncmp(detail, "READONLY", 8) == 0)
        redis_link_doubt(redis, "it is no primary any more");
    redis_link_complete(redis, &pending, outcome, reply, detail);
}

static void deliver_all(struct redis *redis)
{
    redisReply *reply = NULL;

    while (redis->doubt[0] == '\0') {
        if (redisGetReplyFromReader(redis->link, (void **)&reply) != REDIS_OK)
            redis_link_doubt(redis, redis->link->errstr);
        else if (reply == NULL)
            break;
        else
            deliver(redis, reply);
        if (reply != NULL)
            freeReplyObject(reply);
        reply = NULL;
    }
}

static void read_in(struct redis *redis)
{
    ssize_t size = sizeof(redis->input);

    for (int i = 0; i < REDIS_INPUT_READS_LIMIT && size == sizeof(redis->input) && redis->doubt[0] == '\0'; i++) {
        size = recv(redis->link->fd, redis->input, sizeof(redis->input), 0);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
            redis_link_doubt(redis, size == 0 ? "it closed the connection" : strerrordesc_np(errno));
            break;
        }
        if (size < 0)
            break;
        redis->reply_bytes += (uint64_t)size;
        if (redis->reply_bytes > REDIS_REPLY_BYTES_LIMIT)
            redis_link_doubt(redis, "a reply is larger than 64 MiB");
        else if (redisReaderFeed(redis->link->reader, redis->input, (size_t)size) != REDIS_OK)
            redis_link_doubt(redis, redis->link->reader->errstr);
        else
            deliver_all(redis);
    }
}

static void finish_connect(struct redis *redis)
{
    int failure = 0;
    socklen_t size = sizeof(failure);

    if (getsockopt(redis->link->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        failure = errno;
    if (failure != 0) {
        redis_link_doubt(redis, strerrordesc_np(failure));
        return;
    }
    watch_for(redis, WATCH_READ);
    greet(redis);
}

static void ready(struct actor *me, void *context, int fd, unsigned events)
{
    struct redis *redis = context;

    (void)me;
    (void)fd;
    if (redis->state == LINK_CONNECTING) {
        finish_connect(redis);
    } else {
        if (events & WATCH_WRITE)
            redis_link_write(redis);
        if (events & WATCH_READ)
            read_in(redis);
    }
    if (redis->doubt[0] != '\0')
        redis_link_lose(redis, redis->doubt);
}

/* ------------------------------------------------------------------------------------------------ connecting */

static void took_too_long(struct actor *me, void *context)
{
    struct redis *redis = context;

    (void)me;
    redis->connect_timer = 0;
    redis_link_lose(redis, "connecting took too long");
}

static void connect_to(struct redis *redis, const char *address)
{
    const struct uri_host *host = &redis->uri.hosts[redis->host];

    redis->state = LINK_CONNECTING;
    redis->appended = 0;
    redis->reply_bytes = 0;
    redis->link = redisConnectNonBlock(address, host->port);
    if (redis->link == NULL || redis->link->err != 0) {
        redis_link_doubt(redis, redis->link != NULL ? redis->link->errstr : "out of memory");
        return;
    }
    fcntl(redis->link->fd, F_SETFD, FD_CLOEXEC);
    redis->watched = WATCH_WRITE;
    redis->watch = actor_watch(redis->me, redis->link->fd, WATCH_WRITE, ready, redis);
    if (redis->watch == NULL)
        redis_link_doubt(redis, strerrordesc_np(errno));
}

static void resolved(struct actor *me, void *context, const char *address, const char *why)
{
    struct redis *redis = context;

    (void)me;
    redis->resolve = NULL;
    if (address != NULL)
        connect_to(redis, address);
    else
        redis_link_doubt(redis, why);
}

void redis_link_connect(struct actor *me, void *context)
{
    struct redis *redis = context;

    redis->connect_timer = 0;
    if (!breaker_allows(&redis->breaker, actor_now_us(me))) {
        redis->connect_timer = actor_after(me, REDIS_PAUSE_MIN_US, redis_link_connect, redis);
        return;
    }
    redis->connect_timer = actor_after(me, redis->options.connect_limit_us, took_too_long, redis);
    if (resolve_is_address(host_name(redis))) {
        connect_to(redis, host_name(redis));
        return;
    }
    redis->state = LINK_RESOLVING;
    redis->resolve = resolve_start(me, host_name(redis), resolved, redis);
    if (redis->resolve == NULL)
        redis_link_doubt(redis, "there is no thread to resolve its name");
}
