/* SPDX-License-Identifier: MIT */
/* config_list -- see config_list.h. */
#include "actors/command/config_list.h"

#include <jansson.h>
#include <string.h>

#include "actors/command/show.h"
#include "actors/kinds.h"
#include "runtime/actor.h"

static const char *default_of(const struct option *row)
{
    return row->default_text != NULL ? row->default_text : "";
}

static json_t *option_json(const struct actor_kind *kind, const struct option *row)
{
    return json_pack("{s:o, s:s, s:b, s:s, s:s, s:b}", "name", json_sprintf("%s.%s", kind->name, row->name), "default",
                     default_of(row), "required", row->default_text == NULL, "expected", option_expected(row), "help",
                     row->help, "live", row->live);
}

static json_t *all_options(void)
{
    json_t *rows = json_array();

    for (const struct actor_kind *const *kind = shunt_kinds; *kind != NULL; kind++) {
        for (size_t i = 0; i < (*kind)->option_count; i++)
            json_array_append_new(rows, option_json(*kind, &(*kind)->options[i]));
    }
    return rows;
}

/* A cell of a table: what would end it is taken for itself. */
static void put_cell(const char *text)
{
    fputs(" ", stdout);
    for (; *text != '\0'; text++)
        printf(*text == '|' ? "\\|" : "%c", *text);
    fputs(" |", stdout);
}

static void put_value(const struct option *row)
{
    if (row->default_text == NULL)
        fputs(" *must be given* |", stdout);
    else if (row->default_text[0] == '\0')
        fputs(" *empty* |", stdout);
    else
        printf(" `%s` |", row->default_text);
}

static void print_markdown(void)
{
    puts("# Options\n");
    puts("Every option of every kind of actor, written by `shunt config list --markdown`; do not edit this page. In a "
         "topology an option");
    puts("stands in the section of its kind or of one actor, see [README.md](README.md). A *live* one can be changed "
         "while the platform runs:");
    puts("`shunt config set KIND.OPTION VALUE`; the others need a start of their node.");
    for (const struct actor_kind *const *kind = shunt_kinds; *kind != NULL; kind++) {
        if ((*kind)->option_count == 0)
            continue;
        printf("\n## %s\n%s.\n\n| option | default | what it is | expected | live |\n|---|---|---|---|---|\n",
               (*kind)->name, (*kind)->doc);
        for (size_t i = 0; i < (*kind)->option_count; i++) {
            const struct option *row = &(*kind)->options[i];

            printf("| `%s` |", row->name);
            put_value(row);
            put_cell(row->help);
            put_cell(option_expected(row));
            puts(row->live ? " live |" : " |");
        }
    }
}

enum exit_code config_list(const struct invocation *invocation)
{
    static const struct show_column columns[] = {
        { "name", "option" },     { "default", "default" },   { "live", "live" },
        { "help", "what it is" }, { "expected", "expected" }, { NULL, NULL },
    };
    json_t *rows;

    if (flag_value(invocation, "markdown") != NULL) {
        print_markdown();
        return EXIT_DONE;
    }
    rows = all_options();
    if (flag_value(invocation, "json") != NULL) {
        json_dumpf(rows, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        show_table(rows, columns, stdout);
    }
    json_decref(rows);
    return EXIT_DONE;
}
