/* SPDX-License-Identifier: MIT */
/*
 * migrations -- the files that make a store's tables, in the order in which they are applied.
 *
 * A file is called NUMBER_NAME.sql with a number of four digits. Read once, at a start: they are small.
 */
#ifndef ACTORS_OPS_MIGRATIONS_H
#define ACTORS_OPS_MIGRATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/sha256.h"
#include "proto/slice.h"

enum { MIGRATIONS_LIMIT = 512, MIGRATION_LIMIT_BYTES = 1024 * 1024, MIGRATION_NAME_LIMIT = 64 };

struct migration {
    uint32_t version;                    /* 0: applied each time, before anything else */
    char name[MIGRATION_NAME_LIMIT + 1]; /* without number and .sql */
    char checksum[SHA256_TEXT_ROOM];
    struct slice sql; /* owned by the list */
};

struct migrations {
    struct migration *at; /* ascending by version, then name; owned */
    uint32_t count;
};

/* Reads all files of a folder. False with a sentence in `why` (and nothing to free) when it cannot be read, is empty,
 * or two files have one number above 0. */
bool migrations_read(const char *folder, struct migrations *ret_migrations, char *why, size_t room);
void migrations_free(struct migrations *migrations); /* leaves it empty */

/* Whether `file` is a migration's name, and its parts; pure. */
bool migrations_parse_name(const char *file, struct migration *ret_migration);

#endif
