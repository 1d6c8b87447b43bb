/* SPDX-License-Identifier: MIT */
/* console_failpoint -- lists, sets and clears the failpoints of a node of a test build; see runtime/failpoint.h. */
#include <string.h>

#include "actors/command/console.h"
#include "actors/command/gather.h"
#include "actors/command/show.h"

enum { ANSWER_LIMIT_US = 5 * 1000 * 1000 };

static json_t *list(struct console *console, const char *supervisor)
{
    json_t *rows = json_array();
    struct client_answer answer;

    CLIENT_ASK(console->client, supervisor, ANSWER_LIMIT_US, &answer, failpoints_read);
    if (answer.outcome != ASK_ANSWERED || answer.schema != &failpoints_schema) {
        console_failed(console, supervisor, &answer);
        json_decref(rows);
        return NULL;
    }

    const struct failpoints *failpoints = answer.message;

    for (uint32_t i = 0; i < failpoints->rows.count; i++) {
        const struct failpoint_row *row = &failpoints->rows.at[i];

        json_array_append_new(rows, json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "name", gather_text(row->name),
                                              "action", gather_text(row->action), "delay_us", (json_int_t)row->delay_us,
                                              "skip", (json_int_t)row->skip, "times", (json_int_t)row->times, "hits",
                                              (json_int_t)row->hits));
    }
    return json_pack("{s:b, s:o}", "available", failpoints->rows.count > 0, "failpoints", rows);
}

/* "NAME ACTION [US] [after N] [times N]", or "off" for all. */
static json_t *set(struct console *console, const char *supervisor, char **words, size_t count)
{
    char action[128] = "";
    const char *name = count > 1 ? words[0] : "";
    struct client_answer answer;
    size_t size = 0;

    for (size_t i = count > 1 ? 1 : 0; i < count && size < sizeof action; i++)
        size += (size_t)snprintf(action + size, sizeof action - size, "%s%s", size > 0 ? " " : "", words[i]);
    CLIENT_ASK(console->client, supervisor, ANSWER_LIMIT_US, &answer, failpoint_order, .name = slice_of(name),
               .action = slice_of(action), .who = slice_of(console->who));
    if (answer.outcome == ASK_ANSWERED)
        return json_pack("{s:s, s:s, s:s}", "verb", "failpoint", "name", count > 1 ? name : "all", "outcome", action);
    console_failed(console, supervisor, &answer);
    if (count > 1 && strncmp(answer.detail, "There is no", 11) == 0)
        console_unknown(console, "failpoint", name, SUBJECT_FAILPOINT);
    return NULL;
}

json_t *console_ask_failpoint(struct console *console, char **words, size_t count)
{
    char supervisor[TOPOLOGY_NAME_LIMIT + 16];

    if (topology_find_node(console->topology, words[0]) == NULL) {
        console_unknown(console, "node", words[0], SUBJECT_NODE);
        return NULL;
    }
    snprintf(supervisor, sizeof supervisor, "%.*s/supervisor", TOPOLOGY_NAME_LIMIT, words[0]);
    if (count == 1)
        return list(console, supervisor);
    return set(console, supervisor, words + 1, count - 1);
}

void console_print_failpoint(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "name", "failpoint" }, { "action", "action" }, { "delay_us", "delay, us" },
        { "skip", "after" },     { "times", "times" },   { "hits", "hits" },
        { NULL, NULL },
    };
    json_t *rows = json_object_get(answer, "failpoints");

    if (rows == NULL)
        fprintf(to, "failpoint %s: %s\n", json_string_value(json_object_get(answer, "name")),
                json_string_value(json_object_get(answer, "outcome")));
    else if (json_array_size(rows) == 0)
        fprintf(to, "this is a release build: it has no failpoints\n");
    else
        show_table(rows, columns, to);
}
