/* SPDX-License-Identifier: MIT */
/*
 * http_client -- see http_client.h.
 *
 * libcurl's multi interface is driven by its own wishes: it names sockets to watch and one timer, and is told what came
 * true. Answers are handed out from a timer of the actor's, so that none comes from inside http_client_send.
 */
#include "actors/io/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/buffer.h"
#include "runtime/actor.h"

enum {
    CONNECTIONS_DEFAULT = 4,
    REQUESTS_DEFAULT = 256,
    BYTES_DEFAULT = 64 * 1024 * 1024,
    RESPONSE_DEFAULT = 16 * 1024 * 1024,
    CONNECT_DEFAULT_US = 2 * 1000 * 1000,
    DEADLINE_DEFAULT_US = 10 * 1000 * 1000
};

struct transfer {
    struct transfer *next;
    struct transfer **link;
    struct http_client *client;
    CURL *easy; /* NULL: refused before it was made */
    struct curl_slist *headers;
    struct buffer body;     /* what is sent */
    struct buffer response; /* what came */
    size_t response_limit;
    bool is_too_long;
    bool is_ended; /* its handler is due */
    struct http_response outcome;
    char detail[CURL_ERROR_SIZE];
    http_response_handler *then;
    void *context;
    struct span_mark span;
};

struct http_client {
    struct actor *actor;
    CURLM *multi;
    struct http_client_options options;
    uint64_t timer;    /* libcurl's */
    uint64_t delivery; /* ours: handlers are due */
    uint32_t under_way;
    size_t bytes;
    struct transfer *transfers;
};

/* ------------------------------------------------------------------------------------------------ one transfer */

static void free_transfer(struct transfer *transfer)
{
    struct http_client *client = transfer->client;

    *transfer->link = transfer->next;
    if (transfer->next != NULL)
        transfer->next->link = transfer->link;
    client->under_way--;
    client->bytes -= transfer->body.size;
    if (transfer->easy != NULL) {
        curl_multi_remove_handle(client->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    buffer_free(&transfer->body);
    buffer_free(&transfer->response);
    free(transfer);
}

static struct transfer *add_transfer(struct http_client *client, http_response_handler *then, void *context)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);

    assert(transfer != NULL);
    transfer->client = client;
    transfer->then = then;
    transfer->span = actor_span_begin(client->actor);
    transfer->context = context;
    transfer->next = client->transfers;
    transfer->link = &client->transfers;
    if (client->transfers != NULL)
        client->transfers->link = &transfer->next;
    client->transfers = transfer;
    client->under_way++;
    return transfer;
}

/* ------------------------------------------------------------------------------------------------ handing out */

static struct transfer *oldest_ended(struct http_client *client)
{
    struct transfer *oldest = NULL;

    for (struct transfer *transfer = client->transfers; transfer != NULL; transfer = transfer->next)
        oldest = transfer->is_ended ? transfer : oldest;
    return oldest;
}

/* A handler may close the client or send again; so each look at the list is a fresh one. */
static void deliver(struct actor *me, void *context)
{
    struct http_client *client = context;
    struct transfer *transfer;

    client->delivery = 0;
    transfer = oldest_ended(client);
    if (transfer == NULL)
        return;
    if (client->under_way > 1)
        client->delivery = actor_after(me, 0, deliver, client);

    http_response_handler *then = transfer->then;
    void *then_context = transfer->context;
    struct span_mark span = transfer->span;
    struct buffer body = transfer->response;
    struct http_response response = transfer->outcome;
    char detail[sizeof transfer->detail];

    slice_copy(slice_of(transfer->detail), detail, sizeof detail);
    transfer->response = (struct buffer){ 0 };
    free_transfer(transfer);
    response.body = response.outcome == OUTCOME_DONE ? buffer_slice(&body) : (struct slice){ 0 };
    response.detail = detail;
    actor_span_end(me, &span, SPAN_STORE, "request", "http");
    then(me, then_context, &response);
    buffer_free(&body);
}

static void end_transfer(struct transfer *transfer, enum outcome outcome, const char *detail)
{
    struct http_client *client = transfer->client;

    transfer->is_ended = true;
    transfer->outcome.outcome = outcome;
    if (detail != NULL)
        slice_copy(slice_of(detail), transfer->detail, sizeof transfer->detail);
    if (client->delivery == 0)
        client->delivery = actor_after(client->actor, 0, deliver, client);
}

/* Whether the request can have reached anybody: before the connection stands nothing was sent. */
static bool was_sent(CURLcode result, CURL *easy)
{
    long sent = 0;

    if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_URL_MALFORMAT ||
        result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_SSL_CONNECT_ERROR)
        return false;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0;
}

static void take_result(struct transfer *transfer, CURLcode result)
{
    long status = 0;

    if (result == CURLE_OK) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        transfer->outcome.status = (uint32_t)status;
        end_transfer(transfer, OUTCOME_DONE, "answered");
        return;
    }
    if (transfer->is_too_long)
        end_transfer(transfer, OUTCOME_UNKNOWN, "the answer is longer than was agreed");
    else
        end_transfer(transfer, was_sent(result, transfer->easy) ? OUTCOME_UNKNOWN : OUTCOME_NOT_SENT,
                     transfer->detail[0] != '\0' ? NULL : curl_easy_strerror(result));
}

static void take_results(struct http_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct transfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        take_result(transfer, message->data.result);
    }
}

/* ------------------------------------------------------------------------------------------------ libcurl's wishes */

static void act(struct http_client *client, curl_socket_t socket, int events)
{
    int running;

    curl_multi_socket_action(client->multi, socket, events, &running);
    take_results(client);
}

static void socket_ready(struct actor *me, void *context, int fd, unsigned events)
{
    (void)me;
    act(context, fd,
        ((events & WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) | ((events & WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static int want_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *kept)
{
    struct http_client *client = context;
    struct watch *watch = kept;
    unsigned events = (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        actor_unwatch(client->actor, &watch);
        curl_multi_assign(client->multi, socket, NULL);
    } else if (watch != NULL) {
        actor_watch_change(client->actor, watch, events);
    } else {
        watch = actor_watch(client->actor, socket, events, socket_ready, client);
        curl_multi_assign(client->multi, socket, watch);
    }
    return 0;
}

static void timer_due(struct actor *me, void *context)
{
    struct http_client *client = context;

    (void)me;
    client->timer = 0;
    act(client, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct http_client *client = context;

    (void)multi;
    actor_cancel_timer(client->actor, &client->timer);
    if (timeout_ms >= 0)
        client->timer = actor_after(client->actor, (uint64_t)timeout_ms * 1000, timer_due, client);
    return 0;
}

static size_t take_body(char *bytes, size_t one, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t size = one * count;

    if (size > transfer->response_limit - transfer->response.size) {
        transfer->is_too_long = true;
        return 0; /* libcurl ends the transfer */
    }
    buffer_append(&transfer->response, bytes, size);
    return size;
}

/* ------------------------------------------------------------------------------------------------ the public part */

struct http_client *http_client_open(struct actor *me, const struct http_client_options *options)
{
    struct http_client *client = calloc(1, sizeof *client);

    assert(client != NULL);
    client->actor = me;
    client->options = *options;
    if (client->options.connections == 0)
        client->options.connections = CONNECTIONS_DEFAULT;
    if (client->options.requests_limit == 0)
        client->options.requests_limit = REQUESTS_DEFAULT;
    if (client->options.bytes_limit == 0)
        client->options.bytes_limit = BYTES_DEFAULT;
    if (client->options.connect_limit_us == 0)
        client->options.connect_limit_us = CONNECT_DEFAULT_US;
    client->multi = curl_multi_init();
    if (client->multi == NULL) {
        free(client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)client->options.connections);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)client->options.connections);
    return client;
}

void http_client_close(struct http_client **closed)
{
    struct http_client *client = *closed;

    if (client == NULL)
        return;
    while (client->transfers != NULL)
        free_transfer(client->transfers);
    curl_multi_cleanup(client->multi);
    actor_cancel_timer(client->actor, &client->timer);
    actor_cancel_timer(client->actor, &client->delivery);
    free(client);
    *closed = NULL;
}

static void set_bounds(const struct http_client *client, const struct http_request *request, CURL *easy)
{
    uint64_t deadline_us = request->deadline_us > 0 ? request->deadline_us : DEADLINE_DEFAULT_US;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((deadline_us + 999) / 1000));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((client->options.connect_limit_us + 999) / 1000));
}

static void set_request(struct transfer *transfer, const struct http_request *request)
{
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    if (strcmp(request->method, "POST") == 0) {
        buffer_append(&transfer->body, request->body.at, request->body.size);
        transfer->client->bytes += request->body.size;
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.size > 0 ? transfer->body.at : "");
        /* No 100-continue: it costs a round trip, and our servers take what they are sent. */
        transfer->headers = curl_slist_append(transfer->headers, "Expect:");
        /* When a kept connection closes before any byte of the answer, libcurl sends the request again by itself: what
         * has effect would have it twice. It does not do so on a fresh one. */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    for (const char *const *header = request->headers; header != NULL && *header != NULL; header++)
        transfer->headers = curl_slist_append(transfer->headers, *header);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
}

void http_client_send(struct http_client *client,
                      const struct http_request *request,
                      http_response_handler *then,
                      void *context)
{
    bool is_overloaded = client->under_way >= client->options.requests_limit ||
                         request->body.size > client->options.bytes_limit - client->bytes;
    struct transfer *transfer = add_transfer(client, then, context);

    if (is_overloaded) {
        end_transfer(transfer, OUTCOME_OVERLOADED, "too many requests are under way");
        return;
    }
    transfer->easy = curl_easy_init();
    assert(transfer->easy != NULL);
    transfer->response_limit = request->response_limit > 0 ? request->response_limit : RESPONSE_DEFAULT;
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->detail);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    set_bounds(client, request, transfer->easy);
    set_request(transfer, request);
    curl_multi_add_handle(client->multi, transfer->easy);
}

uint32_t http_client_under_way(const struct http_client *client)
{
    return client->under_way;
}
