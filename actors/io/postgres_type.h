/* SPDX-License-Identifier: MIT */
/* postgres_type -- what the adapter's own files share about Postgres's binary form. */
#ifndef ACTORS_IO_POSTGRES_TYPE_H
#define ACTORS_IO_POSTGRES_TYPE_H

#include <stdint.h>

#include "actors/io/outcome.h"

/* OIDs, from PostgreSQL's src/include/catalog/pg_type.dat. */
enum {
    POSTGRES_TYPE_BOOL = 16,
    POSTGRES_TYPE_BYTEA = 17,
    POSTGRES_TYPE_NAME = 19,
    POSTGRES_TYPE_INT8 = 20,
    POSTGRES_TYPE_INT2 = 21,
    POSTGRES_TYPE_INT4 = 23,
    POSTGRES_TYPE_TEXT = 25,
    POSTGRES_TYPE_BPCHAR = 1042,
    POSTGRES_TYPE_VARCHAR = 1043,
    POSTGRES_TYPE_TIMESTAMPTZ = 1184
};

/* Postgres counts microseconds from 2000-01-01, Unix from 1970-01-01. */
#define POSTGRES_EPOCH_US UINT64_C(946684800000000)

/* The low `size` bytes of `value`, big-endian. */
void postgres_put_number(char *to, int64_t value, uint8_t size);
/* What an error of this SQLSTATE means (see struct postgres_result). */
enum outcome postgres_outcome_of(const char *sqlstate);

#endif
