/* SPDX-License-Identifier: MIT */
#include "runtime/wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "runtime/listener.h"
#include "runtime/wire/curve.h"

enum {
    RECONNECT_FIRST_MS = 20,
    RECONNECT_MOST_MS = 500,
    HEARTBEAT_MS = 2000, /* between hosts: a cut that nobody announces is found within three of them */
    LINGER_MS = 100,     /* a closed socket's last letters: an answer given while the process ends */
    SOCKETS_LIMIT = 4096
};

/* A parcel may have the most answers, and a window's letters on top. */
static_assert(OUT_BYTES_LIMIT + WINDOW_BYTES + 2 * LETTER_BYTES_LIMIT < PARCEL_BYTES_LIMIT, "a parcel must fit");

void *socket_context_new(void)
{
    void *context = zmq_ctx_new();

    if (context == NULL)
        return NULL;
    zmq_ctx_set(context, ZMQ_IO_THREADS, 1);
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKETS_LIMIT);
    return context;
}

static void set_int(void *socket, int option, int value)
{
    int result = zmq_setsockopt(socket, option, &value, sizeof value);

    assert(result == 0);
}

static void set_limits(void *socket)
{
    int64_t most = PARCEL_BYTES_LIMIT;
    int result = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);

    assert(result == 0);
    set_int(socket, ZMQ_LINGER, LINGER_MS);
    set_int(socket, ZMQ_SNDHWM, PARCELS_LIMIT);
    set_int(socket, ZMQ_RCVHWM, PARCELS_LIMIT);
    set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS);
    set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
}

/* Only between hosts: on one host the kernel reports every end, and a process that is merely stopped must not lose what
 * is under way to it. */
static void set_heartbeat(void *socket)
{
    set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, 3 * HEARTBEAT_MS);
}

static bool bind_all(void *socket, const struct endpoints *endpoints)
{
    if (zmq_bind(socket, endpoints->inproc) != 0)
        return false;

    mode_t before = umask(0177); /* the socket file is its owner's alone */
    int result = zmq_bind(socket, endpoints->ipc);

    umask(before);
    return result == 0;
}

/* Closes it and leaves `errno` as it was. */
static void *give_up(void *socket)
{
    int error = errno;

    zmq_close(socket);
    errno = error;
    return NULL;
}

void *socket_bind_mailbox(const struct node *node, const char *address)
{
    void *socket = zmq_socket(node->zmq, ZMQ_PULL);
    struct endpoints endpoints;

    if (socket == NULL)
        return NULL;
    set_limits(socket);
    address_bindings(node, address, &endpoints);
    return bind_all(socket, &endpoints) ? socket : give_up(socket);
}

void *socket_bind_remote(const struct node *node, const char *address)
{
    struct endpoints endpoints;
    void *socket;

    address_bindings(node, address, &endpoints);
    errno = 0;
    if (endpoints.tcp[0] == '\0' || (socket = zmq_socket(node->zmq, ZMQ_PULL)) == NULL)
        return NULL;
    set_limits(socket);
    set_heartbeat(socket);
    if (curve_serve(node->keys, socket, CURVE_DOMAIN_NODE) && zmq_bind(socket, endpoints.tcp) == 0)
        return socket;
    return give_up(socket);
}

/* Ends every connection, and listens with the host's present key. */
static bool bind_anew(const struct node *node, void *socket, const char *endpoint, const char *domain)
{
    char last[ENDPOINT_LIMIT];
    size_t size = sizeof last;

    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, last, &size) == 0 && last[0] != '\0')
        zmq_unbind(socket, last); /* and every connection that came this way */
    return curve_serve(node->keys, socket, domain) && zmq_bind(socket, endpoint) == 0;
}

bool socket_bind_again(const struct node *node, void *socket, const char *address)
{
    struct endpoints endpoints;

    address_bindings(node, address, &endpoints);
    return bind_anew(node, socket, endpoints.tcp, CURVE_DOMAIN_NODE);
}

/* On the socket that the launcher holds for that address, or on one of its own; ZeroMQ closes it. */
static bool bind_gate(const struct node *node, void *socket, const char *address)
{
    char endpoint[ENDPOINT_LIMIT];
    char why[256];
    int fd = listener_take(address, why, sizeof why);
    int error;

    if (fd < 0)
        return false;
    snprintf(endpoint, sizeof endpoint, "tcp://%s", address);
    if (zmq_setsockopt(socket, ZMQ_USE_FD, &fd, sizeof fd) == 0 &&
        bind_anew(node, socket, endpoint, CURVE_DOMAIN_CONSOLE))
        return true;
    error = errno;
    close(fd);
    errno = error;
    return false;
}

void *socket_bind_gate(const struct node *node, const char *address, int64_t most_bytes)
{
    void *socket = zmq_socket(node->zmq, ZMQ_ROUTER);

    if (socket == NULL)
        return NULL;
    set_limits(socket);
    set_heartbeat(socket);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most_bytes, sizeof most_bytes);
    return bind_gate(node, socket, address) ? socket : give_up(socket);
}

bool socket_bind_gate_again(const struct node *node, void *socket, const char *address)
{
    return bind_gate(node, socket, address);
}

void *socket_connect_peer(const struct node *node, struct peer *peer)
{
    char endpoint[ENDPOINT_LIMIT];
    void *socket = zmq_socket(node->zmq, ZMQ_PUSH);

    if (socket == NULL)
        return NULL;
    set_limits(socket);
    peer->transport = address_endpoint(node, peer->address, endpoint);
    if (peer->transport == TRANSPORT_TCP) {
        set_heartbeat(socket);
        if (!curve_connect(node->keys, socket, address_host(node, peer->address)))
            return give_up(socket);
    }
    if (zmq_connect(socket, endpoint) != 0)
        return give_up(socket);
    peer->socket = socket;
    return socket;
}
