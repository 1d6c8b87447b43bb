/* SPDX-License-Identifier: MIT */
/*
 * edge -- where HTTP enters. Answers redirects from memory or by asking an application node, has every click committed
 * before its redirect leaves, and passes the API on.
 *
 * A turn: H2O's loop brings requests (wait), letters bring answers, changes and beats, and at the turn's end, when
 * clock and letters are in, the requests are looked at and all clicks of the turn leave as one ask. See redirect.c,
 * click_capture.c, link_api.c, probes.c and pages.c for each kind of request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/edge/edge_state.h"

enum { TICK_US = 500000, PROBE_US = 250000, FILES_US = 2000000, KEY_MINIMUM = 16 };

static void on_left(void *context, struct http_exchange id)
{
    struct edge *self = context;
    struct exchange *exchange = &self->exchanges[id.slot];

    if (exchange->id.generation != id.generation)
        return;
    actor_cancel_ask(self->me, exchange->ask);
    exchange->ask = 0;
    redirect_left(self, exchange);
}

/* ------------------------------------------------------------------------------------------------ feeds */

static void doubt(struct edge *self, enum feeds_doubt why)
{
    static const char *const words[] = { "", "a new publisher", "a gap", "silence" };

    if (why == FEEDS_FINE)
        return;
    counter_add(why == FEEDS_NEW   ? &self->figures.doubts_new
                : why == FEEDS_GAP ? &self->figures.doubts_gap
                                   : &self->figures.doubts_late,
                1);
    hot_links_distrust(self->links);
    unknown_codes_doubt(self);
    actor_log(self->me, LOG_INFO, "the hot copies are resolved anew, because of %s in the feeds of changes",
              words[why]);
}

static void on_changed(struct actor *me, const struct link_changed *changed)
{
    struct edge *self = actor_state(me);

    counter_add(&self->figures.changes, 1);
    doubt(self, feeds_change(&self->feeds, changed->feed, changed->number, actor_now_us(me)));
    redirect_changed(self, changed->code);
    unknown_codes_changed(self, changed->code, changed->version);
}

static void on_beat(struct actor *me, const struct feed_beat *beat)
{
    struct edge *self = actor_state(me);

    doubt(self, feeds_beat(&self->feeds, beat->feed, beat->number, actor_now_us(me)));
}

/* As many feeds as there are publishers that are not known to be down. One that is known to be down changes nothing,
 * and comes back as a new feed. */
static void look_at_feeds(struct edge *self)
{
    uint32_t publishers = actor_receivers(self->me, EDGE_TO_LINKS), up = 0, i;

    for (i = 0; i < publishers; i++)
        up += actor_receiver_is_up(self->me, EDGE_TO_LINKS, i);
    doubt(self, feeds_check(&self->feeds, actor_now_us(self->me)));
    self->is_trusted = publishers > 0 && feeds_are_enough(&self->feeds, up);
    unknown_codes_trust(self);
}

/* ------------------------------------------------------------------------------------------------ turns */

static void wait(struct actor *me, int reactor_fd, uint64_t timeout_us)
{
    struct edge *self = actor_state(me);

    http_wait(self->http, reactor_fd, timeout_us);
}

static void turn_end(struct actor *me)
{
    struct edge *self = actor_state(me);
    struct http_request request;

    if (self->http == NULL)
        return;
    look_at_feeds(self);
    actor_continue_trace(me, &(struct trace){ 0 }); /* each request has its own */
    while (http_take(self->http, &request))
        dispatch_request(self, &request);
    click_capture_commit(self);
    if (self->rate_share != NULL)
        rate_share_flush(self->rate_share);
    if (self->is_draining && !self->has_drained && http_connections(self->http) == 0) {
        self->has_drained = true;
        actor_drained(me);
    }
}

static void show_figures(struct edge *self)
{
    struct http_figures http = http_figures(self->http);
    struct figures *figures = &self->figures;

    gauge_set(&figures->connections_open, (int64_t)http.open);
    gauge_set(&figures->under_way, http_under_way(self->http));
    gauge_set(&figures->hot_count, hot_links_count(self->links));
    gauge_set(&figures->hot_bytes, (int64_t)hot_links_bytes(self->links));
    gauge_set(&figures->hot_evicted, (int64_t)hot_links_evicted(self->links));
    gauge_set(&figures->trusted, self->is_trusted);
    counter_add(&figures->connections_accepted, http.accepted - counter_read(&figures->connections_accepted));
    counter_add(&figures->framing_refusals, http.refusals - counter_read(&figures->framing_refusals));
    counter_add(&figures->connection_timeouts, http.timeouts - counter_read(&figures->connection_timeouts));
    counter_add(&figures->accepting_pauses, http.at_limit - counter_read(&figures->accepting_pauses));
}

/* The key's first line; a short one counts as none. */
static void read_management_key(struct edge *self)
{
    char key[sizeof(self->management_key)] = "";
    FILE *file = fopen(self->management_key_file, "re");

    if (file != NULL) {
        if (fgets(key, sizeof(key), file) != NULL)
            key[strcspn(key, "\r\n")] = '\0';
        fclose(file);
    }
    memcpy(self->management_key, strlen(key) >= KEY_MINIMUM ? key : "",
           strlen(key) >= KEY_MINIMUM ? strlen(key) + 1 : 1);
}

static void tick(struct actor *me, void *context)
{
    struct edge *self = actor_state(me);

    (void)context;
    unknown_codes_tick(self);
    show_figures(self);
}

static void probe(struct actor *me, void *context)
{
    (void)context;
    probes_poll(actor_state(me));
}

static void look_at_files(struct actor *me, void *context)
{
    struct edge *self = actor_state(me);
    char why[256];

    (void)context;
    read_management_key(self);
    if (!api_keys_look(self->api_keys, self->api_keys_folder))
        actor_log(me, LOG_ERROR, "there are more than %d API keys in %s; the rest are not known", API_KEYS_LIMIT,
                  self->api_keys_folder);
    if (!http_reload_certificates(self->http, why, sizeof(why)))
        actor_log(me, LOG_ERROR, "%s; the certificate in use stays", why);
    gauge_set(&self->figures.certificate_end_s, http_certificate_end_s(self->http));
}

/* ------------------------------------------------------------------------------------------------ life */

static void set_up_url(struct edge *self)
{
    const char *url = self->public_url[0] != '\0' ? self->public_url : actor_topology(self->me, "platform/url");
    size_t size;

    if (url != NULL && url[0] != '\0')
        snprintf(self->short_url_base, sizeof(self->short_url_base) - 1, "%s", url);
    else
        snprintf(self->short_url_base, sizeof(self->short_url_base) - 1, "http%s://%s",
                 self->tls_certificate[0] != '\0' ? "s" : "", self->listen);
    size = strlen(self->short_url_base);
    if (size == 0 || self->short_url_base[size - 1] != '/')
        memcpy(self->short_url_base + size, "/", 2);
}

/* Edges count together while there is anything to count. */
static void share_limits(struct edge *self)
{
    char why[256];

    if (self->redis_uri[0] == '\0' || (self->request_rate == 0 && self->shorten_rate == 0)) {
        rate_share_close(&self->rate_share);
        return;
    }
    if (self->rate_share == NULL)
        self->rate_share = rate_share_open(self->me, self->redis_uri, why, sizeof(why));
    if (self->rate_share == NULL)
        actor_log(self->me, LOG_ERROR, "limits are not shared with other edges: %s", why);
}

static void start(struct actor *me)
{
    struct edge *self = actor_state(me);
    struct http_limits limits = { .connections = (uint32_t)self->connections_limit,
                                  .body_bytes = EDGE_BODY_LIMIT,
                                  .head_us = self->head_timeout_us,
                                  .body_us = self->body_timeout_us,
                                  .idle_us = self->idle_timeout_us,
                                  .write_us = self->body_timeout_us };
    struct http_tls_files tls = { self->tls_certificate, self->tls_key };
    struct http_events events = { .left = on_left, .context = self };
    char why[256];
    int i;

    self->me = me;
    self->seed = actor_random(me);
    self->feeds.lease_us = self->lease_us;
    self->api_keys = api_keys_new();
    set_up_url(self);
    for (i = 0; i < SAID_COUNT; i++)
        self->said[i] = problem_body(&dispatch_sayings[i]);
    redirect_start(self);
    unknown_codes_start(self);
    self->exchanges = calloc(self->connections_limit, sizeof(*self->exchanges));
    if (self->exchanges == NULL) {
        actor_fail(me, "there is no memory for %u connections; lower the edge's option connections",
                   limits.connections);
        return;
    }
    self->http = http_open(self->listen, &tls, &limits, &events, why, sizeof(why));
    if (self->http == NULL) {
        actor_fail(me, "%s", why);
        return;
    }
    look_at_files(me, NULL);
    share_limits(self);
    actor_every(me, TICK_US, tick, NULL);
    actor_every(me, PROBE_US, probe, NULL);
    actor_every(me, FILES_US, look_at_files, NULL);
    probes_poll(self);
}

static void stop(struct actor *me)
{
    struct edge *self = actor_state(me);
    int i;

    http_close(&self->http);
    click_capture_stop(self);
    redirect_stop(self);
    unknown_codes_stop(self);
    rate_share_close(&self->rate_share);
    api_keys_destroy(&self->api_keys);
    rate_limit_destroy(&self->request_limit);
    rate_limit_destroy(&self->shorten_limit);
    free(self->exchanges);
    self->exchanges = NULL;
    for (i = 0; i < SAID_COUNT; i++) {
        free(self->said[i]);
        self->said[i] = NULL;
    }
}

static void drain(struct actor *me)
{
    struct edge *self = actor_state(me);

    self->is_draining = true;
    http_drain(self->http);
}

static void option_changed(struct actor *me, const char *option)
{
    struct edge *self = actor_state(me);

    if (strcmp(option, "lease") == 0)
        self->feeds.lease_us = self->lease_us;
    if (strcmp(option, "request_rate") == 0 || strcmp(option, "shorten_rate") == 0)
        share_limits(self);
}

#define FIELD_OF(field) (uint32_t) offsetof(struct edge, field)

static const char *const durabilities[] = { "acked", "fast", NULL };

static const struct option options[] = {
    { "listen", OPTION_TEXT, FIELD_OF(listen), "127.0.0.1:8080", "address and port for HTTP: 127.0.0.1:8080, *:443" },
    { "public_url", OPTION_TEXT, FIELD_OF(public_url), "", "what short URLs begin with; empty: the topology's url" },
    { "tls_certificate", OPTION_TEXT, FIELD_OF(tls_certificate), "",
      "file with the certificate chain in PEM; empty: plain HTTP" },
    { "tls_key", OPTION_TEXT, FIELD_OF(tls_key), "", "file with the certificate's key in PEM" },
    { "root_redirect", OPTION_TEXT, FIELD_OF(root_redirect), "", "where / leads; empty: a page of our own" },
    { "management_key", OPTION_TEXT, FIELD_OF(management_key_file), "secrets/management.key",
      "file with the key that lets change links, at least 16 characters" },
    { "api_keys", OPTION_TEXT, FIELD_OF(api_keys_folder), "secrets/api",
      "folder with the callers' keys: a file each, named after the caller, with the key's SHA-256 in hexadecimal" },
    { "shorten_needs_key", OPTION_BOOL, FIELD_OF(shorten_needs_key), "no",
      "whether links are made only for callers with an API key", .live = true },
    { "country_header", OPTION_TEXT, FIELD_OF(country_header), "",
      "header field, lower case, in which a trusted proxy names the visitor's country; empty: none" },
    { "durability", OPTION_CHOICE, FIELD_OF(durability), "acked",
      "acked: a redirect leaves after its click is committed; fast: before", .choices = durabilities, .live = true },
    { "debug_identity", OPTION_BOOL, FIELD_OF(debug_identity), "no",
      "whether redirects name their click: X-Shunt-Click: EPOCH-LANE-SEQ", .live = true },
    { "hot_links", OPTION_NUMBER, FIELD_OF(hot_links_limit), "200k", "codes remembered at most", 1000, 50000000 },
    { "hot_bytes", OPTION_BYTES, FIELD_OF(hot_bytes_limit), "64MiB", "bytes that they may take", 1024 * 1024 },
    { "connections", OPTION_NUMBER, FIELD_OF(connections_limit), "10k", "client connections at most", 1, 1000000 },
    { "lease", OPTION_DURATION, FIELD_OF(lease_us), "2s",
      "how long a copy is served without a sign of life of all who may change it", 100000, 60000000, .live = true },
    { "unknown_for", OPTION_DURATION, FIELD_OF(unknown_us), "1s",
      "how long an unknown code is remembered, never longer than the lease", .live = true },
    { "resolve_deadline", OPTION_DURATION, FIELD_OF(resolve_deadline_us), "1500ms",
      "how long an application node may take to resolve a code", 1000, .live = true },
    { "commit_deadline", OPTION_DURATION, FIELD_OF(commit_deadline_us), "5s",
      "how long the click buffer may take to commit", 1000, .live = true },
    { "api_deadline", OPTION_DURATION, FIELD_OF(api_deadline_us), "5s",
      "how long an application node may take for all else", 1000, .live = true },
    { "redis", OPTION_STORE, FIELD_OF(redis_uri), "",
      "the store in which all edges count together for the rates below; empty: each for itself" },
    { "request_rate", OPTION_NUMBER, FIELD_OF(request_rate), "0",
      "requests a second with one API key or, without, from one address (IPv6: /64); 0: no limit", .live = true },
    { "request_burst", OPTION_NUMBER, FIELD_OF(request_burst), "1000", "how many of them may come at once", 1,
      .live = true },
    { "shorten_rate", OPTION_NUMBER, FIELD_OF(shorten_rate), "0",
      "links a second that one API key or, without, one address may make; 0: no limit", .live = true },
    { "shorten_burst", OPTION_NUMBER, FIELD_OF(shorten_burst), "100", "how many of them may come at once", 1,
      .live = true },
    { "trace_asked", OPTION_BOOL, FIELD_OF(trace_asked), "yes",
      "record requests whose traceparent has the sampled flag", .live = true },
    { "trace_one_in", OPTION_NUMBER, FIELD_OF(trace_one_in), "0",
      "record one request in so many; 0: none but those that ask", .live = true },
    { "head_timeout", OPTION_DURATION, FIELD_OF(head_timeout_us), "10s", "time for a request's head in total", 1000 },
    { "body_timeout", OPTION_DURATION, FIELD_OF(body_timeout_us), "10s", "time without progress of a body or answer",
      1000 },
    { "idle_timeout", OPTION_DURATION, FIELD_OF(idle_timeout_us), "60s", "how long an idle connection is kept", 1000 },
};

#define HEALTH_OF(outlet, kind)                                                                                        \
    [outlet] = { .name = kind, .to = kind, .doc = "how its stores are", .pick = PICK_EACH, .optional = true }

static const struct outlet outlets[] = {
    [EDGE_TO_LINKS] = { .name = "links",
                        .to = "links",
                        .doc = "resolving, shortening, reading and changing links",
                        .pick = PICK_LEAST_OUTSTANDING,
                        .window = 4096 },
    [EDGE_TO_CLICK_BUFFER] = { .name = "click_buffer",
                               .to = "click_buffer",
                               .doc = "one turn's clicks",
                               .pick = PICK_SAME_NODE,
                               .window = 4096 },
    [EDGE_TO_KEYGEN] = { .name = "keygen",
                         .to = "keygen",
                         .doc = "which codes were never given: lead it to all keygens or to none; how its stores are",
                         .pick = PICK_EACH,
                         .optional = true },
    HEALTH_OF(EDGE_TO_KAFKA_BRIDGE, "kafka_bridge"),
    HEALTH_OF(EDGE_TO_POSTGRES_SINK, "postgres_sink"),
    HEALTH_OF(EDGE_TO_CLICKHOUSE_SINK, "clickhouse_sink"),
};

static const struct handler handlers[] = {
    TOLD(link_changed, on_changed),
    TOLD(feed_beat, on_beat),
};

const struct actor_kind edge_kind = {
    .name = "edge",
    .doc = "HTTP in: redirects, the API, every click committed before its redirect",
    .state_size = sizeof(struct edge),
    .start = start,
    .stop = stop,
    .drain = drain,
    .turn_end = turn_end,
    .option_changed = option_changed,
    .wait = wait,
    TABLE(option, options),
    .metrics = figures_metrics,
    .metric_count = FIGURES_METRIC_COUNT,
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};
