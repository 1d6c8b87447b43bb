/* SPDX-License-Identifier: MIT */
/*
 * redirect -- GET and HEAD of a code: from memory when the copy may be trusted, else by asking an application node.
 *
 * Requests for one code that miss at the same time share one ask. A copy is made of an answer only if nothing was
 * changed or doubted since it was asked for: a change that overtakes the answer would otherwise be undone by it. The
 * same holds for joining: who comes after the change asks anew. An ask that fails is sent once more to another node;
 * then it is 503. A code that certainly does not exist (unknown_codes) is not asked for.
 */
#include <assert.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "actors/edge/edge_state.h"

enum { RESOLVE_BUCKETS = 1024 }; /* chains are short: at most one resolve for each connection */

struct resolve {
    struct edge *self;
    struct resolve *next; /* in its bucket */
    uint64_t ask;
    uint64_t started_us;
    uint32_t generation;    /* of the hot links when it was asked */
    uint32_t first_waiting; /* 1 + slot; 0: none */
    uint32_t waiting;       /* how many */
    uint32_t attempts;
    struct trace trace;
    bool is_overtaken; /* the link has changed since: answer, but neither keep nor share */
    uint8_t code_size;
    char code[ROUTES_CODE_LIMIT];
};

static void on_resolved(struct actor *me, void *context, const struct answer *answer);

static struct slice code_of(const struct resolve *resolve)
{
    return (struct slice){ resolve->code, resolve->code_size };
}

static struct resolve **bucket_of(struct edge *self, struct slice code)
{
    return &self->resolves[XXH3_64bits_withSeed(code.at, code.size, self->seed) % RESOLVE_BUCKETS];
}

/* The resolve that a new request may join. */
static struct resolve *find(struct edge *self, struct slice code)
{
    struct resolve *resolve = *bucket_of(self, code);

    while (resolve != NULL && (resolve->is_overtaken || !slice_equal(code_of(resolve), code)))
        resolve = resolve->next;
    if (resolve != NULL && resolve->generation != hot_links_generation(self->links)) {
        resolve->is_overtaken = true;
        return NULL;
    }
    return resolve;
}

static void forget(struct resolve *resolve)
{
    struct resolve **link = bucket_of(resolve->self, code_of(resolve));

    while (*link != resolve)
        link = &(*link)->next;
    *link = resolve->next;
    free(resolve);
}

/* ------------------------------------------------------------------------------------------------ asking */

static void ask(struct resolve *resolve, uint32_t avoid)
{
    struct edge *self = resolve->self;
    struct sending how = { .deadline_us = self->resolve_deadline_us,
                           .then = on_resolved,
                           .context = resolve,
                           .avoid = avoid,
                           .trace = resolve->trace };

    resolve->attempts++;
    counter_add(&self->figures.resolves, 1);
    resolve->ask = ASK(self->me, EDGE_TO_LINKS, &how, link_resolve, .code = code_of(resolve));
}

static struct resolve *start(struct edge *self, const struct http_request *request, struct slice code)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));
    struct resolve **bucket = bucket_of(self, code);

    assert(resolve != NULL && code.size <= ROUTES_CODE_LIMIT);
    resolve->self = self;
    resolve->generation = hot_links_generation(self->links);
    resolve->code_size = (uint8_t)code.size;
    memcpy(resolve->code, code.at, code.size);
    resolve->next = *bucket;
    *bucket = resolve;
    resolve->trace = edge_trace(self, request);
    ask(resolve, 0);
    return resolve;
}

static void join(struct edge *self, struct resolve *resolve, struct exchange *exchange)
{
    exchange->resolve = resolve;
    exchange->next = resolve->first_waiting;
    resolve->first_waiting = exchange->id.slot + 1;
    resolve->waiting++;
    (void)self;
}

/* ------------------------------------------------------------------------------------------------ answering */

static void give(struct edge *self, const struct http_request *request, struct hot_link *link)
{
    struct exchange *exchange = &self->exchanges[request->exchange.slot];

    if (link->state == CODE_UNKNOWN) {
        edge_say(self, request->exchange, SAID_UNKNOWN);
    } else if (link->state == CODE_GONE) {
        edge_say(self, request->exchange, SAID_GONE);
    } else if (request->method == HTTP_HEAD) {
        if (http_redirect(self->http, request->exchange, hot_link_location(link), NULL))
            edge_answered(self, exchange, 307);
    } else {
        click_capture_add(self, request, link);
    }
}

/* Ends a resolve: everyone who waits gets `link`, or `said` when it is NULL. */
static void finish(struct resolve *resolve, struct hot_link *link, enum said said)
{
    struct edge *self = resolve->self;
    uint32_t next = resolve->first_waiting;

    forget(resolve);
    while (next != 0) {
        struct exchange *exchange = &self->exchanges[next - 1];
        struct http_request request;

        next = exchange->next;
        exchange->resolve = NULL;
        exchange->next = 0;
        if (!http_request_of(self->http, exchange->id, &request))
            continue;
        if (link == NULL)
            edge_say(self, exchange->id, said);
        else
            give(self, &request, link);
    }
}

/* A Location that a header could not hold would let its author write further headers. */
static bool is_sendable(struct slice location)
{
    size_t i;

    for (i = 0; i < location.size; i++)
        if ((unsigned char)location.at[i] <= ' ' || (unsigned char)location.at[i] >= 0x7f)
            return false;
    return location.size > 0 && location.size <= HOT_LOCATION_LIMIT;
}

static struct hot_link *link_of(struct resolve *resolve, const struct link_resolved *resolved)
{
    uint64_t wall_us = actor_wall_us(resolve->self->me);
    enum code_state state = CODE_UNKNOWN;

    if (resolved->state == CODE_GONE ||
        (resolved->state == CODE_LIVE && resolved->expires_us != 0 && resolved->expires_us <= wall_us))
        state = CODE_GONE;
    else if (resolved->state == CODE_LIVE)
        state = CODE_LIVE;
    return hot_link_make(state, code_of(resolve), state == CODE_LIVE ? resolved->location : (struct slice){ 0 },
                         resolved->version, state == CODE_LIVE ? resolved->expires_us : 0);
}

static void keep(struct resolve *resolve, struct hot_link *link)
{
    struct edge *self = resolve->self;

    if (resolve->is_overtaken || !self->is_trusted || resolve->generation != hot_links_generation(self->links))
        return;
    if (link->state == CODE_UNKNOWN) {
        uint64_t fresh_us = self->unknown_us < self->lease_us ? self->unknown_us : self->lease_us;

        if (fresh_us == 0)
            return;
        link->until_us = actor_now_us(self->me) + fresh_us;
    }
    hot_links_put(self->links, link);
}

static void on_resolved(struct actor *me, void *context, const struct answer *answer)
{
    struct resolve *resolve = context;
    struct edge *self = resolve->self;
    const struct link_resolved *resolved = answer->message;
    struct hot_link *link;

    resolve->ask = 0;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &link_resolved_schema) {
        if (resolve->attempts <= EDGE_RETRIES) {
            counter_add(&self->figures.retries, 1);
            ask(resolve, answer->receiver + 1);
            return;
        }
        actor_log(me, LOG_WARN, "no application node resolves codes: %s", answer->detail);
        finish(resolve, NULL, SAID_NO_ANSWER);
        return;
    }
    if (resolved->state == CODE_LIVE && !is_sendable(resolved->location)) {
        actor_log(me, LOG_ERROR, "a link has a target that cannot be a Location; edit it");
        finish(resolve, NULL, SAID_NO_ANSWER);
        return;
    }
    link = link_of(resolve, resolved);
    keep(resolve, link);
    finish(resolve, link, SAID_NO_ANSWER);
    hot_link_release(link);
}

/* ------------------------------------------------------------------------------------------------ from outside */

bool redirect_from_memory(struct edge *self, const struct http_request *request, struct slice code)
{
    struct hot_link *link;

    if (!self->is_trusted)
        return false;
    link = hot_links_get(self->links, code, actor_now_us(self->me), actor_wall_us(self->me));
    if (link == NULL)
        return false;
    counter_add(&self->figures.hot_hits, 1);
    self->exchanges[request->exchange.slot].duration = DURATION_HOT;
    give(self, request, link);
    return true;
}

void redirect_request(struct edge *self, const struct http_request *request, struct slice code)
{
    struct resolve *resolve;

    if (redirect_from_memory(self, request, code))
        return;
    counter_add(&self->figures.hot_misses, 1);
    if (unknown_codes_deny(self, code)) {
        counter_add(&self->figures.denied, 1);
        self->exchanges[request->exchange.slot].duration = DURATION_HOT;
        edge_say(self, request->exchange, SAID_UNKNOWN);
        return;
    }
    self->exchanges[request->exchange.slot].duration = DURATION_RESOLVED;
    resolve = find(self, code);
    if (resolve == NULL)
        resolve = start(self, request, code);
    join(self, resolve, &self->exchanges[request->exchange.slot]);
}

/* Nobody waits any more: the ask is not worth an answer. */
void redirect_left(struct edge *self, struct exchange *exchange)
{
    struct resolve *resolve = exchange->resolve;
    uint32_t *link;

    if (resolve == NULL)
        return;
    link = &resolve->first_waiting;
    while (*link != exchange->id.slot + 1)
        link = &self->exchanges[*link - 1].next;
    *link = exchange->next;
    exchange->resolve = NULL;
    if (--resolve->waiting > 0)
        return;
    actor_cancel_ask(self->me, resolve->ask);
    forget(resolve);
}

void redirect_changed(struct edge *self, struct slice code)
{
    struct resolve *resolve;

    hot_links_drop(self->links, code);
    if (code.size > ROUTES_CODE_LIMIT)
        return;
    for (resolve = *bucket_of(self, code); resolve != NULL; resolve = resolve->next)
        if (slice_equal(code_of(resolve), code))
            resolve->is_overtaken = true;
}

void redirect_start(struct edge *self)
{
    self->resolves = calloc(RESOLVE_BUCKETS, sizeof(struct resolve *));
    assert(self->resolves != NULL);
    self->links = hot_links_new((uint32_t)self->hot_links_limit, self->hot_bytes_limit, self->seed);
}

void redirect_stop(struct edge *self)
{
    uint32_t i;

    for (i = 0; self->resolves != NULL && i < RESOLVE_BUCKETS; i++)
        while (self->resolves[i] != NULL)
            forget(self->resolves[i]);
    free(self->resolves);
    self->resolves = NULL;
    hot_links_destroy(&self->links);
}
