/* SPDX-License-Identifier: MIT */
/* graph -- see graph.h. One walk over the topology, two pens. */
#include "runtime/plan/graph.h"

#include <string.h>

/* How one language draws things. `id`s are unique words of letters, digits and '_'. */
struct pen {
    void (*begin)(FILE *to);
    void (*begin_node)(FILE *to, const char *id, const struct topology_node *node);
    void (*actor)(FILE *to, const char *id, const struct topology_actor *actor);
    void (*end_node)(FILE *to);
    void (*store)(FILE *to, const char *id, const struct topology_store *store);
    void (*route)(FILE *to, const char *from, const char *to_id, const char *label);
    void (*uses)(FILE *to, const char *from, const char *to_id);
    void (*end)(FILE *to);
};

enum { ID_LIMIT = 2 * TOPOLOGY_NAME_LIMIT + 8 };

/* '-' cannot be part of a word in either language. "a-b/c" and "a_b/c" would become one: the index keeps them apart. */
static const char *id_of(const char *prefix, size_t index, const char *name, char id[ID_LIMIT])
{
    snprintf(id, ID_LIMIT, "%s%zu_%s", prefix, index, name);
    for (char *c = id; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    return id;
}

/* ------------------------------------------------------------------------------------------------ dot */

static void dot_begin(FILE *to)
{
    fputs("digraph topology {\n"
          "    rankdir=LR\n"
          "    node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", fontsize=10]\n"
          "    edge [fontname=\"sans-serif\", fontsize=8, color=gray40]\n"
          "    graph [fontname=\"sans-serif\", fontsize=11]\n",
          to);
}

static void dot_begin_node(FILE *to, const char *id, const struct topology_node *node)
{
    fprintf(to, "    subgraph cluster_%s {\n        label=\"%s (%s)\"\n        style=filled\n        color=gray93\n",
            id, node->name, node->role);
}

static void dot_actor(FILE *to, const char *id, const struct topology_actor *actor)
{
    fprintf(to, "        %s [label=\"%s\"]\n", id, actor->name);
}

static void dot_end_node(FILE *to)
{
    fputs("    }\n", to);
}

static void dot_store(FILE *to, const char *id, const struct topology_store *store)
{
    fprintf(to, "    %s [label=\"%s\\n%s\", shape=cylinder, style=filled, fillcolor=lightblue]\n", id, store->name,
            store->kind);
}

static void dot_route(FILE *to, const char *from, const char *to_id, const char *label)
{
    fprintf(to, "    %s -> %s [label=\"%s\"]\n", from, to_id, label);
}

static void dot_uses(FILE *to, const char *from, const char *to_id)
{
    fprintf(to, "    %s -> %s [style=dashed, arrowhead=none]\n", from, to_id);
}

static void dot_end(FILE *to)
{
    fputs("}\n", to);
}

static const struct pen dot_pen = {
    dot_begin, dot_begin_node, dot_actor, dot_end_node, dot_store, dot_route, dot_uses, dot_end,
};

/* ------------------------------------------------------------------------------------------------ mermaid */

static void mermaid_begin(FILE *to)
{
    fputs("flowchart LR\n", to);
}

static void mermaid_begin_node(FILE *to, const char *id, const struct topology_node *node)
{
    fprintf(to, "    subgraph %s[\"%s (%s)\"]\n", id, node->name, node->role);
}

static void mermaid_actor(FILE *to, const char *id, const struct topology_actor *actor)
{
    fprintf(to, "        %s[\"%s\"]\n", id, actor->name);
}

static void mermaid_end_node(FILE *to)
{
    fputs("    end\n", to);
}

static void mermaid_store(FILE *to, const char *id, const struct topology_store *store)
{
    fprintf(to, "    %s[(\"%s<br/>%s\")]\n", id, store->name, store->kind);
}

static void mermaid_route(FILE *to, const char *from, const char *to_id, const char *label)
{
    fprintf(to, "    %s -->|%s| %s\n", from, label, to_id);
}

static void mermaid_uses(FILE *to, const char *from, const char *to_id)
{
    fprintf(to, "    %s -.- %s\n", from, to_id);
}

static void mermaid_end(FILE *to)
{
    (void)to;
}

static const struct pen mermaid_pen = {
    mermaid_begin, mermaid_begin_node, mermaid_actor, mermaid_end_node,
    mermaid_store, mermaid_route,      mermaid_uses,  mermaid_end,
};

/* ------------------------------------------------------------------------------------------------ the walk */

static const char *actor_id(const struct topology *topology, size_t node, size_t actor, char id[ID_LIMIT])
{
    char prefix[24];

    snprintf(prefix, sizeof prefix, "n%zu_a", node);
    return id_of(prefix, actor, topology->nodes[node].actors[actor].name, id);
}

static void draw_places(const struct topology *topology, const struct pen *pen, FILE *to)
{
    char id[ID_LIMIT];

    for (size_t n = 0; n < topology->node_count; n++) {
        const struct topology_node *node = &topology->nodes[n];

        pen->begin_node(to, id_of("n", n, node->name, id), node);
        for (size_t a = 0; a < node->actor_count; a++)
            pen->actor(to, actor_id(topology, n, a, id), &node->actors[a]);
        pen->end_node(to);
    }
    for (size_t s = 0; s < topology->store_count; s++)
        pen->store(to, id_of("s", s, topology->stores[s].name, id), &topology->stores[s]);
}

/* From one actor's outlet to all that its letters may go to. */
static void draw_route(const struct topology *topology,
                       const struct pen *pen,
                       size_t from_node,
                       const char *from,
                       const struct topology_route *route,
                       FILE *to)
{
    char id[ID_LIMIT];
    bool is_near = false;

    for (int pass = 0; pass < 2; pass++)
        for (size_t n = 0; n < topology->node_count; n++)
            for (size_t a = 0; a < topology->nodes[n].actor_count; a++) {
                bool fits = strcmp(topology->nodes[n].actors[a].kind->name, route->to_kind) == 0;

                if (pass == 0)
                    is_near = is_near || (fits && n == from_node && route->pick == PICK_SAME_NODE);
                else if (fits && (!is_near || n == from_node))
                    pen->route(to, from, actor_id(topology, n, a, id), route->outlet);
            }
}

static void draw_stores_of(const struct topology *topology,
                           const struct pen *pen,
                           const struct topology_actor *actor,
                           const char *from,
                           FILE *to)
{
    char id[ID_LIMIT];

    for (size_t o = 0; o < actor->option_count; o++)
        for (size_t s = 0; actor->kind->options[o].type == OPTION_STORE && s < topology->store_count; s++)
            if (strcmp(topology->stores[s].name, actor->options[o].value) == 0)
                pen->uses(to, from, id_of("s", s, topology->stores[s].name, id));
}

static void draw_replicas(const struct topology *topology, const struct pen *pen, FILE *to)
{
    char id[ID_LIMIT];
    char primary[ID_LIMIT];

    for (size_t s = 0; s < topology->store_count; s++)
        for (size_t p = 0; topology->stores[s].replica_of != NULL && p < topology->store_count; p++)
            if (strcmp(topology->stores[p].name, topology->stores[s].replica_of) == 0)
                pen->route(to, id_of("s", p, topology->stores[p].name, primary),
                           id_of("s", s, topology->stores[s].name, id), "replica");
}

static void draw(const struct topology *topology, const struct pen *pen, FILE *to)
{
    char id[ID_LIMIT];

    pen->begin(to);
    draw_places(topology, pen, to);
    for (size_t n = 0; n < topology->node_count; n++)
        for (size_t a = 0; a < topology->nodes[n].actor_count; a++) {
            const struct topology_actor *actor = &topology->nodes[n].actors[a];

            actor_id(topology, n, a, id);
            for (uint32_t o = 0; o < actor->kind->outlet_count; o++) {
                struct topology_route route;

                topology_route_of(topology, actor->kind, o, &route);
                draw_route(topology, pen, n, id, &route, to);
            }
            draw_stores_of(topology, pen, actor, id, to);
        }
    draw_replicas(topology, pen, to);
    pen->end(to);
}

void graph_dot(const struct topology *topology, FILE *to)
{
    draw(topology, &dot_pen, to);
}

void graph_mermaid(const struct topology *topology, FILE *to)
{
    draw(topology, &mermaid_pen, to);
}
