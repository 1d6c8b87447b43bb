/* SPDX-License-Identifier: MIT */
/* code_space -- see the header. The set is open addressing with linear probing, at most half full. */
#include "actors/edge/code_space.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FIRST_SLOTS = 1024, CODE_BYTES_LIMIT = 20 };

void code_space_init(struct code_space *space, uint64_t seed, uint32_t keygens)
{
    *space = (struct code_space){ .seed = seed, .keygens = keygens, .slot_count = FIRST_SLOTS };
    space->slots = calloc(space->slot_count, sizeof(*space->slots));
    assert(space->slots != NULL);
}

void code_space_destroy(struct code_space *space)
{
    free(space->slots);
    *space = (struct code_space){ 0 };
}

/* ------------------------------------------------------------------------------------------------ promises */

static bool is_same(const struct code_space_promise *one, const struct code_space_promise *other)
{
    return one->code_length == other->code_length && memcmp(&one->key, &other->key, sizeof(one->key)) == 0;
}

/* What was read was of another length; with another key nothing changes for what was chosen, but nothing is lost. */
static void use_permutation(struct code_space *space, const struct code_space_promise *promise)
{
    if (space->permutation.length == promise->code_length &&
        memcmp(&space->permutation.key, &promise->key, sizeof(promise->key)) == 0)
        return;
    code_permutation_init(&space->permutation, &promise->key, promise->code_length);
    code_space_doubt(space);
}

static void count_together(struct code_space *space)
{
    space->ceiling = 0;
    space->until_us = UINT64_MAX;
    for (uint32_t i = 0; i < space->keygens; i++) {
        const struct code_space_promise *promise = &space->promises[i];

        if (promise->ceiling == 0 || !is_same(promise, &space->promises[0])) {
            space->ceiling = 0;
            return;
        }
        if (promise->ceiling > space->ceiling)
            space->ceiling = promise->ceiling;
        if (promise->until_us < space->until_us)
            space->until_us = promise->until_us;
    }
    if (space->ceiling != 0)
        use_permutation(space, &space->promises[0]);
}

void code_space_promised(struct code_space *space,
                         uint32_t keygen,
                         uint64_t asked_us,
                         uint64_t good_for_us,
                         uint64_t ceiling,
                         uint64_t code_length,
                         struct slice key)
{
    struct code_space_promise *promise = &space->promises[keygen];
    bool is_good = ceiling > 0 && code_length >= CODE_LENGTH_MINIMUM && code_length <= CODE_LENGTH_MAXIMUM &&
                   key.size == KEYED_HASH_KEY_BYTES;

    assert(keygen < CODE_SPACE_KEYGENS_LIMIT);
    *promise = (struct code_space_promise){ 0 };
    if (is_good) {
        promise->ceiling = ceiling;
        promise->until_us = asked_us + good_for_us;
        promise->code_length = (uint32_t)code_length;
        memcpy(promise->key.bytes, key.at, key.size);
    }
    if (space->keygens <= CODE_SPACE_KEYGENS_LIMIT)
        count_together(space);
}

/* ------------------------------------------------------------------------------------------------ the set */

static uint64_t hash_of(const struct code_space *space, struct slice code)
{
    uint64_t hash = XXH3_64bits_withSeed(code.at, code.size, space->seed);

    return hash != 0 ? hash : 1;
}

/* The slot that has the hash, or the free one where it would go. */
static uint64_t *slot_of(const struct code_space *space, uint64_t hash)
{
    uint32_t place = (uint32_t)hash & (space->slot_count - 1);

    while (space->slots[place] != 0 && space->slots[place] != hash)
        place = (place + 1) & (space->slot_count - 1);
    return &space->slots[place];
}

static void grow(struct code_space *space)
{
    uint64_t *old = space->slots;
    uint32_t old_count = space->slot_count;

    space->slot_count *= 2;
    space->slots = calloc(space->slot_count, sizeof(*space->slots));
    assert(space->slots != NULL);
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i] != 0)
            *slot_of(space, old[i]) = old[i];
    free(old);
}

static void add(struct code_space *space, struct slice code)
{
    uint64_t hash = hash_of(space, code);

    if (space->is_full || *slot_of(space, hash) == hash)
        return;
    if (space->chosen == CODE_SPACE_CHOSEN_LIMIT) {
        space->is_full = true;
        return;
    }
    if (2 * (space->chosen + 1) > space->slot_count)
        grow(space);
    *slot_of(space, hash) = hash;
    space->chosen++;
}

void code_space_trust(struct code_space *space, bool is_trusted)
{
    if (space->is_trusted && !is_trusted)
        code_space_doubt(space);
    space->is_trusted = is_trusted;
}

void code_space_doubt(struct code_space *space)
{
    space->is_complete = false;
    space->is_reading = false;
}

/* Of other lengths nothing is denied; before a length is known all are kept. */
void code_space_note(struct code_space *space, struct slice code)
{
    if (code.size <= CODE_BYTES_LIMIT && (space->permutation.length == 0 || code.size == space->permutation.length))
        add(space, code);
}

bool code_space_wants_reading(const struct code_space *space, uint64_t now_us)
{
    return space->is_trusted && !space->is_reading && !space->is_full && space->ceiling != 0 &&
           now_us < space->until_us && (!space->is_complete || now_us >= space->reread_us);
}

uint64_t code_space_begin(struct code_space *space)
{
    space->is_reading = true;
    return ++space->reading;
}

bool code_space_is_reading(const struct code_space *space, uint64_t reading)
{
    return space->is_reading && space->reading == reading;
}

void code_space_page(
    struct code_space *space, uint64_t reading, struct slice codes, uint64_t code_length, bool is_last, uint64_t now_us)
{
    if (!code_space_is_reading(space, reading))
        return;
    if (code_length != space->permutation.length || codes.size % code_length != 0) {
        code_space_give_up(space, reading);
        return;
    }
    for (size_t at = 0; at < codes.size; at += code_length)
        add(space, (struct slice){ .at = codes.at + at, .size = code_length });
    if (!is_last)
        return;
    space->is_reading = false;
    space->is_complete = true;
    space->reread_us = now_us + CODE_SPACE_REREAD_US;
}

void code_space_give_up(struct code_space *space, uint64_t reading)
{
    if (code_space_is_reading(space, reading))
        space->is_reading = false;
}

/* ------------------------------------------------------------------------------------------------ what it is for */

enum code_space_state code_space_state(const struct code_space *space, uint64_t now_us)
{
    if (space->keygens == 0 || space->keygens > CODE_SPACE_KEYGENS_LIMIT)
        return CODE_SPACE_NO_KEYGEN;
    if (space->ceiling == 0 || now_us >= space->until_us)
        return CODE_SPACE_NO_PROMISE;
    if (space->is_full)
        return CODE_SPACE_TOO_MANY;
    if (!space->is_trusted)
        return CODE_SPACE_DISTRUST;
    return space->is_complete ? CODE_SPACE_ON : CODE_SPACE_READING;
}

enum code_space_verdict code_space_verdict(const struct code_space *space, struct slice code, uint64_t now_us)
{
    uint64_t place, hash;

    if (code_space_state(space, now_us) != CODE_SPACE_ON || !code_permutation_read(&space->permutation, code, &place))
        return CODE_SPACE_ASK;
    hash = hash_of(space, code);
    if (*slot_of(space, hash) == hash || code_permutation_backward(&space->permutation, place) < space->ceiling)
        return CODE_SPACE_ASK;
    return CODE_SPACE_UNKNOWN;
}
