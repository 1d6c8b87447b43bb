/* SPDX-License-Identifier: MIT */
/*
 * supervisor_liveness -- whether the nodes that this one has to do with are alive.
 *
 * Each heartbeat a supervisor asks those of its neighbours, and each answer proves both directions of the way there: so
 * a one-way cut is seen by both ends, and so is a process that stands still, which no connection tells of. A neighbour
 * that was heard of before and left two heartbeats unanswered is held to be down, three heartbeats after its last sign
 * of life at the latest: open asks to it end with ASK_TARGET_DIED, new ones at once, monitors fire, routers pick
 * others. But nothing is known of what is under way there, so no letter is given up and no account changed: if it only
 * stood still, it goes on where it was.
 *
 * It is heartbeats that are counted, not time: a process that was stopped itself, or a machine that slept, misses one.
 *
 * Neighbours are the nodes to which a route leads from here or from which one leads here, and those with an actor that
 * somebody here monitors. Of processes on its own host the launcher tells the end; they are asked again when it tells
 * that they are back.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/supervise/supervisor_state.h"
#include "runtime/watch/exposition.h"

enum { MISSED_LIMIT = 2 };

struct neighbour {
    const char *node;
    bool is_asked; /* each heartbeat */
    bool has_ended;
    bool is_heard; /* ever */
    bool is_silent;
    bool answered; /* since the last heartbeat */
    uint32_t missed;
    uint64_t incarnation; /* 0: not known */
    uint64_t silent_since_us;
    uint64_t epoch; /* how often it was found */
};

/* ------------------------------------------------------------------------------------------------ who they are */

static bool hosts_kind(const struct topology_node *node, const char *kind)
{
    if (strcmp(kind, "supervisor") == 0)
        return true;
    for (size_t i = 0; i < node->actor_count; i++)
        if (strcmp(node->actors[i].kind->name, kind) == 0)
            return true;
    return false;
}

static bool leads_to(const struct topology *topology, const struct topology_node *from, const struct topology_node *to)
{
    for (size_t a = 0; a < from->actor_count; a++) {
        const struct actor_kind *kind = from->actors[a].kind;

        for (uint32_t i = 0; i < kind->outlet_count; i++) {
            struct topology_route route;

            topology_route_of(topology, kind, i, &route);
            if (hosts_kind(to, route.to_kind))
                return true;
        }
    }
    return false;
}

static struct neighbour *find(struct supervisor *self, struct slice node)
{
    for (size_t i = 0; i < self->neighbour_count; i++)
        if (slice_is(node, self->neighbours[i].node))
            return &self->neighbours[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ heartbeats */

static void fell_silent(struct actor *me, struct neighbour *neighbour)
{
    neighbour->is_silent = true;
    neighbour->silent_since_us = actor_now_us(me);
    actor_log(me, LOG_WARN, "node %s has left %d heartbeats unanswered and is held to be down", neighbour->node,
              MISSED_LIMIT);
    supervisor_command_all(supervisor_of(me), COMMAND_NODE_SILENT, slice_of(neighbour->node));
}

static void is_back(struct actor *me, struct neighbour *neighbour)
{
    neighbour->is_silent = false;
    neighbour->epoch++;
    actor_log(me, LOG_INFO, "node %s answers again after %" PRIu64 " ms (epoch %" PRIu64 ")", neighbour->node,
              (actor_now_us(me) - neighbour->silent_since_us) / 1000, neighbour->epoch);
    supervisor_command_all(supervisor_of(me), COMMAND_NODE_UP, slice_of(neighbour->node));
}

static void answered(struct actor *me, void *context, const struct answer *answer)
{
    struct neighbour *neighbour = context;
    const struct node_pong *pong = answer->message;

    if (answer->outcome != ASK_ANSWERED || answer->schema != &node_pong_schema || neighbour->has_ended)
        return;
    neighbour->answered = true;
    neighbour->missed = 0;
    neighbour->is_heard = true;
    if (neighbour->incarnation != 0 && neighbour->incarnation != pong->incarnation && !neighbour->is_silent)
        fell_silent(me, neighbour); /* it was replaced between two heartbeats: whoever waits for the old one hears it */
    neighbour->incarnation = pong->incarnation;
    if (neighbour->is_silent)
        is_back(me, neighbour);
}

static void beat(struct actor *me, void *context)
{
    struct supervisor *self = supervisor_of(me);
    uint64_t heartbeat_us = self->process->node.topology->heartbeat_us;

    (void)context;
    for (size_t i = 0; i < self->neighbour_count; i++) {
        struct neighbour *neighbour = &self->neighbours[i];

        if (!neighbour->is_asked || neighbour->has_ended)
            continue;
        neighbour->missed += neighbour->answered ? 0 : 1;
        neighbour->answered = false;
        if (neighbour->missed >= MISSED_LIMIT && neighbour->is_heard && !neighbour->is_silent)
            fell_silent(me, neighbour);
        ASK(me, TO_SUPERVISORS,
            (&(struct sending){ .deadline_us = 2 * heartbeat_us,
                                .then = answered,
                                .context = neighbour,
                                .only = (uint32_t)i + 1,
                                .anyway = true }),
            node_ping);
    }
}

void supervisor_on_ping(struct actor *me, const struct node_ping *m, struct question q)
{
    (void)m;
    ANSWER(me, q, node_pong, .incarnation = supervisor_of(me)->process->node.incarnation);
}

/* ------------------------------------------------------------------------------------------------ being told */

void supervisor_neighbour_ended(struct actor *me, struct slice node)
{
    struct neighbour *neighbour = find(supervisor_of(me), node);

    if (neighbour == NULL)
        return;
    neighbour->has_ended = true;
    neighbour->is_silent = false;
}

void supervisor_neighbour_is_up(struct actor *me, struct slice node)
{
    struct neighbour *neighbour = find(supervisor_of(me), node);

    if (neighbour == NULL)
        return;
    neighbour->has_ended = false;
    neighbour->is_silent = false;
    neighbour->answered = true;
    neighbour->missed = 0;
    neighbour->incarnation = 0;
    neighbour->epoch++;
}

void supervisor_watch_node(struct actor *me, struct slice node)
{
    struct neighbour *neighbour = find(supervisor_of(me), node);

    if (neighbour != NULL && !slice_is(node, actor_node(me)))
        neighbour->is_asked = true;
}

/* ------------------------------------------------------------------------------------------------ life */

void supervisor_begin_liveness(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);
    const struct topology *topology = self->process->node.topology;

    /* The outlet's receivers are the nodes of the topology, in its order. */
    assert(actor_receivers(me, TO_SUPERVISORS) == topology->node_count);
    self->neighbours = calloc(topology->node_count + 1, sizeof *self->neighbours);
    assert(self->neighbours != NULL);
    self->neighbour_count = topology->node_count;
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *node = &topology->nodes[i];

        self->neighbours[i] = (struct neighbour){
            .node = node->name,
            .answered = true,
            .is_asked = node != self->process->plan && (leads_to(topology, self->process->plan, node) ||
                                                        leads_to(topology, node, self->process->plan)),
        };
    }
    if (topology->heartbeat_us > 0)
        actor_every(me, topology->heartbeat_us, beat, NULL);
}

void supervisor_put_liveness(const struct supervisor *self, const char *node, struct buffer *text)
{
    char labels[128];

    for (size_t i = 0; i < self->neighbour_count; i++) {
        const struct neighbour *neighbour = &self->neighbours[i];

        if (!neighbour->is_asked || (!neighbour->is_heard && !neighbour->has_ended))
            continue;
        snprintf(labels, sizeof labels, "node=\"%s\",peer=\"%s\"", node, neighbour->node);
        exposition_line(text, "shunt_node_peer_up", "gauge", "Whether another node is there, as this one sees it.",
                        labels, !neighbour->is_silent && !neighbour->has_ended);
    }
}
