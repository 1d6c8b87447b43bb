/* SPDX-License-Identifier: MIT */
/*
 * store_kind -- what the checker and the launcher must know about one kind of store, as a row.
 *
 * The runtime itself has never heard of Redis or Postgres: whoever builds a platform on it hands in the rows.
 */
#ifndef RUNTIME_PLAN_STORE_KIND_H
#define RUNTIME_PLAN_STORE_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/option.h"

/* How to find out that a store answers: connect to its port, send some bytes, and look at how the answer begins. */
struct store_probe {
    const char *send;     /* may contain NULs; NULL: a connection is answer enough */
    size_t send_size;     /* bytes */
    const char *expect;   /* how the answer begins, terminated; NULL: any answer will do */
    const char *expect_2; /* or so; NULL: no other way */
};

struct store_kind {
    const char *name; /* as the topology says it: postgres */
    const char *doc;  /* one line */
    /* What a client connects with: {user}, {password}, {host}, {port} and {database} are filled in. */
    const char *uri;
    const char *user;             /* unless the topology says otherwise; NULL: it knows no users */
    const char *database;         /* unless the topology says otherwise; NULL: it knows none */
    const struct option *options; /* further properties, all handed to the store's script; `offset` is not used */
    size_t option_count;
    struct store_probe probe;
    int stop_signal;         /* asks it to end in an orderly way */
    uint64_t start_limit_us; /* a start that takes longer has failed */
    uint64_t stop_limit_us;  /* then it is killed */
};

#endif
