/* SPDX-License-Identifier: MIT */
/* gather -- see gather.h. */
#include "actors/command/gather.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/envelope.h"
#include "runtime/plan/topology.h"

enum { ANSWER_LIMIT_US = 2 * 1000 * 1000, NAME_ROOM = 80 };

json_t *gather_text(struct slice text)
{
    json_t *value = json_stringn(text.size > 0 ? text.at : "", text.size);

    return value != NULL ? value : json_string("(not printable)");
}

static double seconds(uint64_t us)
{
    return (double)(us / 1000) / 1e3;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *dependency_json(const struct dependency_status *row)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "name", gather_text(row->name), "mode", gather_text(row->mode), "breaker",
                     gather_text(row->breaker), "reason", gather_text(row->reason));
}

static json_t *dead_letter_json(const struct dead_letter_row *row)
{
    char time[GATHER_TIME_ROOM];

    gather_time(row->wall_us, time);
    return json_pack("{s:s, s:o, s:o, s:o}", "time", time, "reason", gather_text(row->reason), "message",
                     gather_text(row->message), "other", gather_text(row->other));
}

static json_t *actor_json(const struct actor_status *row)
{
    json_t *dependencies = json_array();
    json_t *dead_letters = json_array();

    for (uint32_t i = 0; i < row->dead_letters.count; i++)
        json_array_append_new(dead_letters, dead_letter_json(&row->dead_letters.at[i]));
    for (uint32_t i = 0; i < row->dependencies.count; i++)
        json_array_append_new(dependencies, dependency_json(&row->dependencies.at[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o}", "name",
                     gather_text(row->name), "kind", gather_text(row->kind), "state", gather_text(row->state),
                     "restarts", number(row->restarts), "uptime_s", seconds(row->uptime_us), "mailbox",
                     number(row->mailbox), "mailbox_high_water", number(row->mailbox_high_water), "letters_in",
                     number(row->letters_in), "letters_out", number(row->letters_out), "cpu_s", seconds(row->cpu_us),
                     "reason", gather_text(row->reason), "dependencies", dependencies, "dead_letters", dead_letters);
}

/* Threads answer in any order; people look for names. */
static json_t *sort_by_name(json_t *rows)
{
    for (size_t i = 1; i < json_array_size(rows); i++)
        for (size_t k = i; k > 0; k--) {
            json_t *left = json_array_get(rows, k - 1);
            json_t *right = json_incref(json_array_get(rows, k));

            if (strcmp(json_string_value(json_object_get(left, "name")),
                       json_string_value(json_object_get(right, "name"))) > 0) {
                json_array_set(rows, k, left);
                json_array_set(rows, k - 1, right);
            }
            json_decref(right);
        }
    return rows;
}

static json_t *route_json(const struct route_status *row)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "from", gather_text(row->from), "to",
                     gather_text(row->to), "transport", gather_text(row->transport), "sent", number(row->sent),
                     "in_flight", number(row->in_flight), "window", number(row->window), "waiting",
                     number(row->waiting), "stalls", number(row->stalls), "asks_open", number(row->asks_open));
}

/* What a supervisor answered; NULL when that is no status. */
static json_t *node_json(const struct client_answer *answer)
{
    if (answer->outcome != ASK_ANSWERED || answer->schema != &node_status_schema)
        return NULL;

    const struct node_status *status = answer->message;
    json_t *actors = json_array();
    json_t *routes = json_array();

    for (uint32_t i = 0; i < status->actors.count; i++)
        json_array_append_new(actors, actor_json(&status->actors.at[i]));
    for (uint32_t i = 0; i < status->routes.count; i++)
        json_array_append_new(routes, route_json(&status->routes.at[i]));
    return json_pack("{s:o, s:o, s:o, s:f, s:o, s:f, s:o, s:o}", "name", gather_text(status->name), "pid",
                     number(status->pid), "state", gather_text(status->state), "uptime_s", seconds(status->uptime_us),
                     "memory_bytes", number(status->memory_bytes), "cpu_s", seconds(status->cpu_us), "actors",
                     sort_by_name(actors), "routes", routes);
}

json_t *gather_node(struct client *client, const char *node, const char **ret_detail)
{
    char address[ADDRESS_LIMIT + 1];
    struct client_answer answer;

    snprintf(address, sizeof address, "%s/supervisor", node);
    CLIENT_ASK(client, address, ANSWER_LIMIT_US, &answer, status_read);
    *ret_detail = answer.detail;
    return node_json(&answer);
}

static json_t *process_json(const struct process_status *row, bool is_store)
{
    json_t *value =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:f, s:o}", "name", gather_text(row->name), is_store ? "kind" : "role",
                  gather_text(row->role), "pid", number(row->pid), "state", gather_text(row->state), "restarts",
                  number(row->restarts), "uptime_s", seconds(row->uptime_us), "reason", gather_text(row->reason));

    if (is_store) {
        json_object_set_new(value, "uri", gather_text(row->uri));
        json_object_set_new(value, "managed", json_boolean(row->managed));
    } else {
        json_object_set_new(value, "actors", json_array());
    }
    return value;
}

/* The nodes that are asked for details, with their supervisors' addresses. */
struct asked_nodes {
    json_t *nodes[TOPOLOGY_NODES_LIMIT];
    char addresses[TOPOLOGY_NODES_LIMIT][ADDRESS_LIMIT + 1];
    const char *list[TOPOLOGY_NODES_LIMIT];
    uint32_t count;
};

/* What a node's own supervisor adds to what the launcher knows: that its process is there says not that it answers. */
static void add_details(void *context, uint32_t index, const struct client_answer *answer)
{
    static const char *const taken[] = { "actors", "memory_bytes", "cpu_s" };
    json_t *node = ((struct asked_nodes *)context)->nodes[index];
    json_t *own = node_json(answer);

    for (size_t i = 0; own != NULL && i < sizeof taken / sizeof taken[0]; i++)
        json_object_set(node, taken[i], json_object_get(own, taken[i]));
    if (own == NULL && strcmp(json_string_value(json_object_get(node, "state")), "up") == 0) {
        json_object_set_new(node, "state", json_string("silent"));
        json_object_set_new(node, "reason", json_sprintf("its supervisor does not answer: %s", answer->detail));
    }
    json_decref(own);
}

/* All at the same time: one that is silent costs no more than many. */
static void ask_nodes(struct client *client, json_t *nodes)
{
    struct asked_nodes *asked = calloc(1, sizeof *asked);
    json_t *node;
    size_t n;

    assert(asked != NULL);
    json_array_foreach(nodes, n, node)
    {
        const char *state = json_string_value(json_object_get(node, "state"));

        if ((strcmp(state, "up") != 0 && strcmp(state, "starting") != 0) || asked->count == TOPOLOGY_NODES_LIMIT)
            continue;
        snprintf(asked->addresses[asked->count], sizeof asked->addresses[0], "%.*s/supervisor", NAME_ROOM,
                 json_string_value(json_object_get(node, "name")));
        asked->list[asked->count] = asked->addresses[asked->count];
        asked->nodes[asked->count++] = node;
    }
    client_ask_each(client, asked->list, asked->count, &status_read_schema, &(struct status_read){}, ANSWER_LIMIT_US,
                    add_details, asked);
    free(asked);
}

void gather_time(uint64_t wall_us, char text[GATHER_TIME_ROOM])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    char date[24];

    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, GATHER_TIME_ROOM, "%s.%06uZ", date, (unsigned)(wall_us % 1000000));
}

/* How much a mode says: a degraded one more than "normal", and that more than "unknown". */
static int weight(const char *mode)
{
    return strcmp(mode, "unknown") == 0 ? 0 : strcmp(mode, "normal") == 0 ? 1 : 2;
}

/* Each dependency once, with the mode that says most, whoever sees it. */
static json_t *sum_up_dependencies(json_t *nodes)
{
    json_t *sums = json_array();
    json_t *node;
    json_t *actor;
    json_t *seen;
    json_t *sum;
    size_t n;
    size_t a;
    size_t d;
    size_t s;

    json_array_foreach(nodes, n, node) json_array_foreach(json_object_get(node, "actors"), a, actor)
        json_array_foreach(json_object_get(actor, "dependencies"), d, seen)
    {
        const char *name = json_string_value(json_object_get(seen, "name"));
        json_t *mode = json_object_get(seen, "mode");
        json_t *found = NULL;

        json_array_foreach(sums, s, sum) if (strcmp(json_string_value(json_object_get(sum, "name")), name) == 0) found =
            sum;
        if (found == NULL)
            json_array_append_new(sums, json_pack("{s:s, s:O}", "name", name, "mode", mode));
        else if (weight(json_string_value(mode)) > weight(json_string_value(json_object_get(found, "mode"))))
            json_object_set(found, "mode", mode);
    }
    return sums;
}

json_t *gather_platform(struct client *client)
{
    struct client_answer answer;
    json_t *nodes = json_array();
    json_t *stores = json_array();

    CLIENT_ASK(client, "launcher/launcher", ANSWER_LIMIT_US, &answer, status_read);
    if (answer.outcome != ASK_ANSWERED || answer.schema != &platform_status_schema) {
        json_decref(nodes);
        json_decref(stores);
        return NULL;
    }

    const struct platform_status *status = answer.message;

    for (uint32_t i = 0; i < status->nodes.count; i++)
        json_array_append_new(nodes, process_json(&status->nodes.at[i], false));
    for (uint32_t i = 0; i < status->stores.count; i++)
        json_array_append_new(stores, process_json(&status->stores.at[i], true));

    json_t *platform = json_pack("{s:o, s:b}", "url", gather_text(status->url), "ready", status->ready);

    ask_nodes(client, nodes); /* from here on `status` is gone */
    json_object_set_new(platform, "nodes", nodes);
    json_object_set_new(platform, "stores", stores);
    json_object_set_new(platform, "dependencies", sum_up_dependencies(nodes));
    return platform;
}
