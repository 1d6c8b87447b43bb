/* SPDX-License-Identifier: MIT */
/*
 * schema -- what a message looks like, as data.
 *
 * Every message is declared once, as rows in a file `proto/messages/NAME.def`; struct, encoder, bounds-checked decoder
 * and printer follow from the rows. A `.def` file reads:
 *
 *     RECORD(click, "one redirect that was answered")              a part of messages; never travels alone
 *         FIELD(click, TEXT, code, "the short code")
 *     END(click)
 *     MESSAGE(click_commit, 0x0201, "edge -> click_buffer: ...")   a message; the id is for ever
 *         LIST(click_commit, click, clicks, 4096, "at most one turn's worth")
 *     END(click_commit)
 *
 * Ids are for ever: add, never renumber, never reuse. New fields go last: an old reader skips what it does not know, a
 * new reader finds zero where an old writer had nothing. `proto/messages/NAME.h` makes the structs visible to C:
 *
 *     struct click { struct slice code; };
 *     struct click_commit { struct { const struct click *at; uint32_t count; } clicks; };
 *     extern const struct message_schema click_schema, click_commit_schema;
 */
#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"

enum field_type {
    FIELD_BOOL,  /* bool */
    FIELD_U64,   /* uint64_t */
    FIELD_I64,   /* int64_t */
    FIELD_F64,   /* double */
    FIELD_TEXT,  /* struct slice, at most TEXT_LIMIT bytes, UTF-8 by convention, not checked */
    FIELD_BYTES, /* struct slice, at most BYTES_LIMIT bytes */
    FIELD_LIST   /* struct { const struct ITEM *at; uint32_t count; } */
};

/* The longest text and byte string that a decoder accepts. A URL has 8 KiB; a page of console text 64 KiB. */
enum { TEXT_LIMIT = 64 * 1024, BYTES_LIMIT = 4 * 1024 * 1024 };

/* The in-memory shape of every LIST field, for code that handles them all alike. */
struct any_list {
    const void *at;
    uint32_t count;
};

struct message_schema;

struct field_schema {
    const char *name;
    const char *doc;
    const struct message_schema *item; /* of a LIST, else NULL */
    uint32_t offset;                   /* in the struct */
    uint32_t limit;                    /* of a LIST: the most items */
    enum field_type type;
};

struct message_schema {
    const char *name;
    const char *doc;
    const struct field_schema *fields;
    uint32_t field_count;
    uint32_t size; /* of the struct, bytes */
    uint16_t id;   /* 0 for a record */
};

#endif
