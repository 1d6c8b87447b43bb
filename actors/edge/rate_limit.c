/* SPDX-License-Identifier: MIT */
/* rate_limit -- see rate_limit.h. */
#include "actors/edge/rate_limit.h"

#include <assert.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SETS = 16384, PLACES = 4 };

struct place {
    uint64_t client;
    uint64_t due_us; /* when its next request is on schedule; 0: a free place */
};

struct rate_limit {
    uint64_t seed;
    struct place places[SETS][PLACES];
};

struct rate_limit *rate_limit_new(uint64_t seed)
{
    struct rate_limit *limit = calloc(1, sizeof(*limit));

    assert(limit != NULL);
    limit->seed = seed;
    return limit;
}

void rate_limit_destroy(struct rate_limit **limit)
{
    free(*limit);
    *limit = NULL;
}

/* The client's place, or the one that it takes over: of whom it matters least that we remember. */
static struct place *place_of(struct rate_limit *limit, uint64_t client)
{
    struct place *set = limit->places[XXH3_64bits_withSeed(&client, sizeof(client), limit->seed) % SETS];
    struct place *least = &set[0];

    for (int i = 0; i < PLACES; i++) {
        if (set[i].due_us != 0 && set[i].client == client)
            return &set[i];
        if (set[i].due_us < least->due_us)
            least = &set[i];
    }
    *least = (struct place){ .client = client };
    return least;
}

void rate_limit_hear(struct rate_limit *limit, uint64_t client, uint64_t due_us)
{
    struct place *place = place_of(limit, client);

    place->due_us = due_us > place->due_us ? due_us : place->due_us;
}

uint64_t rate_limit_interval_us(uint64_t per_second)
{
    return per_second < 1000000 ? 1000000 / per_second : 1;
}

uint64_t
rate_limit_wait_us(struct rate_limit *limit, uint64_t client, uint64_t per_second, uint64_t burst, uint64_t now_us)
{
    struct place *place = place_of(limit, client);
    uint64_t interval_us, tolerance_us, due_us;

    assert(per_second >= 1 && burst >= 1);
    interval_us = rate_limit_interval_us(per_second);
    tolerance_us = interval_us * (burst - 1);
    due_us = place->due_us > now_us ? place->due_us : now_us;
    if (due_us - now_us > tolerance_us)
        return due_us - now_us - tolerance_us;
    place->due_us = due_us + interval_us;
    return 0;
}
