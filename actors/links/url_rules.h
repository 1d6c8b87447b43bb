/* SPDX-License-Identifier: MIT */
/*
 * url_rules -- which URLs a short link may point to, and what its redirect will say.
 *
 * A target is read by the WHATWG rules, because the browser that follows the link reads it so; what those rules would
 * quietly mend (a missing `//`, a backslash, a tab inside) is refused instead, because people and other parsers read
 * such text differently, and that difference is what phishing lives on. Every refusal is a sentence that says what to
 * change.
 *
 * Pure: no clock, no I/O, any thread.
 */
#ifndef ACTORS_LINKS_URL_RULES_H
#define ACTORS_LINKS_URL_RULES_H

#include <stdbool.h>

#include "proto/slice.h"

enum {
    URL_LIMIT_BYTES = 8 * 1024, /* of a target as given and of its serialisation */
    URL_SCHEMES_LIMIT = 16,     /* allowed schemes */
    URL_OWN_PLACES_LIMIT = 32,  /* places where this platform itself answers */
    URL_HOST_LIMIT_BYTES = 256, /* a DNS name has at most 253 */
    URL_REASON_LIMIT_BYTES = 256
};

/* A place where this platform answers: a link to it would be a loop. */
struct url_place {
    char host[URL_HOST_LIMIT_BYTES]; /* as the parser writes it, without a dot at the end */
    char port[8];                    /* decimal; empty: the scheme's own */
};

struct url_rules {
    char schemes[URL_SCHEMES_LIMIT][16]; /* lower case */
    unsigned scheme_count;
    struct url_place own[URL_OWN_PLACES_LIMIT];
    unsigned own_count;
    bool public_only; /* refuse hosts that only a private network knows */
};

/* What an accepted target becomes. Slices point into the text that was given, or into `href`. */
struct url_target {
    struct slice original; /* as given, without blanks around it */
    struct slice location; /* what the redirect says */
    char href[URL_LIMIT_BYTES];
};

/* Reads settings into rules: `schemes` and `own_places` are lists separated by blanks or commas; a place is a URL, a
 * host or host:port. Returns NULL, or a sentence that says what is wrong with them (valid until the next call on this
 * thread). */
const char *url_rules_init(struct url_rules *rules, struct slice schemes, struct slice own_places, bool public_only);

/* Whether `given` may be the target of a link. If so, fills *ret_target, which must outlive the use of its slices and
 * may not be moved; if not, writes one sentence to `reason` and leaves *ret_target undefined. */
bool url_rules_accept(const struct url_rules *rules,
                      struct slice given,
                      struct url_target *ret_target,
                      char reason[URL_REASON_LIMIT_BYTES]);

#endif
