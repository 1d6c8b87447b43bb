/* SPDX-License-Identifier: MIT */
/* keyed_hash -- see the header. The only file that knows libsodium. */
#include "actors/io/keyed_hash.h"

#include <assert.h>
#include <sodium.h>

static_assert(KEYED_HASH_KEY_BYTES == crypto_shorthash_KEYBYTES, "SipHash-2-4 takes a key of 16 bytes");
static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4 gives 64 bits");

struct keyed_hash_key keyed_hash_key_of(struct slice text)
{
    struct keyed_hash_key key;
    int failed = crypto_generichash(key.bytes, sizeof(key.bytes), (const unsigned char *)text.at, text.size, NULL, 0);

    assert(!failed);
    return key;
}

uint64_t keyed_hash(const struct keyed_hash_key *key, const void *bytes, size_t size)
{
    uint64_t hash = 0;

    crypto_shorthash((unsigned char *)&hash, bytes, size, key->bytes);
    return hash;
}

uint64_t keyed_hash_fingerprint(const struct keyed_hash_key *key)
{
    static const char label[] = "fingerprint";

    return keyed_hash(key, label, sizeof(label) - 1);
}

void keyed_hash_random_text(char *to, size_t room)
{
    static const char digits[] = "0123456789abcdef";
    int failed = sodium_init(); /* safe to repeat and from any thread; 1 when it was done before */

    assert(failed >= 0 && room > 0);
    for (size_t i = 0; i + 1 < room; i++)
        to[i] = digits[randombytes_uniform(16)];
    to[room - 1] = '\0';
}
