/* SPDX-License-Identifier: MIT */
/*
 * code_counts -- how many clicks each short code has, for a few or a few million codes.
 *
 * A hash table over an array that keeps the order in which codes were first seen: walking it gives the same order in
 * every run, so that a simulation repeats exactly whatever the hash's key. Codes are what clients type, so the hash is
 * keyed: nobody can choose codes that collide. Only adds; a window is dropped whole, never counted down.
 */
#ifndef ACTORS_CLICKS_CODE_COUNTS_H
#define ACTORS_CLICKS_CODE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"

/* The longest short code there is: custom ones have up to 20 characters. */
enum { CODE_SIZE_LIMIT = 20 };

struct code_count {
    uint64_t clicks;
    uint8_t size;
    char code[CODE_SIZE_LIMIT]; /* not terminated */
};

/* All zero is an empty table. */
struct code_counts {
    struct code_count *at; /* `count` of them, in the order of first sight */
    uint32_t count;
    uint32_t room;
    uint32_t *slots; /* 1 + index into `at`, 0 for none */
    uint32_t slot_mask;
    uint64_t clicks; /* the sum */
};

/* Adds `clicks` to a code. The code has 1 to CODE_SIZE_LIMIT bytes (asserted: decoders have checked it). */
void code_counts_add(struct code_counts *counts, struct slice code, uint64_t clicks);
/* The clicks of a code, 0 when it is not there. */
uint64_t code_counts_of(const struct code_counts *counts, struct slice code);
/* Adds all of `from`. */
void code_counts_merge(struct code_counts *into, const struct code_counts *from);
/* Forgets all codes and keeps the memory, unless it is more than `keep_bytes`. */
void code_counts_clear(struct code_counts *counts, size_t keep_bytes);
/* Frees everything; an empty table that can be used again is left. */
void code_counts_free(struct code_counts *counts);
/* What it holds from the heap. */
size_t code_counts_bytes(const struct code_counts *counts);

static inline struct slice code_count_code(const struct code_count *one)
{
    return (struct slice){ .at = one->code, .size = one->size };
}

#endif
