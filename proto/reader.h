/* SPDX-License-Identifier: MIT */
/*
 * reader -- reads MessagePack from bytes that nobody vouches for.
 *
 * msgpack-c's C decoder builds a tree of objects on the heap before anything can be checked. This one walks the bytes
 * once, checks each length against what is left before it uses it, and allocates nothing. Every function returns false
 * at the first byte that does not fit and leaves the reader failed for good, so a caller may check once at the end. The
 * format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
#ifndef PROTO_READER_H
#define PROTO_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

enum reader_type {
    READER_NIL,
    READER_BOOL,
    READER_UNSIGNED,
    READER_NEGATIVE,
    READER_FLOAT,
    READER_TEXT,
    READER_BYTES,
    READER_ARRAY,
    READER_MAP,
    READER_EXTENSION
};

/* One value's head. Of text and bytes the body is in `body`; arrays and maps are followed by `count` values (pairs). */
struct reader_value {
    enum reader_type type;
    union {
        bool boolean;
        uint64_t number;  /* READER_UNSIGNED */
        int64_t negative; /* READER_NEGATIVE: below zero */
        double real;
        uint32_t count; /* READER_ARRAY, READER_MAP */
    };
    struct slice body; /* READER_TEXT, READER_BYTES, READER_EXTENSION */
};

static inline struct reader reader_of(struct slice bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.at;

    return (struct reader){ .at = at, .end = bytes.size > 0 ? at + bytes.size : at };
}

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

bool reader_next(struct reader *reader, struct reader_value *ret_value);
bool reader_array(struct reader *reader, uint32_t *ret_count);
bool reader_unsigned(struct reader *reader, uint64_t *ret_number);
bool reader_text(struct reader *reader, struct slice *ret_text); /* text or bytes */
/* Skips one value with all that is in it; nesting deeper than 16 fails. */
bool reader_skip(struct reader *reader);

#endif
