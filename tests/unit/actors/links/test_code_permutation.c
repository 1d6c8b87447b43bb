/* SPDX-License-Identifier: MIT */
/* code_permutation: a bijection, proven by trying every number where there are few; scattered; different under each
 * key. */
#include <stdlib.h>
#include <string.h>

#include "actors/links/code_permutation.h"
#include "tests/testing.h"

static struct code_permutation permutation_of(const char *key_text, uint32_t length)
{
    struct keyed_hash_key key = keyed_hash_key_of(slice_of(key_text));
    struct code_permutation permutation;

    code_permutation_init(&permutation, &key, length);
    return permutation;
}

static void every_number_has_its_own_place(void **state)
{
    (void)state;
    for (uint32_t length = 1; length <= 3; length++) {
        struct code_permutation permutation = permutation_of("a key for tests", length);
        unsigned char *seen = calloc(permutation.size, 1);

        for (uint64_t i = 0; i < permutation.size; i++) {
            uint64_t place = code_permutation_forward(&permutation, i);

            assert_true(place < permutation.size);
            assert_int_equal(seen[place], 0);
            seen[place] = 1;
            assert_int_equal(code_permutation_backward(&permutation, place), i);
        }
        free(seen);
    }
}

static void the_way_back_holds_at_every_length(void **state)
{
    (void)state;
    for (uint32_t length = CODE_LENGTH_MINIMUM; length <= CODE_LENGTH_MAXIMUM; length++) {
        struct code_permutation permutation = permutation_of("another key", length);
        uint64_t step = permutation.size / 997 + 1;

        for (uint64_t i = 0; i < permutation.size; i += step)
            assert_int_equal(code_permutation_backward(&permutation, code_permutation_forward(&permutation, i)), i);
        assert_int_equal(
            code_permutation_backward(&permutation, code_permutation_forward(&permutation, permutation.size - 1)),
            permutation.size - 1);
    }
}

static void there_are_62_to_the_seventh_codes(void **state)
{
    struct code_permutation permutation = permutation_of("k", 7);

    (void)state;
    assert_int_equal(permutation.size, UINT64_C(3521614606208));
    assert_int_equal(permutation.half_bits, 21);
}

/* Neighbours share a character at a given place with chance 1/62; 7,000 places give 113 on average, deviation 10.5. */
static void neighbours_have_nothing_in_common(void **state)
{
    struct code_permutation permutation = permutation_of("a key for tests", 7);
    char before[7];
    int same = 0;

    (void)state;
    code_permutation_write(&permutation, 0, before);
    for (uint64_t i = 1; i <= 1000; i++) {
        char code[7];

        code_permutation_write(&permutation, i, code);
        for (int c = 0; c < 7; c++)
            same += code[c] == before[c];
        memcpy(before, code, sizeof(code));
    }
    assert_in_range(same, 113 - 63, 113 + 63);
}

static void every_key_has_codes_of_its_own(void **state)
{
    struct code_permutation one = permutation_of("key one", 7);
    struct code_permutation two = permutation_of("key two", 7);
    int same = 0;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        same += code_permutation_forward(&one, i) == code_permutation_forward(&two, i);
    assert_int_equal(same, 0);
}

/* The codes of a key are for ever: a change of the algorithm would hand out again what links already have. */
static void codes_never_change(void **state)
{
    struct code_permutation permutation = permutation_of("golden", 7);
    char code[8] = "";

    (void)state;
    code_permutation_write(&permutation, 0, code);
    assert_string_equal(code, "8HZ5BMV");
    code_permutation_write(&permutation, 3521614606207, code);
    assert_string_equal(code, "BdP15Lt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_its_own_place),    cmocka_unit_test(the_way_back_holds_at_every_length),
        cmocka_unit_test(there_are_62_to_the_seventh_codes), cmocka_unit_test(neighbours_have_nothing_in_common),
        cmocka_unit_test(every_key_has_codes_of_its_own),    cmocka_unit_test(codes_never_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
