/* SPDX-License-Identifier: MIT */
/*
 * node -- what all actors of one process share: its name, its ZeroMQ context, the topology, the clock and the way to
 * the supervisor. Made once before any thread starts; read-only afterwards but for the channel, which locks.
 */
#ifndef RUNTIME_CELL_NODE_H
#define RUNTIME_CELL_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"
#include "runtime/actor.h"
#include "runtime/plan/topology.h"

struct channel;
struct curve_keys;

/* How parcels travel between nodes instead of by sockets: a simulation's network. `send` copies the parcel. */
struct carrier {
    void (*send)(void *context, struct actor *from, const char *to_address, struct slice parcel);
    void *context;
};

/* Where time comes from: the machine, or a test that turns the hands itself. */
struct clock_source {
    uint64_t (*monotonic_us)(void *context);
    uint64_t (*wall_us)(void *context);
    void *context;
};

extern const struct clock_source machine_clock;

struct node {
    const char *name;
    uint64_t incarnation;            /* new for each start of the process, rising: the wall clock in microseconds */
    void *zmq;                       /* the context; NULL in a test without sockets */
    const struct carrier *carrier;   /* in their place; NULL: none */
    const struct topology *topology; /* NULL in a test */
    struct curve_keys *keys;         /* for tcp; NULL: none, as in the launcher and in clients, which use ipc alone */
    const struct clock_source *clock;
    struct channel *events;  /* reactors -> supervisor; NULL in a test */
    uint64_t seed;           /* of the actors' random numbers */
    _Atomic int log_level;   /* enum log_level: what is below is not written */
    struct span_ring *spans; /* of recorded traces; NULL: none are kept */
};

#endif
