/* SPDX-License-Identifier: MIT */
/*
 * topology_actors -- reads the actors of a node and the section "kinds", and settles the value of every option: the
 * actor's own, else its kind's in this file, else the default of the option's row.
 */
#include <assert.h>
#include <string.h>

#include "runtime/nearest.h"
#include "runtime/plan/reading.h"

/* What can be said of every actor, beside the options of its kind. */
struct actor_section {
    const char *kind;
    const char *thread;
    const char *group;
    uint32_t policy;
};

static const char *const policies[] = {
    [CHILD_PERMANENT] = "permanent", [CHILD_TRANSIENT] = "transient", [CHILD_TEMPORARY] = "temporary", NULL
};

#define ROW(field, type_, default_, help_)                                                                             \
    .name = #field, .type = OPTION_##type_, .offset = offsetof(struct actor_section, field), .default_text = default_, \
    .help = help_

static const struct option common_rows[] = {
    { ROW(kind, TEXT, "", "what it is; its name when not given") },
    { ROW(thread, TEXT, "", "actors of one node with the same word here share a thread") },
    { ROW(group, TEXT, "default", "the group of the node that it is restarted with") },
    { ROW(policy, CHOICE, "permanent", "when it is restarted"), .choices = policies },
};

enum { COMMON_ROWS = sizeof common_rows / sizeof common_rows[0], ROWS_LIMIT = 128 };

/* All words of an actor of this kind: the common ones and the kind's own. */
static void check_words(struct reading *reading, const struct zpl_node *section, const struct actor_kind *kind)
{
    struct option all[ROWS_LIMIT];
    const struct section_words words = {
        .rows = all,
        .row_count = COMMON_ROWS + kind->option_count,
        .what = arena_print(reading->arena, "an actor of kind %s", kind->name),
    };

    assert(words.row_count <= ROWS_LIMIT);
    memcpy(all, common_rows, sizeof common_rows);
    if (kind->option_count > 0)
        memcpy(all + COMMON_ROWS, kind->options, kind->option_count * sizeof all[0]);
    reading_words(reading, section, &words);
}

/* A name of a store, or empty. Where the default names one that is not there, the actor's line is what must change. */
static void check_store(struct reading *reading, const struct zpl_node *at, const struct option *row, const char *name)
{
    struct nearest nearest = { 0 };

    if (*name == '\0' || topology_find_store(reading->topology, name) != NULL)
        return;
    for (size_t i = 0; i < reading->topology->store_count; i++)
        nearest_offer(&nearest, name, reading->topology->stores[i].name);
    reading_mistake(reading, at, "%s: there is no store '%s'%s", row->name, name, reading_hint(reading, nearest.best));
}

static struct property settle_option(struct reading *reading,
                                     const struct zpl_node *section,
                                     const struct actor_kind *kind,
                                     const struct option *row)
{
    const struct zpl_node *of_kind = zpl_child(zpl_child(zpl_child(reading->root, "kinds"), kind->name), row->name);
    const struct zpl_node *own = zpl_child(section, row->name);
    const struct zpl_node *from = own != NULL && own->value != NULL ? own : of_kind;

    if (from != NULL && from->value != NULL) {
        reading_check_value(reading, from, row);
        if (row->type == OPTION_STORE)
            check_store(reading, from, row, from->value);
        return (struct property){ .name = row->name, .value = from->value, .line = from->line };
    }
    if (row->default_text == NULL)
        reading_mistake(reading, section, "'%s' is missing: %s (%s)", row->name, row->help, option_expected(row));
    else if (row->type == OPTION_STORE)
        check_store(reading, section, row, row->default_text);
    return (struct property){
        .name = row->name,
        .value = row->default_text != NULL ? row->default_text : "",
        .line = section->line,
    };
}

static void settle_options(struct reading *reading, const struct zpl_node *section, struct topology_actor *actor)
{
    const struct actor_kind *kind = actor->kind;
    struct property *options = reading_take(reading, kind->option_count, sizeof *options);

    for (size_t i = 0; i < kind->option_count; i++)
        options[i] = settle_option(reading, section, kind, &kind->options[i]);
    actor->options = options;
    actor->option_count = kind->option_count;
}

static uint32_t
find_group(struct reading *reading, const struct zpl_node *section, const struct topology_node *node, const char *name)
{
    struct nearest nearest = { 0 };

    for (uint32_t i = 0; i < node->group_count; i++) {
        if (strcmp(node->groups[i].name, name) == 0)
            return i;
        nearest_offer(&nearest, name, node->groups[i].name);
    }
    reading_mistake(reading, zpl_child(section, "group"), "the node has no group '%s'%s", name,
                    reading_hint(reading, nearest.best));
    return 0;
}

/* False when it has no kind: then nothing more can be said of it. */
static bool read_actor(struct reading *reading,
                       const struct zpl_node *section,
                       const struct topology_node *node,
                       struct topology_actor *actor)
{
    static const struct section_words words = { .rows = common_rows, .row_count = COMMON_ROWS };
    struct actor_section read = { 0 };
    const char *hint = "";

    reading_check_name(reading, section, "an actor");
    if (strcmp(section->name, "supervisor") == 0)
        reading_mistake(reading, section, "this name is taken: every node has its supervisor");

    const struct zpl_node *given = zpl_child(section, "kind");
    const char *kind_name = given != NULL && given->value != NULL ? given->value : section->name;

    actor->name = section->name;
    actor->kind = reading_find_kind(reading, kind_name, &hint);
    if (actor->kind == NULL) {
        reading_mistake(reading, given != NULL ? given : section, "no such kind of actor: '%s'%s", kind_name, hint);
        return false;
    }
    check_words(reading, section, actor->kind);
    for (size_t i = 0; i < words.row_count; i++) {
        const struct zpl_node *child = zpl_child(section, common_rows[i].name);
        const char *text = child != NULL && child->value != NULL ? child->value : common_rows[i].default_text;
        void *field = (char *)&read + common_rows[i].offset;

        if (option_parse(&common_rows[i], text, field) != NULL)
            reading_check_value(reading, child, &common_rows[i]);
    }
    actor->thread = *read.thread != '\0' ? read.thread : NULL;
    actor->group = find_group(reading, section, node, read.group);
    actor->policy = (enum child_policy)read.policy;
    settle_options(reading, section, actor);
    return true;
}

/* One thread can wait in one foreign event loop only. */
static void check_threads(struct reading *reading, const struct zpl_node *section, const struct topology_node *node)
{
    for (size_t i = 0; i < node->actor_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct topology_actor *one = &node->actors[j];
            const struct topology_actor *two = &node->actors[i];

            if (one->thread == NULL || two->thread == NULL || strcmp(one->thread, two->thread) != 0)
                continue;
            if (one->kind->wait != NULL && two->kind->wait != NULL)
                reading_mistake(reading, zpl_child(section, two->name),
                                "cannot share the thread '%s' with %s: each brings an event loop of its own",
                                two->thread, one->name);
        }
}

void reading_actors(struct reading *reading, struct topology_node *node, const struct zpl_node *section)
{
    const struct zpl_node *in_file = zpl_child(section, "actors");
    size_t count = reading_count(in_file);
    size_t filled = 0;

    if (count == 0)
        reading_mistake(reading, in_file != NULL ? in_file : section, "the node has no actors");
    if (count > TOPOLOGY_ACTORS_LIMIT) {
        reading_mistake(reading, in_file, "%zu actors; at most %d in a node", count, TOPOLOGY_ACTORS_LIMIT);
        count = 0;
    }

    struct topology_actor *actors = reading_take(reading, count, sizeof *actors);

    for (const struct zpl_node *child = count > 0 ? in_file->children : NULL; child != NULL; child = child->next) {
        if (child->value != NULL)
            reading_mistake(reading, child, "is a section: its properties stand below it, without '='");
        else if (read_actor(reading, child, node, &actors[filled]))
            filled++;
    }
    node->actors = actors;
    node->actor_count = filled;
    check_threads(reading, in_file, node);
}

void reading_kinds(struct reading *reading)
{
    const struct zpl_node *section = zpl_child(reading->root, "kinds");

    for (const struct zpl_node *child = section != NULL ? section->children : NULL; child != NULL;
         child = child->next) {
        const char *hint = "";
        const struct actor_kind *kind = reading_find_kind(reading, child->name, &hint);

        if (kind == NULL) {
            reading_mistake(reading, child, "no such kind of actor: '%s'%s", child->name, hint);
            continue;
        }

        const struct section_words words = {
            .rows = kind->options,
            .row_count = kind->option_count,
            .what = arena_print(reading->arena, "the kind %s", kind->name),
        };

        reading_words(reading, child, &words);
        for (size_t i = 0; i < kind->option_count; i++) {
            const struct zpl_node *value = zpl_child(child, kind->options[i].name);

            if (value != NULL && value->value != NULL)
                reading_check_value(reading, value, &kind->options[i]);
        }
    }
}
