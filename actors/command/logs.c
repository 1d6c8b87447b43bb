/* SPDX-License-Identifier: MIT */
/*
 * logs -- `shunt logs` and the console's verb of that name: what all processes wrote, merged by time, for people or as
 * JSON, filtered by process, level and trace. With -f it goes on until Ctrl-C. It reads files, so it works as well when
 * nothing runs any more.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/command/console.h"
#include "actors/command/log_reader.h"
#include "actors/command/place.h"
#include "actors/command/view.h"
#include "runtime/watch/log.h"

enum { LINES_DEFAULT = 200, FOLLOW_EVERY_MS = 200, TRACE_DIGITS_MIN = 8 };

struct request {
    char *names[CONSOLE_WORDS_LIMIT];
    size_t name_count;
    enum log_level level;
    const char *trace; /* how it begins; NULL: any */
    size_t lines;
    bool follow;
};

/* ------------------------------------------------------------------------------------------------ what is wanted */

static bool read_flag(struct console *console, struct request *request, const char *flag, const char *value)
{
    char *end;

    if (strcmp(flag, "--level") == 0 && log_level_of(value, &request->level))
        return true;
    if (strcmp(flag, "--trace") == 0 && strlen(value) >= TRACE_DIGITS_MIN) {
        request->trace = value;
        return true;
    }
    if (strcmp(flag, "--lines") == 0) {
        request->lines = strtoul(value, &end, 10);
        if (*end == '\0' && *value != '\0' && request->lines <= LOG_READER_ENTRIES)
            return true;
    }
    console_misuse(console,
                   "usage: logs [-f] [NODE|STORE]... [--level debug|info|warn|error] [--trace ID] [--lines N]; "
                   "an ID has at least %d digits, N is at most %d",
                   TRACE_DIGITS_MIN, LOG_READER_ENTRIES);
    return false;
}

static bool read_request(struct console *console, char **words, size_t count, struct request *request)
{
    *request = (struct request){ .level = LOG_DEBUG, .lines = LINES_DEFAULT };
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], "-f") == 0 || strcmp(words[i], "--follow") == 0) {
            request->follow = true;
        } else if (strncmp(words[i], "--", 2) == 0) {
            if (!read_flag(console, request, words[i], i + 1 < count ? words[i + 1] : ""))
                return false;
            i++;
        } else if (!log_reader_has(words[i])) {
            console_unknown(console, "process with a log", words[i], SUBJECT_PROCESS);
            return false;
        } else {
            request->names[request->name_count++] = words[i];
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ lines */

static const char *text_of(const struct log_entry *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry->record, key));

    return text != NULL ? text : "";
}

static bool is_asked_for(const struct request *request, const struct log_entry *entry)
{
    return entry->level >= request->level &&
           (request->trace == NULL || strncmp(text_of(entry, "trace"), request->trace, strlen(request->trace)) == 0);
}

static void print_json(const struct log_entry *entry)
{
    json_t *record = json_pack("{s:s, s:s, s:s, s:s, s:s%}", "time", entry->time, "level", log_level_name(entry->level),
                               "node", entry->source, "actor", "", "event", entry->text, strlen(entry->text));

    if (entry->record == NULL && record != NULL)
        json_dumpf(record, stdout, JSON_COMPACT);
    else
        fputs(entry->text, stdout);
    putchar('\n');
    json_decref(record);
}

static void print_for_people(const struct log_entry *entry, bool has_colour)
{
    static const char *const colours[] = { "\033[2m", "", "\033[33m", "\033[31m" };
    const char *actor = text_of(entry, "actor");
    const char *trace = text_of(entry, "trace");

    printf("%s%.12s %-5s %s%s%s  %s", has_colour ? colours[entry->level] : "", entry->time + 11,
           log_level_name(entry->level), entry->source, *actor != '\0' ? "/" : "", actor,
           entry->record != NULL ? text_of(entry, "event") : entry->text);
    printf("%s%.32s%s\n", *trace != '\0' ? "  trace=" : "", trace, has_colour ? "\033[0m" : "");
}

/* The last `most` of those that are asked for. */
static void print_some(
    const struct console *console, const struct request *request, struct log_entry *entries, size_t count, size_t most)
{
    bool has_colour = view_has_colour(STDOUT_FILENO);
    size_t first = count;

    while (first > 0 && most > 0)
        most -= is_asked_for(request, &entries[--first]) ? 1 : 0;
    for (size_t i = first; i < count; i++) {
        if (!is_asked_for(request, &entries[i]))
            continue;
        if (console->as_json)
            print_json(&entries[i]);
        else
            print_for_people(&entries[i], has_colour);
    }
    fflush(stdout);
}

enum exit_code console_run_logs(struct console *console, char **words, size_t count)
{
    struct request request;
    struct log_entry *entries;
    struct log_reader *reader;

    if (!read_request(console, words, count, &request))
        return console->code;
    if (console->is_elsewhere) {
        complain(console->called, "logs do not travel through a gate: run `shunt logs` where the platform runs");
        return EXIT_FAILED;
    }
    reader = log_reader_open(request.names, request.name_count);
    count = log_reader_next(reader, &entries);
    print_some(console, &request, entries, count, request.lines);
    if (request.follow)
        console_catch_interrupt();
    while (request.follow && !console_is_interrupted() && !ferror(stdout)) {
        poll(NULL, 0, FOLLOW_EVERY_MS);
        count = log_reader_next(reader, &entries);
        print_some(console, &request, entries, count, count);
    }
    log_reader_close(&reader);
    return EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------ shunt logs */

static enum exit_code run(const struct invocation *invocation)
{
    static const char *const flags[] = { "level", "trace", "lines" };
    char room[3][16];
    char *words[CONSOLE_WORDS_LIMIT + 8];
    size_t count = 0;
    struct console console = { .called = "logs", .as_json = flag_value(invocation, "json") != NULL };

    for (size_t i = 0; i < invocation->word_count; i++)
        words[count++] = invocation->words[i];
    for (size_t i = 0; i < 3; i++) {
        if (flag_value(invocation, flags[i]) == NULL)
            continue;
        snprintf(room[i], sizeof room[i], "--%s", flags[i]);
        words[count++] = room[i];
        words[count++] = (char *)flag_value(invocation, flags[i]);
    }
    if (flag_value(invocation, "follow") != NULL)
        words[count++] = (char[]){ "-f" };
    if (chdir(place_data(invocation)) != 0 || access("log", R_OK | X_OK) != 0) {
        complain("logs", "%s has no logs; `shunt up` begins them, --data DIR names another data folder",
                 place_data(invocation));
        return EXIT_NOTHING_RUNNING;
    }
    console.topology = place_load("topology.zpl", NULL, NULL);
    if (console.topology == NULL)
        return EXIT_FAILED;

    enum exit_code code = console_run_logs(&console, words, count);

    topology_destroy(&console.topology);
    return code;
}

static const struct flag flags[] = {
    { .name = "follow", .help = "go on with what is written from now on; -f is the same" },
    { .name = "level", .argument = "LEVEL", .help = "leave out what is less grave: debug, info, warn, error" },
    { .name = "trace", .argument = "ID", .help = "only lines of this trace" },
    { .name = "lines", .argument = "N", .help = "the last so many to begin with (default 200)" },
    FLAG_JSON,
    FLAG_DATA,
};

const struct verb logs_verb = {
    .name = "logs",
    .synopsis = "[-f] [NODE|STORE]...",
    .summary = "what all processes wrote, merged by time",
    .help = "How much is written is a live setting: shunt config set supervisor.log_level debug",
    .example = "  shunt logs -f --level warn\n  shunt logs edge app1 --lines 50\n"
               "  shunt logs --trace 4bf92f3577b34da6a3ce929d0e0e4736 --json\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = CONSOLE_WORDS_LIMIT - 8,
    .run = run,
};
