/* SPDX-License-Identifier: MIT */
/*
 * world -- a whole topology in one thread: all its nodes with their actors, wired as the topology says, under one
 * virtual clock, over a network that delays, loses and cuts as the seed decides. Nodes are killed and started again
 * like processes.
 *
 * The actors, their wiring, credit, acknowledgement and resend are the very code that runs in processes; only sockets,
 * threads and the clock are replaced. Everything that happens follows from topology, kinds, calls and seed: the same
 * give the same trace, down to the last byte (world_trace).
 *
 * What it leaves out: supervisors and the launcher. An actor that fails stays down until its node is started again.
 */
#ifndef RUNTIME_WORLD_H
#define RUNTIME_WORLD_H

#include "runtime/plan/topology.h"

struct world;

struct world_network {
    uint64_t delay_min_us; /* of a parcel, chosen evenly between the two; parcels of one pair keep their order */
    uint64_t delay_max_us;
    uint32_t lost_ppm; /* of a million parcels */
};

/* Starts all nodes, in the topology's order. The topology must outlive it. */
struct world *world_new(const struct topology *topology, const struct world_network *network, uint64_t seed);
void world_destroy(struct world **world);

/* Time passes, and everything that is due in it happens. */
void world_run(struct world *world, uint64_t for_us);
uint64_t world_now_us(const struct world *world);

/* The end of a process: what it held is gone, what was under way to it is lost. The others hear of it a little later.
 */
void world_kill(struct world *world, const char *node);
void world_start(struct world *world, const char *node);
/* Parcels from one node to another get lost, or no longer. */
void world_cut(struct world *world, const char *from_node, const char *to_node, bool is_cut);

/* The actor "NODE/NAME"; NULL while its node is down. */
struct actor *world_actor(struct world *world, const char *address);

/* A digest of every parcel that was sent so far: when, by whom, to whom, what. And how many they were. */
uint64_t world_trace(const struct world *world, uint64_t *ret_parcels);

#endif
