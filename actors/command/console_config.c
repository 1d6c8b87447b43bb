/* SPDX-License-Identifier: MIT */
/* console_config -- settings, live: the console's verbs about them, and `shunt config`. The config actor keeps them. */
#include <string.h>

#include "actors/command/config_list.h"
#include "actors/command/console.h"
#include "actors/command/gather.h"
#include "actors/command/place.h"
#include "actors/command/show.h"

enum { ANSWER_LIMIT_US = 5 * 1000 * 1000 };

static json_t *setting_json(const struct setting *row)
{
    return json_pack("{s:o, s:o, s:b, s:b, s:o}", "name", gather_text(row->name), "value", gather_text(row->value),
                     "live", row->live, "is_set", row->is_set, "help", gather_text(row->help));
}

json_t *console_ask_settings(struct console *console, char **words, size_t count)
{
    const char *prefix = count > 0 ? words[0] : "";
    const char *address = console_find_kind(console, "config");
    struct client_answer answer;
    json_t *rows;

    if (address == NULL)
        return NULL;
    CLIENT_ASK(console->client, address, ANSWER_LIMIT_US, &answer, settings_read, .prefix = slice_of(prefix));
    if (answer.outcome != ASK_ANSWERED || answer.schema != &settings_schema) {
        console_failed(console, address, &answer);
        return NULL;
    }

    const struct settings *settings = answer.message;

    rows = json_array();
    for (uint32_t i = 0; i < settings->rows.count; i++)
        json_array_append_new(rows, setting_json(&settings->rows.at[i]));
    if (json_array_size(rows) > 0)
        return rows;
    json_decref(rows);
    complain(console->called, "no setting begins with '%s'; `shunt config get` lists all", prefix);
    return NULL;
}

void console_print_settings(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "name", "setting" },    { "value", "value" },     { "live", "live" },
        { "is_set", "set live" }, { "help", "what it is" }, { NULL, NULL },
    };

    show_table(answer, columns, to);
}

json_t *console_ask_set(struct console *console, char **words, size_t count)
{
    const char *address = console_find_kind(console, "config");
    struct client_answer answer;

    (void)count;
    if (address == NULL)
        return NULL;
    CLIENT_ASK(console->client, address, ANSWER_LIMIT_US, &answer, setting_set, .name = slice_of(words[0]),
               .value = slice_of(words[1]), .who = slice_of(console->who));
    if (answer.outcome == ASK_ANSWERED)
        return json_pack("{s:s, s:s}", "name", words[0], "value", words[1]);
    console_failed(console, address, &answer);
    return NULL;
}

void console_print_set(json_t *answer, FILE *to)
{
    fprintf(to, "%s = %s\n", json_string_value(json_object_get(answer, "name")),
            json_string_value(json_object_get(answer, "value")));
}

/* ------------------------------------------------------------------------------------------------ shunt config */

static enum exit_code run(const struct invocation *invocation)
{
    char *words[CONSOLE_WORDS_LIMIT] = { (char[]){ "config" } };
    struct console console;
    enum exit_code code;

    if (strcmp(invocation->words[0], "list") == 0)
        return config_list(invocation);
    code = place_enter_running(invocation);
    if (code != EXIT_DONE)
        return code;
    for (size_t i = 0; i < invocation->word_count; i++)
        words[i + 1] = invocation->words[i];
    if (!console_open(&console, "config", flag_value(invocation, "json") != NULL))
        return EXIT_FAILED;
    code = console_run(&console, words, invocation->word_count + 1);
    console_close(&console);
    return code;
}

static const struct flag flags[] = {
    { .name = "markdown", .help = "list: as a page" },
    FLAG_JSON,
    FLAG_DATA,
};

const struct verb config_verb = {
    .name = "config",
    .synopsis = "get|set|list",
    .summary = "read or change settings of the running platform",
    .help = "`get [KIND.OPTION]` lists settings whose names begin so, `set KIND.OPTION VALUE` changes one;\n"
            "`list` names all options that a topology may set, with their defaults, and needs no running platform.\n"
            "A change reaches every node within a tenth of a second and stays over restarts. Only settings marked live "
            "can be\n"
            "changed so; for the others the topology has to say it.",
    .example = "  shunt config get edge\n  shunt config set edge.mode fast\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_min = 1,
    .words_max = 3,
    .run = run,
};
