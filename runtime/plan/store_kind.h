/* SPDX-License-Identifier: MIT */
/*
 * store_kind -- what the checker and the launcher must know about one kind of store, as a row.
 *
 * The runtime itself has never heard of Redis or Postgres: whoever builds a platform on it hands in the rows.
 */
#ifndef RUNTIME_PLAN_STORE_KIND_H
#define RUNTIME_PLAN_STORE_KIND_H

#include <stddef.h>
#include <stdint.h>

struct topology_store;

enum { STORE_PROBE_LIMIT = 1024 };

struct store_kind {
    const char *name; /* as the topology says it: postgres */
    const char *doc;  /* one line */
    /* What a client connects with: {user}, {password}, {host}, {port} and {database} are filled in. */
    const char *uri;
    const char *user;     /* unless the topology says otherwise; NULL: it knows no users */
    const char *database; /* unless the topology says otherwise; NULL: it knows none */

    /* Whether it is ready: what to send to its port, at most STORE_PROBE_LIMIT bytes of which the number is returned...
     */
    size_t (*probe)(const struct topology_store *store, char *bytes);
    /* ... and how the answer begins then. Any other answer, or none, means: not yet. */
    const char *ready;
    size_t ready_size;

    int stop_signal;         /* asks it to end in an orderly way */
    uint64_t start_limit_us; /* a start that takes longer has failed */
    uint64_t stop_limit_us;  /* then it is killed */
};

#endif
