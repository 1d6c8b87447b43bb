/* SPDX-License-Identifier: MIT */
/*
 * topology_routes -- reads the section "routes": for each kind and each of its outlets, what is to be other than the
 * kind itself says.
 *
 *     routes
 *         edge
 *             links
 *                 pick = least_outstanding
 *                 window = 4096
 */
#include <string.h>

#include "runtime/nearest.h"
#include "runtime/plan/reading.h"

struct route_section {
    const char *to;
    uint32_t pick;
    uint32_t overload;
    uint64_t window;
};

static const char *const picks[] = {
    [PICK_ROUND_ROBIN] = "round_robin",
    [PICK_LEAST_OUTSTANDING] = "least_outstanding",
    [PICK_BY_KEY] = "by_key",
    [PICK_SAME_NODE] = "same_node",
    [PICK_EACH] = "each",
    NULL,
};
static const char *const overloads[] = {
    [OVERLOAD_BLOCK] = "block", [OVERLOAD_DROP_NEWEST] = "drop_newest", [OVERLOAD_DROP_OLDEST] = "drop_oldest", NULL
};

/* Without defaults: what is not given stays as the outlet says. */
static const struct option rows[] = {
    { .name = "to",
      .type = OPTION_TEXT,
      .offset = offsetof(struct route_section, to),
      .default_text = "",
      .help = "the kind that receives" },
    { .name = "pick",
      .type = OPTION_CHOICE,
      .offset = offsetof(struct route_section, pick),
      .choices = picks,
      .help = "which of its actors" },
    { .name = "overload",
      .type = OPTION_CHOICE,
      .offset = offsetof(struct route_section, overload),
      .choices = overloads,
      .help = "what happens when the credit is used up" },
    { .name = "window",
      .type = OPTION_NUMBER,
      .offset = offsetof(struct route_section, window),
      .minimum = 1,
      .maximum = 1000000,
      .help = "letters under way at most per receiver" },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void read_route(struct reading *reading,
                       const struct zpl_node *section,
                       const struct actor_kind *kind,
                       uint32_t outlet,
                       struct topology_route *route)
{
    static const struct section_words words = { .rows = rows, .row_count = ROWS, .what = "a route" };
    struct route_section read = {
        .to = kind->outlets[outlet].to,
        .pick = kind->outlets[outlet].pick,
        .overload = kind->outlets[outlet].overload,
        .window = kind->outlets[outlet].window,
    };
    const char *hint = "";

    reading_words(reading, section, &words);
    for (size_t i = 0; i < ROWS; i++) {
        const struct zpl_node *child = zpl_child(section, rows[i].name);

        if (child != NULL && child->value != NULL &&
            option_parse(&rows[i], child->value, (char *)&read + rows[i].offset) != NULL)
            reading_check_value(reading, child, &rows[i]);
    }
    if (zpl_child(section, "to") != NULL && reading_find_kind(reading, read.to, &hint) == NULL)
        reading_mistake(reading, zpl_child(section, "to"), "no such kind of actor: '%s'%s", read.to, hint);
    *route = (struct topology_route){
        .from_kind = kind->name,
        .outlet = kind->outlets[outlet].name,
        .to_kind = read.to,
        .pick = (enum pick)read.pick,
        .overload = (enum overload)read.overload,
        .window = (uint32_t)read.window,
    };
}

/* The number of the kind's outlet of that name; the number of outlets, and a mistake told, when there is none. */
static uint32_t find_outlet(struct reading *reading, const struct zpl_node *section, const struct actor_kind *kind)
{
    struct nearest nearest = { 0 };
    uint32_t i = 0;

    for (; i < kind->outlet_count; i++) {
        if (strcmp(kind->outlets[i].name, section->name) == 0)
            return i;
        nearest_offer(&nearest, section->name, kind->outlets[i].name);
    }
    reading_mistake(reading, section, "the kind %s has no outlet '%s'%s", kind->name, section->name,
                    reading_hint(reading, nearest.best));
    return i;
}

void reading_routes(struct reading *reading)
{
    const struct zpl_node *section = zpl_child(reading->root, "routes");
    const struct zpl_node *of_kind;
    size_t count = 0;

    for (of_kind = section != NULL ? section->children : NULL; of_kind != NULL; of_kind = of_kind->next)
        count += reading_count(of_kind);

    struct topology_route *routes = reading_take(reading, count, sizeof *routes);

    count = 0;
    for (of_kind = section != NULL ? section->children : NULL; of_kind != NULL; of_kind = of_kind->next) {
        const char *hint = "";
        const struct actor_kind *kind = reading_find_kind(reading, of_kind->name, &hint);

        if (of_kind->value != NULL) {
            reading_mistake(reading, of_kind, "is a section: outlets stand below it, without '='");
            continue;
        }
        if (kind == NULL) {
            reading_mistake(reading, of_kind, "no such kind of actor: '%s'%s", of_kind->name, hint);
            continue;
        }
        for (const struct zpl_node *child = of_kind->children; child != NULL; child = child->next) {
            uint32_t outlet = find_outlet(reading, child, kind);

            if (outlet < kind->outlet_count)
                read_route(reading, child, kind, outlet, &routes[count++]);
        }
    }
    reading->topology->routes = routes;
    reading->topology->route_count = count;
}
