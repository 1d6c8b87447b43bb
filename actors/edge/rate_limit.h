/* SPDX-License-Identifier: MIT */
/*
 * rate_limit -- how often one client may come, by GCRA (ITU-T I.371, the "virtual scheduling" form): a steady rate, and
 * a burst on top of it. One 64-bit number for each client: when its next request would be on schedule.
 *
 * A bounded table without allocation: four places for each hash, the one that is longest on schedule gives way. A
 * client that loses its place is treated as new, which is the kind side of the mistake. Pure: the caller hands in the
 * time.
 */
#ifndef ACTORS_EDGE_RATE_LIMIT_H
#define ACTORS_EDGE_RATE_LIMIT_H

#include <stdint.h>

struct rate_limit;

/* `seed` makes it unguessable who shares places with whom. */
struct rate_limit *rate_limit_new(uint64_t seed);
void rate_limit_destroy(struct rate_limit **limit); /* accepts NULL in *limit; sets it to NULL */

/* Counts a request of `client` at `per_second` (at least 1) with up to `burst` (at least 1) at once. Returns 0 when it
 * may pass, else after how many microseconds one would; then it was not counted. */
uint64_t
rate_limit_wait_us(struct rate_limit *limit, uint64_t client, uint64_t per_second, uint64_t burst, uint64_t now_us);

/* Others have let requests of `client` pass: its next one is not on schedule before `due_us`. */
void rate_limit_hear(struct rate_limit *limit, uint64_t client, uint64_t due_us);
/* Between two requests at this rate. */
uint64_t rate_limit_interval_us(uint64_t per_second);

#endif
