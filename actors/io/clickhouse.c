/* SPDX-License-Identifier: MIT */
/* clickhouse -- see clickhouse.h; the HTTP interface is described at https://clickhouse.com/docs/en/interfaces/http */
#include "actors/io/clickhouse.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/io/http_client.h"
#include "actors/io/uri.h"
#include "proto/buffer.h"
#include "runtime/actor.h"

enum {
    PORT_DEFAULT = 8123,
    REQUESTS_DEFAULT = 16,
    DEADLINE_DEFAULT_US = 30 * 1000 * 1000,
    FAILURES_THAT_OPEN = 3,
    PAUSE_MIN_US = 200 * 1000,
    PAUSE_MAX_US = 5 * 1000 * 1000,
    HEADER_LIMIT = URI_TEXT_LIMIT + 64,
    URL_LIMIT = 2048,
    DETAIL_LIMIT = 256,
    QUERY_ID_LIMIT = 128
};

struct clickhouse {
    struct actor *actor;
    struct http_client *http;
    struct breaker breaker;
    struct uri uri;
    uint32_t host; /* the one in use; the next one after it could not be connected */
    const char *name;
    uint64_t deadline_us;
    char user[HEADER_LIMIT];
    char key[HEADER_LIMIT];
    struct request *requests; /* all that have not been answered */
    uint64_t delivery;        /* handlers of refused ones are due */
};

struct request {
    struct clickhouse *clickhouse;
    struct request *next;
    struct request **link; /* what points here */
    clickhouse_handler *then;
    void *context;
    bool is_insert;  /* it has data */
    bool is_refused; /* at once: nothing was sent */
};

static struct request *add_request(struct clickhouse *clickhouse, clickhouse_handler *then, void *context)
{
    struct request *request = calloc(1, sizeof *request);

    assert(request != NULL);
    *request = (struct request){ .clickhouse = clickhouse, .then = then, .context = context };
    request->next = clickhouse->requests;
    request->link = &clickhouse->requests;
    if (clickhouse->requests != NULL)
        clickhouse->requests->link = &request->next;
    clickhouse->requests = request;
    return request;
}

static void remove_request(struct request *request)
{
    *request->link = request->next;
    if (request->next != NULL)
        request->next->link = request->link;
    free(request);
}

/* ------------------------------------------------------------------------------------------------ answers */

/* Exceptions that are not for ever. Those that can come in the middle of the work (a timeout, the network, a cancelled
 * query, the operating system) say nothing about an insert's effect; the others come before it: too many simultaneous
 * queries, memory, read-only, no space, too many parts.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp */
static enum outcome outcome_of(uint32_t code, bool is_insert)
{
    static const struct {
        uint32_t code;
        bool is_in_the_middle;
    } passing[] = { { 159, true }, { 164, false }, { 202, false }, { 209, true },  { 210, true },
                    { 236, true }, { 241, false }, { 242, false }, { 243, false }, { 252, false },
                    { 394, true }, { 425, true },  { 999, true } };

    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        if (passing[i].code == code)
            return passing[i].is_in_the_middle && is_insert ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
    }
    return OUTCOME_REJECTED;
}

/* "Code: 60, e.displayText() = DB::Exception: ..." in old servers, "Code: 60. DB::Exception: ..." in newer ones. */
static uint32_t exception_code(struct slice body)
{
    static const char head[] = "Code: ";
    char text[32];

    slice_copy(body, text, sizeof text);
    return strncmp(text, head, sizeof head - 1) == 0 ? (uint32_t)strtoul(text + sizeof head - 1, NULL, 10) : 0;
}

static void first_line(struct slice body, char *out, size_t room)
{
    const char *end = body.size > 0 ? memchr(body.at, '\n', body.size) : NULL;

    if (end != NULL)
        body.size = (size_t)(end - body.at);
    slice_copy(body, out, room);
}

static void
judge(const struct http_response *response, bool is_insert, struct clickhouse_result *result, char detail[DETAIL_LIMIT])
{
    *result = (struct clickhouse_result){ .outcome = response->outcome, .detail = response->detail };
    if (response->outcome != OUTCOME_DONE || response->status == 200) {
        result->body = response->body;
        return;
    }
    result->code = exception_code(response->body);
    first_line(response->body, detail, DETAIL_LIMIT);
    result->detail = detail[0] != '\0' ? detail : "ClickHouse refused the request without a reason";
    result->outcome = response->status == 503 ? OUTCOME_RETRY : outcome_of(result->code, is_insert);
}

/* A refusal is an answer: the breaker is about servers that do not answer. */
static void learn(struct clickhouse *clickhouse, const struct http_response *response)
{
    if (response->outcome == OUTCOME_DONE) {
        breaker_succeeded(&clickhouse->breaker);
    } else if (response->outcome != OUTCOME_OVERLOADED) {
        breaker_failed(&clickhouse->breaker, actor_now_us(clickhouse->actor), actor_random(clickhouse->actor),
                       response->detail);
        clickhouse->host = (clickhouse->host + 1) % clickhouse->uri.host_count;
    }
}

static void answered(struct actor *me, void *context, const struct http_response *response)
{
    struct request *request = context;
    struct clickhouse_result result;
    char detail[DETAIL_LIMIT];

    learn(request->clickhouse, response);
    judge(response, request->is_insert, &result, detail);

    clickhouse_handler *then = request->then;
    void *then_context = request->context;

    remove_request(request);
    then(me, then_context, &result);
}

/* The oldest of the refused ones; each delivery is a turn of its own, because a handler may send again or close. */
static void deliver_refused(struct actor *me, void *context)
{
    struct clickhouse *clickhouse = context;
    struct request *oldest = NULL;
    uint32_t refused = 0;

    for (struct request *request = clickhouse->requests; request != NULL; request = request->next) {
        oldest = request->is_refused ? request : oldest;
        refused += request->is_refused ? 1 : 0;
    }
    clickhouse->delivery = refused > 1 ? actor_after(me, 0, deliver_refused, clickhouse) : 0;
    if (oldest == NULL)
        return;

    struct clickhouse_result result = { .outcome = OUTCOME_NOT_SENT, .detail = clickhouse->breaker.reason };
    clickhouse_handler *then = oldest->then;
    void *then_context = oldest->context;

    remove_request(oldest);
    then(me, then_context, &result);
}

static void refuse(struct clickhouse *clickhouse, struct request *request)
{
    request->is_refused = true;
    if (clickhouse->delivery == 0)
        clickhouse->delivery = actor_after(clickhouse->actor, 0, deliver_refused, clickhouse);
}

/* ------------------------------------------------------------------------------------------------ queries */

/* Percent-encodes all but what RFC 3986 leaves unreserved. False when it does not fit. */
static bool append_encoded(char *url, size_t room, struct slice text)
{
    size_t size = strlen(url);

    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                        byte == '-' || byte == '_' || byte == '.' || byte == '~';

        if (size + 4 > room)
            return false;
        size += (size_t)snprintf(url + size, room - size, is_plain ? "%c" : "%%%02X", byte);
    }
    return true;
}

/* As in the HTTP interface's own addresses, ?database=name; or the path. */
static const char *database_of(const struct uri *uri)
{
    static const char name[] = "database=";

    return strncmp(uri->query, name, sizeof name - 1) == 0 ? uri->query + sizeof name - 1 : uri->path;
}

/* With data the statement goes into the URL and the data are the body; else the statement is the body. */
static bool make_url(const struct clickhouse *clickhouse, const struct clickhouse_query *query, char url[URL_LIMIT])
{
    const struct uri_host *host = &clickhouse->uri.hosts[clickhouse->host];
    bool is_ipv6 = strchr(host->name, ':') != NULL;
    const char *database = database_of(&clickhouse->uri);
    bool fits = true;

    snprintf(url, URL_LIMIT, "http://%s%s%s:%u/?wait_end_of_query=1", is_ipv6 ? "[" : "", host->name,
             is_ipv6 ? "]" : "", host->port);
    if (!query->without_database && database[0] != '\0') {
        strncat(url, "&database=", URL_LIMIT - strlen(url) - 1);
        fits = append_encoded(url, URL_LIMIT, slice_of(database));
    }
    if (query->query_id != NULL) {
        strncat(url, "&query_id=", URL_LIMIT - strlen(url) - 1);
        fits = fits && append_encoded(url, URL_LIMIT, slice_of(query->query_id));
    }
    if (query->data.size > 0) {
        strncat(url, "&query=", URL_LIMIT - strlen(url) - 1);
        fits = fits && append_encoded(url, URL_LIMIT, query->sql);
    }
    return fits;
}

void clickhouse_send(struct clickhouse *clickhouse,
                     const struct clickhouse_query *query,
                     clickhouse_handler *then,
                     void *context)
{
    struct request *request = add_request(clickhouse, then, context);
    const char *headers[] = { clickhouse->user, clickhouse->key, NULL };
    char url[URL_LIMIT];

    if (!breaker_allows(&clickhouse->breaker, actor_now_us(clickhouse->actor))) {
        refuse(clickhouse, request);
        return;
    }

    request->is_insert = query->data.size > 0;
    bool fits = make_url(clickhouse, query, url);

    assert(fits); /* statements that go with data are short and our own */
    http_client_send(clickhouse->http,
                     &(struct http_request){
                         .method = "POST",
                         .url = url,
                         .headers = clickhouse->user[0] != '\0' ? headers : NULL,
                         .body = query->data.size > 0 ? query->data : query->sql,
                         .deadline_us = query->deadline_us > 0 ? query->deadline_us : clickhouse->deadline_us,
                         .response_limit = query->response_limit,
                     },
                     answered, request);
}

/* ------------------------------------------------------------------------------------------------ life */

struct clickhouse *clickhouse_open(struct actor *me, const struct clickhouse_options *options, char *why, size_t room)
{
    struct clickhouse *clickhouse = calloc(1, sizeof *clickhouse);

    assert(clickhouse != NULL);
    if (!uri_parse(options->uri, PORT_DEFAULT, &clickhouse->uri, why, room)) {
        free(clickhouse);
        return NULL;
    }
    if (strcmp(clickhouse->uri.scheme, "clickhouse") != 0 && strcmp(clickhouse->uri.scheme, "http") != 0) {
        snprintf(why, room, "the address of ClickHouse begins with %s://; expected clickhouse:// or http://",
                 clickhouse->uri.scheme);
        free(clickhouse);
        return NULL;
    }
    clickhouse->actor = me;
    clickhouse->name = options->name;
    clickhouse->deadline_us = options->deadline_us > 0 ? options->deadline_us : DEADLINE_DEFAULT_US;
    if (clickhouse->uri.user[0] != '\0') {
        snprintf(clickhouse->user, sizeof clickhouse->user, "X-ClickHouse-User: %s", clickhouse->uri.user);
        snprintf(clickhouse->key, sizeof clickhouse->key, "X-ClickHouse-Key: %s", clickhouse->uri.password);
    }
    clickhouse->http = http_client_open(
        me, &(struct http_client_options){ .requests_limit =
                                               options->requests_limit > 0 ? options->requests_limit : REQUESTS_DEFAULT,
                                           .bytes_limit = options->bytes_limit });
    assert(clickhouse->http != NULL);
    breaker_init(&clickhouse->breaker, FAILURES_THAT_OPEN, PAUSE_MIN_US, PAUSE_MAX_US);
    actor_show_breaker(me, options->name, &clickhouse->breaker);
    return clickhouse;
}

void clickhouse_close(struct clickhouse **closed)
{
    struct clickhouse *clickhouse = *closed;

    if (clickhouse == NULL)
        return;
    actor_show_breaker(clickhouse->actor, clickhouse->name, NULL);
    http_client_close(&clickhouse->http);
    actor_cancel_timer(clickhouse->actor, &clickhouse->delivery);
    while (clickhouse->requests != NULL)
        remove_request(clickhouse->requests);
    free(clickhouse);
    *closed = NULL;
}
