/* SPDX-License-Identifier: MIT */
/*
 * redis_reply -- the read-only view of what Redis answered (declared in redis.h).
 *
 * A struct redis_reply is hiredis's redisReply under another name, so that no file outside this folder sees hiredis and
 * no reply is copied.
 */
#include "actors/io/redis_reply.h"

#include <hiredis/hiredis.h>

#include "actors/io/redis.h"

static const redisReply nil = { .type = REDIS_REPLY_NIL };

const struct redis_reply *redis_reply_of(const void *reply)
{
    return reply != NULL ? reply : (const void *)&nil;
}

static const redisReply *raw(const struct redis_reply *reply)
{
    return (const void *)reply;
}

enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    switch (raw(reply)->type) {
    case REDIS_REPLY_INTEGER:
        return REDIS_INTEGER;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TEXT;
    case REDIS_REPLY_ARRAY:
        return REDIS_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_ERROR;
    default:
        return REDIS_NIL;
    }
}

/* Decimal with an optional sign; 0 for anything else and for what does not fit. */
static int64_t decimal(struct slice text)
{
    bool is_negative = text.size > 0 && text.at[0] == '-';
    int64_t value = 0;

    if (text.size == (is_negative ? 1 : 0))
        return 0;
    for (size_t i = is_negative ? 1 : 0; i < text.size; i++) {
        int digit = text.at[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
            return 0;
    }
    return value;
}

int64_t redis_reply_integer(const struct redis_reply *reply)
{
    return raw(reply)->type == REDIS_REPLY_INTEGER ? raw(reply)->integer : decimal(redis_reply_text(reply));
}

struct slice redis_reply_text(const struct redis_reply *reply)
{
    enum redis_type type = redis_reply_type(reply);

    if (type != REDIS_TEXT && type != REDIS_ERROR)
        return (struct slice){ 0 };
    return (struct slice){ .at = raw(reply)->str, .size = raw(reply)->len };
}

uint32_t redis_reply_count(const struct redis_reply *reply)
{
    return raw(reply)->type == REDIS_REPLY_ARRAY ? (uint32_t)raw(reply)->elements : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, uint32_t index)
{
    return redis_reply_of(index < redis_reply_count(reply) ? raw(reply)->element[index] : NULL);
}

enum outcome redis_reply_outcome(const struct redis_reply *reply)
{
    static const char *const passing[] = { "LOADING", "MASTERDOWN", "READONLY",    "MISCONF",   "OOM",
                                           "BUSY",    "TRYAGAIN",   "CLUSTERDOWN", "NOREPLICAS" };
    struct slice text = redis_reply_text(reply);
    struct slice word = { .at = text.at };

    if (redis_reply_type(reply) != REDIS_ERROR)
        return OUTCOME_DONE;
    while (word.size < text.size && text.at[word.size] != ' ')
        word.size++;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (slice_is(word, passing[i]))
            return OUTCOME_RETRY;
    }
    return OUTCOME_REJECTED;
}
