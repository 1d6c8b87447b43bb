/* SPDX-License-Identifier: MIT */
/* show -- see show.h. */
#include "actors/command/show.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static json_int_t number_of(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* "4 s", "12 min", "3 h", "2 d". */
static const char *age(double seconds, char *room, size_t size)
{
    if (seconds < 120)
        snprintf(room, size, "%.0f s", seconds);
    else if (seconds < 2 * 3600)
        snprintf(room, size, "%.0f min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(room, size, "%.0f h", seconds / 3600);
    else
        snprintf(room, size, "%.0f d", seconds / 86400);
    return room;
}

/* ------------------------------------------------------------------------------------------------ colour */

static bool has_colour(FILE *to)
{
    const char *no = getenv("NO_COLOR");

    return isatty(fileno(to)) && (no == NULL || *no == '\0');
}

/* A state, at least `width` wide: green is well, red is not, yellow may be. */
static void put_state(const char *state, int width, FILE *to)
{
    static const char *const well[] = { "up", "normal", "external", "closed" };
    static const char *const bad[] = { "gave_up", "failed", "open" };
    int colour = 33;

    for (size_t i = 0; i < sizeof well / sizeof well[0]; i++)
        colour = strcmp(well[i], state) == 0 ? 32 : colour;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        colour = strcmp(bad[i], state) == 0 ? 31 : colour;
    if (has_colour(to))
        fprintf(to, "\033[%dm%-*s\033[0m", colour, width, state);
    else
        fprintf(to, "%-*s", width, state);
}

/* ------------------------------------------------------------------------------------------------ the tree */

static void put_restarts_and_reason(json_t *row, FILE *to)
{
    json_int_t restarts = number_of(row, "restarts");
    bool is_well = strcmp(text_of(row, "state"), "up") == 0;

    if (restarts > 0)
        fprintf(to, "  %" PRIi64 " restart%s", (int64_t)restarts, restarts == 1 ? "" : "s");
    if (*text_of(row, "reason") != '\0' && (restarts > 0 || !is_well))
        fprintf(to, " (%s)", text_of(row, "reason"));
}

static void put_modes(json_t *dependencies, FILE *to)
{
    json_t *row;
    size_t i;

    json_array_foreach(dependencies, i, row)
    {
        fprintf(to, "%s%s ", i == 0 ? "  " : ", ", text_of(row, "name"));
        put_state(text_of(row, "mode"), 0, to);
        if (strcmp(text_of(row, "breaker"), "open") == 0)
            fprintf(to, " (breaker open: %s)", text_of(row, "reason"));
    }
}

static void show_actor(json_t *actor, const char *trunk, bool is_last, FILE *to)
{
    fprintf(to, "%s%s %-23s ", trunk, is_last ? "└─" : "├─", text_of(actor, "name"));
    put_state(text_of(actor, "state"), 10, to);
    fprintf(to, " mailbox %" PRIi64, (int64_t)number_of(actor, "mailbox"));
    put_restarts_and_reason(actor, to);
    put_modes(json_object_get(actor, "dependencies"), to);
    fputc('\n', to);
}

static void show_process(json_t *row, const char *what, FILE *to)
{
    char room[32];

    fprintf(to, "│  ├─ %-23s ", text_of(row, "name"));
    put_state(text_of(row, "state"), 10, to);
    fprintf(to, " %-12s", what);
    if (number_of(row, "pid") > 0)
        fprintf(to, " pid %-7" PRIi64 " up %s", (int64_t)number_of(row, "pid"),
                age(json_number_value(json_object_get(row, "uptime_s")), room, sizeof room));
    if (number_of(row, "memory_bytes") > 0)
        fprintf(to, "  %.1f MB", (double)number_of(row, "memory_bytes") / 1e6);
    put_restarts_and_reason(row, to);
    fputc('\n', to);
}

void show_tree(json_t *platform, FILE *to)
{
    char host[256] = "this host";
    json_t *nodes = json_object_get(platform, "nodes");
    json_t *stores = json_object_get(platform, "stores");
    json_t *row;
    json_t *actor;
    size_t i;
    size_t a;

    gethostname(host, sizeof host - 1);
    fprintf(to, "%s  ", text_of(platform, "url"));
    put_state(json_is_true(json_object_get(platform, "ready")) ? "up" : "not ready", 0, to);
    fprintf(to, "  on %s\n├─ nodes\n", host);
    json_array_foreach(nodes, i, row)
    {
        json_t *actors = json_object_get(row, "actors");

        show_process(row, text_of(row, "role"), to);
        json_array_foreach(actors, a, actor) show_actor(actor, "│  │  ", a + 1 == json_array_size(actors), to);
    }
    fprintf(to, "├─ stores\n");
    json_array_foreach(stores, i, row) show_process(row, text_of(row, "kind"), to);
    fprintf(to, "└─ dependencies\n");
    json_array_foreach(json_object_get(platform, "dependencies"), i, row)
    {
        fprintf(to, "   ├─ %-23s ", text_of(row, "name"));
        put_state(text_of(row, "mode"), 0, to);
        fputc('\n', to);
    }
}

/* ------------------------------------------------------------------------------------------------ tables */

static void cell_text(json_t *value, char room[SHOW_CELL_LIMIT])
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        snprintf(room, SHOW_CELL_LIMIT, "%s", json_string_value(value));
        break;
    case JSON_INTEGER:
        snprintf(room, SHOW_CELL_LIMIT, "%" PRIi64, (int64_t)json_integer_value(value));
        break;
    case JSON_REAL:
        snprintf(room, SHOW_CELL_LIMIT, "%.3f", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        snprintf(room, SHOW_CELL_LIMIT, "%s", json_is_true(value) ? "yes" : "no");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
    default:
        room[0] = '\0';
        break;
    }
}

static void get_cell(json_t *row, const char *key, char room[SHOW_CELL_LIMIT])
{
    json_t *value = json_object_get(row, key);

    room[0] = '\0';
    if (value != NULL)
        cell_text(value, room);
}

void show_table(json_t *rows, const struct show_column *columns, FILE *to)
{
    int widths[SHOW_COLUMNS_LIMIT] = { 0 };
    char cell[SHOW_CELL_LIMIT];
    size_t count = 0;
    json_t *row;
    size_t i;

    for (; columns[count].key != NULL && count < SHOW_COLUMNS_LIMIT; count++)
        widths[count] = (int)strlen(columns[count].title);
    json_array_foreach(rows, i, row) for (size_t c = 0; c < count; c++)
    {
        get_cell(row, columns[c].key, cell);
        widths[c] = (int)strlen(cell) > widths[c] ? (int)strlen(cell) : widths[c];
    }
    for (size_t c = 0; c < count; c++)
        fprintf(to, "%-*s%s", c + 1 < count ? widths[c] : 0, columns[c].title, c + 1 < count ? "  " : "\n");
    json_array_foreach(rows, i, row) for (size_t c = 0; c < count; c++)
    {
        int right = json_is_number(json_object_get(row, columns[c].key)) ? 1 : -1;

        get_cell(row, columns[c].key, cell);
        fprintf(to, "%*s%s", c + 1 < count || right > 0 ? right * widths[c] : 0, cell, c + 1 < count ? "  " : "\n");
    }
}

void show_object(json_t *object, FILE *to)
{
    const char *key;
    json_t *value;
    char cell[SHOW_CELL_LIMIT];

    json_object_foreach(object, key, value)
    {
        if (json_is_object(value) || json_is_array(value))
            continue;
        cell_text(value, cell);
        fprintf(to, "%-20s %s\n", key, cell);
    }
}

void show_json(json_t *value, FILE *to)
{
    json_dumpf(value, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', to);
}
