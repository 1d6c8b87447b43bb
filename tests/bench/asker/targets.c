/* SPDX-License-Identifier: MIT */
#include "tests/bench/asker/targets.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 7, UNKNOWN_SIZE = 7 };

/* Vigna's splitmix64. */
static uint64_t random_next(struct targets *targets)
{
    uint64_t mixed = targets->random += 0x9e3779b97f4a7c15ull;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
    return mixed ^ mixed >> 31;
}

/* By the cumulative weights 1, 1 + 1/2, 1 + 1/2 + 1/3 … */
static void draw_zipf(struct targets *targets)
{
    double *sums = malloc(targets->count * sizeof(*sums));
    double sum = 0;

    assert(sums != NULL);
    for (uint32_t i = 0; i < targets->count; i++)
        sums[i] = sum += 1.0 / (i + 1);
    for (uint32_t i = 0; i < TARGETS_DRAWN; i++) {
        double wanted = (double)(random_next(targets) >> 11) / (double)(1ull << 53) * sum;
        uint32_t low = 0, high = targets->count - 1;

        while (low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (sums[middle] < wanted)
                low = middle + 1;
            else
                high = middle;
        }
        targets->drawn[i] = low;
    }
    free(sums);
}

void targets_start(struct targets *targets)
{
    targets->at = targets->first;
    if (targets->spread != SPREAD_ZIPF && targets->spread != SPREAD_EVEN)
        return;
    targets->drawn = malloc(TARGETS_DRAWN * sizeof(*targets->drawn));
    assert(targets->drawn != NULL);
    if (targets->spread == SPREAD_ZIPF)
        draw_zipf(targets);
    else
        for (uint32_t i = 0; i < TARGETS_DRAWN; i++)
            targets->drawn[i] = (uint32_t)(random_next(targets) % targets->count);
    targets->at = (uint32_t)(random_next(targets) % TARGETS_DRAWN);
}

static char *put(char *to, const char *text)
{
    return stpcpy(to, text);
}

static char *put_number(char *to, uint32_t number)
{
    for (int i = DIGITS - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
    return to + DIGITS;
}

static char *put_unknown(struct targets *targets, char *to)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t random = random_next(targets);

    for (int i = 0; i < UNKNOWN_SIZE; i++, random /= sizeof(letters) - 1)
        *to++ = letters[random % (sizeof(letters) - 1)];
    return to;
}

static size_t put_shorten(const struct targets *targets, char *room, uint32_t number)
{
    char body[TARGETS_REQUEST / 2];
    int body_size = snprintf(body, sizeof(body), "{\"url\":\"%s%07u\"}", targets->base, number);

    return (size_t)snprintf(room, TARGETS_REQUEST,
                            "POST /api/shorten HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                            "Content-Length: %d\r\n\r\n%s",
                            targets->host, body_size, body);
}

static uint32_t choose(struct targets *targets)
{
    switch (targets->spread) {
    case SPREAD_ZIPF:
    case SPREAD_EVEN:
        return targets->drawn[targets->at++ % TARGETS_DRAWN];
    case SPREAD_SEQUENCE:
        return targets->at++ % targets->count;
    default:
        return targets->at++;
    }
}

size_t targets_next(struct targets *targets, char *room, uint32_t *ret_number)
{
    char *to = room;

    *ret_number = choose(targets);
    if (targets->spread == SPREAD_SHORTEN)
        return put_shorten(targets, room, *ret_number);
    to = put(to, "GET /");
    if (targets->spread == SPREAD_ONE)
        to = put(to, targets->path);
    else if (targets->spread == SPREAD_UNKNOWN)
        to = put_unknown(targets, to);
    else
        to = put_number(put(to, targets->prefix), *ret_number);
    to = put(put(put(to, " HTTP/1.1\r\nHost: "), targets->host), "\r\n\r\n");
    return (size_t)(to - room);
}

static bool is_location(const struct targets *targets, uint32_t number, const struct answer *answer)
{
    size_t base_size = strlen(targets->base);
    char digits[DIGITS];

    if (answer->location == NULL || answer->location_size < base_size ||
        memcmp(answer->location, targets->base, base_size) != 0)
        return false;
    if (targets->spread == SPREAD_ONE)
        return answer->location_size == base_size;
    put_number(digits, number);
    return answer->location_size == base_size + DIGITS && memcmp(answer->location + base_size, digits, DIGITS) == 0;
}

bool targets_check(const struct targets *targets, uint32_t number, const struct answer *answer)
{
    if (answer->status != targets->status)
        return false;
    if (targets->contains != NULL &&
        memmem(answer->body, answer->body_size, targets->contains, strlen(targets->contains)) == NULL)
        return false;
    return targets->base == NULL || targets->spread == SPREAD_SHORTEN || is_location(targets, number, answer);
}
