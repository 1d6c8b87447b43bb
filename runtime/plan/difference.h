/* SPDX-License-Identifier: MIT */
/*
 * difference -- what must happen for a platform that runs one topology to run another one.
 *
 * Each row says what is added, removed or changed, and how far that reaches: some changes are taken over by an actor
 * while it runs, some need it to drain and start again, some need its whole node to. A node has to be restarted when
 * its own actors come, go or move, and also when the way out of one of them leads somewhere else than before: wiring is
 * made at the start.
 */
#ifndef RUNTIME_PLAN_DIFFERENCE_H
#define RUNTIME_PLAN_DIFFERENCE_H

#include "runtime/plan/topology.h"

enum change { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_CHANGED };

enum reach {
    REACH_LIVE,  /* taken over as it runs */
    REACH_ACTOR, /* the actor drains and starts again */
    REACH_NODE,  /* the node is restarted, added or removed */
    REACH_STORE  /* the store is restarted, added or removed: what needs it is degraded meanwhile */
};

struct difference_row {
    enum change change;
    enum reach reach;
    const char *path; /* "nodes/app1/actors/links/cache_ttl" */
    const char *from; /* "" when added */
    const char *to;   /* "" when removed */
    /* Whom it concerns: a store, or a node with or without one of its actors; of the topology that has it, the new one
     * first.
     */
    const struct topology_store *store;
    const struct topology_node *node;
    const struct topology_actor *actor;
    const char *option; /* of the actor; NULL: not an option */
};

struct difference {
    struct difference_row *rows;
    size_t count;
    size_t room;
    void *memory; /* owns what rows point to, but for the topologies' own */
};

/* Both topologies must outlive the result. Free with difference_destroy. */
struct difference *difference_between(const struct topology *before, const struct topology *after);
void difference_destroy(struct difference **difference);

/* Whether the node, which both topologies have, must be restarted. */
bool difference_restarts(const struct difference *difference, const char *node);

const char *change_name(enum change change); /* "added" ... */
const char *reach_name(enum reach reach);    /* "live", "actor restart", "node restart", "store restart" */

#endif
