/* SPDX-License-Identifier: MIT */
/*
 * link_api -- /api/shorten, what became of a shortening that had to wait, /api/stats/{code} and /api/links/{code}: each
 * one ask to an application node.
 *
 * What is safe to do twice, or was surely not done, is tried once more on another node. All else ends in 503 with
 * Retry-After, and the client decides. Managing links needs the management key as a bearer token.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "actors/edge/edge_state.h"
#include "actors/edge/request_json.h"
#include "actors/edge/timestamp.h"

static bool send(struct edge *self, const struct http_request *request, uint32_t avoid);

/* ------------------------------------------------------------------------------------------------ answers */

static json_t *time_of(uint64_t time_us)
{
    char text[TIMESTAMP_SIZE];

    timestamp_print(time_us, text);
    return json_string(text);
}

static json_t *text_of(struct slice text)
{
    json_t *value = json_stringn(text.at != NULL ? text.at : "", text.size);

    return value != NULL ? value : json_string("");
}

/* The seven classic fields in their order; links that are managed show two more. */
static char *body_of(const struct edge *self, const struct link_row *row, bool is_managed)
{
    char short_url[sizeof(self->short_url_base) + ROUTES_CODE_LIMIT];
    json_t *object = json_object();
    char *body;

    snprintf(short_url, sizeof(short_url), "%s%.*s", self->short_url_base,
             (int)(row->code.size < ROUTES_CODE_LIMIT ? row->code.size : ROUTES_CODE_LIMIT), row->code.at);
    json_object_set_new(object, "id", json_integer((json_int_t)row->id));
    json_object_set_new(object, "short_code", text_of(row->code));
    json_object_set_new(object, "original_url", text_of(row->url));
    json_object_set_new(object, "short_url", json_string(short_url));
    json_object_set_new(object, "clicks", json_integer((json_int_t)row->clicks));
    json_object_set_new(object, "created_at", time_of(row->created_us));
    json_object_set_new(object, "updated_at", time_of(row->updated_us));
    if (is_managed) {
        json_object_set_new(object, "expires_at", row->expires_us != 0 ? time_of(row->expires_us) : json_null());
        json_object_set_new(object, "withdrawn", json_boolean(row->withdrawn));
    }
    body = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    return body;
}

static void answer_row(struct edge *self, struct exchange *exchange, const struct link_row *row)
{
    char *body = body_of(self, row, exchange->route == ROUTE_LINK);
    struct http_field fields[2];
    struct http_answer answer = { .status = exchange->route == ROUTE_SHORTEN ? 201 : 200,
                                  .content_type = SLICE("application/json"),
                                  .fields = fields,
                                  .body = slice_of(body) };

    if (body == NULL) {
        edge_say(self, exchange->id, SAID_NO_ANSWER);
        return;
    }
    /* What was just made or changed must not be answered from an older memory, the news of its making least of all. */
    if (exchange->route == ROUTE_SHORTEN || (exchange->route == ROUTE_LINK && exchange->method != HTTP_GET))
        redirect_changed(self, row->code);
    unknown_codes_made(self, row->code);
    fields[answer.field_count++] = (struct http_field){ "Cache-Control", SLICE("no-store") };
    if (row->clicks_incomplete)
        fields[answer.field_count++] = (struct http_field){ "X-Clicks-Incomplete", SLICE("true") };
    edge_answer(self, exchange->id, &answer);
    free(body);
}

/* Accepted for later: where its fate can be asked for. */
static void answer_deferred(struct edge *self, struct exchange *exchange, const struct link_deferred *deferred)
{
    char location[64], body[160];
    int size = snprintf(location, sizeof(location), "/api/shorten/%.*s",
                        (int)(deferred->token.size < ROUTES_CODE_LIMIT ? deferred->token.size : ROUTES_CODE_LIMIT),
                        deferred->token.at);
    struct http_field fields[] = { { "Cache-Control", SLICE("no-store") },
                                   { "Retry-After", SLICE("2") },
                                   { "Location", { location, (size_t)size } },
                                   { "Preference-Applied", SLICE("respond-async") } };

    snprintf(body, sizeof(body), "{\"status\":\"pending\",\"status_url\":\"%s\"}", location);
    edge_answer(self, exchange->id,
                &(struct http_answer){ .status = 202,
                                       .content_type = SLICE("application/json"),
                                       .fields = fields,
                                       .field_count = exchange->route == ROUTE_SHORTEN ? 4 : 3,
                                       .body = slice_of(body) });
}

static void answer_refusal(struct edge *self, struct http_exchange id, const struct link_refused *refused)
{
    bool is_known = refused->status == 404 || refused->status == 409 || refused->status == 410 ||
                    refused->status == 422 || refused->status == 429 || refused->status == 503;
    uint64_t retry_after_s = refused->retry_after_s != 0 ? refused->retry_after_s : EDGE_RETRY_AFTER_S;
    struct problem problem = { .status = is_known ? (unsigned)refused->status : 503,
                               .detail = refused->detail,
                               .pointer = refused->pointer };

    if (problem.status == 503 || problem.status == 429)
        problem.retry_after_s = retry_after_s;
    edge_problem(self, id, &problem);
}

/* Whether doing it again cannot do harm: it changes nothing, or the node has surely not begun. */
static bool may_retry(const struct exchange *exchange, enum ask_outcome outcome)
{
    if (exchange->attempts > EDGE_RETRIES)
        return false;
    if (outcome == ASK_OVERLOADED || outcome == ASK_NO_TARGET || outcome == ASK_UNAVAILABLE)
        return true;
    return (exchange->method == HTTP_GET || exchange->method == HTTP_HEAD) && outcome != ASK_ANSWERED;
}

static void on_answer(struct actor *me, void *context, const struct answer *answer)
{
    struct edge *self = actor_state(me);
    struct exchange *exchange = edge_exchange(self, edge_exchange_of(context));
    struct http_request request;

    if (exchange == NULL || !http_request_of(self->http, exchange->id, &request))
        return;
    exchange->ask = 0;
    if (answer->outcome == ASK_ANSWERED && answer->schema == &link_row_schema) {
        answer_row(self, exchange, answer->message);
    } else if (answer->outcome == ASK_ANSWERED && answer->schema == &link_deferred_schema) {
        answer_deferred(self, exchange, answer->message);
    } else if (answer->outcome == ASK_ANSWERED && answer->schema == &link_refused_schema) {
        answer_refusal(self, exchange->id, answer->message);
    } else if (may_retry(exchange, answer->outcome)) {
        counter_add(&self->figures.retries, 1);
        send(self, &request, answer->receiver + 1);
    } else {
        actor_log(me, LOG_WARN, "no application node answers: %s", answer->detail);
        edge_say(self, exchange->id, SAID_NO_ANSWER);
    }
}

/* ------------------------------------------------------------------------------------------------ asks */

static void refuse_body(struct edge *self, struct http_exchange id, const struct request_json_error *error)
{
    edge_problem(self, id,
                 &(struct problem){
                     .status = error->status, .detail = slice_of(error->detail), .pointer = slice_of(error->pointer) });
}

static struct sending how_to_send(struct edge *self, const struct http_request *request, uint32_t avoid)
{
    struct sending how = { .deadline_us = self->api_deadline_us,
                           .then = on_answer,
                           .context = edge_context_of(request->exchange),
                           .avoid = avoid,
                           .trace = edge_trace(self, request) };

    return how;
}

/* RFC 7240: a list of preferences, each perhaps with a value and parameters. */
static bool prefers_async(const struct http_request *request)
{
    static const char wanted[] = "respond-async";
    struct slice prefer = http_request_field_named(request, "prefer");
    size_t at = 0;

    while (at < prefer.size) {
        size_t size = 0;

        while (at < prefer.size && (prefer.at[at] == ' ' || prefer.at[at] == '\t' || prefer.at[at] == ','))
            at++;
        while (at + size < prefer.size && strchr(" \t,;=", prefer.at[at + size]) == NULL)
            size++;
        if (size == sizeof(wanted) - 1 && strncasecmp(prefer.at + at, wanted, size) == 0)
            return true;
        while (at < prefer.size && prefer.at[at] != ',')
            at++;
    }
    return false;
}

static uint64_t ask_shorten(struct edge *self, const struct http_request *request, uint32_t avoid)
{
    struct sending how = how_to_send(self, request, avoid);
    struct request_json_error error;
    struct request_json body;
    uint64_t ask;

    if (!request_json_shorten(request->body, &body, &error)) {
        refuse_body(self, request->exchange, &error);
        return 0;
    }
    ask =
        ASK(self->me, EDGE_TO_LINKS, &how, link_shorten, .url = body.url, .custom_code = body.custom_code,
            .has_custom_code = body.has_custom_code, .expires_us = body.expires_us, .may_wait = prefers_async(request));
    request_json_free(&body);
    return ask;
}

static uint64_t ask_edit(struct edge *self, const struct http_request *request, struct slice code, uint32_t avoid)
{
    struct sending how = how_to_send(self, request, avoid);
    struct request_json_error error;
    struct request_json body;
    uint64_t ask;

    if (!request_json_edit(request->body, &body, &error)) {
        refuse_body(self, request->exchange, &error);
        return 0;
    }
    ask = ASK(self->me, EDGE_TO_LINKS, &how, link_edit, .code = code, .url = body.url, .set_expiry = body.sets_expiry,
              .expires_us = body.expires_us, .withdraw = body.withdraws);
    request_json_free(&body);
    return ask;
}

/* Sends what the request wants; also for the second time. False: it was answered instead. */
static bool send(struct edge *self, const struct http_request *request, uint32_t avoid)
{
    struct exchange *exchange = &self->exchanges[request->exchange.slot];
    struct sending how = how_to_send(self, request, avoid);
    struct route_match match;

    routes_match(request->path, &match);
    if (match.route == ROUTE_SHORTEN)
        exchange->ask = ask_shorten(self, request, avoid);
    else if (request->method == HTTP_PATCH)
        exchange->ask = ask_edit(self, request, match.code, avoid);
    else if (request->method == HTTP_DELETE)
        exchange->ask = ASK(self->me, EDGE_TO_LINKS, &how, link_edit, .code = match.code, .withdraw = true);
    else if (match.route == ROUTE_DEFERRED)
        exchange->ask = ASK(self->me, EDGE_TO_LINKS, &how, deferred_read, .token = match.code);
    else
        exchange->ask = ASK(self->me, EDGE_TO_LINKS, &how, link_read, .code = match.code);
    exchange->attempts++;
    return exchange->ask != 0;
}

/* ------------------------------------------------------------------------------------------------ permission */

/* Takes as long for a nearly right key as for a wrong one. */
static bool is_equal_key(struct slice given, const char *key)
{
    size_t size = strlen(key), i;
    unsigned char difference = given.size == size ? 0 : 1;

    for (i = 0; i < given.size; i++)
        difference |= (unsigned char)(given.at[i] ^ key[size > 0 ? i % size : 0]);
    return difference == 0;
}

static bool may_manage(struct edge *self, const struct http_request *request)
{
    struct slice given = http_request_field(request, HTTP_FIELD_AUTHORIZATION);
    struct problem problem = { .status = 401,
                               .detail = SLICE("Managing links needs the management key: send "
                                               "'Authorization: Bearer KEY'.") };

    if (self->management_key[0] == '\0') {
        problem.status = 403;
        problem.detail =
            SLICE("Managing links is off: put a key of at least 16 characters into the file that the edge's "
                  "option management_key names.");
        edge_problem(self, request->exchange, &problem);
        return false;
    }
    if (given.size > 7 && strncasecmp(given.at, "Bearer ", 7) == 0 &&
        is_equal_key((struct slice){ given.at + 7, given.size - 7 }, self->management_key))
        return true;
    edge_problem(self, request->exchange, &problem);
    return false;
}

static bool has_json(struct edge *self, const struct http_request *request)
{
    if (request_json_is_content_type(http_request_field(request, HTTP_FIELD_CONTENT_TYPE)))
        return true;
    edge_problem(self, request->exchange,
                 &(struct problem){ .status = 415,
                                    .detail = SLICE("Send the body as 'Content-Type: application/json', in UTF-8.") });
    return false;
}

void link_api_request(struct edge *self, const struct http_request *request, struct slice code)
{
    enum route route = self->exchanges[request->exchange.slot].route;

    (void)code;
    if (route == ROUTE_LINK && !may_manage(self, request))
        return;
    if ((request->method == HTTP_POST || request->method == HTTP_PATCH) && !has_json(self, request))
        return;
    send(self, request, 0);
}
