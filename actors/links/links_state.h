/* SPDX-License-Identifier: MIT */
/*
 * links_state -- what the parts of a links actor share: its stores, its settings and its figures.
 *
 * The kind itself is links.c; each thing it can do is a file with a struct of its own in here: resolve, shorten, stats,
 * edit. They call each other only through the functions below.
 */
#ifndef ACTORS_LINKS_LINKS_STATE_H
#define ACTORS_LINKS_LINKS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/postgres.h"
#include "actors/links/database.h"
#include "actors/links/link_cache.h"
#include "actors/links/supply.h"
#include "actors/links/url_rules.h"
#include "proto/messages/links.h"
#include "runtime/actor.h"

enum links_outlet { OUT_CODES, OUT_IDS, OUT_BUFFERS, OUT_EDGES, OUT_PEERS, OUT_BEATS };

/* How long a client is asked to wait when a store is away: a restart takes a second or two. */
enum { LINKS_RETRY_AFTER_S = 2 };

struct chosen_pages;
struct deferred;
struct deferred_link;
struct resolve;
struct shorten;
struct stats;
struct edit;

struct links {
    const char *postgres_uri; /* options */
    const char *postgres_replica_uri;
    const char *redis_uri;
    const char *replica_uri;
    const char *schemes;
    const char *own_hosts;
    uint32_t targets; /* 0: any, 1: public */
    uint64_t cache_ttl_us;
    uint64_t deferred_limit;

    struct database *database; /* owned, as all below */
    struct postgres *postgres; /* the database's primary; borrowed */
    struct link_cache *cache;
    struct supply supply;
    struct url_rules rules;
    struct resolve *resolve;
    struct shorten *shorten;
    struct deferred *deferred;
    struct stats *stats;
    struct edit *edit;
    struct chosen_pages *chosen_pages;
    uint64_t feed;        /* of the edits published by this incarnation */
    uint64_t feed_number; /* of the last one */
    bool is_up;
    uint64_t start_timer;

    counter resolved_total[3]; /* by enum link_state */
    counter cache_hits_total;
    counter cache_misses_total;
    counter cache_filled_total;
    counter cache_dropped_total;
    counter resolve_statements_total;
    counter resolve_failures_total;
    counter created_total;
    counter create_statements_total;
    counter create_refused_total;
    counter deferred_total;
    counter deferred_made_total;
    counter deferred_failed_total;
    counter code_conflicts_total;
    counter unknown_outcomes_total;
    counter edited_total;
    counter stats_total;
    counter stats_incomplete_total;
    struct histogram shorten_us;
    struct histogram resolve_us;
    struct histogram stats_us;
    struct histogram edit_us;
};

/* ---- resolve.c: where does this code point? */
void resolve_open(struct actor *me);
void resolve_close(struct links *self);
void resolve_on_ask(struct actor *me, const struct link_resolve *message, struct question question);
void resolve_turn_end(struct actor *me);

/* ---- shorten.c: make links, many in one transaction */
void shorten_open(struct actor *me);
void shorten_close(struct links *self);
void shorten_on_ask(struct actor *me, const struct link_shorten *message, struct question question);
void shorten_turn_end(struct actor *me);
void shorten_refuse_overdue(struct actor *me); /* now and then */

/* ---- deferred.c: links accepted while the database is away, made when it is back */
void deferred_open(struct actor *me);
void deferred_close(struct links *self);
void deferred_look(struct actor *me); /* now and then */
/* Accepts a link for later, or refuses the question; takes neither `link` nor its texts. It must have an id. */
void deferred_accept(struct actor *me, struct question question, const struct deferred_link *link);
void deferred_on_read(struct actor *me, const struct deferred_read *message, struct question question);

/* ---- stats.c: a link's row with all its clicks */
void stats_open(struct actor *me);
void stats_close(struct links *self);
void stats_on_ask(struct actor *me, const struct link_read *message, struct question question);
/* The same for somebody who has a question of another kind to answer with the row; `code` is copied. */
void stats_answer(struct actor *me, struct slice code, struct question question);

/* ---- edit.c: change a link, and make everybody with a copy obey */
void edit_open(struct actor *me);
void edit_close(struct links *self);
void edit_on_ask(struct actor *me, const struct link_edit *message, struct question question);
/* Tells every edge that what it knows of this code is older than `version`. */
void edit_publish(struct actor *me, struct slice code, uint64_t version);

/* ---- custom_codes.c: which codes were chosen */
void custom_codes_open(struct actor *me);
void custom_codes_close(struct links *self);
void custom_codes_on_ask(struct actor *me, const struct custom_codes_read *message, struct question question);

/* ---- links.c: words for the client */
void links_refuse(
    struct actor *me, struct question question, uint64_t status, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* 503: a store is away. */
void links_refuse_for_now(struct actor *me, struct question question);

#endif
