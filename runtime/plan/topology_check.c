/* SPDX-License-Identifier: MIT */
/*
 * topology_check -- what only the whole can tell: names that point nowhere, circles in `after`, outlets without
 * receivers.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/nearest.h"
#include "runtime/plan/reading.h"

/* A node or a store: whatever can be named in `after`. */
struct place {
    const char *name;
    const char *const *after;
    const struct zpl_node *section;
    bool is_store;
    enum { UNSEEN, OPEN, SEEN } state; /* of the search for circles */
};

struct places {
    struct place list[TOPOLOGY_NODES_LIMIT + TOPOLOGY_STORES_LIMIT];
    size_t count;
};

static struct places gather(struct reading *reading)
{
    const struct topology *topology = reading->topology;
    const struct zpl_node *stores = zpl_child(reading->root, "stores");
    const struct zpl_node *nodes = zpl_child(reading->root, "nodes");
    struct places places = { 0 };

    for (size_t i = 0; i < topology->store_count; i++) {
        const struct topology_store *store = &topology->stores[i];

        places.list[places.count++] = (struct place){
            .name = store->name,
            .after = store->after,
            .section = zpl_child(stores, store->name),
            .is_store = true,
        };
    }
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *node = &topology->nodes[i];

        places.list[places.count++] =
            (struct place){ .name = node->name, .after = node->after, .section = zpl_child(nodes, node->name) };
    }
    return places;
}

static struct place *find_place(struct places *places, const char *name)
{
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->list[i].name, name) == 0)
            return &places->list[i];
    return NULL;
}

/* Console and launcher call nodes and stores by their names alone. */
static void check_names(struct reading *reading, struct places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        const struct place *first = find_place(places, places->list[i].name);

        if (first != NULL && first != &places->list[i])
            reading_mistake(reading, places->list[i].section, "a store has this name already, in line %d",
                            first->section->line);
    }
}

static void check_after(struct reading *reading, struct places *places, const struct place *place)
{
    const struct zpl_node *at = zpl_child(place->section, "after");

    for (size_t i = 0; place->after[i] != NULL; i++) {
        const struct place *other = find_place(places, place->after[i]);
        struct nearest nearest = { 0 };

        if (other != NULL && place->is_store && !other->is_store)
            reading_mistake(reading, at, "'%s' is a node; stores start before the nodes, after other stores only",
                            place->after[i]);
        if (other != NULL)
            continue;
        for (size_t k = 0; k < places->count; k++)
            if (places->list[k].is_store || !place->is_store)
                nearest_offer(&nearest, place->after[i], places->list[k].name);
        reading_mistake(reading, at, "there is no %s '%s'%s", place->is_store ? "store" : "node or store",
                        place->after[i], reading_hint(reading, nearest.best));
    }
}

/* Depth first; a place that is met while it is still open closes a circle, whose names are on the way back up.
 * The depth is bounded by the number of places. Returns the place where the circle began while it unwinds. */
static const struct place *
find_circle(struct places *places, struct place *place, struct reading *reading, const char **circle)
{
    if (place->state == SEEN)
        return NULL;
    if (place->state == OPEN) {
        *circle = place->name;
        return place;
    }
    place->state = OPEN;
    for (size_t i = 0; place->after[i] != NULL; i++) {
        struct place *other = find_place(places, place->after[i]);
        const struct place *start = other != NULL ? find_circle(places, other, reading, circle) : NULL;

        if (start == NULL)
            continue;
        *circle = arena_print(reading->arena, "%s -> %s", place->name, *circle);
        if (start == place) {
            reading_mistake(reading, zpl_child(place->section, "after"), "a circle: %s; none of them could start first",
                            *circle);
            start = NULL;
        }
        place->state = SEEN;
        return start;
    }
    place->state = SEEN;
    return NULL;
}

/* Whether all stores that this one comes after are among those taken. */
static bool is_next(const struct topology *topology, const struct topology_store *store, const bool *taken)
{
    for (const char *const *after = store->after; *after != NULL; after++) {
        const struct topology_store *other = topology_find_store(topology, *after);

        if (other != NULL && !taken[other - topology->stores])
            return false;
    }
    return true;
}

/* Stores into start order: one that others come after stands before them. The file's order is kept where it can be. */
static void order_stores(struct reading *reading)
{
    struct topology *topology = reading->topology;
    struct topology_store *ordered = reading_take(reading, topology->store_count, sizeof *ordered);
    bool taken[TOPOLOGY_STORES_LIMIT] = { false };

    for (size_t count = 0; count < topology->store_count; count++) {
        size_t i = 0;

        while (i < topology->store_count && (taken[i] || !is_next(topology, &topology->stores[i], taken)))
            i++;
        if (i == topology->store_count)
            return; /* a circle, told of elsewhere */
        taken[i] = true;
        ordered[count] = topology->stores[i];
    }
    topology->stores = ordered;
}

static void check_replicas(struct reading *reading)
{
    const struct topology *topology = reading->topology;

    for (size_t i = 0; i < topology->store_count; i++) {
        const struct topology_store *store = &topology->stores[i];
        const struct topology_store *primary =
            store->replica_of != NULL ? topology_find_store(topology, store->replica_of) : NULL;
        const struct zpl_node *at = zpl_child(zpl_child(zpl_child(reading->root, "stores"), store->name), "replica_of");
        struct nearest nearest = { 0 };

        if (store->replica_of == NULL || (primary != NULL && primary->knows == store->knows && primary != store))
            continue;
        for (size_t k = 0; k < topology->store_count; k++)
            if (k != i && topology->stores[k].knows == store->knows)
                nearest_offer(&nearest, store->replica_of, topology->stores[k].name);
        reading_mistake(reading, at, "expected another store of kind %s, not '%s'%s", store->kind, store->replica_of,
                        reading_hint(reading, nearest.best));
    }
}

static bool is_hosted(const struct topology *topology, const char *kind)
{
    if (strcmp(kind, "supervisor") == 0 || strcmp(kind, "launcher") == 0)
        return true; /* each node has the one, each platform the other */
    for (size_t n = 0; n < topology->node_count; n++)
        for (size_t a = 0; a < topology->nodes[n].actor_count; a++)
            if (strcmp(topology->nodes[n].actors[a].kind->name, kind) == 0)
                return true;
    return false;
}

static void check_outlets(struct reading *reading, const struct zpl_node *section, const struct topology_actor *actor)
{
    for (uint32_t i = 0; i < actor->kind->outlet_count; i++) {
        const struct outlet *outlet = &actor->kind->outlets[i];
        struct topology_route route;

        topology_route_of(reading->topology, actor->kind, i, &route);
        if (!outlet->optional && !is_hosted(reading->topology, route.to_kind))
            reading_mistake(reading, section, "its outlet '%s' has no receiver: no node has an actor of kind %s",
                            outlet->name, route.to_kind);
    }
}

void reading_check(struct reading *reading)
{
    const struct topology *topology = reading->topology;
    const struct zpl_node *nodes = zpl_child(reading->root, "nodes");
    struct places places = gather(reading);

    check_names(reading, &places);
    for (size_t i = 0; i < places.count; i++)
        check_after(reading, &places, &places.list[i]);
    for (size_t i = 0; i < places.count; i++) {
        const char *circle = "";

        find_circle(&places, &places.list[i], reading, &circle);
    }
    check_replicas(reading);
    for (size_t n = 0; n < topology->node_count; n++) {
        const struct topology_node *node = &topology->nodes[n];
        const struct zpl_node *actors = zpl_child(zpl_child(nodes, node->name), "actors");

        for (size_t a = 0; a < node->actor_count; a++)
            check_outlets(reading, zpl_child(actors, node->actors[a].name), &node->actors[a]);
    }
    reading_check_hosts(reading);
    reading_check_ports(reading);
    order_stores(reading);
}
