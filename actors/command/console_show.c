/* SPDX-License-Identifier: MIT */
/* console_show -- the console's verbs that look: tree, show actor, show node, show route, show breaker, deadletters.
 */
#include <stdio.h>
#include <string.h>

#include "actors/command/console.h"
#include "actors/command/gather.h"
#include "actors/command/show.h"

/* ------------------------------------------------------------------------------------------------ tree */

json_t *console_ask_tree(struct console *console, char **words, size_t count)
{
    json_t *platform = gather_platform(console->client);

    (void)words;
    (void)count;
    if (platform == NULL)
        complain(console->called, "the launcher does not answer; see log/launcher.log in the data folder");
    return platform;
}

/* ------------------------------------------------------------------------------------------------ nodes */

/* A node's status; NULL after a complaint. */
static json_t *node_of(struct console *console, const char *name)
{
    const char *detail = "";
    json_t *node;

    if (topology_find_node(console->topology, name) == NULL) {
        console_unknown(console, "node", name, SUBJECT_NODE);
        return NULL;
    }
    node = gather_node(console->client, name, &detail);
    if (node == NULL)
        complain(console->called, "the supervisor of %s does not answer: %s", name, detail);
    return node;
}

json_t *console_ask_node(struct console *console, char **words, size_t count)
{
    json_t *node = node_of(console, words[0]);

    (void)count;
    json_object_del(node, "routes");
    return node;
}

static const struct show_column actor_columns[] = {
    { "name", "actor" },
    { "kind", "kind" },
    { "state", "state" },
    { "restarts", "restarts" },
    { "uptime_s", "up, s" },
    { "mailbox", "mailbox" },
    { "mailbox_high_water", "highest" },
    { "letters_in", "letters in" },
    { "letters_out", "out" },
    { "cpu_s", "cpu, s" },
    { "reason", "last failure" },
    { NULL, NULL },
};

void console_print_node(json_t *answer, FILE *to)
{
    show_object(answer, to);
    fputc('\n', to);
    show_table(json_object_get(answer, "actors"), actor_columns, to);
}

/* ------------------------------------------------------------------------------------------------ actors */

/* What the topology says about the actor; stores stay names, so that no password is shown. */
static json_t *options_of(const struct topology_actor *actor)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < actor->option_count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:b}", "option", actor->options[i].name, "value",
                                              actor->options[i].value, "help", actor->kind->options[i].help, "live",
                                              actor->kind->options[i].live));
    return rows;
}

static json_t *find_named(json_t *rows, const char *name)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0) return row;
    return NULL;
}

json_t *console_ask_actor(struct console *console, char **words, size_t count)
{
    const struct topology_actor *actor = topology_find_actor(console->topology, words[0]);
    char node_name[TOPOLOGY_NAME_LIMIT + 1];
    json_t *node;
    json_t *found;

    (void)count;
    if (actor == NULL) {
        console_unknown(console, "actor", words[0], SUBJECT_ACTOR);
        return NULL;
    }
    snprintf(node_name, sizeof node_name, "%.*s", (int)strcspn(words[0], "/"), words[0]);
    node = node_of(console, node_name);
    found = node != NULL ? json_deep_copy(find_named(json_object_get(node, "actors"), actor->name)) : NULL;
    json_decref(node);
    if (node != NULL && found == NULL)
        complain(console->called, "node %s does not know its actor %s", node_name, actor->name);
    if (found != NULL)
        json_object_set_new(found, "options", options_of(actor));
    return found;
}

void console_print_actor(json_t *answer, FILE *to)
{
    static const struct show_column dependencies[] = {
        { "name", "dependency" },     { "mode", "mode" }, { "breaker", "breaker" },
        { "reason", "last failure" }, { NULL, NULL },
    };
    static const struct show_column options[] = {
        { "option", "option" }, { "value", "value" }, { "live", "live" }, { "help", "what it is" }, { NULL, NULL },
    };

    show_object(answer, to);
    if (json_array_size(json_object_get(answer, "dependencies")) > 0) {
        fputc('\n', to);
        show_table(json_object_get(answer, "dependencies"), dependencies, to);
    }
    if (json_array_size(json_object_get(answer, "options")) > 0) {
        fputc('\n', to);
        show_table(json_object_get(answer, "options"), options, to);
    }
}

/* ------------------------------------------------------------------------------------------------ routes, breakers */

/* Calls `add` for each node, or for the one that is named ("app1" or "app1/links"). NULL after a complaint. */
json_t *console_for_nodes(struct console *console,
                          const char *wanted,
                          void (*add)(json_t *rows, json_t *node, const char *from))
{
    json_t *rows = json_array();
    size_t asked = 0;

    for (size_t i = 0; i < console->topology->node_count; i++) {
        const char *name = console->topology->nodes[i].name;
        const char *detail = "";
        size_t size = strlen(name);
        json_t *node;

        if (wanted != NULL && (strncmp(wanted, name, size) != 0 || (wanted[size] != '\0' && wanted[size] != '/')))
            continue;
        asked++;
        node = gather_node(console->client, name, &detail);
        if (node == NULL)
            complain(console->called, "the supervisor of %s does not answer: %s", name, detail);
        else
            add(rows, node, wanted);
        json_decref(node);
    }
    if (asked > 0)
        return rows;
    json_decref(rows);
    node_of(console, wanted); /* says that there is none, and which is near */
    return NULL;
}

static void add_routes(json_t *rows, json_t *node, const char *from)
{
    json_t *row;
    size_t i;
    size_t size = from != NULL && strchr(from, '/') != NULL ? strlen(from) + 1 : 0;

    json_array_foreach(json_object_get(node, "routes"), i, row)
    {
        if (size == 0 || strncmp(json_string_value(json_object_get(row, "from")), from, size) == 0)
            json_array_append(rows, row);
    }
}

json_t *console_ask_routes(struct console *console, char **words, size_t count)
{
    return console_for_nodes(console, count > 0 ? words[0] : NULL, add_routes);
}

void console_print_routes(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "from", "from" },           { "to", "to" },         { "transport", "by" },    { "sent", "sent" },
        { "in_flight", "under way" }, { "window", "window" }, { "waiting", "waiting" }, { "stalls", "stalls" },
        { "asks_open", "open asks" }, { NULL, NULL },
    };

    show_table(answer, columns, to);
}

static void add_breakers(json_t *rows, json_t *node, const char *from)
{
    json_t *actor;
    json_t *row;
    size_t a;
    size_t i;

    (void)from;
    json_array_foreach(json_object_get(node, "actors"), a, actor)
        json_array_foreach(json_object_get(actor, "dependencies"), i, row)
    {
        json_t *copy = json_copy(row);

        json_object_set_new(copy, "actor",
                            json_sprintf("%s/%s", json_string_value(json_object_get(node, "name")),
                                         json_string_value(json_object_get(actor, "name"))));
        json_array_append_new(rows, copy);
    }
}

json_t *console_ask_breakers(struct console *console, char **words, size_t count)
{
    return console_for_nodes(console, count > 0 ? words[0] : NULL, add_breakers);
}

void console_print_breakers(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "actor", "actor" },     { "name", "dependency" },     { "mode", "mode" },
        { "breaker", "breaker" }, { "reason", "last failure" }, { NULL, NULL },
    };

    show_table(answer, columns, to);
}

/* ------------------------------------------------------------------------------------------------ dead letters */

static void add_dead_letters(json_t *rows, json_t *node, const char *from)
{
    const char *slash = from != NULL ? strchr(from, '/') : NULL;
    json_t *actor;
    json_t *row;
    size_t a;
    size_t i;

    json_array_foreach(json_object_get(node, "actors"), a, actor)
        json_array_foreach(json_object_get(actor, "dead_letters"), i, row)
    {
        const char *name = json_string_value(json_object_get(actor, "name"));
        json_t *copy;

        if (slash != NULL && strcmp(slash + 1, name) != 0)
            continue;
        copy = json_copy(row);
        json_object_set_new(copy, "actor",
                            json_sprintf("%s/%s", json_string_value(json_object_get(node, "name")), name));
        json_array_append_new(rows, copy);
    }
}

json_t *console_ask_dead_letters(struct console *console, char **words, size_t count)
{
    return console_for_nodes(console, count > 0 ? words[0] : NULL, add_dead_letters);
}

void console_print_dead_letters(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "time", "time" },       { "actor", "actor" },           { "reason", "reason" },
        { "message", "message" }, { "other", "from or towards" }, { NULL, NULL },
    };

    if (json_array_size(answer) == 0)
        fprintf(to, "every letter was handled\n");
    else
        show_table(answer, columns, to);
}
