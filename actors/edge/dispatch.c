/* SPDX-License-Identifier: MIT */
/*
 * dispatch -- which request goes to whom, and the ways in which every request ends.
 */
#include <stdio.h>
#include <string.h>

#include "actors/edge/edge_state.h"
#include "actors/edge/trace.h"

/* ------------------------------------------------------------------------------------------------ exchanges */

void *edge_context_of(struct http_exchange id)
{
    return (void *)(uintptr_t)((uint64_t)id.generation << 32 | id.slot);
}

struct http_exchange edge_exchange_of(void *context)
{
    uint64_t packed = (uint64_t)(uintptr_t)context;

    return (struct http_exchange){ (uint32_t)packed, (uint32_t)(packed >> 32) };
}

struct exchange *edge_exchange(struct edge *self, struct http_exchange id)
{
    struct exchange *exchange = &self->exchanges[id.slot];

    return exchange->id.generation == id.generation && http_is_waiting(self->http, id) ? exchange : NULL;
}

static void name_trace(struct edge *self, const struct exchange *exchange)
{
    char text[TRACE_TEXT_ROOM];
    struct http_field field = { "X-Trace-Id", { text, TRACE_TEXT_ROOM - 1 } };

    trace_format(&exchange->trace, text);
    http_add_field(self->http, exchange->id, &field);
}

struct trace edge_trace(struct edge *self, const struct http_request *request)
{
    struct exchange *exchange = &self->exchanges[request->exchange.slot];
    struct trace *trace = &exchange->trace;

    if (trace_is_set(trace))
        return *trace;
    if (!trace_parse(http_request_field_named(request, "traceparent"), trace))
        *trace = (struct trace){ .id = { actor_random(self->me), actor_random(self->me) } };
    trace->is_recorded = trace->is_recorded && self->trace_asked;
    name_trace(self, exchange);
    return *trace;
}

/* Whether this request is to be recorded: by its turn, or because its caller wants to see it. Hot redirects need no id
 * unless it is. */
static void sample(struct edge *self, const struct http_request *request)
{
    struct exchange *exchange = &self->exchanges[request->exchange.slot];

    if (self->trace_one_in > 0 && ++self->trace_seen >= self->trace_one_in) {
        self->trace_seen = 0;
        (void)edge_trace(self, request);
        exchange->trace.is_recorded = trace_is_set(&exchange->trace);
    } else if (self->trace_asked && http_request_field_named(request, "traceparent").size > 0) {
        (void)edge_trace(self, request);
    }
}

static void record(struct edge *self, const struct exchange *exchange, unsigned status)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other" };
    struct span_mark mark = { .trace = exchange->trace, .began_us = exchange->started_us };
    char name[48];
    char outcome[16];

    (void)snprintf(name, sizeof(name), "%s %s", methods[exchange->method], routes_name(exchange->route));
    (void)snprintf(outcome, sizeof(outcome), "%u", status);
    actor_span_end(self->me, &mark, SPAN_REQUEST, name, outcome);
}

void edge_answered(struct edge *self, struct exchange *exchange, unsigned status)
{
    figures_count(&self->figures, exchange->route, exchange->method, status);
    histogram_observe_us(&self->figures.durations[exchange->duration], actor_now_us(self->me) - exchange->started_us);
    if (exchange->trace.is_recorded)
        record(self, exchange, status);
}

void edge_answer(struct edge *self, struct http_exchange id, const struct http_answer *answer)
{
    struct exchange *exchange = edge_exchange(self, id);

    if (exchange != NULL && http_answer(self->http, id, answer))
        edge_answered(self, exchange, answer->status);
}

void edge_problem(struct edge *self, struct http_exchange id, const struct problem *problem)
{
    struct exchange *exchange = edge_exchange(self, id);

    if (exchange != NULL && problem_answer(self->http, id, problem))
        edge_answered(self, exchange, problem->status);
}

const struct problem dispatch_sayings[SAID_COUNT] = {
    [SAID_UNKNOWN] = { .status = 404, .detail = { "There is no link with this code.", 32 } },
    [SAID_GONE] = { .status = 410, .detail = { "This link has expired or was withdrawn.", 39 } },
    [SAID_NOTHING_HERE] = { .status = 404, .detail = { "There is nothing here; /docs says what there is.", 48 } },
    [SAID_CLICK_LOST] = { .status = 503, .detail = { "The click could not be recorded; try again shortly.", 51 } },
    [SAID_NO_ANSWER] = { .status = 503, .detail = { "No application node answers just now; try again shortly.", 56 } },
};

void edge_say(struct edge *self, struct http_exchange id, enum said said)
{
    static const struct http_field retry = { "Retry-After", { "1", 1 } };
    unsigned status = dispatch_sayings[said].status;

    edge_answer(self, id,
                &(struct http_answer){ .status = status,
                                       .content_type = problem_content_type,
                                       .fields = &retry,
                                       .field_count = status == 503 ? 1 : 0,
                                       .body = slice_of(self->said[said]),
                                       .body_lives_on = true });
}

/* ------------------------------------------------------------------------------------------------ requests */

static void answer_options(struct edge *self, const struct http_request *request, enum route route)
{
    struct http_field allow = { "Allow", slice_of(routes_allowed(route)) };

    edge_answer(self, request->exchange, &(struct http_answer){ .status = 204, .fields = &allow, .field_count = 1 });
}

static void refuse(struct edge *self, const struct http_request *request)
{
    edge_problem(self, request->exchange,
                 &(struct problem){
                     .status = request->refusal.status, .detail = slice_of(request->refusal.detail), .close = true });
}

static void refuse_method(struct edge *self, const struct http_request *request, enum route route)
{
    char detail[128];

    snprintf(detail, sizeof(detail), "This can be asked for with %s.", routes_allowed(route));
    edge_problem(self, request->exchange,
                 &(struct problem){ .status = 405, .detail = slice_of(detail), .allow = routes_allowed(route) });
}

/* The limits that edges share, by their numbers there. */
enum { LIMIT_REQUESTS, LIMIT_SHORTENS };

/* A known key's holder, else the network that the request came from. */
static uint64_t client_of(struct edge *self, const struct http_request *request)
{
    uint64_t caller;

    if (api_keys_find(self->api_keys, http_request_field(request, HTTP_FIELD_AUTHORIZATION), &caller))
        return caller;
    return http_request_network(request);
}

static bool is_within(struct edge *self, const struct http_request *request, uint32_t which)
{
    bool is_shorten = which == LIMIT_SHORTENS;
    struct rate_limit **limit = is_shorten ? &self->shorten_limit : &self->request_limit;
    uint64_t rate = is_shorten ? self->shorten_rate : self->request_rate;
    uint64_t client, wait_us;

    if (rate == 0)
        return true;
    if (*limit == NULL)
        *limit = rate_limit_new(self->seed);
    client = client_of(self, request);
    wait_us = rate_limit_wait_us(*limit, client, rate, is_shorten ? self->shorten_burst : self->request_burst,
                                 actor_now_us(self->me));
    if (wait_us == 0) {
        if (self->rate_share != NULL)
            rate_share_note(self->rate_share, which, *limit, client, rate);
        return true;
    }
    counter_add(&self->figures.limited, 1);
    edge_problem(
        self, request->exchange,
        &(struct problem){ .status = 429,
                           .detail = SLICE("Too many requests from you or your network; come again a little later."),
                           .retry_after_s = (wait_us + 999999) / 1000000 });
    return false;
}

static bool may_shorten(struct edge *self, const struct http_request *request, enum route route)
{
    uint64_t caller;

    if (route != ROUTE_SHORTEN)
        return true;
    if (self->shorten_needs_key &&
        !api_keys_find(self->api_keys, http_request_field(request, HTTP_FIELD_AUTHORIZATION), &caller)) {
        edge_problem(self, request->exchange,
                     &(struct problem){ .status = 401,
                                        .detail = SLICE("Making links needs an API key here: send 'Authorization: "
                                                        "Bearer KEY'.") });
        return false;
    }
    return is_within(self, request, LIMIT_SHORTENS);
}

static void hand_on(struct edge *self, const struct http_request *request, const struct route_match *match)
{
    switch (match->route) {
    case ROUTE_CODE:
        redirect_request(self, request, match->code);
        break;
    case ROUTE_SHORTEN:
    case ROUTE_DEFERRED:
    case ROUTE_STATS:
    case ROUTE_LINK:
        link_api_request(self, request, match->code);
        break;
    case ROUTE_HEALTH:
    case ROUTE_LIVEZ:
    case ROUTE_READYZ:
        probes_request(self, request);
        break;
    default:
        pages_request(self, request);
    }
}

static enum duration duration_of(enum route route)
{
    return route == ROUTE_SHORTEN ? DURATION_SHORTEN : route == ROUTE_STATS ? DURATION_STATS : DURATION_OTHER;
}

void dispatch_request(struct edge *self, const struct http_request *request)
{
    struct exchange *exchange = &self->exchanges[request->exchange.slot];
    struct slice code = { request->path.at + 1, request->path.size - 1 };
    struct route_match match;

    *exchange = (struct exchange){
        .id = request->exchange, .route = ROUTE_CODE, .method = request->method, .started_us = actor_now_us(self->me)
    };
    if (request->refusal.status != 0) {
        exchange->route = ROUTE_NONE;
        exchange->duration = DURATION_OTHER;
        refuse(self, request);
        return;
    }
    if (!is_within(self, request, LIMIT_REQUESTS))
        return;
    sample(self, request);
    /* Nothing but codes is in memory, so what is found there needs no routing. */
    if (request->method == HTTP_GET && request->path.at[0] == '/' && code.size - 1 < ROUTES_CODE_LIMIT &&
        redirect_from_memory(self, request, code))
        return;
    routes_match(request->path, &match);
    exchange->route = match.route;
    exchange->duration = duration_of(match.route);
    if (match.route == ROUTE_NONE)
        edge_say(self, request->exchange, SAID_NOTHING_HERE);
    else if (!routes_allow(match.route, request->method))
        refuse_method(self, request, match.route);
    else if (request->method == HTTP_OPTIONS)
        answer_options(self, request, match.route);
    else if (may_shorten(self, request, match.route))
        hand_on(self, request, &match);
}
