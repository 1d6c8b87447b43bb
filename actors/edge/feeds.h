/* SPDX-License-Identifier: MIT */
/*
 * feeds -- whether every place that may change a link can still tell us so.
 *
 * Each links actor numbers its changes and beats twice a second. A hot copy may be served only while all of their feeds
 * are complete and alive: then no change can be older than the lease without our knowing. Whatever breaks that (a
 * number is missing, a beat is late, a publisher was replaced) is a *doubt*: the caller must distrust all copies it
 * has. Afterwards new copies may be made as soon as enough feeds are alive again.
 *
 * Pure logic: the caller hands in the time.
 */
#ifndef ACTORS_EDGE_FEEDS_H
#define ACTORS_EDGE_FEEDS_H

#include <stdbool.h>
#include <stdint.h>

enum { FEEDS_LIMIT = 256 };

struct feed {
    uint64_t name;     /* new for each start of its publisher */
    uint64_t number;   /* of the last change */
    uint64_t heard_us; /* when it was last heard of, monotonic */
};

struct feeds {
    struct feed feeds[FEEDS_LIMIT];
    uint32_t count;
    uint64_t lease_us;
};

/* Why copies are in doubt; for counting and logs. */
enum feeds_doubt { FEEDS_FINE, FEEDS_NEW, FEEDS_GAP, FEEDS_LATE };

/* A change, or a beat that names the last change, has come. Anything but FEEDS_FINE: distrust all copies. */
enum feeds_doubt feeds_change(struct feeds *feeds, uint64_t name, uint64_t number, uint64_t now_us);
enum feeds_doubt feeds_beat(struct feeds *feeds, uint64_t name, uint64_t number, uint64_t now_us);
/* Drops the feeds that are silent for longer than the lease. FEEDS_LATE when there was one: distrust all copies. */
enum feeds_doubt feeds_check(struct feeds *feeds, uint64_t now_us);
/* Whether at least `publishers` feeds are alive. Right after feeds_check. */
bool feeds_are_enough(const struct feeds *feeds, uint32_t publishers);

#endif
