/* SPDX-License-Identifier: MIT */
/*
 * topology -- the file that says which nodes exist, which actors each hosts, how they are wired and which stores they
 * use.
 *
 * A topology is loaded and checked as a whole: either every mistake is reported at once, each with its line, its path
 * and what was expected, or there is an immutable plan that the launcher, every node and the console read alike.
 */
#ifndef RUNTIME_PLAN_TOPOLOGY_H
#define RUNTIME_PLAN_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/actor.h"
#include "runtime/plan/store_kind.h"

/* Limits of a topology; a file beyond them is refused with that sentence. */
enum { TOPOLOGY_NODES_LIMIT = 256, TOPOLOGY_ACTORS_LIMIT = 64 /* per node */, TOPOLOGY_STORES_LIMIT = 64 };

enum restart_strategy { ONE_FOR_ONE, ONE_FOR_ALL, REST_FOR_ONE };
enum child_policy { CHILD_PERMANENT, CHILD_TRANSIENT, CHILD_TEMPORARY };

/* When to restart and when to give up: at most `restarts` in `within_us`, pauses from `pause_min_us` doubling with
 * jitter to `pause_max_us`, back to the minimum after `healthy_us` without a failure. */
struct restart_limits {
    uint64_t restarts;
    uint64_t within_us;
    uint64_t pause_min_us;
    uint64_t pause_max_us;
    uint64_t healthy_us;
};

struct property {
    const char *name;
    const char *value;
    int line;
};

struct topology_group { /* of actors in one node; the first one of a node is "default" */
    const char *name;
    enum restart_strategy strategy;
    struct restart_limits limits;
};

struct topology_actor {
    const char *name; /* unique in its node */
    const struct actor_kind *kind;
    const char *thread; /* actors of one node with the same thread name share a thread; NULL: its own */
    uint32_t group;     /* index into the node's groups */
    enum child_policy policy;
    const struct property *options; /* as written for this actor; defaults and the kind's section are already merged in:
                                       one entry for each row of kind->options, in that order; value never NULL */
    size_t option_count;
};

struct topology_node {
    const char *name;
    const char *role;
    const char *host; /* NULL: the launcher's */
    const char *tcp;  /* "tcp://10.0.0.5:7000": base address for other hosts; NULL: ipc only. Actor i listens on port +
                         i,  the supervisor on the port before */
    const char *const *after; /* nodes and stores that must be up before it starts, NULL at the end */
    struct restart_limits limits;
    uint64_t stop_limit_us;
    uint64_t silence_limit_us;           /* without a sign of life it is killed and started again */
    const struct topology_actor *actors; /* in start order */
    size_t actor_count;
    const struct topology_group *groups;
    size_t group_count;
};

struct topology_store {
    const char *name;
    const char *kind;               /* postgres, redis, kafka, clickhouse, prometheus ... */
    const struct store_kind *knows; /* the kind's row */
    const char *uri;                /* complete: what a client connects with */
    const char *host;
    uint16_t port;       /* 0: only known to the uri */
    uint16_t extra_port; /* a second one that it listens on; 0: none */
    const char *user;    /* "" when the kind knows none; the same for password and database */
    const char *password;
    const char *secret; /* the file below `secrets` that holds the password; NULL: none */
    const char *database;
    const char *replica_of; /* the store that it follows; NULL: none */
    const char *targets;    /* of one that gathers metrics: the URL or file that names whom to ask; "" when none */
    bool managed;           /* the launcher runs it */
    const char *on;         /* the host that runs it, as nodes call it; "": the only one */
    const char *const *after;
    struct restart_limits limits;
    const struct property *properties; /* its section `options`: the server's own settings, for its script */
    size_t property_count;
};

/* An outlet as the topology wires it. */
struct topology_route {
    const char *from_kind;
    const char *outlet;
    const char *to_kind;
    enum pick pick;
    enum overload overload;
    uint32_t window;
};

struct zpl_node;

struct topology {
    const char *name;
    const char *url;          /* where users reach it, without a slash at the end */
    const char *file;         /* its path, for messages */
    const char *host;         /* whose part this is, see topology_keep_host; NULL: the whole */
    enum log_level log_level; /* what is below is not written */
    uint64_t heartbeat_us;    /* how often nodes that talk make sure of each other; 0: never */
    uint64_t log_bytes;       /* of one log file, before a new one is begun */
    const struct topology_node *nodes;
    size_t node_count;
    const struct topology_store *stores; /* in start order */
    size_t store_count;
    const struct topology_route *routes; /* those that differ from the kinds' own outlets */
    size_t route_count;
    const struct zpl_node *tree; /* the file as read, overrides applied */
    void *memory;                /* owns all of the above */
};

/* `--set path=value`: applied before checking. */
struct setting_override {
    const char *path; /* nodes/edge/actors/edge/listen */
    const char *value;
};

/* What the checker must know beside the file. */
struct topology_words {
    const struct actor_kind *const *kinds;       /* NULL at the end */
    const struct store_kind *const *store_kinds; /* NULL at the end; NULL: none */
    /* The folder with the stores' passwords, one file each. NULL: they are not known, as in `shunt check`; then uris
     * say SECRET in their place. */
    const char *secrets;
};

/* Loads and checks `file`. Returns NULL after writing every mistake to `mistakes`, one a line:
 * "local.zpl:12: nodes/edge/actors/egde: no such kind; did you mean edge?". Free with topology_destroy. */
struct topology *topology_load(const char *file,
                               const struct topology_words *words,
                               const struct setting_override *overrides,
                               size_t override_count,
                               FILE *mistakes);
void topology_destroy(struct topology **topology);

/* Leaves only what that host runs, and the stores that nobody runs here: what its launcher sees. False, and nothing
 * changed, when no node is there. */
bool topology_keep_host(struct topology *topology, const char *host);
bool topology_has_host(const struct topology *topology, const char *host);
/* The host whose name is most like that; NULL when none is. */
const char *topology_nearest_host(const struct topology *topology, const char *host);

const struct topology_node *topology_find_node(const struct topology *topology, const char *name);
const struct topology_store *topology_find_store(const struct topology *topology, const char *name);
/* The actor "NODE/ACTOR", or NULL. */
const struct topology_actor *topology_find_actor(const struct topology *topology, const char *address);
/* The value of an actor's option, or NULL when its kind has no such option. */
const char *topology_option(const struct topology_actor *actor, const char *option);
/* The route of a kind's outlet: the topology's row, or one made of the outlet's own defaults, in *ret_route. */
void topology_route_of(const struct topology *topology,
                       const struct actor_kind *kind,
                       uint32_t outlet,
                       struct topology_route *ret_route);
/* Splits "HOST:PORT" (an IPv6 host in brackets). False, with nothing meant by the results, when it is none. */
enum { TOPOLOGY_HOST_LIMIT = 256 };
bool topology_split_address(const char *text, char host[TOPOLOGY_HOST_LIMIT], uint16_t *ret_port);

/* Everything of this platform that will listen on a port of this machine: managed stores, and the actors' options that
 * are called `listen` or end in `_listen`. */
struct topology_listener {
    char host[TOPOLOGY_HOST_LIMIT];
    uint16_t port;
    const struct topology_store *store; /* or NULL, and then: */
    const struct topology_node *node;
    const struct topology_actor *actor;
};
typedef void topology_listener_handler(void *context, const struct topology_listener *listener);
void topology_each_listener(const struct topology *topology, topology_listener_handler *handler, void *context);

/* Writes the file again as it was read, overrides applied, without comments: loading that gives the same topology. */
void topology_write(const struct topology *topology, FILE *to);

/* The most bytes of a node's or actor's name: both are part of a socket file's name. */
enum { TOPOLOGY_NAME_LIMIT = 40 };

#endif
