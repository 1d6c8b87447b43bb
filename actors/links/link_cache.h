/* SPDX-License-Identifier: MIT */
/*
 * link_cache -- the copies of links in Redis: read at every resolve, filled from Postgres, and never older than an edit
 * that somebody was told of.
 *
 * How an edit reaches every copy: before Postgres changes, the editor puts a tombstone in the copy's place, which is in
 * the way of anybody's fill (fills are SET NX); after the commit it replaces its tombstone by the new row, and tells
 * the other links actors, which drop what is older. So a copy can be wrong only if Redis could not be written at the
 * time of the edit. Edits are therefore also rows of link_changes in the same transaction, and whenever a connection to
 * Redis was lost or is new, the copies are in doubt: nothing is read from Redis until the changes of that time were
 * read from Postgres and dropped from Redis. While the primary is away the replica answers, under the same rule; there
 * nothing can be dropped, so what was changed is remembered here (changed_links) and not believed.
 *
 * Redis being away is a miss, not an error. All of it belongs to the actor's thread.
 */
#ifndef ACTORS_LINKS_LINK_CACHE_H
#define ACTORS_LINKS_LINK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/postgres.h"
#include "actors/io/redis.h"
#include "actors/links/changed_links.h"
#include "actors/links/link_copy.h"
#include "runtime/metric.h"

struct actor;
struct link_cache;

enum {
    LINK_CACHE_TOMBSTONE_S = 10,             /* longer than an edit may take; then anybody may fill again */
    LINK_CACHE_FILL_LIMIT_US = 4000 * 1000,  /* a row read longer ago than this is not filled any more */
    LINK_CACHE_MARGIN_US = 60 * 1000 * 1000, /* replication lag, and edits under way when a doubt began */
    LINK_CACHE_TOKEN_ROOM = 48               /* '!', the editor and its number, and the end */
};

struct link_cache_options {
    const char *uri;           /* the primary's */
    const char *replica_uri;   /* empty: there is none */
    struct postgres *postgres; /* borrowed; close it before this */
    const uint64_t *ttl_us;    /* how long a copy may live; a live setting */
    counter *filled;
    counter *dropped;
};

/* NULL with a sentence when an address is malformed. */
struct link_cache *link_cache_open(struct actor *me, const struct link_cache_options *options, char *why, size_t room);
void link_cache_close(struct link_cache **cache); /* accepts NULL in *cache; sets it to NULL */
void link_cache_flush(struct link_cache *cache);  /* in turn_end */

/* "normal", "replica" or "postgres-only". */
const char *link_cache_mode(struct link_cache *cache);
/* The primary's connection, for reads of other keys; its generation is 0 while there is none. */
struct redis *link_cache_primary(struct link_cache *cache);

/* `copy` is NULL when there is none to be believed. Valid until the call returns. */
typedef void link_cache_handler(struct actor *me, void *context, const struct link_copy *copy);
/* Looks a code up. False when no copy can be trusted now: `then` does not come. */
bool link_cache_get(struct link_cache *cache, struct slice code, link_cache_handler *then, void *context);

/* Whether a row of this version, read where changes arrive late, is as new as all that is known of changes. */
bool link_cache_allows(const struct link_cache *cache, struct slice code, uint64_t version);
/* Puts a copy where there is none. `read_us`: when its row was asked for, on the actor's clock. */
void link_cache_fill(struct link_cache *cache, struct slice code, const struct link_copy *copy, uint64_t read_us);

/* An edit in three steps. Before Postgres: the tombstone, which `token` names (it begins with '!' and is the editor's
 * own). `then` comes when it is there or cannot be. False when Redis is away: go on at once. */
bool link_cache_bury(
    struct link_cache *cache, struct slice code, struct slice token, redis_handler *then, void *context);
/* After Postgres: the new row in the place of the own tombstone. */
void link_cache_replace(struct link_cache *cache, struct slice code, struct slice token, const struct link_copy *copy);
/* Whoever hears of somebody's edit: copies older than `version` are wrong. */
void link_cache_note_change(struct link_cache *cache, struct slice code, uint64_t version);

#endif
