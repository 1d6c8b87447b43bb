/* SPDX-License-Identifier: MIT */
/* rate_share -- see the header. */
#include "actors/edge/rate_share.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/edge/rate_limit.h"
#include "actors/io/redis.h"
#include "runtime/actor.h"

enum {
    REPORTS_LIMIT = 8, /* under way; meanwhile notes gather */
    NUMBER_ROOM = 24,
    KEY_ROOM = 40
};

/* KEYS the clients, ARGV the interval between two requests and how many each has made. Answers how far ahead of its
 * schedule each is, in us. */
static const char report_script[] = "local time = redis.call('TIME') "
                                    "local now = time[1] * 1000000 + time[2] "
                                    "local ahead = {} "
                                    "for i, key in ipairs(KEYS) do "
                                    "local due = tonumber(redis.call('GET', key) or '0') "
                                    "if due < now then due = now end "
                                    "due = due + ARGV[1] * ARGV[i + 1] "
                                    "redis.call('SET', key, string.format('%.0f', due), 'PX', "
                                    "string.format('%.0f', (due - now) / 1000 + 1)) "
                                    "ahead[i] = string.format('%.0f', due - now) "
                                    "end "
                                    "return ahead";

struct note {
    uint64_t client;
    uint32_t requests;
};

struct report {               /* one limit's notes; under way, or being gathered */
    struct rate_limit *limit; /* NULL: free */
    uint64_t per_second;
    uint32_t count;
    struct note notes[RATE_SHARE_CLIENTS];
};

struct rate_share {
    struct redis *redis; /* owned */
    struct report gathered[RATE_SHARE_LIMITS];
    struct report sent[REPORTS_LIMIT];
};

void rate_share_note(
    struct rate_share *share, uint32_t which, struct rate_limit *limit, uint64_t client, uint64_t per_second)
{
    struct report *report = &share->gathered[which];
    uint32_t i = 0;

    assert(which < RATE_SHARE_LIMITS);
    report->limit = limit;
    report->per_second = per_second;
    while (i < report->count && report->notes[i].client != client)
        i++;
    if (i == RATE_SHARE_CLIENTS)
        return;
    if (i == report->count)
        report->notes[report->count++] = (struct note){ .client = client };
    report->notes[i].requests++;
}

static void heard(struct actor *me, void *context, const struct redis_result *result)
{
    struct report *report = context;

    for (uint32_t i = 0; i < report->count && i < redis_reply_count(result->reply); i++) {
        int64_t ahead_us = redis_reply_integer(redis_reply_at(result->reply, i));

        if (ahead_us > 0)
            rate_limit_hear(report->limit, report->notes[i].client, actor_now_us(me) + (uint64_t)ahead_us);
    }
    report->limit = NULL;
}

static void send(struct rate_share *share, uint32_t which, struct report *report)
{
    static char texts[RATE_SHARE_CLIENTS][2][KEY_ROOM]; /* the edge is one thread, and redis_command copies */
    struct slice arguments[4 + 2 * RATE_SHARE_CLIENTS];
    char keys[NUMBER_ROOM], interval[NUMBER_ROOM];
    uint32_t count = 0;

    (void)snprintf(keys, sizeof(keys), "%" PRIu32, report->count);
    (void)snprintf(interval, sizeof(interval), "%" PRIu64, rate_limit_interval_us(report->per_second));
    arguments[count++] = SLICE("EVAL");
    arguments[count++] = slice_of(report_script);
    arguments[count++] = slice_of(keys);
    for (uint32_t i = 0; i < report->count; i++) {
        (void)snprintf(texts[i][0], KEY_ROOM, "{rate}:%" PRIu32 ":%016" PRIx64, which, report->notes[i].client);
        (void)snprintf(texts[i][1], KEY_ROOM, "%" PRIu32, report->notes[i].requests);
        arguments[count++] = slice_of(texts[i][0]);
    }
    arguments[count++] = slice_of(interval);
    for (uint32_t i = 0; i < report->count; i++)
        arguments[count++] = slice_of(texts[i][1]);
    redis_command(share->redis, arguments, count, 0, heard, report);
}

void rate_share_flush(struct rate_share *share)
{
    for (uint32_t which = 0; which < RATE_SHARE_LIMITS; which++) {
        struct report *gathered = &share->gathered[which];
        uint32_t i = 0;

        if (gathered->count == 0)
            continue;
        while (i < REPORTS_LIMIT && share->sent[i].limit != NULL)
            i++;
        if (redis_generation(share->redis) == 0)
            gathered->count = 0; /* counted here alone */
        if (i == REPORTS_LIMIT || gathered->count == 0)
            continue;
        share->sent[i] = *gathered;
        gathered->count = 0;
        send(share, which, &share->sent[i]);
    }
    redis_flush(share->redis);
}

struct rate_share *rate_share_open(struct actor *me, const char *uri, char *why, size_t room)
{
    struct rate_share *share = calloc(1, sizeof(*share));

    assert(share != NULL);
    share->redis =
        redis_open(me, &(struct redis_options){ .name = "redis-limits", .uri = uri, .primary_only = true }, why, room);
    if (share->redis == NULL)
        rate_share_close(&share);
    return share;
}

void rate_share_close(struct rate_share **share)
{
    if (*share == NULL)
        return;
    redis_close(&(*share)->redis);
    free(*share);
    *share = NULL;
}
