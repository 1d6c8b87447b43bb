/* SPDX-License-Identifier: MIT */
/* lane_keys -- see the header. */
#include "actors/clicks/lane_keys.h"

#include <inttypes.h>
#include <stdio.h>

const char lane_read_script[] = "local members = redis.call('ZRANGE', KEYS[1], 0, -1) "
                                "local windows = {} "
                                "local last = '0' "
                                "for i, member in ipairs(members) do "
                                "  windows[2 * i - 1] = member "
                                "  windows[2 * i] = redis.call('HGET', KEYS[1] .. ':' .. member, ARGV[1]) or '0' "
                                "  last = string.match(member, '-(%d+)$') "
                                "end "
                                "return { windows, redis.call('XRANGE', KEYS[2], '(' .. last .. '-0', '+') }";

const char lane_forget_script[] = "local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1]) "
                                  "for _, member in ipairs(members) do "
                                  "  redis.call('UNLINK', KEYS[1] .. ':' .. member) "
                                  "  redis.call('ZREM', KEYS[1], member) "
                                  "end "
                                  "return #members";

struct lane_key lane_stream_key(uint64_t epoch, uint32_t lane)
{
    struct lane_key key;

    (void)snprintf(key.text, sizeof key.text, "clicks:{%" PRIu64 ":%" PRIu32 "}", epoch, lane);
    return key;
}

struct lane_key lane_registry_key(uint64_t epoch, uint32_t lane)
{
    struct lane_key key;

    (void)snprintf(key.text, sizeof key.text, "windows:{%" PRIu64 ":%" PRIu32 "}", epoch, lane);
    return key;
}

struct lane_key lane_window_key(uint64_t epoch, uint32_t lane, uint64_t first_seq, uint64_t last_seq)
{
    struct lane_key key;

    (void)snprintf(key.text, sizeof key.text, "windows:{%" PRIu64 ":%" PRIu32 "}:%" PRIu64 "-%" PRIu64, epoch, lane,
                   first_seq, last_seq);
    return key;
}

struct lane_key lane_window_member(uint64_t first_seq, uint64_t last_seq)
{
    struct lane_key key;

    (void)snprintf(key.text, sizeof key.text, "%" PRIu64 "-%" PRIu64, first_seq, last_seq);
    return key;
}

struct lane_key lane_entry_id(uint64_t last_seq)
{
    struct lane_key key;

    (void)snprintf(key.text, sizeof key.text, "%" PRIu64 "-0", last_seq);
    return key;
}

/* Digits up to `end`, at least one, without overflow. */
static bool parse_number(const char *at, const char *end, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (at == end)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            return false;
    }
    *ret_number = number;
    return true;
}

bool lane_parse_pair(struct slice text, uint64_t *ret_first, uint64_t *ret_second)
{
    const char *dash = text.size > 0 ? memchr(text.at, '-', text.size) : NULL;
    uint64_t first;
    uint64_t second;

    if (dash == NULL || !parse_number(text.at, dash, &first) || !parse_number(dash + 1, text.at + text.size, &second))
        return false;
    *ret_first = first;
    *ret_second = second;
    return true;
}
