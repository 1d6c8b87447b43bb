/* SPDX-License-Identifier: MIT */
/* difference -- see difference.h. */
#include "runtime/plan/difference.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/arena.h"
#include "runtime/supervise/supervisor.h"

enum { MEMORY_LIMIT = 64 * 1024 * 1024 };

struct comparison {
    struct difference *difference;
    const struct topology *before;
    const struct topology *after;
};

static const char *keep(struct difference *difference, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *keep(struct difference *difference, const char *format, ...)
{
    char *text = NULL;
    char *kept;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    kept = arena_take(difference->memory, strlen(text) + 1);
    assert(kept != NULL);
    strcpy(kept, text);
    free(text);
    return kept;
}

static void add(struct difference *difference, struct difference_row row)
{
    if (difference->count == difference->room) {
        difference->room = difference->room * 2 + 64;
        difference->rows = realloc(difference->rows, difference->room * sizeof row);
        assert(difference->rows != NULL);
    }
    row.from = row.from != NULL ? row.from : "";
    row.to = row.to != NULL ? row.to : "";
    difference->rows[difference->count++] = row;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* ------------------------------------------------------------------------------------------------ texts to compare */

/* A text that is equal exactly when what it was made of is. */
struct fingerprint {
    char *text;
    size_t size;
    FILE *to;
};

static FILE *begin(struct fingerprint *print)
{
    print->to = open_memstream(&print->text, &print->size);
    assert(print->to != NULL);
    return print->to;
}

static bool end_equal(struct fingerprint *a, struct fingerprint *b)
{
    bool equal;

    fclose(a->to);
    fclose(b->to);
    equal = a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
    free(a->text);
    free(b->text);
    return equal;
}

static void write_limits(FILE *to, const struct restart_limits *limits)
{
    fprintf(to, "%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64 "\n", limits->restarts, limits->within_us,
            limits->pause_min_us, limits->pause_max_us, limits->healthy_us);
}

static void write_names(FILE *to, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++)
        fprintf(to, "%s ", *names);
    fputc('\n', to);
}

static const char *or_none(const char *text)
{
    return text != NULL ? text : "-";
}

/* Where one way out leads. */
static void write_outlet(FILE *to, const struct topology *topology, const struct actor_kind *kind, uint32_t outlet)
{
    struct topology_route route;

    topology_route_of(topology, kind, outlet, &route);
    fprintf(to, "%s.%s %s %d %d %u:", kind->name, kind->outlets[outlet].name, route.to_kind, (int)route.pick,
            (int)route.overload, route.window);
    for (size_t n = 0; n < topology->node_count; n++) {
        const struct topology_node *node = &topology->nodes[n];

        for (size_t a = 0; a < node->actor_count; a++)
            if (strcmp(node->actors[a].kind->name, route.to_kind) == 0)
                fprintf(to, " %s/%s@%s+%zu", node->name, node->actors[a].name, or_none(node->tcp), a);
    }
    fputc('\n', to);
}

static void write_outlets(FILE *to, const struct topology *topology, const struct actor_kind *kind)
{
    for (uint32_t i = 0; i < kind->outlet_count; i++)
        write_outlet(to, topology, kind, i);
}

/* What an option of the type STORE becomes. */
static void write_stores_of(FILE *to, const struct topology *topology, const struct topology_actor *actor)
{
    for (size_t i = 0; i < actor->option_count; i++) {
        const struct topology_store *store = actor->kind->options[i].type == OPTION_STORE
                                                 ? topology_find_store(topology, actor->options[i].value)
                                                 : NULL;

        if (store != NULL)
            fprintf(to, "%s=%s\n", store->name, store->uri);
    }
}

/* All that a node's process reads at its start, but for its actors' options. */
static void write_node(FILE *to, const struct topology *topology, const struct topology_node *node)
{
    fprintf(to, "%s %s %d\n%s %s %s\n", topology->name, topology->url, (int)topology->log_level, node->role,
            or_none(node->host), or_none(node->tcp));
    for (size_t i = 0; i < node->group_count; i++) {
        fprintf(to, "%s %d ", node->groups[i].name, (int)node->groups[i].strategy);
        write_limits(to, &node->groups[i].limits);
    }
    write_outlets(to, topology, &supervisor_kind);
    for (size_t i = 0; i < node->actor_count; i++) {
        const struct topology_actor *actor = &node->actors[i];

        fprintf(to, "%s %s %s %u %d\n", actor->name, actor->kind->name, or_none(actor->thread), actor->group,
                (int)actor->policy);
        write_outlets(to, topology, actor->kind);
        write_stores_of(to, topology, actor);
    }
}

static void write_launching(FILE *to, const struct topology_node *node)
{
    write_names(to, node->after);
    write_limits(to, &node->limits);
    fprintf(to, "%" PRIu64 " %" PRIu64, node->stop_limit_us, node->silence_limit_us);
}

static void write_store(FILE *to, const struct topology_store *store)
{
    fprintf(to, "%s %s %s %u %u %s %s %s %s %d\n", store->kind, store->uri, or_none(store->host), store->port,
            store->extra_port, or_none(store->user), or_none(store->database), or_none(store->replica_of),
            or_none(store->targets), (int)store->managed);
    for (size_t i = 0; i < store->property_count; i++)
        fprintf(to, "%s=%s\n", store->properties[i].name, store->properties[i].value);
}

/* ------------------------------------------------------------------------------------------------ stores */

static void compare_store(struct comparison *c, const struct topology_store *before, const struct topology_store *after)
{
    struct fingerprint old;
    struct fingerprint new;

    write_store(begin(&old), before);
    write_store(begin(&new), after);
    if (!end_equal(&old, &new))
        add(c->difference, (struct difference_row){ .change = CHANGE_CHANGED,
                                                    .reach = REACH_STORE,
                                                    .path = keep(c->difference, "stores/%s", after->name),
                                                    .from = before->kind,
                                                    .to = after->kind,
                                                    .store = after });
}

static void compare_stores(struct comparison *c)
{
    for (size_t i = 0; i < c->before->store_count; i++) {
        const struct topology_store *before = &c->before->stores[i];
        const struct topology_store *after = topology_find_store(c->after, before->name);

        if (after != NULL)
            compare_store(c, before, after);
        else
            add(c->difference, (struct difference_row){ .change = CHANGE_REMOVED,
                                                        .reach = REACH_STORE,
                                                        .path = keep(c->difference, "stores/%s", before->name),
                                                        .from = before->kind,
                                                        .store = before });
    }
    for (size_t i = 0; i < c->after->store_count; i++) {
        const struct topology_store *after = &c->after->stores[i];

        if (topology_find_store(c->before, after->name) == NULL)
            add(c->difference, (struct difference_row){ .change = CHANGE_ADDED,
                                                        .reach = REACH_STORE,
                                                        .path = keep(c->difference, "stores/%s", after->name),
                                                        .to = after->kind,
                                                        .store = after });
    }
}

/* ------------------------------------------------------------------------------------------------ nodes */

static const struct topology_actor *actor_of(const struct topology_node *node, const char *name)
{
    for (size_t i = 0; i < node->actor_count; i++)
        if (strcmp(node->actors[i].name, name) == 0)
            return &node->actors[i];
    return NULL;
}

static void compare_options(struct comparison *c,
                            const struct topology_node *node,
                            const struct topology_actor *before,
                            const struct topology_actor *after)
{
    for (size_t i = 0; i < after->option_count && before->kind == after->kind; i++) {
        const struct option *row = &after->kind->options[i];

        if (!same(before->options[i].value, after->options[i].value))
            add(c->difference, (struct difference_row){ .change = CHANGE_CHANGED,
                                                        .reach = row->live ? REACH_LIVE : REACH_ACTOR,
                                                        .path = keep(c->difference, "nodes/%s/actors/%s/%s", node->name,
                                                                     after->name, row->name),
                                                        .from = before->options[i].value,
                                                        .to = after->options[i].value,
                                                        .node = node,
                                                        .actor = after,
                                                        .option = row->name });
    }
}

static void compare_actors(struct comparison *c, const struct topology_node *before, const struct topology_node *after)
{
    for (size_t i = 0; i < before->actor_count; i++)
        if (actor_of(after, before->actors[i].name) == NULL)
            add(c->difference, (struct difference_row){ .change = CHANGE_REMOVED,
                                                        .reach = REACH_NODE,
                                                        .path = keep(c->difference, "nodes/%s/actors/%s", before->name,
                                                                     before->actors[i].name),
                                                        .from = before->actors[i].kind->name,
                                                        .node = after });
    for (size_t i = 0; i < after->actor_count; i++) {
        const struct topology_actor *old = actor_of(before, after->actors[i].name);

        if (old != NULL)
            compare_options(c, after, old, &after->actors[i]);
        else
            add(c->difference, (struct difference_row){ .change = CHANGE_ADDED,
                                                        .reach = REACH_NODE,
                                                        .path = keep(c->difference, "nodes/%s/actors/%s", after->name,
                                                                     after->actors[i].name),
                                                        .to = after->actors[i].kind->name,
                                                        .node = after });
    }
}

static void compare_node(struct comparison *c, const struct topology_node *before, const struct topology_node *after)
{
    struct fingerprint old;
    struct fingerprint new;
    size_t so_far = c->difference->count;

    compare_actors(c, before, after);
    write_node(begin(&old), c->before, before);
    write_node(begin(&new), c->after, after);
    if (!end_equal(&old, &new) && (so_far == c->difference->count || !difference_restarts(c->difference, after->name)))
        add(c->difference, (struct difference_row){ .change = CHANGE_CHANGED,
                                                    .reach = REACH_NODE,
                                                    .path = keep(c->difference, "nodes/%s", after->name),
                                                    .to = "its wiring, stores or settings",
                                                    .node = after });
    write_launching(begin(&old), before);
    write_launching(begin(&new), after);
    if (!end_equal(&old, &new))
        add(c->difference, (struct difference_row){ .change = CHANGE_CHANGED,
                                                    .reach = REACH_LIVE,
                                                    .path = keep(c->difference, "nodes/%s", after->name),
                                                    .to = "what it comes after, or its limits",
                                                    .node = after });
}

static void compare_nodes(struct comparison *c)
{
    for (size_t i = 0; i < c->before->node_count; i++) {
        const struct topology_node *before = &c->before->nodes[i];
        const struct topology_node *after = topology_find_node(c->after, before->name);

        if (after != NULL)
            compare_node(c, before, after);
        else
            add(c->difference, (struct difference_row){ .change = CHANGE_REMOVED,
                                                        .reach = REACH_NODE,
                                                        .path = keep(c->difference, "nodes/%s", before->name),
                                                        .from = before->role,
                                                        .node = before });
    }
    for (size_t i = 0; i < c->after->node_count; i++) {
        const struct topology_node *after = &c->after->nodes[i];

        if (topology_find_node(c->before, after->name) == NULL)
            add(c->difference, (struct difference_row){ .change = CHANGE_ADDED,
                                                        .reach = REACH_NODE,
                                                        .path = keep(c->difference, "nodes/%s", after->name),
                                                        .to = after->role,
                                                        .node = after });
    }
}

/* ------------------------------------------------------------------------------------------------ the whole */

struct difference *difference_between(const struct topology *before, const struct topology *after)
{
    struct difference *difference = calloc(1, sizeof *difference);
    struct arena *arena = calloc(1, sizeof *arena);
    struct comparison comparison = { .difference = difference, .before = before, .after = after };

    assert(difference != NULL && arena != NULL);
    arena->limit = MEMORY_LIMIT;
    difference->memory = arena;
    compare_stores(&comparison);
    compare_nodes(&comparison);
    return difference;
}

void difference_destroy(struct difference **difference)
{
    if (*difference == NULL)
        return;
    arena_free((*difference)->memory);
    free((*difference)->memory);
    free((*difference)->rows);
    free(*difference);
    *difference = NULL;
}

bool difference_restarts(const struct difference *difference, const char *node)
{
    for (size_t i = 0; i < difference->count; i++) {
        const struct difference_row *row = &difference->rows[i];

        if (row->reach == REACH_NODE && strcmp(row->node->name, node) == 0)
            return true;
    }
    return false;
}

const char *change_name(enum change change)
{
    static const char *const names[] = {
        [CHANGE_ADDED] = "added", [CHANGE_REMOVED] = "removed", [CHANGE_CHANGED] = "changed"
    };

    return names[change];
}

const char *reach_name(enum reach reach)
{
    static const char *const names[] = { [REACH_LIVE] = "live",
                                         [REACH_ACTOR] = "actor restart",
                                         [REACH_NODE] = "node restart",
                                         [REACH_STORE] = "store restart" };

    return names[reach];
}
