/* SPDX-License-Identifier: MIT */
/*
 * rate_share -- makes all edges count together: what one has let pass is told to Redis, and what all have let pass
 * comes back.
 *
 * No request waits for it. Each edge decides at once by what it knows (rate_limit.h); at the end of a turn the requests
 * it let pass are added to each client's schedule in Redis, in one command, and the answer moves the edge's own
 * schedule to where the others have pushed it. So a client that goes to several edges gets its rate once, and at most
 * one burst more for each edge in the round trip before they know of each other. While Redis is away each edge counts
 * for itself.
 *
 * In Redis a client's schedule is a number that expires as soon as the client is on schedule again. Connected only
 * while a limit is set.
 */
#ifndef ACTORS_EDGE_RATE_SHARE_H
#define ACTORS_EDGE_RATE_SHARE_H

#include <stddef.h>
#include <stdint.h>

struct actor;
struct rate_limit;
struct rate_share;

enum { RATE_SHARE_LIMITS = 2, RATE_SHARE_CLIENTS = 128 /* told about in one turn; more are counted here alone */ };

/* NULL with a sentence in `why` when the address is malformed. */
struct rate_share *rate_share_open(struct actor *me, const char *uri, char *why, size_t room);
void rate_share_close(struct rate_share **share); /* accepts NULL in *share; sets it to NULL */

/* A request that the limit numbered `which` (0 or 1) has let pass. `limit` must live as long as the share. */
void rate_share_note(
    struct rate_share *share, uint32_t which, struct rate_limit *limit, uint64_t client, uint64_t per_second);
/* Tells what the turn has noted. Call it at the turn's end; cheap when there is nothing. */
void rate_share_flush(struct rate_share *share);

#endif
