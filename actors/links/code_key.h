/* SPDX-License-Identifier: MIT */
/*
 * code_key -- the secret that makes codes unguessable: written in the settings, or kept in a file that is made when it
 * is missing. Called from a start; the file is small and read once.
 */
#ifndef ACTORS_LINKS_CODE_KEY_H
#define ACTORS_LINKS_CODE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "actors/io/keyed_hash.h"

enum { CODE_KEY_MINIMUM = 16 /* characters */, CODE_KEY_LIMIT = 255 /* bytes of a key, of a path */ };

/* `setting` is the key itself, or @PATH: then the key is the first line of that file, which is made with a fresh secret
 * that only this user can read if there is none. False with a sentence in `why`. */
bool code_key_read(const char *setting, struct keyed_hash_key *ret_key, char *why, size_t room);

#endif
