/* SPDX-License-Identifier: MIT */
/*
 * operator -- the operator's listener: metrics of every node, targets for Prometheus, a page that says how all is.
 *
 *     GET /                what the launcher says of nodes and stores
 *     GET /metrics         the metrics of all nodes as one page
 *     GET /metrics/NODE    those of one node
 *     GET /targets         Prometheus' http_sd: one target for each node
 *
 * It keeps nothing: each request asks supervisors or the launcher and waits for their answers, bounded by a deadline. A
 * node that does not answer is missing from the page of all, and 503 on its own. It binds to this machine unless told
 * otherwise.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/http.h"
#include "actors/ops/operator_page.h"
#include "runtime/actor.h"
#include "runtime/exposition.h"

enum { TO_SUPERVISORS, TO_LAUNCHER };
enum { CONNECTIONS = 256, PAGES_LIMIT = 64 /* under way */, NODES_LIMIT = 256, TEXT_BYTES_LIMIT = 32 * 1024 * 1024 };

struct operator
{
    const char *listen;
    const char *address; /* as Prometheus shall write it; empty: listen */
    uint64_t deadline_us;

    struct actor *me;
    struct http_server *http;
    struct page *pages; /* under way */
    uint32_t page_count;
    bool is_draining;
    bool has_drained;
    counter requests;
    counter unanswered;
};

/* A page that waits for others. */
struct page {
    struct page *next;
    struct http_exchange id;
    uint32_t awaited; /* answers still to come */
    uint32_t got;
    struct buffer text;
};

static const struct slice html = { "text/html; charset=utf-8", 24 };
static const struct slice json = { "application/json", 16 };
static const struct slice exposition = { "text/plain; version=0.0.4; charset=utf-8", 40 };
static const struct slice plain = { "text/plain; charset=utf-8", 25 };

/* ------------------------------------------------------------------------------------------------ answers */

static void
answer(struct operator* self, struct http_exchange id, unsigned status, struct slice type, struct slice body)
{
    http_answer(self->http, id, &(struct http_answer){ .status = status, .content_type = type, .body = body });
}

static struct page *open_page(struct operator* self, struct http_exchange id)
{
    struct page *page = calloc(1, sizeof(*page));

    assert(page != NULL);
    page->id = id;
    page->next = self->pages;
    self->pages = page;
    self->page_count++;
    return page;
}

static void close_page(struct operator* self, struct page *page)
{
    struct page **link = &self->pages;

    while (*link != page)
        link = &(*link)->next;
    *link = page->next;
    self->page_count--;
    buffer_free(&page->text);
    free(page);
}

static void finish_metrics(struct operator* self, struct page *page)
{
    struct buffer merged = { 0 };

    if (page->got == 0) {
        counter_add(&self->unanswered, 1);
        answer(self, page->id, 503, plain, SLICE("No node answers just now.\n"));
    } else {
        exposition_merge(&page->text, &merged);
        answer(self, page->id, 200, exposition, buffer_slice(&merged));
        buffer_free(&merged);
    }
    close_page(self, page);
}

static void on_metrics(struct actor *me, void *context, const struct answer *got)
{
    struct page *page = context;
    const struct metrics_text *metrics = got->message;

    page->awaited--;
    if (got->outcome == ASK_ANSWERED && got->schema == &metrics_text_schema &&
        page->text.size + metrics->text.size <= TEXT_BYTES_LIMIT) {
        page->got++;
        buffer_append(&page->text, metrics->text.at, metrics->text.size);
    }
    if (page->awaited == 0)
        finish_metrics(actor_state(me), page);
}

static void on_status(struct actor *me, void *context, const struct answer *got)
{
    struct operator* self = actor_state(me);
    struct page *page = context;

    if (got->outcome == ASK_ANSWERED && got->schema == &platform_status_schema) {
        operator_page_status(got->message, &page->text);
        answer(self, page->id, 200, html, buffer_slice(&page->text));
    } else {
        counter_add(&self->unanswered, 1);
        answer(self, page->id, 503, plain, SLICE("The launcher does not answer just now.\n"));
    }
    close_page(self, page);
}

/* ------------------------------------------------------------------------------------------------ requests */

/* The node of receiver i: "NODE/supervisor" without its end. */
static void node_name(const struct operator* self, uint32_t i, char *name, size_t room)
{
    const char *address = actor_receiver_name(self->me, TO_SUPERVISORS, i);

    slice_copy((struct slice){ address, strcspn(address, "/") }, name, room);
}

static void request_status(struct operator* self, struct http_exchange id)
{
    struct sending how = { .deadline_us = self->deadline_us, .then = on_status, .context = open_page(self, id) };

    actor_ask(self->me, TO_LAUNCHER, &how, &status_read_schema, &(struct status_read){});
}

static void request_all_metrics(struct operator* self, struct http_exchange id)
{
    struct page *page = open_page(self, id);
    struct sending how = { .deadline_us = self->deadline_us, .then = on_metrics, .context = page };

    page->awaited = actor_ask_each(self->me, TO_SUPERVISORS, &how, &metrics_read_schema, &(struct metrics_read){});
    if (page->awaited == 0)
        finish_metrics(self, page);
}

static void request_metrics_of(struct operator* self, struct http_exchange id, struct slice node)
{
    uint32_t count = actor_receivers(self->me, TO_SUPERVISORS), i;
    struct page *page;
    struct sending how = { .deadline_us = self->deadline_us, .then = on_metrics };
    char name[128];

    for (i = 0; i < count; i++) {
        node_name(self, i, name, sizeof(name));
        if (slice_is(node, name))
            break;
    }
    if (i == count) {
        answer(self, id, 404, plain, SLICE("There is no such node; / lists them.\n"));
        return;
    }
    page = open_page(self, id);
    page->awaited = 1;
    how.context = page;
    how.only = i + 1;
    actor_ask(self->me, TO_SUPERVISORS, &how, &metrics_read_schema, &(struct metrics_read){});
}

static void request_targets(struct operator* self, struct http_exchange id)
{
    static char names[NODES_LIMIT][128];
    const char *nodes[NODES_LIMIT];
    uint32_t count = actor_receivers(self->me, TO_SUPERVISORS), i;
    struct buffer text = { 0 };

    for (i = 0; i < count && i < NODES_LIMIT; i++) {
        node_name(self, i, names[i], sizeof(names[i]));
        nodes[i] = names[i];
    }
    operator_page_targets(self->address[0] != '\0' ? self->address : self->listen, nodes, i, &text);
    answer(self, id, 200, json, buffer_slice(&text));
    buffer_free(&text);
}

static void take(struct operator* self, const struct http_request *request)
{
    static const struct slice of_node = { "/metrics/", 9 };
    struct slice path = request->path;

    counter_add(&self->requests, 1);
    if (request->refusal.status != 0)
        answer(self, request->exchange, request->refusal.status, plain, slice_of(request->refusal.detail));
    else if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        answer(self, request->exchange, 405, plain, SLICE("Only GET is understood here.\n"));
    else if (self->page_count >= PAGES_LIMIT) /* clients that ask and leave without waiting */
        answer(self, request->exchange, 503, plain, SLICE("Too many pages are under way; try again shortly.\n"));
    else if (slice_is(path, "/"))
        request_status(self, request->exchange);
    else if (slice_is(path, "/metrics"))
        request_all_metrics(self, request->exchange);
    else if (slice_is(path, "/targets"))
        request_targets(self, request->exchange);
    else if (slice_is(path, "/livez"))
        answer(self, request->exchange, 200, json, SLICE("{\"alive\":true}"));
    else if (path.size > of_node.size && memcmp(path.at, of_node.at, of_node.size) == 0)
        request_metrics_of(self, request->exchange, (struct slice){ path.at + 9, path.size - 9 });
    else
        answer(self, request->exchange, 404, plain, SLICE("There is /, /metrics, /metrics/NODE and /targets.\n"));
}

/* ------------------------------------------------------------------------------------------------ life */

static void on_left(void *context, struct http_exchange id)
{
    (void)context;
    (void)id; /* its page ends with its asks; answering nobody does nothing */
}

static void start(struct actor *me)
{
    struct operator* self = actor_state(me);
    struct http_limits limits = { .connections = CONNECTIONS,
                                  .body_bytes = 1024,
                                  .head_us = 10000000,
                                  .body_us = 10000000,
                                  .idle_us = 120000000,
                                  .write_us = 10000000 };
    struct http_events events = { .left = on_left, .context = self };
    char why[256];

    self->me = me;
    self->http = http_open(self->listen, NULL, &limits, &events, why, sizeof(why));
    if (self->http == NULL)
        actor_fail(me, "%s", why);
}

static void stop(struct actor *me)
{
    struct operator* self = actor_state(me);

    http_close(&self->http);
    while (self->pages != NULL)
        close_page(self, self->pages);
}

static void drain(struct actor *me)
{
    struct operator* self = actor_state(me);

    self->is_draining = true;
    http_drain(self->http);
}

static void wait(struct actor *me, int reactor_fd, uint64_t timeout_us)
{
    struct operator* self = actor_state(me);

    http_wait(self->http, reactor_fd, timeout_us);
}

static void turn_end(struct actor *me)
{
    struct operator* self = actor_state(me);
    struct http_request request;

    while (self->http != NULL && http_take(self->http, &request))
        take(self, &request);
    if (self->is_draining && !self->has_drained && http_connections(self->http) == 0) {
        self->has_drained = true;
        actor_drained(me);
    }
}

static const struct option options[] = {
    { "listen", OPTION_TEXT, offsetof(struct operator, listen), "127.0.0.1:8081", "address and port for HTTP" },
    { "address", OPTION_TEXT, offsetof(struct operator, address), "",
      "address under which Prometheus reaches the listener; empty: as in listen" },
    { "deadline", OPTION_DURATION, offsetof(struct operator, deadline_us), "2s", "how long a node may take to answer",
      1000 },
};

static const struct metric metrics[] = {
    { "requests_total", METRIC_COUNTER, offsetof(struct operator, requests), "requests to the operator's listener",
      NULL },
    { "unanswered_total", METRIC_COUNTER, offsetof(struct operator, unanswered), "pages for which nobody answered",
      NULL },
};

static const struct outlet outlets[] = {
    [TO_SUPERVISORS] = { .name = "supervisors", .to = "supervisor", .doc = "metrics of nodes", .pick = PICK_EACH },
    [TO_LAUNCHER] = { .name = "launcher", .to = "launcher", .doc = "how nodes and stores are" },
};

const struct actor_kind operator_kind = {
    .name = "operator",
    .doc = "the operator's listener: metrics, targets for Prometheus, a status page",
    .state_size = sizeof(struct operator),
    .start = start,
    .stop = stop,
    .drain = drain,
    .turn_end = turn_end,
    .wait = wait,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(outlet, outlets),
};
