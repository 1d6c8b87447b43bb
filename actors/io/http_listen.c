/* SPDX-License-Identifier: MIT */
/*
 * http_listen -- addresses, and what comes in through them. See http.h.
 *
 * Accepting pauses when all connections are taken or descriptors run out; what knocks then waits in the kernel's queue.
 */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/io/http_inside.h"

enum {
    ACCEPTS_PER_ROUND = 64,     /* so that new connections do not starve the old ones */
    RECEIVE_BUFFER = 64 * 1024, /* bytes; the kernel doubles it. Bounds what one read of H2O's can bring */
    BACKLOG = 4096
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

/* Takes "host:port" apart. False when it does not have that shape. */
static bool split_address(const char *address, char *host, size_t host_size, const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    size_t size;

    if (colon == NULL || colon[1] == '\0')
        return false;
    size = (size_t)(colon - address);
    if (size >= 2 && address[0] == '[' && colon[-1] == ']') {
        address++;
        size -= 2;
    }
    if (size >= host_size)
        return false;
    memcpy(host, address, size);
    host[size] = '\0';
    *ret_port = colon + 1;
    return true;
}

static int open_socket(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, room = RECEIVE_BUFFER;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 || bind(fd, at->ai_addr, at->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int listen_on(const char *address, char *why, size_t why_size)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    const char *port;
    char host[64];
    int fd;

    if (!split_address(address, host, sizeof(host), &port) ||
        getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found) != 0) {
        snprintf(why, why_size, "cannot listen on '%s': write an address and a port, as in 127.0.0.1:8080 or *:8080",
                 address);
        return -1;
    }
    fd = open_socket(found);
    if (fd < 0)
        snprintf(why, why_size, "cannot listen on %s: %s; stop what uses it or choose another address", address,
                 strerror(errno));
    freeaddrinfo(found);
    return fd;
}

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
    fd = listen_on(address, why, why_size);
    if (fd < 0) {
        http_tls_forget(listener);
        return false;
    }
    listener->port = port_of(fd);
    listener->socket = h2o_evloop_socket_create(server->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_socket_read_start(listener->socket, on_connection);
    server->listener_count++;
    return true;
}
