/* SPDX-License-Identifier: MIT */
/*
 * http -- an HTTP/1.1 server on H2O, for one actor.
 *
 * H2O's event loop runs inside the actor's `wait` hook (http_wait), so requests arrive on the actor's own thread and no
 * lock exists. Each request is handed over whole: its body has arrived, its framing is beyond doubt. What two parsers
 * could read differently never reaches H2O: http_framing looks at every byte first, because H2O 2.2.5 lets a good deal
 * of it through (a Content-Length beside Transfer-Encoding, chunk sizes like 0x25, two Hosts, h2c).
 *
 * Requests are taken (http_take) and answered at once or later, by their exchange: a slot and a generation. When the
 * client leaves first, `left` is called and the exchange is dead: answering it does nothing. Nothing here outlives
 * http_close.
 *
 * Bounds: connections, the head (16 KiB, 100 fields), the body, the time for each, what lingers after an early close.
 * Only HTTP/1.x is spoken, also over TLS: H2O 2.2.5 has no answer to HTTP/2's rapid reset (CVE-2023-44487).
 */
#ifndef ACTORS_IO_HTTP_H
#define ACTORS_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"

struct http_server;

/* One request and its answer. Slots are 0 .. connections - 1: a connection has one request under way at a time. */
struct http_exchange {
    uint32_t slot;
    uint32_t generation; /* never 0 */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

/* Header fields that a request may be asked for. */
enum http_field_name {
    HTTP_FIELD_AUTHORIZATION,
    HTTP_FIELD_CONTENT_TYPE,
    HTTP_FIELD_ACCEPT,
    HTTP_FIELD_REFERER,
    HTTP_FIELD_USER_AGENT,
    HTTP_FIELD_NAMES
};

/* A refusal: the server found fault before the request became one. Answer it at once with that status; the connection
 * is closed behind the answer. */
struct http_refusal {
    unsigned status;    /* 400, 413, 417, 431, 505; 0: not refused */
    const char *detail; /* one sentence; lives for ever */
};

/* Valid until it is answered, or until the client leaves. */
struct http_request {
    struct http_exchange exchange;
    enum http_method method;
    struct slice method_name;
    struct slice path; /* as sent, percent-encoding and all, without the query; "*" and other odd targets as they are */
    struct slice query; /* behind the first '?'; empty when there is none */
    struct slice body;  /* chunks put together */
    bool is_tls;
    struct http_refusal refusal; /* when its status is not 0, the other parts mean nothing */
    void *inside;                /* for http_request_field */
};

/* The value of a header field, of the first one where there are several; empty when there is none. */
struct slice http_request_field(const struct http_request *request, enum http_field_name name);
/* Names the client's network for limits, not for records: an IPv4 address, or an IPv6 address' first 64 bits. */
uint64_t http_request_network(const struct http_request *request);
struct slice http_request_field_named(const struct http_request *request, const char *lower_case_name);

struct http_field {
    const char *name; /* as it shall be sent; lives for ever */
    struct slice value;
};

/* All is copied or sent before http_answer returns, unless `body_lives_on`. */
struct http_answer {
    unsigned status;
    struct slice content_type;       /* empty: none */
    const struct http_field *fields; /* more header fields; values must be free of control characters */
    size_t field_count;
    struct slice body;  /* left out by itself when the request was HEAD */
    bool body_lives_on; /* the body is valid until the server closes: it is not copied */
    bool close;         /* and end the connection */
};

struct http_events {
    /* The client left before the answer to a request that http_take had given out. The exchange is dead already. */
    void (*left)(void *context, struct http_exchange exchange);
    void *context;
};

struct http_limits {
    uint32_t connections; /* more than this wait in the kernel; 1 to 1,000,000 */
    uint32_t body_bytes;  /* decoded */
    uint64_t head_us;     /* from its first byte to its last */
    uint64_t body_us;     /* without progress */
    uint64_t idle_us;     /* between requests */
    uint64_t write_us;    /* an answer that the client does not take */
};

/* Certificate and key in PEM, both or neither. The files are read again when they change; a pair that does not fit is
 * reported and the one in use stays. */
struct http_tls_files {
    const char *certificate;
    const char *key;
};

struct http_figures {
    uint64_t accepted; /* connections */
    uint64_t open;     /* connections now */
    uint64_t requests; /* handed over */
    uint64_t refusals; /* of which framing or limits were at fault */
    uint64_t timeouts; /* connections closed by a deadline */
    uint64_t at_limit; /* times that accepting paused because of the limit */
};

/* Starts to listen on "127.0.0.1:8080", "[::1]:8080" or "*:8080" (port 0: any); with the socket that the launcher holds
 * for that address, if it does (see runtime/listener.h), so that several nodes can share one. NULL after writing one
 * sentence to `why` (at least 256 bytes). `events`, `limits` are copied. */
struct http_server *http_open(const char *address,
                              const struct http_tls_files *tls,
                              const struct http_limits *limits,
                              const struct http_events *events,
                              char *why,
                              size_t why_size);
/* Another address for the same server. False with a sentence in `why`. */
bool http_listen(
    struct http_server *server, const char *address, const struct http_tls_files *tls, char *why, size_t why_size);
/* Closes everything; `left` is called for what is unanswered. Accepts NULL in *server. */
void http_close(struct http_server **server);
/* No new connections; those that are open get `Connection: close` with their next answer. One that is idle is closed
 * only after HTTP_DRAIN_IDLE_US, because a request may be on its way to us on it that very moment: closing it at once
 * would fail that request. */
void http_drain(struct http_server *server);
enum { HTTP_DRAIN_IDLE_US = 1000 * 1000 };
/* Exchanges that wait for their answer, and answers that the kernel has not taken yet. */
uint32_t http_under_way(const struct http_server *server);
/* Connections that are open. A drain is over when there are none. */
uint32_t http_connections(const struct http_server *server);

/* Runs the loop once: waits at most `timeout_us` (rounded up to a millisecond) for HTTP, for `reactor_fd` to be
 * readable, or not at all when answers are still to be sent; then calls what is due. Call only from the actor's `wait`.
 */
void http_wait(struct http_server *server, int reactor_fd, uint64_t timeout_us);
/* The oldest request that arrived and was not taken. False when there is none. Requests are taken, not called out, so
 * that they are looked at when the turn's clock and letters are in: at the turn's end. */
bool http_take(struct http_server *server, struct http_request *ret_request);
/* A request that was taken, once more. False when it was answered or the client left. */
bool http_request_of(const struct http_server *server, struct http_exchange exchange, struct http_request *ret_request);

/* The port that the first address got; for port 0. */
uint16_t http_port(const struct http_server *server);
struct http_figures http_figures(const struct http_server *server);
/* Looks whether certificate files have changed. Cheap; call it every few seconds. A sentence in `why` and false when a
 * changed pair could not be used. */
bool http_reload_certificates(struct http_server *server, char *why, size_t why_size);
/* When the first of its certificates ends, in seconds since 1970; 0: it has none. */
int64_t http_certificate_end_s(const struct http_server *server);

/* Whether the client still waits for this answer. */
bool http_is_waiting(const struct http_server *server, struct http_exchange exchange);
/* One more header field for the answer that is to come; the value is copied. Nothing happens when the client has left.
 */
void http_add_field(struct http_server *server, struct http_exchange exchange, const struct http_field *field);
/* Sends the answer. False when the client has left. Answering twice is an assertion failure. */
bool http_answer(struct http_server *server, struct http_exchange exchange, const struct http_answer *answer);
/* The short way for the answer that Shunt gives most: 307 with this Location and no body. `extra` is one more field or
 * NULL. `location` must be free of control characters and is borrowed until this returns. */
bool http_redirect(struct http_server *server,
                   struct http_exchange exchange,
                   struct slice location,
                   const struct http_field *extra);

/* The reason phrase of a status: "Temporary Redirect". */
const char *http_reason(unsigned status);

#endif
