/* SPDX-License-Identifier: MIT */
/*
 * database -- which Postgres a links actor works with: the primary for everything; while that is away or stands still,
 * a replica for what only reads.
 *
 * A server that stands still keeps its connections, so being connected says little: each is sent a beat several times a
 * second, and one that does not answer it in time is treated as away until it does. So a degraded mode is entered
 * within a second whatever happened to the server, and left by itself.
 *
 * A replica follows with a lag: what it says may be older than what the primary answered last. Whoever reads from it
 * says so, or checks what it knows to be newer.
 */
#ifndef ACTORS_LINKS_DATABASE_H
#define ACTORS_LINKS_DATABASE_H

#include <stdbool.h>
#include <stddef.h>

#include "actors/io/postgres.h"

struct database;

struct database_options {
    const char *uri;
    const char *replica_uri; /* empty: there is none */
};

/* Starts to connect. NULL with a sentence in `why` when an address is malformed. */
struct database *database_open(struct actor *me, const struct database_options *options, char *why, size_t room);
/* Handlers still due do not come. Accepts NULL in *database; sets it to NULL. */
void database_close(struct database **database);

/* The primary, there or not: runs that cannot be sent end NOT_SENT. */
struct postgres *database_primary(struct database *database);
/* Whether the primary is connected and answers. */
bool database_is_there(const struct database *database);
/* Who is to be read from now: the primary unless it is away and the replica is not. */
struct postgres *database_reader(struct database *database, bool *ret_is_replica);
/* "normal", "replica" (reads only, from the replica) or "cache-only". */
const char *database_mode(const struct database *database);

#endif
