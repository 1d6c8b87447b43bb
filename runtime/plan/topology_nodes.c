/* SPDX-License-Identifier: MIT */
/*
 * topology_nodes -- reads the section "nodes": each a process, with its restart limits, its groups and its actors.
 */
#include <string.h>

#include "runtime/plan/reading.h"

struct node_section {
    struct restart_limits limits;
    const char *role;
    const char *host;
    const char *tcp;
    const char *after;
    const char *like;
    uint64_t stop_limit_us;
    uint64_t silence_limit_us;
};

#define ROW(field, name_, type_, default_, help_)                                                                      \
    .name = name_, .type = OPTION_##type_, .offset = offsetof(struct node_section, field), .default_text = default_,   \
    .help = help_

static const struct option node_rows[] = {
    { ROW(role, "role", TEXT, "", "what it is for; its name when not given") },
    { ROW(host, "host", TEXT, "", "the machine that it runs on; the launcher's when not given") },
    { ROW(tcp, "tcp", TEXT, "", "tcp://HOST:PORT, the first of its ports for other hosts") },
    { ROW(after, "after", TEXT, "", "nodes and stores that must be up before it starts") },
    { ROW(like, "like", TEXT, "", "another node: what is not said here is as there") },
    { ROW(stop_limit_us, "stop_limit", DURATION, "10s", "a drain that takes longer is cut short"), .minimum = 100000,
      .maximum = 3600000000 },
    { ROW(silence_limit_us,
          "silence_limit",
          DURATION,
          "10s",
          "one that gives no sign of life for longer is killed and started again"),
      .minimum = 1000000, .maximum = 86400000000 },
    RESTART_LIMIT_ROWS(node_section, "20", "1min", "50ms", "5s", "10s"),
};

static const char *const node_sections[] = { "groups", "actors", NULL };

struct group_section {
    struct restart_limits limits;
    uint32_t strategy;
};

static const char *const strategies[] = {
    [ONE_FOR_ONE] = "one_for_one", [ONE_FOR_ALL] = "one_for_all", [REST_FOR_ONE] = "rest_for_one", NULL
};

static const struct option group_rows[] = {
    { .name = "strategy",
      .type = OPTION_CHOICE,
      .offset = offsetof(struct group_section, strategy),
      .choices = strategies,
      .default_text = "one_for_one",
      .help = "whom the failure of one actor takes along" },
    RESTART_LIMIT_ROWS(group_section, "10", "10s", "10ms", "2s", "5s"),
};

static void read_group(struct reading *reading, const struct zpl_node *section, struct topology_group *group)
{
    static const struct section_words words = {
        .rows = group_rows,
        .row_count = sizeof group_rows / sizeof group_rows[0],
        .what = "a group",
    };
    struct group_section read = { 0 };

    reading_values(reading, section, &words, &read);
    reading_check_limits(reading, section, &read.limits);
    group->strategy = (enum restart_strategy)read.strategy;
    group->limits = read.limits;
}

/* The first group is "default": where actors are that name none. */
static void read_groups(struct reading *reading, const struct zpl_node *section, struct topology_node *node)
{
    const struct zpl_node *in_file = zpl_child(section, "groups");
    struct topology_group *groups = reading_take(reading, reading_count(in_file) + 1, sizeof *groups);
    const struct zpl_node *given_default = zpl_child(in_file, "default");
    size_t count = 1;

    groups[0].name = "default";
    read_group(reading, given_default, &groups[0]);
    for (const struct zpl_node *child = in_file != NULL ? in_file->children : NULL; child != NULL;
         child = child->next) {
        if (child == given_default)
            continue;
        groups[count].name = child->name;
        read_group(reading, child, &groups[count++]);
    }
    node->groups = groups;
    node->group_count = count;
}

static void read_node(struct reading *reading, const struct zpl_node *section, struct topology_node *node)
{
    static const struct section_words words = {
        .rows = node_rows,
        .row_count = sizeof node_rows / sizeof node_rows[0],
        .sections = node_sections,
        .what = "a node",
    };
    struct node_section read = { 0 };

    reading_check_name(reading, section, "a node");
    if (strcmp(section->name, "launcher") == 0 || strncmp(section->name, "console-", 8) == 0)
        reading_mistake(reading, section, "this name is taken: launcher and console-... are Shunt's own");
    reading_values(reading, section, &words, &read);
    reading_check_limits(reading, section, &read.limits);
    node->name = section->name;
    node->role = *read.role != '\0' ? read.role : section->name;
    node->host = *read.host != '\0' ? read.host : NULL;
    node->tcp = *read.tcp != '\0' ? read.tcp : NULL;
    node->limits = read.limits;
    node->stop_limit_us = read.stop_limit_us;
    node->silence_limit_us = read.silence_limit_us;
    node->after = reading_list(reading, zpl_child(section, "after"));
    read_groups(reading, section, node);
    reading_actors(reading, node, section);
}

void reading_nodes(struct reading *reading)
{
    struct zpl_node *section = zpl_child(reading->root, "nodes");
    size_t count = reading_count(section);
    size_t filled = 0;

    if (section == NULL)
        mistake_at(reading->mistakes, LINE_NONE, "nodes", "the section is missing: nothing would run");
    else if (count == 0)
        reading_mistake(reading, section, "there is no node: nothing would run");
    if (count > TOPOLOGY_NODES_LIMIT) {
        reading_mistake(reading, section, "%zu nodes; at most %d", count, TOPOLOGY_NODES_LIMIT);
        count = 0;
    }

    struct topology_node *nodes = reading_take(reading, count, sizeof *nodes);

    for (struct zpl_node *child = count > 0 ? section->children : NULL; child != NULL; child = child->next) {
        if (child->value != NULL) {
            reading_mistake(reading, child, "is a section: its properties stand below it, without '='");
            continue;
        }
        reading_inherit(reading, section, child);
        read_node(reading, child, &nodes[filled++]);
    }
    reading->topology->nodes = nodes;
    reading->topology->node_count = filled;
}
