/* SPDX-License-Identifier: MIT */
/* sha256 -- see the header. */
#include "actors/io/sha256.h"

#include <assert.h>
#include <sodium.h>

static_assert(SHA256_TEXT_ROOM == 2 * crypto_hash_sha256_BYTES + 1, "two digits a byte");

void sha256_text(struct slice bytes, char text[SHA256_TEXT_ROOM])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)bytes.at, bytes.size);
    (void)sodium_bin2hex(text, SHA256_TEXT_ROOM, hash, sizeof(hash));
}
