/* SPDX-License-Identifier: MIT */
/* topology -- see topology.h. This file loads and answers; the sections are read by topology_*.c. */
#include "runtime/plan/topology.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/reading.h"

/* What can become of a file of the largest size: names, tables and, at the worst, a mistake for each line. */
enum { MEMORY_LIMIT = 256 * 1024 * 1024 };

struct platform_section {
    const char *name;
    const char *url;
    uint32_t log;
    uint64_t log_size;
    uint64_t heartbeat_us;
};

static const char *const log_levels[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL
};

static const struct option platform_rows[] = {
    { .name = "name",
      .type = OPTION_TEXT,
      .offset = offsetof(struct platform_section, name),
      .default_text = "shunt",
      .help = "what this installation is called" },
    { .name = "url",
      .type = OPTION_TEXT,
      .offset = offsetof(struct platform_section, url),
      .help = "where users reach it, such as http://127.0.0.1:8080" },
    { .name = "log",
      .type = OPTION_CHOICE,
      .offset = offsetof(struct platform_section, log),
      .choices = log_levels,
      .default_text = "info",
      .help = "what is below is not written" },
    { .name = "log_size",
      .type = OPTION_BYTES,
      .offset = offsetof(struct platform_section, log_size),
      .default_text = "16MiB",
      .minimum = 64 * 1024,
      .maximum = UINT64_C(1) << 40,
      .help = "of one log file, before a new one is begun; the one before is kept" },
    { .name = "heartbeat",
      .type = OPTION_DURATION,
      .offset = offsetof(struct platform_section, heartbeat_us),
      .default_text = "1s",
      .minimum = 50 * 1000,
      .maximum = 60 * 1000 * 1000,
      .help = "how often nodes make sure of each other; one that is silent for three of them is held to be down" },
};

static void check_url(struct reading *reading, const struct zpl_node *section, const char *url)
{
    const char *host = strstr(url, "://");
    bool known = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;

    if (*url != '\0' && (!known || host[3] == '\0' || url[strlen(url) - 1] == '/'))
        reading_mistake(reading, zpl_child(section, "url"),
                        "expected http://HOST:PORT or https://..., without a slash at the end");
}

static void read_platform(struct reading *reading)
{
    static const struct section_words words = {
        .rows = platform_rows,
        .row_count = sizeof platform_rows / sizeof platform_rows[0],
        .what = "the platform",
    };
    const struct zpl_node *section = zpl_child(reading->root, "platform");
    struct platform_section read = { 0 };

    if (section == NULL)
        mistake_at(reading->mistakes, LINE_NONE, "platform", "the section is missing; it says at least the url");
    reading_values(reading, section, &words, &read);
    check_url(reading, section, read.url);
    reading->topology->name = read.name;
    reading->topology->url = read.url;
    reading->topology->log_level = (enum log_level)read.log;
    reading->topology->log_bytes = read.log_size;
    reading->topology->heartbeat_us = read.heartbeat_us;
}

static void read_sections(struct reading *reading)
{
    static const char *const sections[] = { "platform", "stores", "kinds", "nodes", "routes", NULL };
    static const struct section_words words = { .sections = sections, .what = "a topology" };

    reading_words(reading, reading->root, &words);
    read_platform(reading);
    reading_stores(reading);
    reading_kinds(reading);
    reading_nodes(reading);
    reading_routes(reading);
    reading_check(reading);
}

/* The whole file, or NULL with the reason told. Free it. */
static char *read_file(const char *file, struct mistakes *mistakes, size_t *ret_size)
{
    FILE *from = fopen(file, "re");
    char *text = malloc(ZPL_FILE_LIMIT + 1);

    assert(text != NULL);
    *ret_size = from != NULL ? fread(text, 1, ZPL_FILE_LIMIT + 1, from) : 0;
    if (from == NULL || ferror(from))
        mistake_at(mistakes, LINE_NONE, "", "cannot be read: %s", strerror(errno));
    else if (*ret_size > ZPL_FILE_LIMIT)
        mistake_at(mistakes, LINE_NONE, "", "has more than %d KiB; a topology is smaller", ZPL_FILE_LIMIT / 1024);
    else if (memchr(text, '\0', *ret_size) != NULL)
        mistake_at(mistakes, LINE_NONE, "", "is no text: it has a NUL byte");
    if (from != NULL)
        fclose(from);
    return text;
}

static void read_topology(struct topology *topology,
                          struct mistakes *mistakes,
                          const struct topology_words *words,
                          const struct setting_override *overrides,
                          size_t override_count)
{
    size_t size;
    char *text = read_file(topology->file, mistakes, &size);

    if (mistakes->count == 0) {
        struct zpl_node *root = zpl_read(text, size, mistakes);
        struct reading reading = {
            .arena = mistakes->arena,
            .mistakes = mistakes,
            .words = words,
            .root = root,
            .topology = topology,
        };

        for (size_t i = 0; i < override_count; i++)
            zpl_set(root, overrides[i].path, overrides[i].value, mistakes);
        topology->tree = root;
        read_sections(&reading);
    }
    free(text);
}

struct topology *topology_load(const char *file,
                               const struct topology_words *words,
                               const struct setting_override *overrides,
                               size_t override_count,
                               FILE *mistakes)
{
    struct arena *arena = calloc(1, sizeof *arena);
    struct mistakes *found = calloc(1, sizeof *found);

    assert(arena != NULL && found != NULL);
    arena->limit = MEMORY_LIMIT;
    found->arena = arena;
    found->file = file;

    struct topology *topology = arena_take(arena, sizeof *topology);

    assert(topology != NULL);
    topology->memory = arena;
    topology->file = arena_text(arena, file, strlen(file));
    read_topology(topology, found, words, overrides, override_count);
    mistakes_print(found, mistakes);
    if (found->count > 0)
        topology_destroy(&topology);
    free(found);
    return topology;
}

void topology_destroy(struct topology **topology)
{
    if (*topology == NULL)
        return;

    struct arena *arena = (*topology)->memory; /* which holds the topology, too */

    arena_free(arena);
    free(arena);
    *topology = NULL;
}

const struct topology_node *topology_find_node(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->node_count; i++)
        if (strcmp(topology->nodes[i].name, name) == 0)
            return &topology->nodes[i];
    return NULL;
}

const struct topology_store *topology_find_store(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->store_count; i++)
        if (strcmp(topology->stores[i].name, name) == 0)
            return &topology->stores[i];
    return NULL;
}

const struct topology_actor *topology_find_actor(const struct topology *topology, const char *address)
{
    const char *slash = strchr(address, '/');

    if (slash == NULL)
        return NULL;
    for (size_t n = 0; n < topology->node_count; n++) {
        const struct topology_node *node = &topology->nodes[n];

        if (strncmp(node->name, address, (size_t)(slash - address)) != 0 || node->name[slash - address] != '\0')
            continue;
        for (size_t a = 0; a < node->actor_count; a++)
            if (strcmp(node->actors[a].name, slash + 1) == 0)
                return &node->actors[a];
    }
    return NULL;
}

const char *topology_option(const struct topology_actor *actor, const char *option)
{
    for (size_t i = 0; i < actor->option_count; i++)
        if (strcmp(actor->options[i].name, option) == 0)
            return actor->options[i].value;
    return NULL;
}

void topology_route_of(const struct topology *topology,
                       const struct actor_kind *kind,
                       uint32_t outlet,
                       struct topology_route *ret_route)
{
    const struct outlet *own = &kind->outlets[outlet];

    for (size_t i = 0; i < topology->route_count; i++) {
        const struct topology_route *route = &topology->routes[i];

        if (strcmp(route->from_kind, kind->name) == 0 && strcmp(route->outlet, own->name) == 0) {
            *ret_route = *route;
            return;
        }
    }
    *ret_route = (struct topology_route){
        .from_kind = kind->name,
        .outlet = own->name,
        .to_kind = own->to,
        .pick = own->pick,
        .overload = own->overload,
        .window = own->window,
    };
}

void topology_write(const struct topology *topology, FILE *to)
{
    zpl_write(topology->tree, to);
}
