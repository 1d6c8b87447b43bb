/* SPDX-License-Identifier: MIT */
/*
 * keygen_state -- what the parts of a keygen share: keygen.c is the kind, keygen_lease.c gets codes and gives them out,
 * keygen_promise.c tells edges which codes there are not.
 */
#ifndef ACTORS_LINKS_KEYGEN_STATE_H
#define ACTORS_LINKS_KEYGEN_STATE_H

#include "actors/io/postgres.h"
#include "actors/io/redis.h"
#include "actors/links/code_promise.h"
#include "actors/links/code_record.h"
#include "actors/links/code_stock.h"
#include "actors/links/high_water.h"
#include "proto/messages/links.h"
#include "runtime/actor.h"

enum { KEYGEN_WAITING_LIMIT = 256 /* questions that wait for a lease under way */ };

struct stripe {
    struct redis *redis; /* owned */
    uint32_t number;     /* 0 or 1 */
    bool leasing;        /* from the command until the codes are in stock or given up */
    bool held;           /* all is done, but a promise is in force */
    bool exhausted;      /* all its codes of this length are given */
    uint64_t asked_blocks;
    uint64_t lease_first; /* the lease under way, in blocks */
    uint64_t lease_end;
    uint64_t stock_end; /* of all that was in stock ever, in blocks */
};

struct waiting {
    struct question question;
    uint32_t count;
};

struct keygen {
    const char *redis_uri[CODE_STRIPES]; /* options */
    const char *postgres_uri;
    const char *code_key;
    uint64_t code_length;
    uint64_t lease_codes;
    uint64_t low_codes;

    struct code_permutation permutation;
    struct code_stock stock;
    struct stripe stripes[CODE_STRIPES];
    struct postgres *postgres;  /* owned */
    struct high_water *water;   /* owned */
    struct code_record *record; /* owned */
    struct code_promise promise;
    struct waiting waiting[KEYGEN_WAITING_LIMIT];
    uint32_t waiting_count;
    bool is_up;

    counter codes_total;
    counter leases_total[CODE_STRIPES];
    counter failures_total[CODE_STRIPES];
    counter refused_total;
    counter held_total;
    gauge promised;
    gauge codes_left[CODE_STRIPES];
};

extern const char *const keygen_server_names[CODE_STRIPES];

/* ---- keygen.c */
void keygen_be_up(struct actor *me);

/* ---- keygen_lease.c: from the servers' blocks to whoever asks */
void keygen_on_lease(struct actor *me, const struct codes_lease *message, struct question question);
void keygen_lease_where_needed(struct actor *me);
void keygen_put_held_into_stock(struct actor *me); /* what no promise is in the way of any more */
void keygen_serve_waiting(struct actor *me);

/* ---- keygen_promise.c: to the edges */
void keygen_on_promise(struct actor *me, const struct codes_promise *message, struct question question);
void keygen_keep_promised(struct actor *me); /* now and then: writes down how much is promised */
code_record_handler keygen_promised_heard;
/* Whether rows with codes in stock may say that they were given: Postgres knows the key and has the marks. */
bool keygen_stock_is_recorded(const struct keygen *self);

#endif
