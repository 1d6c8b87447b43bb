/* SPDX-License-Identifier: MIT */
/*
 * console_top -- who is busy: the difference between two looks at every node. At a terminal it is refreshed until q or
 * Ctrl-C; else, or with a number of seconds, one difference is printed.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "actors/command/console.h"
#include "actors/command/gather.h"
#include "actors/command/show.h"
#include "runtime/cell/node.h"

enum { REFRESH_MS = 2000, ONE_LOOK_MS = 1000, LOOK_LIMIT_S = 60 };

static uint64_t now_us(void)
{
    return machine_clock.monotonic_us(NULL);
}

/* All actors as flat rows; nodes that do not answer have one row with their state. */
static json_t *look(struct console *console)
{
    json_t *rows = json_array();

    for (size_t n = 0; n < console->topology->node_count; n++) {
        const char *name = console->topology->nodes[n].name;
        const char *detail = "";
        uint64_t at_us = now_us();
        json_t *node = gather_node(console->client, name, &detail);
        json_t *actor;
        size_t i;

        if (node == NULL)
            json_array_append_new(rows, json_pack("{s:s, s:s}", "actor", name, "state", "silent"));
        json_array_foreach(json_object_get(node, "actors"), i, actor)
        {
            json_t *row = json_copy(actor);

            json_object_del(row, "dependencies");
            json_object_del(row, "dead_letters");
            json_object_set_new(row, "actor",
                                json_sprintf("%s/%s", name, json_string_value(json_object_get(actor, "name"))));
            json_object_set_new(row, "at_us", json_integer((json_int_t)at_us));
            json_object_set(row, "node_memory", json_object_get(node, "memory_bytes"));
            json_array_append_new(rows, row);
        }
        json_decref(node);
    }
    return rows;
}

static json_t *find(json_t *rows, const char *actor)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i,
                       row) if (strcmp(json_string_value(json_object_get(row, "actor")), actor) == 0) return row;
    return NULL;
}

static double moved(json_t *before, json_t *after, const char *key)
{
    return json_number_value(json_object_get(after, key)) - json_number_value(json_object_get(before, key));
}

static int busier(const void *left, const void *right)
{
    double a = json_number_value(json_object_get(*(json_t *const *)left, "cpu_percent"));
    double b = json_number_value(json_object_get(*(json_t *const *)right, "cpu_percent"));

    return a < b ? 1 : a > b ? -1 : 0;
}

/* What happened between two looks, the busiest first. */
static json_t *difference(json_t *before, json_t *after)
{
    size_t count = json_array_size(after);
    json_t **rows = calloc(count + 1, sizeof *rows);
    json_t *sorted = json_array();

    for (size_t i = 0; rows != NULL && i < count; i++) {
        json_t *now = json_array_get(after, i);
        const char *actor = json_string_value(json_object_get(now, "actor"));
        json_t *then = find(before, actor);
        double seconds = moved(then, now, "at_us") / 1e6;
        double per = then != NULL && seconds > 0 ? 1 / seconds : 0;

        rows[i] = json_pack("{s:s, s:O, s:f, s:I, s:I, s:I, s:I, s:f}", "actor", actor, "state",
                            json_object_get(now, "state"), "cpu_percent", 100 * moved(then, now, "cpu_s") * per,
                            "letters_in", (json_int_t)(moved(then, now, "letters_in") * per), "letters_out",
                            (json_int_t)(moved(then, now, "letters_out") * per), "mailbox",
                            json_integer_value(json_object_get(now, "mailbox")), "restarts",
                            json_integer_value(json_object_get(now, "restarts")), "memory_mb",
                            json_number_value(json_object_get(now, "node_memory")) / 1e6);
    }
    if (rows != NULL)
        qsort(rows, count, sizeof *rows, busier);
    for (size_t i = 0; rows != NULL && i < count; i++)
        json_array_append_new(sorted, rows[i]);
    free(rows);
    return sorted;
}

static void print(json_t *rows, size_t most)
{
    static const struct show_column columns[] = {
        { "actor", "actor" },
        { "state", "state" },
        { "cpu_percent", "cpu, % of thread" },
        { "letters_in", "letters in/s" },
        { "letters_out", "out/s" },
        { "mailbox", "mailbox" },
        { "restarts", "restarts" },
        { "memory_mb", "node, MB" },
        { NULL, NULL },
    };

    while (json_array_size(rows) > most)
        json_array_remove(rows, json_array_size(rows) - 1);
    show_table(rows, columns, stdout);
}

/* Waits; true when a person wants no more. */
static bool pause_or_quit(int ms)
{
    struct pollfd key = { .fd = STDIN_FILENO, .events = POLLIN };
    char pressed = 0;

    if (poll(&key, 1, ms) < 0)
        return errno == EINTR || console_is_interrupted();
    return (key.revents & (POLLIN | POLLHUP)) != 0 && (read(STDIN_FILENO, &pressed, 1) != 1 || pressed == 'q');
}

static void refresh(struct console *console)
{
    struct termios cooked;
    struct termios raw;
    struct winsize size = { .ws_row = 24 };
    json_t *before = look(console);
    json_t *after;

    tcgetattr(STDIN_FILENO, &cooked);
    raw = cooked;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    for (int ms = ONE_LOOK_MS / 2; !pause_or_quit(ms) && !console_is_interrupted(); ms = REFRESH_MS) {
        json_t *rows;

        after = look(console);
        rows = difference(before, after);
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        printf("\033[H\033[2J%s: the busiest, every %d s; q leaves\n\n", console->topology->name, REFRESH_MS / 1000);
        print(rows, size.ws_row > 5 ? size.ws_row - 4u : 20);
        fflush(stdout);
        json_decref(rows);
        json_decref(before);
        before = after;
    }
    json_decref(before);
    tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}

static void look_once(struct console *console, int ms)
{
    json_t *before = look(console);
    json_t *after;
    json_t *rows;

    poll(NULL, 0, ms);
    after = look(console);
    rows = difference(before, after);
    if (console->as_json)
        show_json(rows, stdout);
    else
        print(rows, json_array_size(rows));
    json_decref(before);
    json_decref(after);
    json_decref(rows);
}

enum exit_code console_run_top(struct console *console, char **words, size_t count)
{
    char *end = NULL;
    unsigned long seconds = count > 0 ? strtoul(words[0], &end, 10) : 0;

    if (count > 0 && (*end != '\0' || seconds == 0 || seconds > LOOK_LIMIT_S)) {
        console_misuse(console, "usage: top [SECONDS], 1 to %d", LOOK_LIMIT_S);
        return console->code;
    }
    if (count == 0 && !console->as_json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        console_catch_interrupt();
        refresh(console);
    } else {
        look_once(console, count > 0 ? (int)seconds * 1000 : ONE_LOOK_MS);
    }
    return EXIT_DONE;
}
