/* SPDX-License-Identifier: MIT */
/* code_permutation -- see the header. */
#include "actors/links/code_permutation.h"

#include <assert.h>
#include <endian.h>

enum { ROUNDS = 10, BASE = 62 };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static_assert(sizeof(digits) - 1 == BASE, "base 62 has 62 digits");

void code_permutation_init(struct code_permutation *permutation, const struct keyed_hash_key *key, uint32_t length)
{
    uint64_t size = 1;
    uint32_t half_bits = 1;

    assert(length >= CODE_LENGTH_MINIMUM && length <= CODE_LENGTH_MAXIMUM);
    for (uint32_t i = 0; i < length; i++)
        size *= BASE;
    while ((UINT64_C(1) << (2 * half_bits)) < size)
        half_bits++;
    *permutation = (struct code_permutation){ .key = *key, .size = size, .length = length, .half_bits = half_bits };
}

/* The length takes part, so that codes of 7 and of 8 characters have nothing in common under one key. */
static uint64_t round_value(const struct code_permutation *permutation, uint32_t round, uint64_t half)
{
    uint64_t input[2] = { htole64(((uint64_t)permutation->length << 32) | round), htole64(half) };
    uint64_t mask = (UINT64_C(1) << permutation->half_bits) - 1;

    return le64toh(keyed_hash(&permutation->key, input, sizeof(input))) & mask;
}

static uint64_t feistel_forward(const struct code_permutation *permutation, uint64_t value)
{
    uint64_t left = value >> permutation->half_bits;
    uint64_t right = value & ((UINT64_C(1) << permutation->half_bits) - 1);

    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t next = left ^ round_value(permutation, round, right);

        left = right;
        right = next;
    }
    return (left << permutation->half_bits) | right;
}

static uint64_t feistel_backward(const struct code_permutation *permutation, uint64_t value)
{
    uint64_t left = value >> permutation->half_bits;
    uint64_t right = value & ((UINT64_C(1) << permutation->half_bits) - 1);

    for (uint32_t round = ROUNDS; round-- > 0;) {
        uint64_t before = right ^ round_value(permutation, round, left);

        right = left;
        left = before;
    }
    return (left << permutation->half_bits) | right;
}

/* Both walks end: they follow one cycle of a permutation, and the cycle holds the value they started from, which is
 * inside. */
uint64_t code_permutation_forward(const struct code_permutation *permutation, uint64_t index)
{
    assert(index < permutation->size);
    do
        index = feistel_forward(permutation, index);
    while (index >= permutation->size);
    return index;
}

uint64_t code_permutation_backward(const struct code_permutation *permutation, uint64_t place)
{
    assert(place < permutation->size);
    do
        place = feistel_backward(permutation, place);
    while (place >= permutation->size);
    return place;
}

void code_permutation_write(const struct code_permutation *permutation, uint64_t index, char *code)
{
    uint64_t place = code_permutation_forward(permutation, index);

    for (uint32_t i = permutation->length; i-- > 0;) {
        code[i] = digits[place % BASE];
        place /= BASE;
    }
}

static int digit_of(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A' + 10;
    return letter >= 'a' && letter <= 'z' ? letter - 'a' + 36 : -1;
}

bool code_permutation_read(const struct code_permutation *permutation, struct slice code, uint64_t *ret_place)
{
    *ret_place = 0;
    if (code.size != permutation->length)
        return false;
    for (size_t i = 0; i < code.size; i++) {
        int digit = digit_of(code.at[i]);

        if (digit < 0)
            return false;
        *ret_place = *ret_place * BASE + (uint64_t)digit;
    }
    return true;
}
