/* SPDX-License-Identifier: MIT */
/*
 * topology_hosts -- which machine runs what. A node says its `host`, a managed store on which one it runs (`on`); a
 * launcher that was told its host starts what belongs there and nothing else.
 */
#include <assert.h>
#include <string.h>

#include "runtime/nearest.h"
#include "runtime/plan/reading.h"

bool topology_has_host(const struct topology *topology, const char *host)
{
    for (size_t i = 0; i < topology->node_count; i++)
        if (topology->nodes[i].host != NULL && strcmp(topology->nodes[i].host, host) == 0)
            return true;
    return false;
}

const char *topology_nearest_host(const struct topology *topology, const char *host)
{
    struct nearest nearest = { 0 };

    for (size_t i = 0; i < topology->node_count; i++)
        if (topology->nodes[i].host != NULL)
            nearest_offer(&nearest, host, topology->nodes[i].host);
    return nearest.best;
}

bool topology_keep_host(struct topology *topology, const char *host)
{
    struct topology_node *nodes = arena_take(topology->memory, topology->node_count * sizeof *nodes + 1);
    struct topology_store *stores = arena_take(topology->memory, topology->store_count * sizeof *stores + 1);
    size_t node_count = 0;
    size_t store_count = 0;

    assert(nodes != NULL && stores != NULL);
    if (!topology_has_host(topology, host))
        return false;
    for (size_t i = 0; i < topology->node_count; i++)
        if (topology->nodes[i].host != NULL && strcmp(topology->nodes[i].host, host) == 0)
            nodes[node_count++] = topology->nodes[i];
    for (size_t i = 0; i < topology->store_count; i++)
        if (!topology->stores[i].managed || *topology->stores[i].on == '\0' ||
            strcmp(topology->stores[i].on, host) == 0)
            stores[store_count++] = topology->stores[i];
    topology->host = arena_text(topology->memory, host, strlen(host));
    topology->nodes = nodes;
    topology->node_count = node_count;
    topology->stores = stores;
    topology->store_count = store_count;
    return true;
}

/* ------------------------------------------------------------------------------------------------ checking */

static const char *first_host(const struct topology *topology)
{
    for (size_t i = 0; i < topology->node_count; i++)
        if (topology->nodes[i].host != NULL)
            return topology->nodes[i].host;
    return NULL;
}

static bool has_another(const struct topology *topology, const char *host)
{
    for (size_t i = 0; i < topology->node_count; i++)
        if (topology->nodes[i].host != NULL && strcmp(topology->nodes[i].host, host) != 0)
            return true;
    return false;
}

static void check_node(struct reading *reading, const struct topology_node *node, const char *first, bool has_several)
{
    const struct zpl_node *section = zpl_child(zpl_child(reading->root, "nodes"), node->name);

    if (node->host == NULL && node->tcp != NULL)
        reading_mistake(reading, zpl_child(section, "tcp"),
                        "'host' is missing: tcp is always encrypted, with the key that is called after the host");
    else if (node->host == NULL && first != NULL)
        reading_mistake(reading, section, "'host' is missing: others say theirs, such as %s", first);
    else if (node->tcp == NULL && has_several)
        reading_mistake(reading, section, "'tcp' is missing: there are several hosts, which talk over tcp");
}

static void
check_store(struct reading *reading, const struct topology_store *store, const char *first, bool has_several)
{
    const struct zpl_node *section = zpl_child(zpl_child(reading->root, "stores"), store->name);

    if (*store->on == '\0' && has_several && store->managed)
        reading_mistake(reading, section, "'on' is missing: the host that runs it, such as %s", first);
    else if (*store->on != '\0' && !topology_has_host(reading->topology, store->on))
        reading_mistake(reading, zpl_child(section, "on"), "no node names a host '%s'%s", store->on,
                        reading_hint(reading, topology_nearest_host(reading->topology, store->on)));
}

void reading_check_hosts(struct reading *reading)
{
    const struct topology *topology = reading->topology;
    const char *first = first_host(topology);
    bool has_several = first != NULL && has_another(topology, first);

    for (size_t i = 0; i < topology->node_count; i++)
        check_node(reading, &topology->nodes[i], first, has_several);
    for (size_t i = 0; i < topology->store_count; i++)
        check_store(reading, &topology->stores[i], first, has_several);
}
