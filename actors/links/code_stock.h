/* SPDX-License-Identifier: MIT */
/*
 * code_stock -- the codes a keygen holds: numbers leased from two servers with disjoint stripes, and what comes out of
 * the permutation for them.
 *
 * All code numbers 0, 1, 2 ... are cut into blocks of CODE_BLOCK for ever; block k belongs to server k mod 2. A server
 * counts its own blocks, 0, 1, 2 ..., and knows nothing of the other's: whichever is lost, nothing repeats. The stock
 * takes from both in turn, so that neither stripe runs ahead by much. Pure; single-threaded.
 */
#ifndef ACTORS_LINKS_CODE_STOCK_H
#define ACTORS_LINKS_CODE_STOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/links/code_permutation.h"

/* CODE_BLOCK is part of what every code ever given means: it must never change. */
enum { CODE_BLOCK = 256, CODE_STRIPES = 2, CODE_STOCK_RANGES_LIMIT = 64 };

struct code_range { /* of one stripe's own blocks */
    uint32_t stripe;
    uint64_t next_block;
    uint64_t end_block; /* not included */
    uint32_t next_code; /* within next_block */
};

struct code_stock {
    const struct code_permutation *permutation; /* borrowed */
    struct code_range ranges[CODE_STOCK_RANGES_LIMIT];
    uint32_t range_count;
    uint32_t turn;  /* range that gives next */
    uint64_t ready; /* codes in all ranges */
};

void code_stock_init(struct code_stock *stock, const struct code_permutation *permutation);

/* The number of blocks that one stripe has at this code length; leases must end at or below it. */
uint64_t code_stock_stripe_blocks(const struct code_permutation *permutation, uint32_t stripe);

/* Above the numbers of all codes in the stripe's blocks below `end_block`. */
uint64_t code_stock_end(uint32_t stripe, uint64_t end_block);

/* Adds the stripe's blocks `first_block` to `end_block` - 1. False when the stock has too many ranges to take it. */
bool code_stock_add(struct code_stock *stock, uint32_t stripe, uint64_t first_block, uint64_t end_block);

/* Writes up to `count` codes, one behind the other without separators. Returns how many there were. */
uint32_t code_stock_take(struct code_stock *stock, uint32_t count, char *codes);

/* Codes of one stripe that are ready. */
uint64_t code_stock_ready_of(const struct code_stock *stock, uint32_t stripe);

#endif
