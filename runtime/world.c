/* SPDX-License-Identifier: MIT */
/* world -- see world.h. */
#include "runtime/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/cell/mailbox.h"
#include "runtime/watch/span.h"

enum { START_US = 1000 * 1000, TOLD_AFTER_US = 50 * 1000, TURNS_LIMIT = 100000, MILLION = 1000 * 1000 };
#define WALL_START_US 1767225600000000u /* 2026-01-01 */

struct world_node {
    struct world *world;
    const struct topology_node *plan;
    struct node node;
    struct reactor reactor;
    struct actor **cells;
    bool is_up;
};

/* Something on its way: a parcel, or news of a node. */
struct event {
    struct event *next; /* by time, then by order of making */
    uint64_t due_us;
    size_t to_node;
    char from[ADDRESS_LIMIT + 1];
    char to[ADDRESS_LIMIT + 1]; /* the receiver; of news the node that it is about */
    bool is_news;
    enum node_change news;
    struct buffer parcel;
};

struct world {
    const struct topology *topology;
    struct world_network network;
    struct clock_source clock;
    struct carrier carrier;
    struct world_node *nodes;
    bool *is_cut; /* [from * node_count + to] */
    struct event *events;
    uint64_t now_us;
    uint64_t random;
    uint64_t seed;
    uint64_t trace;
    uint64_t parcels;
    uint64_t incarnations;
};

static uint64_t read_now(void *context)
{
    return ((struct world *)context)->now_us;
}

static uint64_t read_wall(void *context)
{
    return WALL_START_US + ((struct world *)context)->now_us;
}

/* splitmix64 by Steele, Lea and Flood (2014): the network's own dice. */
static uint64_t roll(struct world *world)
{
    uint64_t z = world->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t find_node(const struct world *world, const char *address)
{
    for (size_t i = 0; i < world->topology->node_count; i++)
        if (address_on_node(address, world->topology->nodes[i].name) ||
            strcmp(address, world->topology->nodes[i].name) == 0)
            return i;
    return SIZE_MAX;
}

/* ------------------------------------------------------------------------------------------------ the network */

static struct event *add_event(struct world *world, uint64_t due_us, size_t to_node, const char *from, const char *to)
{
    struct event **link = &world->events;
    struct event *event = calloc(1, sizeof *event);

    assert(event != NULL);
    *event = (struct event){ .due_us = due_us, .to_node = to_node };
    slice_copy(slice_of(from), event->from, sizeof event->from);
    slice_copy(slice_of(to), event->to, sizeof event->to);
    while (*link != NULL && (*link)->due_us <= due_us)
        link = &(*link)->next;
    event->next = *link;
    *link = event;
    return event;
}

static void free_event(struct event *event)
{
    buffer_free(&event->parcel);
    free(event);
}

/* Not before the one that left last on the same way. */
static uint64_t arrival_us(struct world *world, const char *from, const char *to)
{
    uint64_t span_us = world->network.delay_max_us - world->network.delay_min_us;
    uint64_t due_us = world->now_us + world->network.delay_min_us + (span_us > 0 ? roll(world) % span_us : 0);

    for (const struct event *event = world->events; event != NULL; event = event->next)
        if (!event->is_news && event->due_us > due_us && strcmp(event->from, from) == 0 && strcmp(event->to, to) == 0)
            due_us = event->due_us;
    return due_us;
}

static void note(struct world *world, const void *bytes, size_t size)
{
    world->trace = XXH3_64bits_withSeed(bytes, size, world->trace);
}

static void carry(void *context, struct actor *from, const char *to, struct slice parcel)
{
    struct world *world = context;
    size_t from_node = find_node(world, from->address);
    size_t to_node = find_node(world, to);
    uint64_t due_us = arrival_us(world, from->address, to);
    bool is_lost = roll(world) % MILLION < world->network.lost_ppm;

    world->parcels++;
    note(world, &world->now_us, sizeof world->now_us);
    note(world, from->address, strlen(from->address));
    note(world, to, strlen(to));
    note(world, parcel.at, parcel.size);
    if (is_lost || to_node == SIZE_MAX || world->is_cut[from_node * world->topology->node_count + to_node])
        return;
    buffer_append(&add_event(world, due_us, to_node, from->address, to)->parcel, parcel.at, parcel.size);
}

static void happen(struct world *world, struct event *event)
{
    struct world_node *node = &world->nodes[event->to_node];

    if (!node->is_up)
        return;
    for (size_t i = 0; i < node->reactor.actor_count; i++) {
        struct actor *cell = node->reactor.actors[i];

        if (event->is_news)
            cell_node_changed(cell, event->to, event->news);
        else if (strcmp(cell->address, event->to) == 0)
            mailbox_put_carried(cell, buffer_slice(&event->parcel));
    }
}

/* ------------------------------------------------------------------------------------------------ nodes */

static void tell_the_others(struct world *world, size_t about, enum node_change news)
{
    for (size_t i = 0; i < world->topology->node_count; i++) {
        struct event *event;

        if (i == about)
            continue;
        event = add_event(world, world->now_us + TOLD_AFTER_US, i, "", world->topology->nodes[about].name);
        event->is_news = true;
        event->news = news;
    }
}

static void start_node(struct world *world, size_t index)
{
    struct world_node *node = &world->nodes[index];

    node->world = world;
    node->plan = &world->topology->nodes[index];
    node->node = (struct node){
        .name = node->plan->name,
        .incarnation = WALL_START_US + ++world->incarnations,
        .topology = world->topology,
        .clock = &world->clock,
        .carrier = &world->carrier,
        .seed = world->seed ^ world->incarnations << 32,
        .log_level = LOG_ERROR + 1,
        .spans = span_ring_new(),
    };
    reactor_init(&node->reactor, &node->node, "world", false);
    node->cells = calloc(node->plan->actor_count + 1, sizeof(struct actor *));
    assert(node->cells != NULL);
    for (size_t i = 0; i < node->plan->actor_count; i++) {
        const struct topology_actor *plan = &node->plan->actors[i];

        node->cells[i] = cell_new(&node->reactor, plan->kind, plan->name, plan);
        assert(node->cells[i] != NULL);
    }
    node->is_up = true;
    for (size_t i = 0; i < node->plan->actor_count; i++)
        cell_start(node->cells[i]);
}

static void end_node(struct world_node *node)
{
    if (!node->is_up)
        return;
    node->is_up = false;
    for (size_t i = node->plan->actor_count; i-- > 0;)
        cell_stop(node->cells[i]);
    for (size_t i = 0; i < node->plan->actor_count; i++)
        cell_destroy(&node->cells[i]);
    free(node->cells);
    reactor_free(&node->reactor);
    span_ring_destroy(&node->node.spans);
}

void world_kill(struct world *world, const char *name)
{
    size_t index = find_node(world, name);

    assert(index != SIZE_MAX);
    end_node(&world->nodes[index]);
    for (struct event **link = &world->events; *link != NULL;) {
        struct event *event = *link;

        if (event->to_node != index || event->is_news) {
            link = &event->next;
            continue;
        }
        *link = event->next;
        free_event(event);
    }
    tell_the_others(world, index, NODE_ENDED);
}

void world_start(struct world *world, const char *name)
{
    size_t index = find_node(world, name);

    assert(index != SIZE_MAX && !world->nodes[index].is_up);
    start_node(world, index);
    tell_the_others(world, index, NODE_IS_UP);
}

void world_cut(struct world *world, const char *from_node, const char *to_node, bool is_cut)
{
    size_t from = find_node(world, from_node);
    size_t to = find_node(world, to_node);

    assert(from != SIZE_MAX && to != SIZE_MAX);
    world->is_cut[from * world->topology->node_count + to] = is_cut;
}

struct actor *world_actor(struct world *world, const char *address)
{
    size_t index = find_node(world, address);

    for (size_t i = 0; index != SIZE_MAX && world->nodes[index].is_up && i < world->nodes[index].plan->actor_count; i++)
        if (strcmp(world->nodes[index].cells[i]->address, address) == 0)
            return world->nodes[index].cells[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ time */

static uint64_t due_of(const struct world_node *node)
{
    uint64_t due_us = timer_next_due_us(&node->reactor.timers);

    for (size_t i = 0; i < node->reactor.actor_count; i++) {
        const struct actor *cell = node->reactor.actors[i];

        if (cell_has_letters(cell) || cell->had_event || cell->dirty != NULL)
            return 0;
        if (cell->tick_at_us < due_us)
            due_us = cell->tick_at_us;
    }
    return due_us;
}

/* All that is due now, node by node, until nothing is. */
static void settle(struct world *world)
{
    bool again = true;

    for (uint32_t turns = 0; again; turns++) {
        assert(turns < TURNS_LIMIT);
        again = false;
        while (world->events != NULL && world->events->due_us <= world->now_us) {
            struct event *event = world->events;

            world->events = event->next;
            happen(world, event);
            free_event(event);
        }
        for (size_t i = 0; i < world->topology->node_count; i++) {
            if (!world->nodes[i].is_up || due_of(&world->nodes[i]) > world->now_us)
                continue;
            reactor_turn(&world->nodes[i].reactor, 0);
            again = true;
        }
    }
}

void world_run(struct world *world, uint64_t for_us)
{
    uint64_t until_us = world->now_us + for_us;

    for (;;) {
        uint64_t next_us = until_us;

        settle(world);
        if (world->now_us >= until_us)
            return;
        if (world->events != NULL && world->events->due_us < next_us)
            next_us = world->events->due_us;
        for (size_t i = 0; i < world->topology->node_count; i++)
            if (world->nodes[i].is_up && due_of(&world->nodes[i]) < next_us)
                next_us = due_of(&world->nodes[i]);
        world->now_us = next_us;
    }
}

uint64_t world_now_us(const struct world *world)
{
    return world->now_us;
}

uint64_t world_trace(const struct world *world, uint64_t *ret_parcels)
{
    *ret_parcels = world->parcels;
    return world->trace;
}

/* ------------------------------------------------------------------------------------------------ life */

struct world *world_new(const struct topology *topology, const struct world_network *network, uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);

    assert(world != NULL && network->delay_min_us <= network->delay_max_us);
    world->topology = topology;
    world->network = *network;
    world->now_us = START_US;
    world->seed = seed;
    world->random = seed;
    world->clock = (struct clock_source){ .monotonic_us = read_now, .wall_us = read_wall, .context = world };
    world->carrier = (struct carrier){ .send = carry, .context = world };
    world->nodes = calloc(topology->node_count + 1, sizeof *world->nodes);
    world->is_cut = calloc(topology->node_count * topology->node_count + 1, sizeof *world->is_cut);
    assert(world->nodes != NULL && world->is_cut != NULL);
    for (size_t i = 0; i < topology->node_count; i++)
        start_node(world, i);
    return world;
}

void world_destroy(struct world **destroyed)
{
    struct world *world = *destroyed;

    if (world == NULL)
        return;
    for (size_t i = 0; i < world->topology->node_count; i++)
        end_node(&world->nodes[i]);
    while (world->events != NULL) {
        struct event *event = world->events;

        world->events = event->next;
        free_event(event);
    }
    free(world->nodes);
    free(world->is_cut);
    free(world);
    *destroyed = NULL;
}
