/* SPDX-License-Identifier: MIT */
/*
 * figures -- what the edge counts: requests by route, method and kind of answer, and how long they took.
 *
 * REQUEST_COUNTS has a row for each combination that is worth a line of the exposition; all others are counted together
 * as route="other". An ordinary add for each request, no lock.
 */
#ifndef ACTORS_EDGE_FIGURES_H
#define ACTORS_EDGE_FIGURES_H

#include "actors/edge/code_space.h"
#include "actors/edge/routes.h"
#include "runtime/metric.h"

/* ROW(route, ROUTE_..., method, HTTP_..., first digit of the status) */
#define REQUEST_COUNTS(ROW)                                                                                            \
    ROW(code, ROUTE_CODE, GET, HTTP_GET, 3)                                                                            \
    ROW(code, ROUTE_CODE, GET, HTTP_GET, 4)                                                                            \
    ROW(code, ROUTE_CODE, GET, HTTP_GET, 5)                                                                            \
    ROW(code, ROUTE_CODE, HEAD, HTTP_HEAD, 3)                                                                          \
    ROW(code, ROUTE_CODE, HEAD, HTTP_HEAD, 4)                                                                          \
    ROW(code, ROUTE_CODE, HEAD, HTTP_HEAD, 5)                                                                          \
    ROW(shorten, ROUTE_SHORTEN, POST, HTTP_POST, 2)                                                                    \
    ROW(shorten, ROUTE_SHORTEN, POST, HTTP_POST, 4)                                                                    \
    ROW(shorten, ROUTE_SHORTEN, POST, HTTP_POST, 5)                                                                    \
    ROW(stats, ROUTE_STATS, GET, HTTP_GET, 2)                                                                          \
    ROW(stats, ROUTE_STATS, GET, HTTP_GET, 4)                                                                          \
    ROW(stats, ROUTE_STATS, GET, HTTP_GET, 5)                                                                          \
    ROW(link, ROUTE_LINK, GET, HTTP_GET, 2)                                                                            \
    ROW(link, ROUTE_LINK, GET, HTTP_GET, 4)                                                                            \
    ROW(link, ROUTE_LINK, GET, HTTP_GET, 5)                                                                            \
    ROW(link, ROUTE_LINK, PATCH, HTTP_PATCH, 2)                                                                        \
    ROW(link, ROUTE_LINK, PATCH, HTTP_PATCH, 4)                                                                        \
    ROW(link, ROUTE_LINK, PATCH, HTTP_PATCH, 5)                                                                        \
    ROW(link, ROUTE_LINK, DELETE, HTTP_DELETE, 2)                                                                      \
    ROW(link, ROUTE_LINK, DELETE, HTTP_DELETE, 4)                                                                      \
    ROW(link, ROUTE_LINK, DELETE, HTTP_DELETE, 5)                                                                      \
    ROW(readyz, ROUTE_READYZ, GET, HTTP_GET, 2)                                                                        \
    ROW(readyz, ROUTE_READYZ, GET, HTTP_GET, 5)                                                                        \
    ROW(health, ROUTE_HEALTH, GET, HTTP_GET, 2)

enum request_count {
#define REQUEST_NAME(route, route_id, method, method_id, digit) REQUEST_##route##_##method##_##digit,
    REQUEST_COUNTS(REQUEST_NAME)
#undef REQUEST_NAME
        REQUEST_OTHER_2,
    REQUEST_OTHER_3,
    REQUEST_OTHER_4,
    REQUEST_OTHER_5,
    REQUEST_COUNT
};

enum duration { DURATION_HOT, DURATION_RESOLVED, DURATION_SHORTEN, DURATION_STATS, DURATION_OTHER, DURATIONS };

struct figures {
    counter requests[REQUEST_COUNT];
    struct histogram durations[DURATIONS];
    counter hot_hits;
    counter hot_misses;
    counter resolves;
    counter denied;
    counter retries; /* asked once more elsewhere */
    counter clicks_committed;
    counter clicks_refused; /* answered 503 instead */
    counter limited;
    counter clicks_uncertain; /* fast mode: answered, and not known whether they are counted */
    counter doubts_new, doubts_gap, doubts_late;
    counter changes;
    counter connections_accepted;
    counter framing_refusals;
    counter connection_timeouts;
    counter accepting_pauses;
    gauge connections_open;
    gauge under_way;
    gauge hot_count;
    gauge hot_bytes;
    gauge hot_evicted;
    gauge trusted;
    gauge certificate_end_s; /* 0: it has none */
    gauge unknown_states[CODE_SPACE_STATES];
    gauge chosen_codes;
};

/* Counts an answer. */
void figures_count(struct figures *figures, enum route route, enum http_method method, unsigned status);

/* The edge's metric table. */
enum { FIGURES_METRIC_COUNT = REQUEST_COUNT + DURATIONS + 31 };
extern const struct metric figures_metrics[FIGURES_METRIC_COUNT];

#endif
