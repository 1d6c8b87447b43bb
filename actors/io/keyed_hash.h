/* SPDX-License-Identifier: MIT */
/*
 * keyed_hash -- the keyed hash functions of libsodium that Shunt uses, and random bytes for secrets.
 *
 * SipHash-2-4 (Aumasson and Bernstein, 2012) is a pseudo-random function made for short inputs: without the key its
 * values cannot be told from chance, and one call costs some 20 ns. Keys are made from text of any length with BLAKE2b,
 * so an operator can write a sentence where a key is wanted. All functions may be called from any thread.
 */
#ifndef ACTORS_IO_KEYED_HASH_H
#define ACTORS_IO_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"

enum { KEYED_HASH_KEY_BYTES = 16 };

struct keyed_hash_key {
    unsigned char bytes[KEYED_HASH_KEY_BYTES];
};

/* A key from text. The same text gives the same key on every machine. */
struct keyed_hash_key keyed_hash_key_of(struct slice text);

/* SipHash-2-4 of `size` bytes. */
uint64_t keyed_hash(const struct keyed_hash_key *key, const void *bytes, size_t size);

/* A number that names a key without telling it: for logs and for noticing that a key was changed. */
uint64_t keyed_hash_fingerprint(const struct keyed_hash_key *key);

/* Fills `room` - 1 characters with random hexadecimal digits, fit for a secret, and terminates. */
void keyed_hash_random_text(char *to, size_t room);

#endif
