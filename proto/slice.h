/* SPDX-License-Identifier: MIT */
/*
 * slice -- a run of bytes that somebody else owns.
 *
 * Text in messages travels as slices: not terminated, never NULL-dependent (an empty slice may have a NULL start),
 * valid as long as its owner says. Decoded messages point into the frame they came in: valid until the handler returns.
 */
#ifndef PROTO_SLICE_H
#define PROTO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *at; /* not terminated */
    size_t size;    /* bytes */
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){ .at = "" literal, .size = sizeof(literal) - 1 })

/* A slice of a terminated string; NULL becomes the empty slice. Borrows `text`. */
static inline struct slice slice_of(const char *text)
{
    return (struct slice){ .at = text, .size = text != NULL ? strlen(text) : 0 };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

/* Copies at most `room` - 1 bytes and terminates. Returns false if it had to cut. `room` is at least 1. */
static inline bool slice_copy(struct slice from, char *to, size_t room)
{
    size_t size = from.size < room ? from.size : room - 1;

    if (size > 0)
        memcpy(to, from.at, size);
    to[size] = '\0';
    return size == from.size;
}

/* What a hexadecimal digit of either case stands for; -1: it is none. */
static inline int slice_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
