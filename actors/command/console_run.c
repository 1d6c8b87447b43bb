/* SPDX-License-Identifier: MIT */
/* console_run -- finds and runs one verb, says what is wrong with a line, and writes down who acted; see console.h. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "actors/command/console.h"
#include "actors/command/show.h"
#include "runtime/cell/node.h"
#include "runtime/nearest.h"
#include "runtime/supervise/log_file.h"
#include "runtime/watch/log.h"

enum { LOG_FILE_LIMIT = 1024 * 1024 };

/* ------------------------------------------------------------------------------------------------ finding */

size_t console_split(char *line, char **words)
{
    size_t count = 0;
    char *rest = NULL;

    for (char *word = strtok_r(line, " \t\r\n", &rest); word != NULL && count < CONSOLE_WORDS_LIMIT;
         word = strtok_r(NULL, " \t\r\n", &rest))
        words[count++] = word;
    return count;
}

/* How many words of `words` a verb's name takes; 0: they do not begin with it. */
static size_t matches(const struct console_verb *verb, char **words, size_t count)
{
    const char *space = strchr(verb->name, ' ');
    size_t first = space != NULL ? (size_t)(space - verb->name) : strlen(verb->name);

    if (count == 0 || strlen(words[0]) != first || strncmp(words[0], verb->name, first) != 0)
        return 0;
    if (space == NULL)
        return 1;
    return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

const struct console_verb *console_find(char **words, size_t count, size_t *ret_taken)
{
    for (const struct console_verb *verb = console_verbs; verb->name != NULL; verb++) {
        *ret_taken = matches(verb, words, count);
        if (*ret_taken > 0)
            return verb;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ what is wrong */

void console_misuse(struct console *console, const char *format, ...)
{
    char sentence[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    complain(console->called, "%s", sentence);
    console->code = EXIT_WRONG_USAGE;
}

struct search {
    const char *word;
    char best[128];
    unsigned distance;
};

/* `name` is offered to whoever typed something like `word`. */
static void consider_as(struct search *search, const char *word, const char *name)
{
    struct nearest nearest = { 0 };

    nearest_offer(&nearest, search->word, word);
    if (nearest.best == NULL || (search->best[0] != '\0' && nearest.distance >= search->distance))
        return;
    snprintf(search->best, sizeof search->best, "%s", name);
    search->distance = nearest.distance;
}

static void consider(void *context, const char *name)
{
    consider_as(context, name, name);
}

static void tell_nearest(struct console *console, const char *what, const struct search *search, const char *hint)
{
    complain(console->called, "there is no %s '%s'%s%s%s%s", what, search->word,
             search->best[0] != '\0' ? "; did you mean " : "", search->best, search->best[0] != '\0' ? "?" : "", hint);
}

void console_unknown(struct console *console, const char *what, const char *name, enum console_subject among)
{
    struct search search = { .word = name };

    console_each_name(console, among, "", consider, &search);
    tell_nearest(console, what, &search, "");
}

static void tell_unknown_verb(struct console *console, char **words, size_t count)
{
    char typed[128];
    struct search one = { .word = words[0] };
    struct search two = { .word = typed };

    snprintf(typed, sizeof typed, "%s%s%s", words[0], count > 1 ? " " : "", count > 1 ? words[1] : "");
    for (const struct console_verb *verb = console_verbs; verb->name != NULL; verb++) {
        consider(&one, verb->name);
        consider(&two, verb->name);
        if (strchr(verb->name, ' ') != NULL) /* `lag` is half of `show lag` */
            consider_as(&one, strchr(verb->name, ' ') + 1, verb->name);
    }
    if (two.best[0] == '\0' || (one.best[0] != '\0' && one.distance < two.distance))
        memcpy(two.best, one.best, sizeof two.best);
    tell_nearest(console, "verb", &two, "; `help` lists them");
    console->code = EXIT_WRONG_USAGE;
}

void console_failed(const struct console *console, const char *address, const struct client_answer *answer)
{
    if (answer->outcome == ASK_FAILED)
        complain(console->called, "%s", answer->detail);
    else
        complain(console->called, "%s does not answer: %s", address, answer->detail);
}

const char *console_find_kind(struct console *console, const char *kind)
{
    static char address[128];

    for (size_t n = 0; n < console->topology->node_count; n++) {
        const struct topology_node *node = &console->topology->nodes[n];

        for (size_t a = 0; a < node->actor_count; a++)
            if (strcmp(node->actors[a].kind->name, kind) == 0) {
                snprintf(address, sizeof address, "%s/%s", node->name, node->actors[a].name);
                return address;
            }
    }
    complain(console->called, "this topology has no actor of kind %s", kind);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ Ctrl-C */

static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

void console_catch_interrupt(void)
{
    struct sigaction action = { .sa_handler = note_interrupt }; /* no SA_RESTART: whoever waits is to look */

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    is_interrupted = 0;
}

bool console_is_interrupted(void)
{
    return is_interrupted != 0;
}

/* ------------------------------------------------------------------------------------------------ who acted */

/* Beside what those write down who carry it out: one line for each act, in one place. */
static void write_down(const struct console *console, const char *line, enum exit_code code)
{
    struct log_file log;
    char sentence[LOG_LINE_LIMIT / 2];
    char text[LOG_LINE_LIMIT];
    struct log_origin origin = { .node = "console", .wall_us = machine_clock.wall_us(NULL) };

    snprintf(sentence, sizeof sentence, "%s: %.512s: %s", console->who, line,
             code == EXIT_DONE ? "done" : "it did not work");
    if (!log_file_open(&log, "log/console.log", LOG_FILE_LIMIT)) {
        complain(console->called, "log/console.log cannot be written: %m");
        return;
    }
    log_file_write(&log, text, log_format(&origin, code == EXIT_DONE ? LOG_INFO : LOG_WARN, sentence, text));
    log_file_close(&log);
}

static void join(char **words, size_t count, char *line, size_t room)
{
    size_t size = 0;

    line[0] = '\0';
    for (size_t i = 0; i < count && size < room; i++)
        size += (size_t)snprintf(line + size, room - size, "%s%s", i > 0 ? " " : "", words[i]);
}

/* ------------------------------------------------------------------------------------------------ running */

void console_print(const struct console *console, json_t *answer, void (*print)(json_t *answer, FILE *to))
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = console->is_interactive ? open_memstream(&text, &size) : stdout;

    if (to == NULL)
        return;
    if (console->as_json)
        show_json(answer, to);
    else
        print(answer, to);
    if (to == stdout)
        return;
    fclose(to);
    console_page(text, size);
    free(text);
}

static enum exit_code run_verb(struct console *console, const struct console_verb *verb, char **words, size_t count)
{
    json_t *answer;

    console->code = EXIT_FAILED;
    if (verb->run != NULL)
        return verb->run(console, words, count);
    answer = verb->ask(console, words, count);
    if (answer == NULL)
        return console->code;
    console_print(console, answer, verb->print);
    json_decref(answer);
    return EXIT_DONE;
}

enum exit_code console_run(struct console *console, char **words, size_t count)
{
    bool json_before = console->as_json;
    bool json_once = count > 1 && strcmp(words[count - 1], "--json") == 0;
    size_t taken = 0;
    const struct console_verb *verb;
    char line[CONSOLE_LINE_LIMIT];
    enum exit_code code;

    count -= json_once ? 1 : 0;
    verb = console_find(words, count, &taken);
    if (verb == NULL) {
        tell_unknown_verb(console, words, count);
        return EXIT_WRONG_USAGE;
    }
    if (count - taken < verb->words_min || count - taken > verb->words_max) {
        complain(console->called, "usage: %s %s", verb->name, verb->synopsis);
        return EXIT_WRONG_USAGE;
    }
    join(words, count, line, sizeof line);
    console->as_json |= json_once;
    code = run_verb(console, verb, words + taken, count - taken);
    console->as_json = json_before;
    if (verb->acts && code != EXIT_WRONG_USAGE && !console->is_elsewhere)
        write_down(console, line, code);
    return code;
}
