/* SPDX-License-Identifier: MIT */
/*
 * postgres_result -- rows as C values, and what an SQLSTATE means (declared in postgres.h).
 *
 * A struct postgres_rows is libpq's PGresult under another name. All results are asked for in binary.
 */
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "actors/io/postgres.h"
#include "actors/io/postgres_type.h"

static const PGresult *raw(const struct postgres_rows *rows)
{
    return (const void *)rows;
}

uint32_t postgres_row_count(const struct postgres_rows *rows)
{
    return (uint32_t)PQntuples(raw(rows));
}

uint64_t postgres_affected(const struct postgres_rows *rows)
{
    return strtoull(PQcmdTuples((PGresult *)rows), NULL, 10);
}

/* Bytes of one field; its type must be one of the three given. NULL is empty. */
static struct slice field(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    assert(row < postgres_row_count(rows) && column < (uint32_t)PQnfields(raw(rows)));
    if (PQgetisnull(raw(rows), (int)row, (int)column))
        return (struct slice){ 0 };
    return (struct slice){ .at = PQgetvalue(raw(rows), (int)row, (int)column),
                           .size = (size_t)PQgetlength(raw(rows), (int)row, (int)column) };
}

static int64_t number(struct slice bytes)
{
    uint64_t wide = 0;

    assert(bytes.size <= sizeof(wide));
    if (bytes.size == 0)
        return 0;
    memcpy((char *)&wide + sizeof(wide) - bytes.size, bytes.at, bytes.size);
    wide = be64toh(wide);
    return (int64_t)(wide << (64 - 8 * bytes.size)) >> (64 - 8 * bytes.size); /* extends the sign */
}

bool postgres_is_null(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    return field(rows, row, column).at == NULL;
}

int64_t postgres_integer_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    Oid type = PQftype(raw(rows), (int)column);

    assert(type == POSTGRES_TYPE_INT2 || type == POSTGRES_TYPE_INT4 || type == POSTGRES_TYPE_INT8);
    return number(field(rows, row, column));
}

bool postgres_bool_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    assert(PQftype(raw(rows), (int)column) == POSTGRES_TYPE_BOOL);
    return number(field(rows, row, column)) != 0;
}

uint64_t postgres_timestamp_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    struct slice bytes = field(rows, row, column);

    assert(PQftype(raw(rows), (int)column) == POSTGRES_TYPE_TIMESTAMPTZ);
    return bytes.size == 0 ? 0 : (uint64_t)number(bytes) + POSTGRES_EPOCH_US;
}

struct slice postgres_text_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    Oid type = PQftype(raw(rows), (int)column);

    assert(type == POSTGRES_TYPE_TEXT || type == POSTGRES_TYPE_VARCHAR || type == POSTGRES_TYPE_BPCHAR ||
           type == POSTGRES_TYPE_NAME || type == POSTGRES_TYPE_BYTEA);
    return field(rows, row, column);
}

/* Appendix A of PostgreSQL's manual lists the codes; the first two characters are their class. */
enum outcome postgres_outcome_of(const char *sqlstate)
{
    static const char *const passing[] = {
        "08",    /* connection exception */
        "40",    /* transaction rollback: serialisation failure, deadlock */
        "53",    /* insufficient resources: disk full, too many connections */
        "57",    /* operator intervention: shutdown, timeout of a statement */
        "58",    /* system error */
        "55P03", /* lock not available */
        "55006", /* object in use */
        "25006", /* read-only transaction: the primary is elsewhere now */
        "25P03"  /* idle in transaction for too long */
    };

    /* A crash elsewhere in the server can come between a commit and its answer. */
    if (strcmp(sqlstate, "57P02") == 0)
        return OUTCOME_UNKNOWN;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (strncmp(sqlstate, passing[i], strlen(passing[i])) == 0)
            return OUTCOME_RETRY;
    }
    return OUTCOME_REJECTED;
}
