/* SPDX-License-Identifier: MIT */
/* code_counts -- see the header. Open addressing with linear probing, at most half full. */
#include "actors/clicks/code_counts.h"

#include <assert.h>
#include <stdlib.h>

#include "actors/io/keyed_hash.h"

enum { FEWEST_SLOTS = 16 };

/* One key for the process: set before the first use by whichever thread comes first, the same bytes whoever that is. */
static struct keyed_hash_key hash_key;
static void __attribute__((constructor)) make_hash_key(void)
{
    char secret[33];

    keyed_hash_random_text(secret, sizeof secret);
    hash_key = keyed_hash_key_of(slice_of(secret));
}

/* The slot that holds the code, or the free one where it belongs. */
static uint32_t find_slot(const struct code_counts *counts, struct slice code)
{
    uint32_t slot = (uint32_t)keyed_hash(&hash_key, code.at, code.size) & counts->slot_mask;

    while (counts->slots[slot] != 0) {
        const struct code_count *one = &counts->at[counts->slots[slot] - 1];

        if (one->size == code.size && memcmp(one->code, code.at, code.size) == 0)
            break;
        slot = (slot + 1) & counts->slot_mask;
    }
    return slot;
}

static void grow(struct code_counts *counts)
{
    uint32_t slots = counts->slots == NULL ? FEWEST_SLOTS : (counts->slot_mask + 1) * 2;

    free(counts->slots);
    counts->slots = calloc(slots, sizeof *counts->slots);
    counts->room = slots / 2;
    counts->at = realloc(counts->at, counts->room * sizeof *counts->at);
    assert(counts->slots != NULL && counts->at != NULL); /* a node without memory is replaced by its launcher */
    counts->slot_mask = slots - 1;
    for (uint32_t i = 0; i < counts->count; i++)
        counts->slots[find_slot(counts, code_count_code(&counts->at[i]))] = i + 1;
}

void code_counts_add(struct code_counts *counts, struct slice code, uint64_t clicks)
{
    assert(code.size > 0 && code.size <= CODE_SIZE_LIMIT);
    if (counts->count == counts->room)
        grow(counts);

    uint32_t slot = find_slot(counts, code);

    if (counts->slots[slot] == 0) {
        struct code_count *one = &counts->at[counts->count++];

        one->clicks = 0;
        one->size = (uint8_t)code.size;
        memcpy(one->code, code.at, code.size);
        counts->slots[slot] = counts->count;
    }
    counts->at[counts->slots[slot] - 1].clicks += clicks;
    counts->clicks += clicks;
}

uint64_t code_counts_of(const struct code_counts *counts, struct slice code)
{
    if (counts->count == 0 || code.size == 0 || code.size > CODE_SIZE_LIMIT)
        return 0;

    uint32_t slot = find_slot(counts, code);

    return counts->slots[slot] == 0 ? 0 : counts->at[counts->slots[slot] - 1].clicks;
}

void code_counts_merge(struct code_counts *into, const struct code_counts *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        code_counts_add(into, code_count_code(&from->at[i]), from->at[i].clicks);
}

size_t code_counts_bytes(const struct code_counts *counts)
{
    size_t slots = counts->slots == NULL ? 0 : (size_t)counts->slot_mask + 1;

    return counts->room * sizeof *counts->at + slots * sizeof *counts->slots;
}

void code_counts_clear(struct code_counts *counts, size_t keep_bytes)
{
    if (code_counts_bytes(counts) > keep_bytes) {
        code_counts_free(counts);
        return;
    }
    if (counts->count > 0)
        memset(counts->slots, 0, ((size_t)counts->slot_mask + 1) * sizeof *counts->slots);
    counts->count = 0;
    counts->clicks = 0;
}

void code_counts_free(struct code_counts *counts)
{
    free(counts->at);
    free(counts->slots);
    *counts = (struct code_counts){ 0 };
}
