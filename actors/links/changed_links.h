/* SPDX-License-Identifier: MIT */
/*
 * changed_links -- the links that were changed lately, and to which version: copies older than that are wrong.
 *
 * Asked for each copy that is read, so that a copy which no tombstone could reach (the replica's, while the primary is
 * away) is not believed. Entries are forgotten once no copy can be that old. Bounded: when there are too many changes
 * at once the table says that it cannot vouch for anybody. Pure; single-threaded.
 */
#ifndef ACTORS_LINKS_CHANGED_LINKS_H
#define ACTORS_LINKS_CHANGED_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/links/code_rules.h"

enum { CHANGED_LINKS_SLOTS = 4096, CHANGED_LINKS_LIMIT = CHANGED_LINKS_SLOTS / 2 };

struct changed_link {
    char code[CODE_LIMIT_BYTES];
    uint8_t size;      /* bytes of the code; 0: the slot is free */
    uint64_t version;  /* the newest that is known */
    uint64_t until_us; /* when it may be forgotten */
};

struct changed_links {
    struct changed_link slots[CHANGED_LINKS_SLOTS];
    uint32_t count;
    uint64_t full_until_us; /* until then a change may be missing here; 0: none is */
};

/* Notes a change, to be kept until `until_us`. */
void changed_links_note(
    struct changed_links *changed, struct slice code, uint64_t version, uint64_t now_us, uint64_t until_us);
/* Whether a copy of this version is as good as all that was noted. */
bool changed_links_allow(const struct changed_links *changed, struct slice code, uint64_t version);
/* Whether nothing was left out for want of room. */
bool changed_links_are_complete(const struct changed_links *changed, uint64_t now_us);

#endif
