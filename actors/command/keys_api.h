/* SPDX-License-Identifier: MIT */
/*
 * keys_api -- the API keys of callers: `shunt keys make NAME --role api` shows a new key once and keeps its hash, where
 * the edges look for it (actors/edge/api_keys.h). In the data folder, which must have been entered.
 */
#ifndef ACTORS_COMMAND_KEYS_API_H
#define ACTORS_COMMAND_KEYS_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { KEYS_API_KEY_ROOM = 6 + 40 + 1 };

/* Makes a key for `name` (letters, digits, - and _, at most 64) and returns it in `key`. With `replace` also when there
 * is one, which is no key any more. False with a sentence in `why`. */
bool keys_api_make(const char *name, bool replace, char key[KEYS_API_KEY_ROOM], char *why, size_t room);
bool keys_api_is_there(const char *name);
bool keys_api_revoke(const char *name, char *why, size_t room);
/* Adds a row for each, as `shunt keys list` has them. */
void keys_api_list(json_t *rows);

#endif
