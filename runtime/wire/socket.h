/* SPDX-License-Identifier: MIT */
/* socket -- ZeroMQ sockets with the platform's settings: bounded, owner-only on ipc, hardly lingering. */
#ifndef RUNTIME_WIRE_SOCKET_H
#define RUNTIME_WIRE_SOCKET_H

#include "runtime/wire/peer.h"

enum { PARCEL_BYTES_LIMIT = 64 * 1024 * 1024 }; /* ZMQ_MAXMSGSIZE: a larger one ends its connection */

/* The context of a process: one I/O thread, bounded. NULL only when out of memory or file descriptors. */
void *socket_context_new(void);

/* A PULL socket bound on all endpoints of `address`. NULL with `errno` when one cannot be bound (EADDRINUSE ...). */
void *socket_bind_mailbox(const struct node *node, const char *address);

/* A PUSH socket towards `peer`; sets peer->socket and peer->transport. NULL with `errno` when that cannot be. */
void *socket_connect_peer(const struct node *node, struct peer *peer);

#endif
