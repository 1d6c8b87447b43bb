/* SPDX-License-Identifier: MIT */
/* console_help -- the console's verbs about itself: help out of the table, and quit. */
#include <string.h>

#include "actors/command/console.h"
#include "actors/command/show.h"

static json_t *row_of(const struct console_verb *verb)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:s}", "verb",
                     json_sprintf("%s%s%s", verb->name, verb->synopsis[0] != '\0' ? " " : "", verb->synopsis), "kind",
                     verb->acts ? "acts" : "reads", "help", verb->help, "example", verb->example, "name", verb->name);
}

json_t *console_ask_help(struct console *console, char **words, size_t count)
{
    json_t *rows = json_array();
    size_t taken;
    const struct console_verb *only = count > 0 ? console_find(words, count, &taken) : NULL;

    for (const struct console_verb *verb = console_verbs; verb->name != NULL; verb++) {
        bool begins_so = count > 0 && strncmp(verb->name, words[0], strlen(words[0])) == 0;

        if (count == 0 || verb == only || (only == NULL && begins_so))
            json_array_append_new(rows, row_of(verb));
    }
    if (json_array_size(rows) > 0)
        return rows;
    json_decref(rows);
    console_unknown(console, "verb", words[0], SUBJECT_VERB);
    return NULL;
}

void console_print_help(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "name", "verb" }, { "kind", "" }, { "help", "what it does" }, { NULL, NULL }
    };
    json_t *row = json_array_get(answer, 0);

    if (json_array_size(answer) > 1) {
        show_table(answer, columns, to);
        fprintf(to, "\nhelp VERB says more; Tab completes verbs and names; --json behind a verb answers in JSON.\n");
        return;
    }
    fprintf(to, "usage: %s\n\nWhat it does: %s.\nExample: %s\n", json_string_value(json_object_get(row, "verb")),
            json_string_value(json_object_get(row, "help")), json_string_value(json_object_get(row, "example")));
}

json_t *console_ask_quit(struct console *console, char **words, size_t count)
{
    (void)words;
    (void)count;
    console->is_over = true;
    return json_object();
}

void console_print_nothing(json_t *answer, FILE *to)
{
    (void)answer;
    (void)to;
}
