/* SPDX-License-Identifier: MIT */
/* console_lag -- what waits where on the clicks' way, out of the metrics that every node has; see console.h. */
#include <stdlib.h>
#include <string.h>

#include "actors/command/console.h"
#include "actors/command/gather.h"
#include "actors/command/show.h"

enum { ANSWER_LIMIT_US = 2 * 1000 * 1000 };

/* In the order of the way. */
static const struct {
    const char *metric;
    const char *what;
    const char *unit;
} stages[] = {
    { "shunt_click_buffer_unpublished_clicks", "committed, not yet in Kafka", "clicks" },
    { "shunt_click_buffer_journal_bytes", "journal on disk", "bytes" },
    { "shunt_kafka_bridge_windows_waiting", "sealed, not yet sent to Kafka", "windows" },
    { "shunt_kafka_bridge_records_under_way", "sent, not yet acknowledged by Kafka", "records" },
    { "shunt_postgres_sink_waiting_clicks", "read, not yet in Postgres", "clicks" },
    { "shunt_postgres_sink_missing_clicks", "below a mark, but never seen", "clicks" },
    { "shunt_clickhouse_sink_waiting_bytes", "read, not yet in ClickHouse", "bytes" },
    { "shunt_click_buffer_windows_waiting", "windows that Postgres does not have yet", "windows" },
};

/* A label's value in "name{node=\"edge\",...} 1"; empty when there is none. */
static void label_of(const char *line, const char *label, char room[64])
{
    char begin[32];
    const char *at;

    snprintf(begin, sizeof begin, "%s=\"", label);
    at = strstr(line, begin);
    at = at != NULL ? at + strlen(begin) : "";
    snprintf(room, 64, "%.*s", (int)strcspn(at, "\""), at);
}

static void take_line(json_t *rows, const char *line)
{
    size_t size = strcspn(line, "{ ");
    const char *value = strrchr(line, ' ');
    char node[64];
    char actor[64];

    for (size_t i = 0; value != NULL && i < sizeof stages / sizeof stages[0]; i++) {
        if (strlen(stages[i].metric) != size || strncmp(line, stages[i].metric, size) != 0)
            continue;
        label_of(line, "node", node);
        label_of(line, "actor", actor);
        json_array_append_new(rows,
                              json_pack("{s:s, s:o, s:I, s:s, s:I}", "what", stages[i].what, "where",
                                        json_sprintf("%s/%s", node, actor), "waiting", (json_int_t)strtod(value, NULL),
                                        "unit", stages[i].unit, "stage", (json_int_t)i));
    }
}

static void take_text(json_t *rows, struct slice text)
{
    char line[512];

    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.at) : text.size;

        if (size > 0 && size < sizeof line && text.at[0] != '#') {
            snprintf(line, sizeof line, "%.*s", (int)size, text.at);
            take_line(rows, line);
        }
        text.at += size + (end != NULL ? 1 : 0);
        text.size -= size + (end != NULL ? 1 : 0);
    }
}

static json_t *in_order(json_t *rows)
{
    json_t *sorted = json_array();
    json_t *row;
    size_t k;

    for (json_int_t i = 0; i < (json_int_t)(sizeof stages / sizeof stages[0]); i++)
        json_array_foreach(rows, k, row)
        {
            if (json_integer_value(json_object_get(row, "stage")) == i)
                json_array_append(sorted, row);
        }
    json_decref(rows);
    return sorted;
}

json_t *console_ask_lag(struct console *console, char **words, size_t count)
{
    json_t *rows = json_array();
    size_t asked = 0;

    for (size_t i = 0; i < console->topology->node_count; i++) {
        const char *node = console->topology->nodes[i].name;
        char address[128];
        struct client_answer answer;

        if (count > 0 && strcmp(words[0], node) != 0)
            continue;
        asked++;
        snprintf(address, sizeof address, "%s/supervisor", node);
        CLIENT_ASK(console->client, address, ANSWER_LIMIT_US, &answer, metrics_read);
        if (answer.outcome == ASK_ANSWERED && answer.schema == &metrics_text_schema)
            take_text(rows, ((const struct metrics_text *)answer.message)->text);
        else
            console_failed(console, address, &answer);
    }
    if (asked > 0)
        return in_order(rows);
    json_decref(rows);
    console_unknown(console, "node", words[0], SUBJECT_NODE);
    return NULL;
}

void console_print_lag(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "what", "stage" }, { "where", "where" }, { "waiting", "waiting" }, { "unit", "" }, { NULL, NULL },
    };

    show_table(answer, columns, to);
}
