/* SPDX-License-Identifier: MIT */
/*
 * restart -- `shunt restart`: restarts nodes; with --rolling one at a time, on to the next only when this one is well
 * again.
 *
 * The launcher carries it out; this program orders it and tells how far it is. Ending this program does not end it.
 */
#include "actors/command/restart.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/command/place.h"
#include "actors/command/show.h"

enum { ASK_LIMIT_US = 10 * 1000 * 1000, LOOK_MS = 100 };

/* ------------------------------------------------------------------------------------------------ which nodes */

static bool is_chosen(const struct restart_choice *choice, const char *name)
{
    for (size_t i = 0; i < choice->count; i++)
        if (strcmp(choice->names[i], name) == 0)
            return true;
    return false;
}

static size_t choose_word(const struct topology *topology, const char *word, struct restart_choice *choice)
{
    size_t found = 0;

    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *node = &topology->nodes[i];

        if (word != NULL && strcmp(node->name, word) != 0 && strcmp(node->role, word) != 0)
            continue;
        found++;
        if (!is_chosen(choice, node->name))
            choice->names[choice->count++] = node->name;
    }
    return found;
}

bool restart_choose(const struct topology *topology,
                    const char *called,
                    char *const *words,
                    size_t count,
                    struct restart_choice *choice)
{
    choice->count = 0;
    if (count == 0)
        choose_word(topology, NULL, choice);
    for (size_t i = 0; i < count; i++) {
        if (choose_word(topology, words[i], choice) > 0)
            continue;
        complain(called, "there is no node and no role '%s'; `shunt status` shows them", words[i]);
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ one at a time */

static json_t *status_json(const struct rolling_status *status)
{
    return json_pack("{s:o, s:I, s:I, s:o, s:o}", "state", gather_text(status->state), "done", (json_int_t)status->done,
                     "total", (json_int_t)status->total, "node", gather_text(status->node), "reason",
                     gather_text(status->reason));
}

/* Says which node is next, once for each. */
static void tell_progress(const struct rolling_status *status, uint64_t *told)
{
    if (*told > status->done || status->node.size == 0 || !slice_is(status->state, "under_way"))
        return;
    fprintf(stderr, "%.*s, %" PRIu64 " of %" PRIu64 "\n", (int)status->node.size, status->node.at, status->done + 1,
            status->total);
    *told = status->done + 1;
}

json_t *
restart_follow(struct client *client, const char *called, const struct message_schema *schema, const void *order)
{
    struct client_answer answer;
    const struct rolling_status *status;
    uint64_t told = 0;
    uint64_t number;

    client_ask(client, "launcher/launcher", schema, order, ASK_LIMIT_US, &answer);
    if (answer.outcome != ASK_ANSWERED || answer.schema != &rolling_status_schema) {
        complain(called, "nothing was done: %s", answer.detail);
        return NULL;
    }
    status = answer.message;
    number = status->number;
    while (slice_is(status->state, "under_way")) {
        tell_progress(status, &told);
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000 * 1000 }, NULL);
        CLIENT_ASK(client, "launcher/launcher", ASK_LIMIT_US, &answer, rolling_read, );
        if (answer.outcome != ASK_ANSWERED || answer.schema != &rolling_status_schema) {
            complain(called, "the launcher does not answer: %s; see log/launcher.log in the data folder",
                     answer.detail);
            return NULL;
        }
        status = answer.message;
        if (status->number != number) {
            complain(called, "another rolling restart has begun meanwhile; `shunt status` shows the nodes");
            return NULL;
        }
    }
    if (slice_is(status->state, "failed"))
        complain(called, "stopped%s%.*s, %" PRIu64 " of %" PRIu64 " nodes done: %.*s",
                 status->node.size > 0 ? " at " : "", (int)status->node.size, status->node.at, status->done,
                 status->total, (int)status->reason.size, status->reason.at);
    return status_json(status);
}

json_t *restart_roll(struct client *client, const char *called, const char *who, const struct restart_choice *choice)
{
    struct node_name rows[TOPOLOGY_NODES_LIMIT];
    struct rolling_restart order = { .nodes = { .at = rows, .count = (uint32_t)choice->count }, .who = slice_of(who) };

    for (size_t i = 0; i < choice->count; i++)
        rows[i] = (struct node_name){ .name = slice_of(choice->names[i]) };
    return restart_follow(client, called, &rolling_restart_schema, &order);
}

bool restart_went_well(const json_t *outcome)
{
    return outcome != NULL && strcmp(json_string_value(json_object_get(outcome, "state")), "done") == 0;
}

/* ------------------------------------------------------------------------------------------------ all at once */

static json_t *restart_together(struct client *client, const struct restart_choice *choice, const char *who)
{
    struct client_answer answer;

    for (size_t i = 0; i < choice->count; i++) {
        CLIENT_ASK(client, "launcher/launcher", ASK_LIMIT_US, &answer, process_command,
                   .name = slice_of(choice->names[i]), .verb = SLICE("restart"), .who = slice_of(who));
        if (answer.outcome != ASK_ANSWERED) {
            complain("restart", "%s was not told: %s", choice->names[i], answer.detail);
            return NULL;
        }
    }
    return json_pack("{s:s, s:I, s:I, s:s, s:s}", "state", "done", "done", (json_int_t)choice->count, "total",
                     (json_int_t)choice->count, "node", "", "reason", "");
}

/* ------------------------------------------------------------------------------------------------ the verb */

static enum exit_code restart(const struct invocation *invocation, struct topology *topology, struct client *client)
{
    struct restart_choice choice;
    char who[64];
    json_t *outcome;
    enum exit_code code;

    if (!restart_choose(topology, "restart", invocation->words, invocation->word_count, &choice))
        return EXIT_WRONG_USAGE;
    snprintf(who, sizeof who, "user %u by shunt restart", (unsigned)getuid());
    outcome = flag_value(invocation, "rolling") != NULL ? restart_roll(client, "restart", who, &choice)
                                                        : restart_together(client, &choice, who);
    code = restart_went_well(outcome) ? EXIT_DONE : EXIT_FAILED;
    if (outcome != NULL && flag_value(invocation, "json") != NULL)
        show_json(outcome, stdout);
    else if (code == EXIT_DONE)
        fprintf(stderr, "%s: %zu node%s\n", flag_value(invocation, "rolling") != NULL ? "restarted" : "told to restart",
                choice.count, choice.count == 1 ? "" : "s");
    json_decref(outcome);
    return code;
}

static enum exit_code run(const struct invocation *invocation)
{
    enum exit_code code = place_enter_running(invocation);
    struct topology *topology;
    struct client *client;

    if (code != EXIT_DONE)
        return code;
    topology = place_load("topology.zpl", NULL, NULL);
    client = client_open("restart");
    if (client == NULL)
        complain("restart", "cannot open a socket in the data folder: %s", strerror(errno));
    code = topology != NULL && client != NULL ? restart(invocation, topology, client) : EXIT_FAILED;
    client_close(&client);
    topology_destroy(&topology);
    return code;
}

static const struct flag flags[] = {
    { .name = "rolling",
      .help = "one node at a time, the next when this one is well again; stops at the first trouble" },
    FLAG_JSON,
    FLAG_DATA,
};

const struct verb restart_verb = {
    .name = "restart",
    .synopsis = "[ROLE|NODE]...",
    .summary = "restart nodes, or all of them; --rolling: without failing a request",
    .help = "Each drains first: it finishes what it has, while others take what is new. With --rolling the next node "
            "has to\n"
            "wait until this one is up, its actors are up, what they depend on is in order and all others know of it.",
    .example = "  shunt restart --rolling app\n  shunt restart --rolling edge edge2\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = TOPOLOGY_NODES_LIMIT,
    .run = run,
};
