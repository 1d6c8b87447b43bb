/* SPDX-License-Identifier: MIT */
/*
 * code_permutation -- turns the numbers 0, 1, 2 ... into short codes that look like chance, each code exactly once.
 *
 * The numbers below 62^length are permuted by a balanced Feistel network under a secret key; whatever falls outside is
 * permuted again until it falls inside (cycle walking: Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
 * 2002). A permutation repeats nothing by construction, so codes need no table of what was given, and without the key
 * neither a code's neighbour nor how many there are can be told from it.
 *
 * The round function is SipHash-2-4: a keyed pseudo-random function whose input here is 16 bytes. AES would do as well,
 * but its block is far wider than a half of ours and without special instructions it is slower; HMAC-SHA-256 costs
 * twenty times as much and adds nothing at 21 bits a half. Ten rounds, as in NIST's FF1 (SP 800-38G), because small
 * domains need more than the four of Luby and Rackoff. Halves of equal width cover less than four times the domain, so
 * a walk takes fewer than four steps on average (1.25 at 7 characters).
 */
#ifndef ACTORS_LINKS_CODE_PERMUTATION_H
#define ACTORS_LINKS_CODE_PERMUTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/keyed_hash.h"

/* 62^10 is the largest power of 62 below 2^63. */
enum { CODE_LENGTH_MINIMUM = 1, CODE_LENGTH_MAXIMUM = 10 };

struct code_permutation {
    struct keyed_hash_key key;
    uint64_t size;      /* how many codes there are: 62^length */
    uint32_t length;    /* characters of a code */
    uint32_t half_bits; /* of each half of the Feistel network */
};

/* `length` is from CODE_LENGTH_MINIMUM to CODE_LENGTH_MAXIMUM. Nothing to free. */
void code_permutation_init(struct code_permutation *permutation, const struct keyed_hash_key *key, uint32_t length);

/* Where `index` (below `size`) goes, and back. */
uint64_t code_permutation_forward(const struct code_permutation *permutation, uint64_t index);
uint64_t code_permutation_backward(const struct code_permutation *permutation, uint64_t place);

/* Writes the code of `index`: `length` characters of 0-9A-Za-z, not terminated. */
void code_permutation_write(const struct code_permutation *permutation, uint64_t index, char *code);

/* The place of a code, from which code_permutation_backward finds its number. False when it is none: of another length,
 * or with other characters. */
bool code_permutation_read(const struct code_permutation *permutation, struct slice code, uint64_t *ret_place);

#endif
