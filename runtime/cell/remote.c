/* SPDX-License-Identifier: MIT */
/* remote -- see remote.h. */
#include "runtime/cell/remote.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/cell/watch.h"
#include "runtime/wire/curve.h"
#include "runtime/wire/socket.h"

enum { BIND_AGAIN_US = 10 * 1000 }; /* the old listener needs a moment to be gone */

bool remote_open(struct actor *cell)
{
    cell->remote = socket_bind_remote(cell->reactor->node, cell->address);
    if (cell->remote == NULL)
        return errno == 0;
    cell->remote_watch = watch_socket(cell, cell->remote, &cell->remote_ready);
    return true;
}

void remote_close(struct actor *cell)
{
    free(cell->remote_watch);
    if (cell->remote != NULL)
        zmq_close(cell->remote);
    cell->remote = NULL;
}

static void bind_again(struct actor *cell)
{
    bool is_bound = socket_bind_again(cell->reactor->node, cell->remote, cell->address);

    cell->remote_ready = true; /* ZeroMQ may have swallowed the edge meanwhile */
    cell->is_rebinding = !is_bound && errno == EADDRINUSE;
    if (cell->is_rebinding)
        cell_tick_at(cell, cell->reactor->now_us + BIND_AGAIN_US);
    else if (!is_bound)
        actor_log(cell, LOG_ERROR, "its tcp endpoint cannot be opened again: %s",
                  errno == ENOKEY ? "this host's key is gone; make one with `shunt keys make`" : strerror(errno));
}

static void connect_again(struct actor *cell, struct peer *peer)
{
    struct curve_key key;
    int no_linger = 0;

    if (peer->socket == NULL || peer->transport != TRANSPORT_TCP)
        return;
    if (!curve_keys_find(cell->reactor->node->keys, address_host(cell->reactor->node, peer->address), &key))
        zmq_setsockopt(peer->socket, ZMQ_LINGER, &no_linger, sizeof no_linger); /* it gets nothing any more */
    zmq_close(peer->socket);
    peer->socket = NULL;
    if (peer_has_work(peer))
        cell_touch_peer(cell, peer);
}

void remote_keys_changed(struct actor *cell)
{
    for (uint32_t i = 0; i < cell->peer_count; i++)
        connect_again(cell, cell->peers[i]);
    if (cell->remote != NULL)
        bind_again(cell);
}

void remote_tick(struct actor *cell)
{
    if (cell->is_rebinding)
        bind_again(cell);
}

bool remote_is_trusted(const struct actor *cell, zmq_msg_t *message, const char *from)
{
    const char *name = zmq_msg_gets(message, "User-Id");
    const char *host = address_host(cell->reactor->node, from);
    struct curve_key key;

    return name != NULL && host != NULL && strcmp(name, host) == 0 &&
           curve_keys_find(cell->reactor->node->keys, name, &key) && key.role == CURVE_NODE;
}
