/* SPDX-License-Identifier: MIT */
/* code_stock -- see the header. */
#include "actors/links/code_stock.h"

#include <assert.h>
#include <string.h>

void code_stock_init(struct code_stock *stock, const struct code_permutation *permutation)
{
    memset(stock, 0, sizeof(*stock));
    stock->permutation = permutation;
}

uint64_t code_stock_stripe_blocks(const struct code_permutation *permutation, uint32_t stripe)
{
    uint64_t blocks = permutation->size / CODE_BLOCK; /* a last block that is not whole stays unused */

    return (blocks + CODE_STRIPES - 1 - stripe) / CODE_STRIPES;
}

uint64_t code_stock_end(uint32_t stripe, uint64_t end_block)
{
    return end_block == 0 ? 0 : ((end_block - 1) * CODE_STRIPES + stripe + 1) * CODE_BLOCK;
}

static uint64_t codes_in(const struct code_range *range)
{
    return (range->end_block - range->next_block) * CODE_BLOCK - range->next_code;
}

bool code_stock_add(struct code_stock *stock, uint32_t stripe, uint64_t first_block, uint64_t end_block)
{
    struct code_range *range;

    assert(stripe < CODE_STRIPES && first_block < end_block);
    assert(end_block <= code_stock_stripe_blocks(stock->permutation, stripe));
    if (stock->range_count == CODE_STOCK_RANGES_LIMIT)
        return false;
    range = &stock->ranges[stock->range_count++];
    *range = (struct code_range){ .stripe = stripe, .next_block = first_block, .end_block = end_block };
    stock->ready += codes_in(range);
    return true;
}

static void remove_range(struct code_stock *stock, uint32_t index)
{
    stock->range_count--;
    memmove(&stock->ranges[index], &stock->ranges[index + 1], (stock->range_count - index) * sizeof(stock->ranges[0]));
}

/* One block, or what is left of it, at a time; then it is the next range's turn. */
static uint32_t take_from_block(struct code_stock *stock, struct code_range *range, uint32_t count, char *codes)
{
    uint32_t taken = CODE_BLOCK - range->next_code;
    uint64_t block = range->next_block * CODE_STRIPES + range->stripe;

    if (taken > count)
        taken = count;
    for (uint32_t i = 0; i < taken; i++)
        code_permutation_write(stock->permutation, block * CODE_BLOCK + range->next_code + i,
                               codes + (size_t)i * stock->permutation->length);
    range->next_code += taken;
    if (range->next_code == CODE_BLOCK) {
        range->next_code = 0;
        range->next_block++;
    }
    stock->ready -= taken;
    return taken;
}

uint32_t code_stock_take(struct code_stock *stock, uint32_t count, char *codes)
{
    uint32_t taken = 0;

    while (taken < count && stock->range_count > 0) {
        struct code_range *range;

        stock->turn %= stock->range_count;
        range = &stock->ranges[stock->turn];
        taken += take_from_block(stock, range, count - taken, codes + (size_t)taken * stock->permutation->length);
        if (range->next_block == range->end_block)
            remove_range(stock, stock->turn);
        else if (range->next_code == 0)
            stock->turn++;
    }
    return taken;
}

uint64_t code_stock_ready_of(const struct code_stock *stock, uint32_t stripe)
{
    uint64_t ready = 0;

    for (uint32_t i = 0; i < stock->range_count; i++)
        if (stock->ranges[i].stripe == stripe)
            ready += codes_in(&stock->ranges[i]);
    return ready;
}
