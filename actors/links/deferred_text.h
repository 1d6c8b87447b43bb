/* SPDX-License-Identifier: MIT */
/*
 * deferred_text -- what a link that waits for the database is, and how it is written in Redis. Pure.
 */
#ifndef ACTORS_LINKS_DEFERRED_H
#define ACTORS_LINKS_DEFERRED_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/links/code_rules.h"
#include "actors/links/url_rules.h"

enum {
    DEFERRED_TOKEN_BYTES = 20,
    DEFERRED_TEXT_ROOM = 2 * URL_LIMIT_BYTES + 128 /* of one as text */
};

struct deferred_link {
    uint64_t id; /* given before it was accepted: however often it is sent to the database, it is made once */
    struct slice code;
    bool is_custom; /* the client's choice: if it is taken the link is refused, else another code is tried */
    struct slice original;
    struct slice location;
    uint64_t expires_us; /* wall clock; 0: never */
};

enum deferred_state {
    DEFERRED_WAITS,
    DEFERRED_MADE,    /* `code` leads to it */
    DEFERRED_TAKEN,   /* the custom code `code` was somebody else's */
    DEFERRED_REFUSED, /* the database would not have it, as `code` or any other */
    DEFERRED_SPOILT   /* no text of ours */
};

/* As text in `room`, DEFERRED_TEXT_ROOM bytes; the slice points there. */
struct slice deferred_text_waiting(const struct deferred_link *link, char *room);
/* `state` is made, taken or refused. */
struct slice deferred_text_end(enum deferred_state state, struct slice code, char *room);
/* Slices point into `text`. Only `code` is set unless it waits. */
enum deferred_state deferred_text_parse(struct slice text, struct deferred_link *ret_link);

#endif
