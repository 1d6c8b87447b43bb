/* SPDX-License-Identifier: MIT */
/*
 * link_copy -- what Redis holds under `url:CODE`: a link's row in short, or a tombstone.
 *
 * A copy reads `VERSION EXPIRES_US LOCATION`, as in `3 0 https://example.org/`: a person can read it, and a script of
 * Redis can compare versions. One without a location is of a link that was withdrawn. A tombstone, `!` and who put it
 * there, stands for a link that is being changed: it is in the way of everybody who would put the old row back.
 *
 * Pure, any thread.
 */
#ifndef ACTORS_LINKS_LINK_COPY_H
#define ACTORS_LINKS_LINK_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/links/code_rules.h"
#include "actors/links/url_rules.h"

enum {
    LINK_KEY_ROOM = CODE_LIMIT_BYTES + 5,         /* "url:", a code, and its end */
    LINK_COPY_ROOM = URL_LIMIT_BYTES + 2 * 21 + 1 /* two numbers, blanks, a location, and its end */
};

struct link_copy {
    uint64_t version;
    uint64_t expires_us;   /* wall clock; 0: never */
    struct slice location; /* empty: withdrawn */
};

enum link_copy_kind { LINK_COPY_UNREADABLE, LINK_COPY_TOMBSTONE, LINK_COPY_ROW };

/* What a link is to somebody who follows it; numbered as in the message link_resolved. */
enum link_state { LINK_UNKNOWN = 0, LINK_LIVE = 1, LINK_GONE = 2 };

enum link_state link_copy_state(const struct link_copy *copy, uint64_t wall_us);

/* The key of a code, at most CODE_LIMIT_BYTES. */
struct slice link_copy_key(struct slice code, char room[LINK_KEY_ROOM]);
struct slice link_copy_format(const struct link_copy *copy, char room[LINK_COPY_ROOM]);
/* *ret_copy borrows `text`; untouched unless a row. */
enum link_copy_kind link_copy_parse(struct slice text, struct link_copy *ret_copy);

#endif
