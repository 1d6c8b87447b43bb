/* SPDX-License-Identifier: MIT */
/*
 * visitor -- the little that is kept of who followed a link: what kind of program, and from which site. Never an
 * address.
 *
 * Classes are told by words in the User-Agent field, in the order of a table: bots first, since many of them name a
 * browser too. It is a guess for statistics, not a defence. Pure.
 */
#ifndef ACTORS_EDGE_VISITOR_H
#define ACTORS_EDGE_VISITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/agent_class.h"
#include "proto/slice.h"

enum { VISITOR_HOST_LIMIT = 253 }; /* RFC 1035: the longest host name */

/* Classes of fields that were seen lately: few programs make most requests, and the table of words is long. */
enum { VISITOR_MEMORY = 512 };
struct visitor_memory {
    uint64_t hashes[VISITOR_MEMORY]; /* of whole fields; 0: free */
    uint8_t agents[VISITOR_MEMORY];
};

enum agent_class visitor_agent(struct slice user_agent);
/* The same, remembered. `seed` makes collisions unguessable. */
enum agent_class visitor_agent_remembered(struct visitor_memory *memory, struct slice user_agent, uint64_t seed);
/* Bots, previews and tools: no person saw the page. */
bool visitor_is_bot(enum agent_class agent);

/* The host of a Referer, lower case, without port; empty when there is none or it is odd. Writes at most
 * VISITOR_HOST_LIMIT bytes to `room`, which the result points into. */
struct slice visitor_referrer_host(struct slice referer, char *room);

#endif
