/* SPDX-License-Identifier: MIT */
/*
 * routes -- which resource a path names. Pure.
 *
 * A percent-encoded letter or digit means itself, everywhere in a path; any other escape, a doubled or trailing slash
 * or anything else odd names nothing. Words of our own come before short codes.
 */
#ifndef ACTORS_EDGE_ROUTES_H
#define ACTORS_EDGE_ROUTES_H

#include <stdbool.h>

#include "actors/io/http.h"
#include "proto/slice.h"

enum route {
    ROUTE_NONE, /* 404 */
    ROUTE_CODE, /* /{code} */
    ROUTE_ROOT,
    ROUTE_SHORTEN,
    ROUTE_DEFERRED, /* /api/shorten/{token}: one that waits for the database */
    ROUTE_STATS,    /* /api/stats/{code} */
    ROUTE_LINK,     /* /api/links/{code} */
    ROUTE_HEALTH,
    ROUTE_LIVEZ,
    ROUTE_READYZ,
    ROUTE_OPENAPI,
    ROUTE_DOCS,
    ROUTE_SERVER, /* "*", of OPTIONS */
    ROUTES
};

enum { ROUTES_CODE_LIMIT = 20, ROUTES_PATH_LIMIT = 256 /* a longer one names nothing */ };

struct route_match {
    enum route route;
    struct slice code; /* or token; decoded; into the path itself, or into `room` */
    char room[ROUTES_PATH_LIMIT];
};

/* `target`: the path as sent, also as an absolute URL (RFC 9112 3.2.2). `match` must stay where it is while code is
 * used. */
void routes_match(struct slice target, struct route_match *match);
/* What can be done with it, for the Allow field: "GET, HEAD, OPTIONS". */
const char *routes_allowed(enum route route);
bool routes_allow(enum route route, enum http_method method);
const char *routes_name(enum route route); /* for metrics: "code", "shorten" */

#endif
