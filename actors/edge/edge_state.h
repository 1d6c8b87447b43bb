/* SPDX-License-Identifier: MIT */
/*
 * edge_state -- the edge actor's state, and what the parts of its work call of each other.
 *
 * A request is an exchange in a slot. `exchanges[slot]` says what it waits for; it is meaningful while its generation
 * is the exchange's own. Everything that ends a request goes through edge_answer, edge_problem or edge_say, which count
 * it.
 */
#ifndef ACTORS_EDGE_EDGE_STATE_H
#define ACTORS_EDGE_EDGE_STATE_H

#include "actors/edge/api_keys.h"
#include "actors/edge/code_space.h"
#include "actors/edge/feeds.h"
#include "actors/edge/figures.h"
#include "actors/edge/hot_links.h"
#include "actors/edge/problem.h"
#include "actors/edge/rate_limit.h"
#include "actors/edge/rate_share.h"
#include "actors/edge/routes.h"
#include "actors/edge/visitor.h"
#include "actors/io/http.h"
#include "proto/messages/clicks.h"
#include "proto/messages/links.h"
#include "runtime/actor.h"

enum {
    EDGE_TO_LINKS,
    EDGE_TO_CLICK_BUFFER,
    EDGE_TO_KEYGEN,
    /* only asked for their health: */
    EDGE_TO_KAFKA_BRIDGE,
    EDGE_TO_POSTGRES_SINK,
    EDGE_TO_CLICKHOUSE_SINK,
    EDGE_OUTLETS
};
enum durability { DURABILITY_ACKED, DURABILITY_FAST };
enum { EDGE_RETRIES = 1, EDGE_RETRY_AFTER_S = 1, EDGE_BODY_LIMIT = 64 * 1024 };

/* Answers whose body is always the same. */
enum said { SAID_UNKNOWN, SAID_GONE, SAID_NOTHING_HERE, SAID_CLICK_LOST, SAID_NO_ANSWER, SAID_COUNT };

struct resolve;
struct unknown_codes;
struct commit;

/* One request. */
struct exchange {
    struct http_exchange id;
    enum route route;
    enum http_method method;
    enum duration duration;
    uint32_t attempts; /* asks so far */
    uint64_t started_us;
    struct trace trace;      /* not set: nobody needed one */
    uint64_t ask;            /* 0: none of its own */
    struct resolve *resolve; /* shared with others who want the same code */
    uint32_t next;           /* of those: 1 + slot; 0: the last */
};

struct health_row {
    uint32_t outlet; /* who said it: a receiver of this outlet */
    uint32_t receiver;
    uint64_t heard_us; /* 0: a free row */
    char dependency[32];
    char mode[48];
};
enum { HEALTH_ROWS = 256 };

struct edge {
    /* options */
    const char *listen;
    const char *public_url;
    const char *tls_certificate;
    const char *tls_key;
    const char *root_redirect;
    const char *management_key_file;
    const char *api_keys_folder;
    bool shorten_needs_key;
    const char *country_header;
    const char *redis_uri; /* empty: none */
    uint32_t durability;
    bool debug_identity;
    uint64_t hot_links_limit;
    uint64_t hot_bytes_limit;
    uint64_t connections_limit;
    uint64_t lease_us;
    uint64_t unknown_us; /* how long an unknown code is remembered */
    uint64_t resolve_deadline_us;
    uint64_t commit_deadline_us;
    uint64_t api_deadline_us;
    uint64_t head_timeout_us;
    uint64_t body_timeout_us;
    uint64_t idle_timeout_us;
    uint64_t request_rate, request_burst; /* per second and network; 0: no limit */
    uint64_t shorten_rate, shorten_burst;
    bool trace_asked;      /* a caller may ask for its request to be recorded */
    uint64_t trace_one_in; /* of all requests one in so many is recorded; 0: none */
    uint64_t trace_seen;   /* counts up to it */

    struct actor *me;
    struct http_server *http;
    struct exchange *exchanges; /* connections_limit of them */
    char short_url_base[512];   /* "http://127.0.0.1:8080/" */
    char management_key[256];   /* empty: none */
    char *said[SAID_COUNT];     /* bodies */

    struct visitor_memory visitors;
    uint64_t seed; /* of hashes of what clients send */

    struct api_keys *api_keys;
    struct rate_limit *request_limit; /* NULL until a rate is set */
    struct rate_limit *shorten_limit;
    struct rate_share *rate_share; /* NULL while no rate is set, or there is no Redis for it */

    struct hot_links *links;
    struct feeds feeds;
    bool is_trusted; /* hot copies may be used in this turn */

    struct unknown_codes *unknown_codes;
    struct resolve **resolves; /* by code, RESOLVE_BUCKETS of them */
    struct commit *commit;     /* this turn's clicks; NULL: none yet */
    struct commit *sent;       /* whose answer is awaited */
    struct click *clicks;      /* room for a message */
    struct commit *spare;      /* to be used again */
    struct commit *unsent;     /* fast mode: to be offered again */
    uint32_t unsent_count;
    uint64_t unsent_timer;

    struct health_row health[HEALTH_ROWS];
    bool is_draining;
    bool has_drained;
    struct figures figures;
};

/* dispatch.c: where requests go, and how they end */
void dispatch_request(struct edge *self, const struct http_request *request);
extern const struct problem dispatch_sayings[SAID_COUNT]; /* what edge_say says; bodies in self->said */
struct exchange *edge_exchange(struct edge *self, struct http_exchange id); /* NULL: over */
void edge_answer(struct edge *self, struct http_exchange id, const struct http_answer *answer);
void edge_problem(struct edge *self, struct http_exchange id, const struct problem *problem);
void edge_say(struct edge *self, struct http_exchange id, enum said said);
/* Counts an answer that was sent without the three above. */
void edge_answered(struct edge *self, struct exchange *exchange, unsigned status);
/* The id under which what follows from this request is traced: its own or a new one. The answer names it. */
struct trace edge_trace(struct edge *self, const struct http_request *request);
void *edge_context_of(struct http_exchange id); /* an exchange as the context of an ask, and back */
struct http_exchange edge_exchange_of(void *context);

/* redirect.c: GET and HEAD of a code */
void redirect_start(struct edge *self);
void redirect_stop(struct edge *self);
void redirect_request(struct edge *self, const struct http_request *request, struct slice code);
/* The same for a code whose copy is at hand; false: there is none. The short way of most requests. */
bool redirect_from_memory(struct edge *self, const struct http_request *request, struct slice code);
void redirect_left(struct edge *self, struct exchange *exchange);
void redirect_changed(struct edge *self, struct slice code);

/* unknown_codes.c: which codes need not be asked for */
void unknown_codes_start(struct edge *self);
void unknown_codes_stop(struct edge *self);
void unknown_codes_tick(struct edge *self);  /* twice a second */
void unknown_codes_trust(struct edge *self); /* whenever is_trusted is set, before any request is looked at */
void unknown_codes_doubt(struct edge *self);
void unknown_codes_changed(struct edge *self, struct slice code, uint64_t version);
void unknown_codes_made(struct edge *self, struct slice code); /* a link, through this edge */
/* Whether there certainly is no link with this code. */
bool unknown_codes_deny(struct edge *self, struct slice code);

/* click_capture.c: the clicks of a turn */
void click_capture_add(struct edge *self, const struct http_request *request, struct hot_link *link);
void click_capture_commit(struct edge *self);
void click_capture_stop(struct edge *self);

/* link_api.c: /api/... */
void link_api_request(struct edge *self, const struct http_request *request, struct slice code);

/* probes.c: /health, /livez, /readyz */
void probes_poll(struct edge *self);
void probes_request(struct edge *self, const struct http_request *request);

/* pages.c: /, /docs, /openapi.json */
void pages_request(struct edge *self, const struct http_request *request);

#endif
