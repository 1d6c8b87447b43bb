/* SPDX-License-Identifier: MIT */
/*
 * http_inside -- what the files http*.c share. Not for others: it includes H2O's and OpenSSL's headers.
 *
 * How a connection lives. H2O's HTTP/1 code believes that it reads the socket itself; in truth its read callback is
 * kept in `h2o_on_read` and http_connection.c reads in its place, frames what came, and calls H2O's callback once with
 * exactly one whole request in the socket's input. While the request is being answered, the socket is only watched for
 * the client's leaving. When H2O has disposed of the request, the connection is on the `finished` list until the end of
 * the round, where our read callback is put back: between the two the loop reads nothing, because it polls only once a
 * round.
 */
#ifndef ACTORS_IO_HTTP_INSIDE_H
#define ACTORS_IO_HTTP_INSIDE_H

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <h2o.h>
#include <h2o/http1.h>

#include "actors/io/http.h"
#include "actors/io/http_framing.h"

enum { HTTP_LISTENERS_LIMIT = 8, HTTP_LINGERING_LIMIT = 256 };

struct http_listener {
    struct http_server *server;
    h2o_socket_t *socket;
    char address[128];
    uint16_t port;
    SSL_CTX *tls; /* NULL: plain HTTP */
    char *certificate_file;
    char *key_file;
    struct timespec certificate_changed; /* as it was when `tls` was made, or failed to be */
    struct timespec key_changed;
};

struct http_connection {
    struct http_server *server;
    h2o_socket_t *socket;
    h2o_socket_cb h2o_on_read; /* H2O's own read callback; NULL until TLS is agreed */
    h2o_req_t *request;        /* the one being answered; NULL between requests */
    bool is_taken;
    bool is_answered;
    bool is_closed;      /* the socket is gone; freed at the end of the round */
    bool is_finished;    /* on the finished list */
    bool sends_continue; /* 100 Continue is being written */
    bool is_whole;       /* a whole request waits in the input for that write */
    bool is_tls;
    bool is_idle; /* between requests: nothing of the next one has come */
    uint32_t slot;
    int linger_fd; /* a duplicate of the socket's, to be used when that is closed; -1: none */
    struct framing framing;
    struct http_refusal refusal;  /* status 0: none */
    char *ahead;                  /* bytes that came behind the request in hand; owned */
    size_t ahead_at, ahead_size;  /* what is still to be read of them */
    h2o_timeout_entry_t timer;    /* on one of the server's queues, or on none */
    struct http_connection *next; /* of the finished list, then of the closed one */
};

struct http_slot {
    struct http_connection *connection; /* NULL: free */
    uint32_t generation;                /* of the request in hand, or of the last one */
    uint32_t next_free;
};

struct http_server {
    struct http_events events;
    struct http_limits limits;
    h2o_loop_t *loop;
    h2o_globalconf_t configuration;
    h2o_context_t context;
    h2o_accept_ctx_t accepting;
    struct http_listener listeners[HTTP_LISTENERS_LIMIT];
    uint32_t listener_count;
    bool accepting_is_paused;
    bool is_draining;
    bool is_closing;
    bool has_sent; /* answers went out since the loop ran last: their completions are due */
    uint32_t under_way;
    int reactor_fd;                /* as given to http_wait; -1: not yet */
    h2o_socket_t *reactor;         /* watches a duplicate of it */
    struct http_slot *slots;       /* limits.connections of them */
    uint32_t first_free;           /* limits.connections: none */
    struct http_exchange *arrived; /* a ring of limits.connections: requests that were not taken yet */
    uint32_t arrived_first, arrived_count;
    h2o_timeout_t head_queue, body_queue, idle_queue, write_queue, gone_queue, linger_queue, resume_queue, flush_queue,
        drain_queue;
    h2o_timeout_entry_t resume_timer, flush_timer;
    struct http_connection *finished; /* their answer is sent; to be read from again */
    struct http_connection *closed;   /* to be freed */
    h2o_linklist_t lingering;         /* struct http_lingering */
    uint32_t lingering_count;
    struct http_figures figures;
};

/* http_connection.c */
void http_connection_open(struct http_server *server, struct http_listener *listener, h2o_socket_t *socket);
/* Ends it now. Not from inside one of H2O's callbacks for the same connection. */
void http_connection_end(struct http_connection *connection);
/* What a round left: reads on where answers are sent, frees what is closed. */
void http_connection_end_round(struct http_server *server);
/* H2O's handler: a request was parsed. */
int http_connection_on_request(h2o_handler_t *handler, h2o_req_t *request);
/* Moves the connection's deadline to another queue; NULL: none. */
void http_connection_set_timer(struct http_connection *connection, h2o_timeout_t *queue);
void http_connection_on_timeout(h2o_timeout_entry_t *entry);

/* http_listen.c */
void http_accept_again(struct http_server *server);
void http_accept_on_timer(h2o_timeout_entry_t *entry);

/* http_tls.c */
bool http_tls_load(struct http_listener *listener, char *why, size_t why_size);
void http_tls_forget(struct http_listener *listener);

/* http_linger.c: after an early answer the client may still be sending; a socket closed with unread bytes makes the
 * kernel reset the connection, and the answer may be lost. So a duplicate is kept for a moment, and what comes is
 * thrown away. */
void http_linger_prepare(struct http_connection *connection);
/* H2O has closed the connection; takes `fd`. */
void http_linger_start(struct http_server *server, int fd);
void http_linger_end_all(struct http_server *server);

#endif
