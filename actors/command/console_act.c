/* SPDX-License-Identifier: MIT */
/*
 * console_act -- the console's verbs that act: suspend, resume, drain, restart, reload, kill, reconcile, replay.
 * Whoever carries one out logs it with who asked.
 */
#include <stdio.h>
#include <string.h>

#include "actors/command/console.h"
#include "actors/command/gather.h"
#include "actors/command/reload.h"
#include "actors/command/restart.h"
#include "actors/command/show.h"
#include "proto/messages/operations.h"

enum { ACT_LIMIT_US = 60 * 1000 * 1000, RECONCILE_LIMIT_US = 600 * 1000 * 1000 };

static json_t *outcome(struct console *console, const char *verb, const char *name, const struct client_answer *answer)
{
    if (answer->outcome == ASK_ANSWERED)
        return json_pack("{s:s, s:s, s:s}", "verb", verb, "name", name, "outcome", "done");
    complain(console->called, "%s was not %s: %s", name, strcmp(verb, "drain") == 0 ? "drained" : "told",
             answer->detail);
    return NULL;
}

static json_t *tell_actor(struct console *console, const char *verb, const char *address)
{
    char supervisor[TOPOLOGY_NAME_LIMIT + 16];
    const char *slash = strchr(address, '/');
    size_t size = slash != NULL ? (size_t)(slash - address) : strlen(address);
    struct client_answer answer;

    snprintf(supervisor, sizeof supervisor, "%.*s/supervisor", (int)size, address);
    CLIENT_ASK(console->client, supervisor, ACT_LIMIT_US, &answer, actor_command,
               .actor = slice_of(slash != NULL ? slash + 1 : ""), .verb = slice_of(verb),
               .who = slice_of(console->who));
    return outcome(console, verb, address, &answer);
}

static json_t *tell_process(struct console *console, const char *verb, const char *name)
{
    struct client_answer answer;

    CLIENT_ASK(console->client, "launcher/launcher", ACT_LIMIT_US, &answer, process_command, .name = slice_of(name),
               .verb = slice_of(verb), .who = slice_of(console->who));
    return outcome(console, verb, name, &answer);
}

static bool is_process(const struct console *console, const char *name)
{
    return topology_find_node(console->topology, name) != NULL || topology_find_store(console->topology, name) != NULL;
}

/* Actors and, for suspend and resume, all actors of a node. */
static json_t *act_on_actors(struct console *console, const char *verb, const char *name)
{
    if (topology_find_actor(console->topology, name) != NULL || topology_find_node(console->topology, name) != NULL)
        return tell_actor(console, verb, name);
    console_unknown(console, "actor, node or store", name, SUBJECT_ANY);
    return NULL;
}

static json_t *act_on_any(struct console *console, const char *verb, const char *name)
{
    if (topology_find_actor(console->topology, name) != NULL)
        return tell_actor(console, verb, name);
    if (is_process(console, name))
        return tell_process(console, verb, name);
    console_unknown(console, "actor, node or store", name, SUBJECT_ANY);
    return NULL;
}

json_t *console_ask_suspend(struct console *console, char **words, size_t count)
{
    (void)count;
    return act_on_actors(console, "suspend", words[0]);
}

json_t *console_ask_resume(struct console *console, char **words, size_t count)
{
    (void)count;
    return act_on_actors(console, "resume", words[0]);
}

json_t *console_ask_drain(struct console *console, char **words, size_t count)
{
    (void)count;
    return act_on_any(console, "drain", words[0]);
}

/* Several nodes: one at a time. */
json_t *console_ask_restart(struct console *console, char **words, size_t count)
{
    struct restart_choice choice;
    json_t *outcome;

    if (count == 1)
        return act_on_any(console, "restart", words[0]);
    if (!restart_choose(console->topology, console->called, words, count, &choice))
        return NULL;
    outcome = restart_roll(console->client, console->called, console->who, &choice);
    if (restart_went_well(outcome))
        return json_pack("{s:s, s:s, s:s, s:o}", "verb", "restart", "name", "one at a time", "outcome", "done", "nodes",
                         outcome);
    json_decref(outcome);
    return NULL;
}

json_t *console_ask_kill(struct console *console, char **words, size_t count)
{
    (void)count;
    if (is_process(console, words[0]))
        return tell_process(console, "kill", words[0]);
    if (topology_find_actor(console->topology, words[0]) != NULL)
        complain(console->called, "an actor is a thread and cannot be killed by itself; restart it, or kill its node");
    else
        console_unknown(console, "node or store", words[0], SUBJECT_PROCESS);
    return NULL;
}

void console_print_done(json_t *answer, FILE *to)
{
    fprintf(to, "%s %s: done\n", json_string_value(json_object_get(answer, "verb")),
            json_string_value(json_object_get(answer, "name")));
}

/* ------------------------------------------------------------------------------------------------ reload */

json_t *console_ask_reload(struct console *console, char **words, size_t count)
{
    if (count > 0 && strcmp(words[0], "apply") != 0) {
        complain(console->called, "usage: reload [apply]; for another file see shunt reload --help");
        return NULL;
    }
    return reload_again(count > 0);
}

/* ------------------------------------------------------------------------------------------------ reconcile */

static json_t *drift_json(const struct drift_report *report)
{
    json_t *rows = json_array();

    for (uint32_t i = 0; i < report->rows.count; i++)
        json_array_append_new(rows, json_pack("{s:o, s:I, s:I}", "code", gather_text(report->rows.at[i].code),
                                              "postgres", (json_int_t)report->rows.at[i].postgres, "clickhouse",
                                              (json_int_t)report->rows.at[i].clickhouse));
    return json_pack("{s:I, s:I, s:I, s:I, s:b, s:o, s:o}", "clicks_compared", (json_int_t)report->clicks_compared,
                     "codes_compared", (json_int_t)report->codes_compared, "postgres_drift",
                     (json_int_t)report->postgres_drift, "clickhouse_drift", (json_int_t)report->clickhouse_drift,
                     "repaired", report->repaired, "summary", gather_text(report->summary), "rows", rows);
}

static json_t *reconcile(struct console *console, bool repair)
{
    const char *address = console_find_kind(console, "reconciler");
    struct client_answer answer;

    if (address == NULL)
        return NULL;
    CLIENT_ASK(console->client, address, RECONCILE_LIMIT_US, &answer, reconcile_run, .repair = repair,
               .who = slice_of(console->who));
    if (answer.outcome == ASK_ANSWERED && answer.schema == &drift_report_schema)
        return drift_json(answer.message);
    complain(console->called, "%s did not report: %s", address, answer.detail);
    return NULL;
}

json_t *console_ask_reconcile(struct console *console, char **words, size_t count)
{
    if (count == 0 || strcmp(words[0], "repair") == 0)
        return reconcile(console, count > 0);
    console_misuse(console, "usage: reconcile [repair]");
    return NULL;
}

json_t *console_ask_replay(struct console *console, char **words, size_t count)
{
    (void)words;
    (void)count;
    return reconcile(console, true);
}

void console_print_drift(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "code", "code" },
        { "postgres", "Postgres - Kafka" },
        { "clickhouse", "ClickHouse - Kafka" },
        { NULL, NULL },
    };

    show_object(answer, to);
    if (json_array_size(json_object_get(answer, "rows")) > 0) {
        fputc('\n', to);
        show_table(json_object_get(answer, "rows"), columns, to);
    }
}
