/* SPDX-License-Identifier: MIT */
/*
 * hot_links -- what the edge remembers about codes, so that most redirects need nobody else.
 *
 * A bounded hash table with S3-FIFO eviction (Yang et al., "FIFO queues are all you need for cache eviction", SOSP
 * 2023): a code must be asked for twice before it can push out one that is in use, so a scan of random codes costs the
 * popular ones nothing. Unknown and gone codes are remembered, too.
 *
 * A copy may be used only while it is trusted: hot_links_distrust makes every copy that exists unusable at once, by a
 * generation number; a copy that is put anew is trusted again. Links are counted, so that one that is being answered
 * outlives its eviction. One thread.
 */
#ifndef ACTORS_EDGE_HOT_LINKS_H
#define ACTORS_EDGE_HOT_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

enum { HOT_CODE_LIMIT = 20, HOT_LOCATION_LIMIT = 8 * 1024 }; /* bytes */

/* As in message link_resolved. */
enum code_state { CODE_UNKNOWN = 0, CODE_LIVE = 1, CODE_GONE = 2 };

/* Small, because there are millions: with a code and an address of usual lengths it fits the allocator's 96 bytes. */
struct hot_link {
    struct hot_link *newer, *older; /* in its queue */
    uint64_t version;               /* of the row */
    /* It may be used until then; 0: as long as it is trusted. An unknown code by the monotonic clock, for that answer
     * ages; all others by the wall clock, which is when a link expires. */
    uint64_t until_us;
    uint32_t generation; /* of the table when it was put */
    uint32_t references;
    uint32_t location_size : 14;
    uint32_t code_size : 5;
    uint32_t state : 2; /* enum code_state */
    uint32_t uses : 2;  /* since it last moved */
    uint32_t queue : 1; /* internal */
    char text[];        /* the code, then the location */
};

struct hot_links;

/* At most so many links, and about so many bytes with all that belongs to them. `seed` makes collisions unguessable. */
struct hot_links *hot_links_new(uint32_t entries_limit, uint64_t bytes_limit, uint64_t seed);
void hot_links_destroy(struct hot_links **table); /* accepts NULL in *table; sets it to NULL */

/* A link with one reference, the caller's. `code` and `location` are within the limits above. */
struct hot_link *
hot_link_make(enum code_state state, struct slice code, struct slice location, uint64_t version, uint64_t until_us);
struct hot_link *hot_link_keep(struct hot_link *link);
void hot_link_release(struct hot_link *link); /* accepts NULL */

static inline struct slice hot_link_code(const struct hot_link *link)
{
    return (struct slice){ link->text, link->code_size };
}

static inline struct slice hot_link_location(const struct hot_link *link)
{
    return (struct slice){ link->text + link->code_size, link->location_size };
}

/* The copy of this code if it may be used now, else NULL. Valid until the next call that changes the table; keep it to
 * have it longer. */
struct hot_link *hot_links_get(struct hot_links *table, struct slice code, uint64_t now_us, uint64_t wall_us);
/* Remembers the link, in place of an older copy; the table takes a reference of its own. A copy that is newer by its
 * version stays. */
void hot_links_put(struct hot_links *table, struct hot_link *link);
/* Forgets the copy of this code. */
void hot_links_drop(struct hot_links *table, struct slice code);
/* From now on no copy that is in the table may be used. */
void hot_links_distrust(struct hot_links *table);
/* Changes with each distrust: what was asked for under another generation must not be put. */
uint32_t hot_links_generation(const struct hot_links *table);

uint32_t hot_links_count(const struct hot_links *table);
uint64_t hot_links_bytes(const struct hot_links *table);
uint64_t hot_links_evicted(const struct hot_links *table);

#endif
