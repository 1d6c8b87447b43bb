/* SPDX-License-Identifier: MIT */
/* code_stock: two servers' blocks never overlap, whatever the order; every code of a small length comes exactly once.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/links/code_stock.h"
#include "tests/testing.h"

static struct code_permutation permutation_of(uint32_t length)
{
    struct keyed_hash_key key = keyed_hash_key_of(SLICE("stock"));
    struct code_permutation permutation;

    code_permutation_init(&permutation, &key, length);
    return permutation;
}

static int compare_codes(const void *a, const void *b)
{
    return memcmp(a, b, 3);
}

static void all_codes_of_both_stripes_differ(void **state)
{
    struct code_permutation permutation = permutation_of(3);
    struct code_stock stock;
    uint32_t total = (uint32_t)(permutation.size / CODE_BLOCK * CODE_BLOCK);
    char *codes = malloc((size_t)total * 3 + 3);
    uint32_t taken = 0;
    uint64_t next[CODE_STRIPES] = { 0, 0 };

    (void)state;
    code_stock_init(&stock, &permutation);
    while (taken < total) {
        for (uint32_t stripe = 0; stripe < CODE_STRIPES; stripe++) {
            uint64_t end = next[stripe] + 1 + stripe; /* leases of different sizes */

            if (end > code_stock_stripe_blocks(&permutation, stripe))
                end = code_stock_stripe_blocks(&permutation, stripe);
            if (next[stripe] < end)
                assert_true(code_stock_add(&stock, stripe, next[stripe], end));
            next[stripe] = end;
        }
        taken += code_stock_take(&stock, 700, codes + (size_t)taken * 3);
    }
    assert_int_equal(taken, total);
    assert_int_equal(stock.ready, 0);
    qsort(codes, total, 3, compare_codes);
    for (uint32_t i = 1; i < total; i++)
        assert_int_not_equal(memcmp(codes + (size_t)i * 3, codes + (size_t)(i - 1) * 3, 3), 0);
    free(codes);
}

static void both_stripes_are_used_in_turn(void **state)
{
    struct code_permutation permutation = permutation_of(7);
    struct code_stock stock;
    char codes[7 * 1024];

    (void)state;
    code_stock_init(&stock, &permutation);
    assert_true(code_stock_add(&stock, 0, 10, 20));
    assert_true(code_stock_add(&stock, 1, 5, 15));
    assert_int_equal(stock.ready, 20 * CODE_BLOCK);
    assert_int_equal(code_stock_take(&stock, 1024, codes), 1024);
    assert_int_equal(code_stock_ready_of(&stock, 0), 8 * CODE_BLOCK);
    assert_int_equal(code_stock_ready_of(&stock, 1), 8 * CODE_BLOCK);
}

static void an_empty_stock_gives_nothing(void **state)
{
    struct code_permutation permutation = permutation_of(7);
    struct code_stock stock;
    char code[7];

    (void)state;
    code_stock_init(&stock, &permutation);
    assert_int_equal(code_stock_take(&stock, 1, code), 0);
    assert_true(code_stock_add(&stock, 1, 0, 1));
    for (int i = 0; i < CODE_BLOCK; i++)
        assert_int_equal(code_stock_take(&stock, 1, code), 1);
    assert_int_equal(code_stock_take(&stock, 1, code), 0);
}

static void too_many_ranges_are_refused(void **state)
{
    struct code_permutation permutation = permutation_of(7);
    struct code_stock stock;

    (void)state;
    code_stock_init(&stock, &permutation);
    for (uint64_t i = 0; i < CODE_STOCK_RANGES_LIMIT; i++)
        assert_true(code_stock_add(&stock, 0, 2 * i, 2 * i + 1));
    assert_false(code_stock_add(&stock, 0, 1000, 1001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_codes_of_both_stripes_differ),
        cmocka_unit_test(both_stripes_are_used_in_turn),
        cmocka_unit_test(an_empty_stock_gives_nothing),
        cmocka_unit_test(too_many_ranges_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
