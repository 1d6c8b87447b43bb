/* SPDX-License-Identifier: MIT */
/*
 * api_keys -- who sends which key: callers that identify themselves with `Authorization: Bearer KEY`.
 *
 * Each key is a file in a folder: its name is the caller's, its first line the SHA-256 of the key in hexadecimal
 * digits. So the folder may be copied to every edge, and whoever reads it can use no key. A file that is put there or
 * removed counts from the next look on. What is known is looked up in memory.
 */
#ifndef ACTORS_EDGE_API_KEYS_H
#define ACTORS_EDGE_API_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

struct api_keys;

enum { API_KEYS_LIMIT = 10000, API_KEY_LIMIT_BYTES = 256 /* of a key; a longer one is nobody's */ };

struct api_keys *api_keys_new(void);
void api_keys_destroy(struct api_keys **keys); /* accepts NULL in *keys; sets it to NULL */

/* Reads the folder anew if it has changed since the last look. No folder: no keys. Returns false when there are more
 * than API_KEYS_LIMIT: the rest are not known. */
bool api_keys_look(struct api_keys *keys, const char *folder);
/* Whether the Authorization field is a known key's; then `ret_caller` is a number that is this key's alone, the same at
 * every edge. */
bool api_keys_find(const struct api_keys *keys, struct slice authorization, uint64_t *ret_caller);

#endif
