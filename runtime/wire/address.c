/* SPDX-License-Identifier: MIT */
#include "runtime/wire/address.h"

#include <stdio.h>
#include <stdlib.h>

static bool name_is_valid(const char *at, size_t size, size_t limit)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    if (size == 0 || size > limit)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (memchr(letters, at[i], sizeof letters - 1) == NULL)
            return false;
    }
    return true;
}

bool address_is_valid(struct slice text)
{
    const char *slash = text.size > 0 ? memchr(text.at, '/', text.size) : NULL;

    if (slash == NULL)
        return false;

    size_t node_size = (size_t)(slash - text.at);

    return name_is_valid(text.at, node_size, NODE_NAME_LIMIT) &&
           name_is_valid(slash + 1, text.size - node_size - 1, ACTOR_NAME_LIMIT);
}

bool address_on_node(const char *address, const char *node)
{
    size_t size = strlen(node);

    return strncmp(address, node, size) == 0 && address[size] == '/';
}

static const struct topology_node *find_node(const struct node *node, const char *address)
{
    if (node->topology == NULL)
        return NULL;
    for (size_t i = 0; i < node->topology->node_count; i++) {
        if (address_on_node(address, node->topology->nodes[i].name))
            return &node->topology->nodes[i];
    }
    return NULL;
}

bool address_is_planned(const struct node *node, const char *address)
{
    return find_node(node, address) != NULL || address_on_node(address, "launcher");
}

const char *address_host(const struct node *node, const char *address)
{
    const struct topology_node *found = find_node(node, address);

    return found != NULL ? found->host : NULL;
}

/* Which port of its node's an actor has, or -1 for one that is not in the plan. Both sides read the plan. */
static long port_of(const struct topology_node *of, const char *actor, long base)
{
    if (strcmp(actor, "supervisor") == 0)
        return base - 1;
    for (size_t i = 0; i < of->actor_count; i++) {
        if (strcmp(of->actors[i].name, actor) == 0)
            return base + (long)i;
    }
    return -1;
}

static bool tcp_endpoint(const struct topology_node *of, const char *address, char endpoint[ENDPOINT_LIMIT])
{
    const char *colon = of->tcp != NULL ? strrchr(of->tcp, ':') : NULL;
    long port = colon != NULL ? port_of(of, strchr(address, '/') + 1, strtol(colon + 1, NULL, 10)) : -1;

    if (port < 0)
        return false;
    snprintf(endpoint, ENDPOINT_LIMIT, "%.*s:%ld", (int)(colon - of->tcp), of->tcp, port);
    return true;
}

static void ipc_endpoint(const char *address, char endpoint[ENDPOINT_LIMIT])
{
    const char *slash = strchr(address, '/');

    snprintf(endpoint, ENDPOINT_LIMIT, "ipc://run/%.*s.%s", (int)(slash - address), address, slash + 1);
}

/* Who is in no plan, the launcher or a client, only speaks with those whose data folder it shares. */
static bool on_same_host(const struct topology_node *a, const struct topology_node *b)
{
    const char *host_a = a != NULL && a->host != NULL ? a->host : "";
    const char *host_b = b != NULL && b->host != NULL ? b->host : "";

    if (a == NULL || b == NULL)
        return true;

    return strcmp(host_a, host_b) == 0;
}

enum transport address_endpoint(const struct node *node, const char *address, char endpoint[ENDPOINT_LIMIT])
{
    const struct topology_node *to = find_node(node, address);
    char own[NODE_NAME_LIMIT + 3];

    if (address_on_node(address, node->name)) {
        snprintf(endpoint, ENDPOINT_LIMIT, "inproc://%s", address);
        return TRANSPORT_INPROC;
    }
    snprintf(own, sizeof own, "%s/x", node->name);
    if (to != NULL && !on_same_host(to, find_node(node, own)) && tcp_endpoint(to, address, endpoint))
        return TRANSPORT_TCP;
    ipc_endpoint(address, endpoint);
    return TRANSPORT_IPC;
}

void address_bindings(const struct node *node, const char *address, struct endpoints *endpoints)
{
    const struct topology_node *own = find_node(node, address);

    snprintf(endpoints->inproc, ENDPOINT_LIMIT, "inproc://%s", address);
    ipc_endpoint(address, endpoints->ipc);
    if (own == NULL || !tcp_endpoint(own, address, endpoints->tcp))
        endpoints->tcp[0] = '\0';
}

const char *address_transport_name(enum transport transport)
{
    static const char *const names[] = {
        [TRANSPORT_THREAD] = "thread",
        [TRANSPORT_INPROC] = "inproc",
        [TRANSPORT_IPC] = "ipc",
        [TRANSPORT_TCP] = "tcp",
    };

    return names[transport];
}
