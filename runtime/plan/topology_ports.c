/* SPDX-License-Identifier: MIT */
/*
 * topology_ports -- no two things of one platform may listen on the same port of the same address.
 *
 * Listeners are the managed stores, the nodes with a tcp address (one port for each actor and one for the supervisor)
 * and the actors' options that are called `listen` or end in `_listen`: HOST:PORT, or empty for "do not listen".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/reading.h"

struct listener {
    const char *host;
    uint32_t first; /* port */
    uint32_t last;
    const struct zpl_node *at;          /* where the file says it */
    const struct topology_actor *actor; /* that listens; NULL: somebody else */
    const struct topology_node *node;
};

struct listeners {
    struct reading *reading;
    struct listener *list;
    size_t count;
    size_t room;
};

static bool is_any(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0 || strcmp(host, "[::]") == 0 ||
           strcmp(host, "::") == 0;
}

/* Actors of one kind in several nodes may take from one address, but not also from another one that overlaps. */
static bool share(const struct listener *a, const struct listener *b)
{
    return a->actor != NULL && b->actor != NULL && a->actor->kind == b->actor->kind && a->node != b->node &&
           strcmp(a->host, b->host) == 0;
}

static bool collide(const struct listener *a, const struct listener *b)
{
    bool one_host = strcmp(a->host, b->host) == 0 || is_any(a->host) || is_any(b->host);

    return one_host && a->first <= b->last && b->first <= a->last && !share(a, b);
}

static void add(struct listeners *listeners, struct listener new)
{
    struct reading *reading = listeners->reading;

    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *other = &listeners->list[i];

        if (!collide(&new, other))
            continue;
        reading_mistake(reading, new.at, "port %u is taken by %s (line %d)",
                        new.first > other->first ? new.first : other->first, zpl_path(other->at, reading->arena),
                        other->at->line);
        return;
    }
    if (listeners->count == listeners->room) {
        listeners->room = listeners->room * 2 + 64;
        listeners->list = realloc(listeners->list, listeners->room * sizeof new);
        if (listeners->list == NULL)
            abort();
    }
    listeners->list[listeners->count++] = new;
}

bool topology_split_address(const char *text, char host[TOPOLOGY_HOST_LIMIT], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    char *end;

    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9' || colon - text >= TOPOLOGY_HOST_LIMIT)
        return false;
    errno = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || errno != 0 || port > 65535)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    *ret_port = (uint16_t)port;
    return strchr(host, ':') == NULL || host[0] == '[';
}

static bool split(struct reading *reading, const char *text, const char **ret_host, uint32_t *ret_port)
{
    char host[TOPOLOGY_HOST_LIMIT];
    uint16_t port;

    if (!topology_split_address(text, host, &port))
        return false;
    *ret_host = arena_text(reading->arena, host, strlen(host));
    *ret_port = port;
    return true;
}

static void add_stores(struct listeners *listeners)
{
    const struct topology *topology = listeners->reading->topology;
    const struct zpl_node *section = zpl_child(listeners->reading->root, "stores");

    for (size_t i = 0; i < topology->store_count; i++) {
        const struct topology_store *store = &topology->stores[i];
        const struct zpl_node *in_file = zpl_child(section, store->name);

        if (store->managed && store->port != 0)
            add(listeners, (struct listener){ store->host, store->port, store->port, zpl_child(in_file, "port") });
        if (store->managed && store->extra_port != 0)
            add(listeners, (struct listener){ store->host, store->extra_port, store->extra_port,
                                              zpl_child(in_file, "extra_port") });
    }
}

static void add_tcp(struct listeners *listeners, const struct topology_node *node, const struct zpl_node *section)
{
    struct reading *reading = listeners->reading;
    const struct zpl_node *at = zpl_child(section, "tcp");
    const char *host;
    uint32_t port;

    if (node->tcp == NULL)
        return;
    if (strncmp(node->tcp, "tcp://", 6) != 0 || !split(reading, node->tcp + 6, &host, &port) || port < 2 ||
        port + node->actor_count > 65536) {
        reading_mistake(reading, at,
                        "expected tcp://HOST:PORT, such as tcp://10.0.0.5:7001; the supervisor listens on the "
                        "port before, the actors on this one and those that follow");
        return;
    }
    add(listeners, (struct listener){ host, port - 1, port + (uint32_t)node->actor_count - 1, at });
}

static bool is_listener(const struct option *row)
{
    size_t size = strlen(row->name);

    return row->type == OPTION_TEXT &&
           (strcmp(row->name, "listen") == 0 || (size > 7 && strcmp(row->name + size - 7, "_listen") == 0));
}

/* The node of the file that says an option, or the actor when the option has its default. */
static const struct zpl_node *place_of(const struct zpl_node *section,
                                       const struct zpl_node *kinds,
                                       const struct topology_actor *actor,
                                       const char *option)
{
    const struct zpl_node *own = zpl_child(section, option);
    const struct zpl_node *of_kind = zpl_child(zpl_child(kinds, actor->kind->name), option);

    return own != NULL ? own : of_kind != NULL ? of_kind : section;
}

static void add_actor(struct listeners *listeners,
                      const struct topology_node *node,
                      const struct topology_actor *actor,
                      const struct zpl_node *section)
{
    struct reading *reading = listeners->reading;
    const struct zpl_node *kinds = zpl_child(reading->root, "kinds");

    for (size_t i = 0; i < actor->option_count; i++) {
        const char *text = actor->options[i].value;
        const char *host;
        uint32_t port;

        if (!is_listener(&actor->kind->options[i]) || *text == '\0')
            continue;

        const struct zpl_node *at = place_of(section, kinds, actor, actor->options[i].name);

        if (!split(reading, text, &host, &port))
            reading_mistake(reading, at, "%s: '%s' does not fit: expected HOST:PORT, such as 127.0.0.1:8080",
                            actor->options[i].name, text);
        else if (port != 0) /* 0: any free one */
            add(listeners, (struct listener){ host, port, port, at, actor, node });
    }
}

void reading_check_ports(struct reading *reading)
{
    struct listeners listeners = { .reading = reading };
    const struct zpl_node *nodes = zpl_child(reading->root, "nodes");

    add_stores(&listeners);
    for (size_t n = 0; n < reading->topology->node_count; n++) {
        const struct topology_node *node = &reading->topology->nodes[n];
        const struct zpl_node *section = zpl_child(nodes, node->name);
        const struct zpl_node *actors = zpl_child(section, "actors");

        add_tcp(&listeners, node, section);
        for (size_t a = 0; a < node->actor_count; a++)
            add_actor(&listeners, node, &node->actors[a], zpl_child(actors, node->actors[a].name));
    }
    free(listeners.list);
}

static void
tell_store(const struct topology_store *store, uint16_t port, topology_listener_handler *handler, void *context)
{
    struct topology_listener listener = { .store = store, .port = port };

    slice_copy(slice_of(store->host), listener.host, sizeof listener.host);
    if (store->managed && port != 0)
        handler(context, &listener);
}

static void tell_actor(const struct topology_node *node,
                       const struct topology_actor *actor,
                       topology_listener_handler *handler,
                       void *context)
{
    struct topology_listener listener = { .node = node, .actor = actor };

    for (size_t i = 0; i < actor->option_count; i++)
        if (is_listener(&actor->kind->options[i]) &&
            topology_split_address(actor->options[i].value, listener.host, &listener.port) && listener.port != 0)
            handler(context, &listener);
}

void topology_each_listener(const struct topology *topology, topology_listener_handler *handler, void *context)
{
    for (size_t i = 0; i < topology->store_count; i++) {
        tell_store(&topology->stores[i], topology->stores[i].port, handler, context);
        tell_store(&topology->stores[i], topology->stores[i].extra_port, handler, context);
    }
    for (size_t n = 0; n < topology->node_count; n++)
        for (size_t a = 0; a < topology->nodes[n].actor_count; a++)
            tell_actor(&topology->nodes[n], &topology->nodes[n].actors[a], handler, context);
}
