/* SPDX-License-Identifier: MIT */
/*
 * http_listen -- addresses, and what comes in through them. See http.h.
 *
 * Accepting pauses when all connections are taken or descriptors run out; what knocks then waits in the kernel's queue.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/io/http_inside.h"
#include "runtime/listener.h"

enum {
    ACCEPTS_PER_ROUND = 64,    /* so that new connections do not starve the old ones */
    RECEIVE_BUFFER = 64 * 1024 /* bytes; the kernel doubles it. Bounds what one read of H2O's can bring */
};

/* ------------------------------------------------------------------------------------------------ accepting */

static void on_connection(h2o_socket_t *socket, const char *error);

static void pause_accepting(struct http_server *server)
{
    uint32_t i;

    if (server->accepting_is_paused)
        return;
    server->accepting_is_paused = true;
    server->figures.at_limit++;
    for (i = 0; i < server->listener_count; i++)
        h2o_socket_read_stop(server->listeners[i].socket);
    h2o_timeout_link(server->loop, &server->resume_queue, &server->resume_timer);
}

void http_accept_again(struct http_server *server)
{
    uint32_t i;

    if (!server->accepting_is_paused || server->is_draining || server->first_free == server->limits.connections)
        return;
    server->accepting_is_paused = false;
    h2o_timeout_unlink(&server->resume_timer);
    for (i = 0; i < server->listener_count; i++)
        h2o_socket_read_start(server->listeners[i].socket, on_connection);
}

void http_accept_on_timer(h2o_timeout_entry_t *entry)
{
    struct http_server *server = H2O_STRUCT_FROM_MEMBER(struct http_server, resume_timer, entry);

    h2o_timeout_link(server->loop, &server->resume_queue, &server->resume_timer);
    http_accept_again(server);
}

static void on_connection(h2o_socket_t *socket, const char *error)
{
    struct http_listener *listener = socket->data;
    struct http_server *server = listener->server;
    int i;

    if (error != NULL)
        return;
    for (i = 0; i < ACCEPTS_PER_ROUND; i++) {
        h2o_socket_t *accepted;

        if (server->first_free == server->limits.connections) {
            pause_accepting(server);
            return;
        }
        errno = 0;
        accepted = h2o_evloop_socket_accept(socket);
        if (accepted == NULL) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(server);
            return;
        }
        http_connection_open(server, listener, accepted);
    }
}

/* ------------------------------------------------------------------------------------------------ addresses */

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

bool http_listen(
    struct http_server *server, const char *address, const struct http_tls_files *tls, char *why, size_t why_size)
{
    struct http_listener *listener = &server->listeners[server->listener_count];
    int room = RECEIVE_BUFFER;
    int fd;

    assert(server->listener_count < HTTP_LISTENERS_LIMIT);
    *listener = (struct http_listener){ .server = server };
    slice_copy(slice_of(address), listener->address, sizeof(listener->address));
    if (tls != NULL && tls->certificate != NULL && tls->certificate[0] != '\0') {
        listener->certificate_file = h2o_strdup(NULL, tls->certificate, SIZE_MAX).base;
        listener->key_file = h2o_strdup(NULL, tls->key != NULL ? tls->key : "", SIZE_MAX).base;
        if (!http_tls_load(listener, why, why_size)) {
            http_tls_forget(listener);
            return false;
        }
    }
    fd = listener_take(address, why, why_size);
    if (fd < 0) {
        http_tls_forget(listener);
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)); /* what is accepted inherits it */
    listener->port = port_of(fd);
    listener->socket = h2o_evloop_socket_create(server->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_socket_read_start(listener->socket, on_connection);
    server->listener_count++;
    return true;
}
