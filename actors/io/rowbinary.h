/* SPDX-License-Identifier: MIT */
/*
 * rowbinary -- ClickHouse's RowBinary format: values of a row one behind the other, little-endian, strings with their
 * length.
 *
 * Source: https://clickhouse.com/docs/en/interfaces/formats#rowbinary. The reader trusts no length.
 */
#ifndef ACTORS_IO_ROWBINARY_H
#define ACTORS_IO_ROWBINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"

enum { ROWBINARY_LIMIT = 256 * 1024 * 1024 /* bytes */ };

/* Rows being written; all zero is an empty one. `memory` grows on demand. */
struct rowbinary {
    char *memory;
    size_t size;
    size_t room;
    bool failed; /* beyond ROWBINARY_LIMIT: what was added after is not there */
};

void rowbinary_add_u8(struct rowbinary *rows, uint8_t value);
void rowbinary_add_u16(struct rowbinary *rows, uint16_t value); /* also Date: days since 1970 */
void rowbinary_add_u32(struct rowbinary *rows, uint32_t value); /* also DateTime: seconds since 1970 */
void rowbinary_add_u64(struct rowbinary *rows, uint64_t value);
void rowbinary_add_i64(struct rowbinary *rows, int64_t value);        /* also DateTime64 */
void rowbinary_add_text(struct rowbinary *rows, struct slice value);  /* String */
void rowbinary_add_bytes(struct rowbinary *rows, struct slice value); /* FixedString: no length goes before it */
struct slice rowbinary_slice(const struct rowbinary *rows);           /* what is in it; valid until it changes */
void rowbinary_clear(struct rowbinary *rows);                         /* keeps the memory, for the next use */
void rowbinary_destroy(struct rowbinary *rows);

/* Each takes one value from the front of *rows. False, with both untouched, when it is not there whole. */
bool rowbinary_take_u8(struct slice *rows, uint8_t *ret_value);
bool rowbinary_take_u16(struct slice *rows, uint16_t *ret_value);
bool rowbinary_take_u32(struct slice *rows, uint32_t *ret_value);
bool rowbinary_take_u64(struct slice *rows, uint64_t *ret_value);
bool rowbinary_take_i64(struct slice *rows, int64_t *ret_value);
bool rowbinary_take_text(struct slice *rows, struct slice *ret_value); /* borrows from the answer */
bool rowbinary_take_bytes(struct slice *rows, size_t size, struct slice *ret_value);

#endif
