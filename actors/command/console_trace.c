/* SPDX-License-Identifier: MIT */
/* console_trace -- the verb trace: recorded traces, one as a timeline, or spans as they come; see console_trace.h. */
#include "actors/command/console_trace.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "actors/command/gather.h"
#include "runtime/cell/node.h"

enum {
    ANSWER_LIMIT_US = 2 * 1000 * 1000,
    WATCH_DEFAULT_S = 10,
    WATCH_LIMIT_S = 600,
    LOOK_EVERY_MS = 200,
    NODES_LIMIT = 1024
};

/* ------------------------------------------------------------------------------------------------ gathering */

static json_t *span_json(const char *node, const struct span_row *row)
{
    char id[33];

    snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64, row->trace_high, row->trace_low);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I}", "trace", id, "node", node, "actor",
                     gather_text(row->actor), "kind", gather_text(row->kind), "name", gather_text(row->name), "other",
                     gather_text(row->other), "started_us", (json_int_t)row->started_us, "duration_us",
                     (json_int_t)row->duration_us);
}

/* Appends a node's spans of one trace (0, 0: of all) with numbers above *since, which moves on. */
static bool read_node(struct console *console, const char *node, const uint64_t id[2], uint64_t *since, json_t *rows)
{
    char address[TOPOLOGY_NAME_LIMIT + 16];
    struct client_answer answer;
    const struct spans *spans;

    snprintf(address, sizeof address, "%.*s/supervisor", TOPOLOGY_NAME_LIMIT, node);
    do {
        CLIENT_ASK(console->client, address, ANSWER_LIMIT_US, &answer, spans_read, .trace_high = id[0],
                   .trace_low = id[1], .since = *since);
        if (answer.outcome != ASK_ANSWERED || answer.schema != &spans_schema) {
            console_failed(console, address, &answer);
            return false;
        }
        spans = answer.message;
        for (uint32_t i = 0; i < spans->rows.count; i++)
            json_array_append_new(rows, span_json(node, &spans->rows.at[i]));
        if (spans->rows.count == 0)
            *since = spans->last;
        else
            *since = spans->rows.at[spans->rows.count - 1].number;
    } while (*since < spans->last && spans->rows.count > 0);
    return true;
}

static json_t *read_all(struct console *console, const uint64_t id[2])
{
    json_t *rows = json_array();
    size_t answered = 0;

    for (size_t i = 0; i < console->topology->node_count; i++) {
        uint64_t since = 0;

        answered += read_node(console, console->topology->nodes[i].name, id, &since, rows) ? 1 : 0;
    }
    if (answered > 0)
        return rows;
    json_decref(rows);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ looking back */

static bool parse_id(const char *text, uint64_t id[2])
{
    char half[17] = "";
    char *end;

    if (strlen(text) != 32 || strspn(text, "0123456789abcdefABCDEF") != 32)
        return false;
    memcpy(half, text, 16);
    id[0] = strtoull(half, &end, 16);
    id[1] = strtoull(text + 16, &end, 16);
    return (id[0] | id[1]) != 0;
}

static enum exit_code list_traces(struct console *console)
{
    json_t *spans = read_all(console, (const uint64_t[]){ 0, 0 });
    json_t *traces = spans != NULL ? console_trace_list(spans) : NULL;

    if (traces == NULL)
        return EXIT_FAILED;
    console_print(console, traces, console_print_trace_list);
    json_decref(traces);
    return EXIT_DONE;
}

static enum exit_code show_trace(struct console *console, const char *text)
{
    uint64_t id[2];
    json_t *spans;
    json_t *timeline;

    if (!parse_id(text, id)) {
        console_misuse(console, "a trace is 32 hexadecimal digits, as in X-Trace-Id; or: trace watch NODE");
        return console->code;
    }
    spans = read_all(console, id);
    if (spans == NULL)
        return EXIT_FAILED;
    if (json_array_size(spans) == 0) {
        complain(console->called, "no node remembers trace %s: it was not recorded, or it is too long ago", text);
        json_decref(spans);
        return EXIT_FAILED;
    }
    timeline = console_timeline(text, spans);
    console_print(console, timeline, console_print_timeline);
    json_decref(timeline);
    return EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------ live */

struct watching {
    char node[TOPOLOGY_NAME_LIMIT + 1];
    const char *actor; /* empty: any */
    const char *message;
    uint64_t one_in;
    uint64_t seconds;
};

/* "NODE[/ACTOR] [MESSAGE|any] [ONE_IN] [SECONDS]". */
static bool read_watch(struct console *console, char **words, size_t count, struct watching *watching)
{
    uint64_t numbers[2] = { 1, WATCH_DEFAULT_S };
    const char *slash = strchr(words[0], '/');

    *watching = (struct watching){ .actor = slash != NULL ? slash + 1 : "", .message = count > 1 ? words[1] : "" };
    snprintf(watching->node, sizeof watching->node, "%.*s", (int)strcspn(words[0], "/"), words[0]);
    if (slash != NULL ? topology_find_actor(console->topology, words[0]) == NULL
                      : topology_find_node(console->topology, words[0]) == NULL) {
        console_unknown(console, "node or actor", words[0], SUBJECT_ANY);
        return false;
    }
    if (strcmp(watching->message, "any") == 0)
        watching->message = "";
    for (size_t i = 2; i < count; i++) {
        char *end;

        numbers[i - 2] = strtoull(words[i], &end, 10);
        if (*end != '\0' || numbers[i - 2] == 0 || (i == 3 && numbers[1] > WATCH_LIMIT_S)) {
            console_misuse(console, "usage: trace watch NODE[/ACTOR] [MESSAGE|any] [ONE_IN] [SECONDS], at most %d s",
                           WATCH_LIMIT_S);
            return false;
        }
    }
    watching->one_in = numbers[0];
    watching->seconds = numbers[1];
    return true;
}

static bool order_watch(struct console *console, const struct watching *watching, uint64_t one_in)
{
    char address[TOPOLOGY_NAME_LIMIT + 16];
    struct client_answer answer;

    snprintf(address, sizeof address, "%s/supervisor", watching->node);
    CLIENT_ASK(console->client, address, ANSWER_LIMIT_US, &answer, trace_watch, .actor = slice_of(watching->actor),
               .message = slice_of(watching->message), .one_in = one_in, .for_us = watching->seconds * 1000000,
               .who = slice_of(console->who));
    if (answer.outcome == ASK_ANSWERED)
        return true;
    console_failed(console, address, &answer);
    if (strstr(answer.detail, "message") != NULL)
        console_unknown(console, "message", watching->message, SUBJECT_MESSAGE);
    return false;
}

static void print_live(const struct console *console, json_t *rows)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        char time[GATHER_TIME_ROOM];

        if (console->as_json) {
            json_dumpf(row, stdout, JSON_COMPACT);
            putchar('\n');
            continue;
        }
        gather_time((uint64_t)json_integer_value(json_object_get(row, "started_us")), time);
        printf("%.15s %.8s %9.3f ms  %s/%s  %s %s  %s\n", time + 11, json_string_value(json_object_get(row, "trace")),
               (double)json_integer_value(json_object_get(row, "duration_us")) / 1e3,
               json_string_value(json_object_get(row, "node")), json_string_value(json_object_get(row, "actor")),
               json_string_value(json_object_get(row, "kind")), json_string_value(json_object_get(row, "name")),
               json_string_value(json_object_get(row, "other")));
    }
    fflush(stdout);
}

/* Spans of every node, because what is begun at one goes on at others. */
static enum exit_code watch(struct console *console, const struct watching *watching)
{
    uint64_t since[NODES_LIMIT] = { 0 };
    size_t nodes = console->topology->node_count < NODES_LIMIT ? console->topology->node_count : NODES_LIMIT;
    const uint64_t all[2] = { 0, 0 };
    json_t *old = json_array();
    uint64_t end_us;

    for (size_t i = 0; i < nodes; i++)
        read_node(console, console->topology->nodes[i].name, all, &since[i], old);
    json_decref(old);
    if (!order_watch(console, watching, watching->one_in))
        return EXIT_FAILED;
    end_us = machine_clock.monotonic_us(NULL) + watching->seconds * 1000000;
    console_catch_interrupt();
    do {
        json_t *rows = json_array();

        poll(NULL, 0, LOOK_EVERY_MS);
        for (size_t i = 0; i < nodes; i++)
            read_node(console, console->topology->nodes[i].name, all, &since[i], rows);
        print_live(console, rows);
        json_decref(rows);
    } while (!console_is_interrupted() && machine_clock.monotonic_us(NULL) < end_us);
    return order_watch(console, watching, 0) ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code console_run_trace(struct console *console, char **words, size_t count)
{
    struct watching watching;

    if (count == 0)
        return list_traces(console);
    if (strcmp(words[0], "watch") != 0 || count == 1) {
        if (count == 1)
            return show_trace(console, words[0]);
        console_misuse(console, "usage: trace [ID] or trace watch NODE[/ACTOR] [MESSAGE|any] [ONE_IN] [SECONDS]");
        return console->code;
    }
    return read_watch(console, words + 1, count - 1, &watching) ? watch(console, &watching) : console->code;
}
