/* SPDX-License-Identifier: MIT */
/* socket -- ZeroMQ sockets with the platform's settings: bounded, owner-only on ipc, hardly lingering. */
#ifndef RUNTIME_WIRE_SOCKET_H
#define RUNTIME_WIRE_SOCKET_H

#include "runtime/wire/peer.h"

enum { PARCEL_BYTES_LIMIT = 64 * 1024 * 1024 }; /* ZMQ_MAXMSGSIZE: a larger one ends its connection */

/* The context of a process: one I/O thread, bounded. NULL only when out of memory or file descriptors. */
void *socket_context_new(void);

/* A PULL socket bound on the endpoints of `address` within this host. NULL with `errno` when one cannot be bound
 * (EADDRINUSE ...). */
void *socket_bind_mailbox(const struct node *node, const char *address);
/* A PULL socket for other hosts, always CURVE. NULL with `errno` 0 when the address has no tcp endpoint, ENOKEY when
 * this host has no key, else why it cannot be bound. */
void *socket_bind_remote(const struct node *node, const char *address);
/* Ends all connections of such a socket and binds it anew, with the key that the host has now. False with `errno`;
 * EADDRINUSE: not yet. */
bool socket_bind_again(const struct node *node, void *socket, const char *address);

/* A PUSH socket towards `peer`; sets peer->socket and peer->transport. NULL with `errno` when that cannot be; ENOKEY: a
 * key that it takes is not there. */
void *socket_connect_peer(const struct node *node, struct peer *peer);

/* A ROUTER socket for a gate at "HOST:PORT", always CURVE, and the same again when a key was revoked; as the two above.
 * The launcher may hold that address for it: see runtime/listener.h. */
void *socket_bind_gate(const struct node *node, const char *address, int64_t most_bytes);
bool socket_bind_gate_again(const struct node *node, void *socket, const char *address);

#endif
