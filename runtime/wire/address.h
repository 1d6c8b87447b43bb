/* SPDX-License-Identifier: MIT */
/*
 * address -- "NODE/ACTOR", and the ZeroMQ endpoint behind it.
 *
 * One scheme over three transports: within a process inproc, on one host ipc (a socket file below the working
 * directory, which is the data folder of every process of the platform), between hosts tcp.
 */
#ifndef RUNTIME_WIRE_ADDRESS_H
#define RUNTIME_WIRE_ADDRESS_H

#include <stdbool.h>

#include "proto/slice.h"
#include "runtime/cell/node.h"

enum { ENDPOINT_LIMIT = 160, NODE_NAME_LIMIT = 40, ACTOR_NAME_LIMIT = 40 };

enum transport { TRANSPORT_THREAD, TRANSPORT_INPROC, TRANSPORT_IPC, TRANSPORT_TCP };

/* Whether `text` is NODE/ACTOR: letters, digits, '-' and '_', within the limits. What comes from the wire is checked
 * with this before it is used in an endpoint. */
bool address_is_valid(struct slice text);
/* Whether the address is on a node of the topology (or the launcher, which is in no topology): such a peer is there to
 * stay. Consoles and the like are not. */
bool address_is_planned(const struct node *node, const char *address);
/* Whether the address is on that node. */
bool address_on_node(const char *address, const char *node);
/* The host of its node, as the topology calls it; NULL: the address is in no plan, or its node names no host. */
const char *address_host(const struct node *node, const char *address);
/* The endpoint to connect to for reaching `address` from `node`. */
enum transport address_endpoint(const struct node *node, const char *address, char endpoint[ENDPOINT_LIMIT]);
/* The endpoints that an actor's mailbox is bound on: inproc, ipc, and tcp when its node has one ("" when not). */
struct endpoints {
    char inproc[ENDPOINT_LIMIT];
    char ipc[ENDPOINT_LIMIT];
    char tcp[ENDPOINT_LIMIT];
};
void address_bindings(const struct node *node, const char *address, struct endpoints *ret_endpoints);
const char *address_transport_name(enum transport transport);

#endif
