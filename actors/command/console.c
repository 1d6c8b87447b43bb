/* SPDX-License-Identifier: MIT */
/* console -- see console.h. This file is `shunt console` itself: connecting, a person's lines, a script's lines. */
#include "actors/command/console.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "actors/command/door.h"
#include "actors/command/place.h"
#include "actors/io/line_editor.h"

/* ------------------------------------------------------------------------------------------------ opening */

static void begin(struct console *console, const char *called, bool as_json)
{
    const struct passwd *user = getpwuid(getuid());

    *console = (struct console){ .called = called, .as_json = as_json };
    snprintf(console->who, sizeof console->who, "%.40s uid %u (%s %d)", user != NULL ? user->pw_name : "somebody",
             (unsigned)getuid(), called, (int)getpid());
}

/* Here or through a gate. */
static enum exit_code open_door(struct console *console, const struct invocation *invocation)
{
    enum exit_code code;

    begin(console, "console", flag_value(invocation, "json") != NULL);
    console->is_elsewhere = flag_value(invocation, "gate") != NULL;
    code = door_open(invocation, "console", &console->client);
    if (code != EXIT_DONE)
        return code;
    console->topology = door_topology(invocation, console->client);
    if (console->topology != NULL)
        return EXIT_DONE;
    console_close(console);
    return EXIT_FAILED;
}

bool console_open(struct console *console, const char *called, bool as_json)
{
    begin(console, called, as_json);
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

/* ------------------------------------------------------------------------------------------------ shunt console */

/* "\\?" and "\\q" as elsewhere. False: leave. */
static bool run_line(struct console *console, const char *line)
{
    static char help[] = "help";
    char *words[CONSOLE_WORDS_LIMIT];
    char copy[CONSOLE_LINE_LIMIT];
    size_t count;

    snprintf(copy, sizeof copy, "%s", line);
    count = console_split(copy, words);
    if (count > 0 && strcmp(words[0], "\\q") == 0)
        return false;
    if (count > 0 && (strcmp(words[0], "\\?") == 0 || strcmp(words[0], "?") == 0))
        words[0] = help;
    if (count > 0) {
        console_catch_interrupt();
        console_run(console, words, count);
    }
    fflush(stdout);
    return !console->is_over;
}

static enum exit_code converse(struct console *console)
{
    char prompt[64];
    const char *line;
    struct line_editor *editor;

    snprintf(prompt, sizeof prompt, "%.40s> ", console->topology->name);
    editor = line_editor_open("shunt", prompt, "run/console.history", console_complete, console);
    if (editor == NULL) {
        complain(console->called, "this terminal cannot be used; give a verb: shunt console tree");
        return EXIT_FAILED;
    }
    console->is_interactive = isatty(STDOUT_FILENO) != 0;
    printf("%s at %s. \\? lists the verbs, Tab completes, \\q leaves.\n", console->topology->name,
           console->topology->url);
    while ((line = line_editor_read(editor)) != NULL && run_line(console, line))
        ;
    line_editor_close(&editor);
    return EXIT_DONE;
}

/* Lines from a pipe, one verb each; the first that fails decides the exit code. */
static enum exit_code follow_script(struct console *console)
{
    char line[CONSOLE_LINE_LIMIT];
    enum exit_code code = EXIT_DONE;

    while (!console->is_over && fgets(line, sizeof line, stdin) != NULL) {
        char *words[CONSOLE_WORDS_LIMIT];
        size_t count = console_split(line, words);

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
    enum exit_code code = open_door(&console, invocation);

    if (code != EXIT_DONE)
        return code;
    if (invocation->word_count > 0)
        code = console_run(&console, (char **)invocation->words, invocation->word_count);
    else
        code = isatty(STDIN_FILENO) ? converse(&console) : follow_script(&console);
    console_close(&console);
    return code;
}

static const struct flag flags[] = { FLAG_JSON, FLAG_DATA, FLAGS_GATE };

const struct verb console_verb = {
    .name = "console",
    .synopsis = "[VERB]...",
    .summary = "speak with the running platform",
    .help = "Without a verb it is interactive, with history and completion; `help` lists the verbs. From a pipe it "
            "takes one\n"
            "verb a line. With --gate it speaks with a platform on another machine, as far as your key allows.",
    .example = "  shunt console\n  shunt console tree\n  shunt console show route app1 --json\n"
               "  shunt console config set edge.mode fast\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = CONSOLE_WORDS_LIMIT,
    .has_own_flags = true,
    .run = run,
};
