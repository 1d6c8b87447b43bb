/* SPDX-License-Identifier: MIT */
/*
 * http_client -- HTTP requests from an actor's loop, on libcurl's multi interface.
 *
 * Keeps connections alive between GETs; a POST has one of its own, so that nothing sends it twice. Bounds everything:
 * requests under way, bytes of their bodies, bytes of an answer, time. It neither follows redirects nor reads the
 * environment's proxy settings, and speaks nothing but http and https.
 *
 * All of it belongs to the actor's thread.
 */
#ifndef ACTORS_IO_HTTP_CLIENT_H
#define ACTORS_IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/io/outcome.h"
#include "proto/slice.h"

struct actor;
struct http_client;

struct http_client_options {
    uint32_t connections;      /* kept at most; 0: 4 */
    uint32_t requests_limit;   /* under way or waiting; 0: 256. Beyond: OVERLOADED */
    size_t bytes_limit;        /* of request bodies; 0: 64 MiB. Beyond: OVERLOADED */
    uint64_t connect_limit_us; /* 0: 2 s */
};

struct http_request {
    const char *method; /* "GET" or "POST" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL at the end; may be NULL */
    struct slice body;          /* of a POST */
    uint64_t deadline_us;       /* from now; 0: 10 s */
    size_t response_limit;      /* bytes of the answer's body; 0: 16 MiB. Beyond: the request fails */
};

struct http_response {
    enum outcome outcome; /* DONE: there is an answer, whatever its status. NOT_SENT: no connection. UNKNOWN: connected,
                             no (whole) answer */
    uint32_t status;      /* 200; 0 unless DONE */
    struct slice body;    /* valid until the handler returns */
    const char *detail;   /* one sentence, never NULL */
};

/* Comes exactly once for each request, never from inside http_client_send; not after http_client_close. */
typedef void http_response_handler(struct actor *me, void *context, const struct http_response *response);

/* NULL when libcurl cannot be set up (out of memory). */
struct http_client *http_client_open(struct actor *me, const struct http_client_options *options);
/* Drops all requests: handlers still due do not come. Accepts NULL in *closed; sets it to NULL. */
void http_client_close(struct http_client **closed);
/* Everything is copied. */
void http_client_send(struct http_client *client,
                      const struct http_request *request,
                      http_response_handler *then,
                      void *context);
uint32_t http_client_under_way(const struct http_client *client);

#endif
