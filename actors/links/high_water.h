/* SPDX-License-Identifier: MIT */
/*
 * high_water -- numbers that only rise, and that two witnesses remember: a synced file in the actor's folder and rows
 * of id_leases in Postgres.
 *
 * Whoever hands out identities raises its mark first, waits until a witness has it for good, and only then hands out
 * what lies below. After a start the mark is the highest that any witness knows; so nothing is handed out again as long
 * as one of the two survives, and what was raised and never used is skipped, not missed.
 *
 * The file alone is enough to begin with, because each raise went through it. It is not if it could not be written then
 * (a full disk) and Postgres alone kept the mark; so Postgres is waited for HIGH_WATER_WAIT_US at the start even so.
 * Without the file Postgres must have answered before anything is known at all. What remains: the file lost, and
 * Postgres restored from an old copy. Each user of this file says what stands behind it then.
 *
 * All of it belongs to the actor's thread.
 */
#ifndef ACTORS_LINKS_HIGH_WATER_H
#define ACTORS_LINKS_HIGH_WATER_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/postgres.h"

struct actor;
struct high_water;

enum {
    HIGH_WATER_LINES_LIMIT = 4,      /* marks per file */
    HIGH_WATER_NAME_LIMIT = 64,      /* bytes of a mark's name */
    HIGH_WATER_RAISES_LIMIT = 64,    /* under way at once */
    HIGH_WATER_WAIT_US = 3000 * 1000 /* how long a start waits for Postgres although the file is there */
};

/* Every witness that is to be had has spoken: marks can be read and raised. Comes once. */
typedef void high_water_ready_handler(struct actor *me, void *context);
/* `durable`: at least one witness has the mark for good. Otherwise `why` says what went wrong with both. */
typedef void high_water_raised_handler(struct actor *me, void *context, bool durable, const char *why);

struct high_water_options {
    const char *const *names;  /* of the marks, and of their rows; literals */
    uint32_t count;            /* 1 to HIGH_WATER_LINES_LIMIT */
    struct postgres *postgres; /* borrowed; close it before this: its handlers point here */
    high_water_ready_handler *on_ready;
    void *context;
};

/* Reads the file "high-water" in the actor's folder and asks Postgres. NULL with a sentence when there can be no file.
 */
struct high_water *high_water_open(struct actor *me, const struct high_water_options *options, char *why, size_t room);
/* Raises under way are dropped: their handlers do not come. Accepts NULL in *water; sets it to NULL. */
void high_water_close(struct high_water **water);

bool high_water_is_ready(const struct high_water *water);
/* The highest mark that any witness knows, and all raises so far. Below 2^53. Call it only when it is ready. */
uint64_t high_water_known(const struct high_water *water, uint32_t line);
/* How much of that Postgres has confirmed to this incarnation; 0: it has not been heard of yet. */
uint64_t high_water_in_postgres(const struct high_water *water, uint32_t line);
bool high_water_has_heard_postgres(const struct high_water *water);
/* Raises a mark to at least `value` (below 2^53). False when HIGH_WATER_RAISES_LIMIT are under way: `then` will not
 * come. */
bool high_water_raise(
    struct high_water *water, uint32_t line, uint64_t value, high_water_raised_handler *then, void *context);

/* The text of the file, for tests and for reading back: pure. False when `text` is not of that form. */
bool high_water_parse(const char *text, size_t size, const char *const *names, uint32_t count, uint64_t *marks);
size_t high_water_format(char *text, size_t room, const char *const *names, uint32_t count, const uint64_t *marks);

#endif
