/* SPDX-License-Identifier: MIT */
/* console -- see console.h. This file finds and runs verbs, completes them, and is `shunt console` itself. */
#include "actors/command/console.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/command/place.h"
#include "actors/command/show.h"
#include "actors/io/line_editor.h"
#include "runtime/nearest.h"

const struct console_verb *const console_verbs[] = {
    &console_tree,
    &console_show_actor,
    &console_show_node,
    &console_show_route,
    &console_show_breaker,
    &console_show_config,
    &console_config_get,
    &console_config_set,
    &console_suspend,
    &console_resume,
    &console_drain,
    &console_restart,
    &console_kill,
    &console_reconcile,
    &console_help,
    &console_quit,
    NULL,
};

/* ------------------------------------------------------------------------------------------------ finding a verb */

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

static const struct console_verb *find_verb(char **words, size_t count, size_t *ret_taken)
{
    for (size_t i = 0; console_verbs[i] != NULL; i++) {
        *ret_taken = matches(console_verbs[i], words, count);
        if (*ret_taken > 0)
            return console_verbs[i];
    }
    return NULL;
}

static void tell_unknown(const struct console *console, char **words, size_t count)
{
    char typed[128];
    struct nearest nearest = { 0 };

    snprintf(typed, sizeof typed, "%s%s%s", words[0], count > 1 ? " " : "", count > 1 ? words[1] : "");
    for (size_t i = 0; console_verbs[i] != NULL; i++) {
        nearest_offer(&nearest, words[0], console_verbs[i]->name);
        nearest_offer(&nearest, typed, console_verbs[i]->name);
    }
    complain(console->called, "there is no verb '%s'%s%s%s; `help` lists them", typed,
             nearest.best != NULL ? "; did you mean " : "", nearest.best != NULL ? nearest.best : "",
             nearest.best != NULL ? "?" : "");
}

enum exit_code console_run(struct console *console, char **words, size_t count)
{
    size_t taken = 0;
    const struct console_verb *verb = find_verb(words, count, &taken);

    if (verb == NULL) {
        tell_unknown(console, words, count);
        return EXIT_WRONG_USAGE;
    }
    if (count - taken < verb->words_min || count - taken > verb->words_max) {
        complain(console->called, "usage: %s %s", verb->name, verb->synopsis);
        return EXIT_WRONG_USAGE;
    }

    json_t *answer = verb->ask(console, words + taken, count - taken);

    if (answer == NULL)
        return EXIT_FAILED;
    if (console->as_json)
        show_json(answer, stdout);
    else
        verb->print(answer, stdout);
    json_decref(answer);
    return EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------ completion */

struct completion {
    const char *word;
    const char **choices;
    size_t count;
};

static void offer(struct completion *completion, const char *choice)
{
    if (completion->count == LINE_EDITOR_CHOICES || strncmp(choice, completion->word, strlen(completion->word)) != 0)
        return;
    for (size_t i = 0; i < completion->count; i++)
        if (strcmp(completion->choices[i], choice) == 0)
            return;
    completion->choices[completion->count++] = choice;
}

/* Names live in a room of their own until the next completion. */
static const char *keep(const char *first, const char *separator, const char *second)
{
    static char room[LINE_EDITOR_CHOICES * 2][128];
    static size_t next;
    char *kept = room[next++ % (LINE_EDITOR_CHOICES * 2)];

    snprintf(kept, sizeof room[0], "%s%s%s", first, separator, second);
    return kept;
}

static void offer_names(struct completion *completion, const struct console *console, enum console_subject subject)
{
    const struct topology *topology = console->topology;
    bool actors = subject == SUBJECT_ACTOR || subject == SUBJECT_ANY;
    bool nodes = subject == SUBJECT_NODE || subject == SUBJECT_PROCESS || subject == SUBJECT_ANY;
    bool stores = subject == SUBJECT_PROCESS || subject == SUBJECT_ANY;

    for (size_t i = 0; stores && i < topology->store_count; i++)
        offer(completion, topology->stores[i].name);
    for (size_t n = 0; n < topology->node_count; n++) {
        const struct topology_node *node = &topology->nodes[n];

        if (nodes)
            offer(completion, node->name);
        for (size_t a = 0; actors && a < node->actor_count; a++)
            offer(completion, keep(node->name, "/", node->actors[a].name));
        for (size_t a = 0; subject == SUBJECT_OPTION && a < node->actor_count; a++)
            for (size_t o = 0; o < node->actors[a].kind->option_count; o++)
                offer(completion, keep(node->actors[a].kind->name, ".", node->actors[a].kind->options[o].name));
    }
}

size_t console_complete(void *context, const char *line, const char **choices, size_t *ret_word)
{
    const struct console *console = context;
    const char *space = strrchr(line, ' ');
    struct completion completion = { .word = space != NULL ? space + 1 : line, .choices = choices };
    size_t before = (size_t)(completion.word - line);

    *ret_word = before;
    for (size_t i = 0; console_verbs[i] != NULL; i++) {
        const struct console_verb *verb = console_verbs[i];
        size_t size = strlen(verb->name);

        if (before <= size && strncmp(verb->name, line, before) == 0) {
            const char *rest = verb->name + before;
            char word[32];

            snprintf(word, sizeof word, "%.*s", (int)strcspn(rest, " "), rest);
            if (before < size)
                offer(&completion, keep(word, "", ""));
        }
        if (before == size + 1 && strncmp(line, verb->name, size) == 0 && line[size] == ' ')
            offer_names(&completion, console, verb->subject);
    }
    return completion.count;
}

/* ------------------------------------------------------------------------------------------------ help, quit */

static json_t *ask_help(struct console *console, char **words, size_t count)
{
    json_t *rows = json_array();
    size_t taken;
    const struct console_verb *only = count > 0 ? find_verb(words, count, &taken) : NULL;

    for (size_t i = 0; console_verbs[i] != NULL; i++) {
        const struct console_verb *verb = console_verbs[i];

        if (count == 0 || verb == only || (only == NULL && strncmp(verb->name, words[0], strlen(words[0])) == 0))
            json_array_append_new(
                rows,
                json_pack("{s:o, s:s}", "verb", json_sprintf("%s %s", verb->name, verb->synopsis), "help", verb->help));
    }
    if (json_array_size(rows) > 0)
        return rows;
    json_decref(rows);
    tell_unknown(console, words, count);
    return NULL;
}

static void print_help(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = { { "verb", "verb" }, { "help", "what it does" }, { NULL, NULL } };

    show_table(answer, columns, to);
}

const struct console_verb console_help = {
    .name = "help",
    .synopsis = "[VERB]",
    .help = "list the verbs, or what one does",
    .words_max = 2,
    .ask = ask_help,
    .print = print_help,
};

static json_t *ask_quit(struct console *console, char **words, size_t count)
{
    (void)words;
    (void)count;
    console->is_over = true;
    return json_object();
}

static void print_nothing(json_t *answer, FILE *to)
{
    (void)answer;
    (void)to;
}

const struct console_verb console_quit = {
    .name = "quit",
    .synopsis = "",
    .help = "leave; Ctrl-D does it, too",
    .ask = ask_quit,
    .print = print_nothing,
};

/* ------------------------------------------------------------------------------------------------ opening */

bool console_open(struct console *console, const char *called, bool as_json)
{
    const struct passwd *user = getpwuid(getuid());

    *console = (struct console){ .called = called, .as_json = as_json };
    snprintf(console->who, sizeof console->who, "%s (%s %d)", user != NULL ? user->pw_name : "somebody", called,
             (int)getpid());
    console->topology = place_load("topology.zpl", NULL, NULL);
    console->client = console->topology != NULL ? client_open(called) : NULL;
    if (console->client != NULL)
        return true;
    complain(called, "the platform cannot be spoken with: %s", strerror(errno));
    console_close(console);
    return false;
}

void console_close(struct console *console)
{
    client_close(&console->client);
    topology_destroy(&console->topology);
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

/* ------------------------------------------------------------------------------------------------ shunt console */

static enum exit_code converse(struct console *console)
{
    static char help[] = "help";
    char prompt[64];
    const char *line;
    struct line_editor *editor;

    snprintf(prompt, sizeof prompt, "%.40s> ", console->topology->name);
    editor = line_editor_open("shunt", prompt, "run/console.history", console_complete, console);
    if (editor == NULL) {
        complain(console->called, "this terminal cannot be used; give a verb: shunt console tree");
        return EXIT_FAILED;
    }
    while (!console->is_over && (line = line_editor_read(editor)) != NULL) {
        char *words[CONSOLE_WORDS_LIMIT];
        char copy[4096];
        size_t count = 0;
        char *rest = NULL;

        snprintf(copy, sizeof copy, "%s", line);
        for (char *word = strtok_r(copy, " \t", &rest); word != NULL && count < CONSOLE_WORDS_LIMIT;
             word = strtok_r(NULL, " \t", &rest))
            words[count++] = word;
        if (count > 0 && (strcmp(words[0], "\\?") == 0 || strcmp(words[0], "?") == 0))
            words[0] = help;
        if (count > 0 && strcmp(words[0], "\\q") == 0)
            break;
        if (count > 0)
            console_run(console, words, count);
        fflush(stdout);
    }
    line_editor_close(&editor);
    return EXIT_DONE;
}

/* Lines from a pipe, one verb each; the first that fails decides the exit code. */
static enum exit_code follow_script(struct console *console)
{
    char line[4096];
    enum exit_code code = EXIT_DONE;

    while (!console->is_over && fgets(line, sizeof line, stdin) != NULL) {
        char *words[CONSOLE_WORDS_LIMIT];
        size_t count = 0;
        char *rest = NULL;

        for (char *word = strtok_r(line, " \t\r\n", &rest); word != NULL && count < CONSOLE_WORDS_LIMIT;
             word = strtok_r(NULL, " \t\r\n", &rest))
            words[count++] = word;
        if (count == 0 || words[0][0] == '#')
            continue;

        enum exit_code one = console_run(console, words, count);

        code = code == EXIT_DONE ? one : code;
        fflush(stdout);
    }
    return code;
}

static enum exit_code run(const struct invocation *invocation)
{
    struct console console;
    enum exit_code code = place_enter_running(invocation);

    if (code != EXIT_DONE)
        return code;
    if (!console_open(&console, "console", flag_value(invocation, "json") != NULL))
        return EXIT_FAILED;
    if (invocation->word_count > 0)
        code = console_run(&console, (char **)invocation->words, invocation->word_count);
    else
        code = isatty(STDIN_FILENO) ? converse(&console) : follow_script(&console);
    console_close(&console);
    return code;
}

static const struct flag flags[] = { FLAG_JSON, FLAG_DATA };

const struct verb console_verb = {
    .name = "console",
    .synopsis = "[VERB]...",
    .summary = "speak with the running platform",
    .help = "Without a verb it is interactive, with history and completion; `help` lists the verbs. From a pipe it "
            "takes one\n"
            "verb a line.",
    .example = "  shunt console\n  shunt console tree\n  shunt console show route app1 --json\n"
               "  shunt console config set edge.mode fast\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = CONSOLE_WORDS_LIMIT,
    .run = run,
};
