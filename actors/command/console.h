/* SPDX-License-Identifier: MIT */
/*
 * console -- the operator's verbs, each a row: name, arity, help, completion and what it does. Interactive use, scripts
 * (`shunt console VERB...`) and `shunt config` run the same rows.
 *
 * A verb answers with one JSON value, and knows how to print it for people.
 */
#ifndef ACTORS_COMMAND_CONSOLE_H
#define ACTORS_COMMAND_CONSOLE_H

#include <jansson.h>

#include "actors/command/command.h"
#include "runtime/client.h"

enum { CONSOLE_WORDS_LIMIT = 8 };

struct console {
    struct client *client;
    struct topology *topology; /* what runs */
    bool as_json;
    bool is_over;       /* quit was typed */
    const char *called; /* "console" or "config", for complaints */
    char who[64];       /* for the platform's log: who acts */
};

/* What can stand behind a verb, for completion. */
enum console_subject { SUBJECT_NONE, SUBJECT_ACTOR, SUBJECT_NODE, SUBJECT_PROCESS, SUBJECT_ANY, SUBJECT_OPTION };

struct console_verb {
    const char *name; /* may be two words: "show actor" */
    const char *synopsis;
    const char *help;
    enum console_subject subject; /* of the first word behind it */
    size_t words_min;
    size_t words_max;
    /* The answer, or NULL after a complaint. `words` are those behind the name. */
    json_t *(*ask)(struct console *console, char **words, size_t count);
    void (*print)(json_t *answer, FILE *to);
};

extern const struct console_verb *const console_verbs[]; /* NULL at the end */

/* Runs one verb. */
enum exit_code console_run(struct console *console, char **words, size_t count);
/* Connects to the platform in the working directory. False after a complaint. */
bool console_open(struct console *console, const char *called, bool as_json);
void console_close(struct console *console);

/* Completion of the last word of a line; see line_editor.h. */
size_t console_complete(void *console, const char *line, const char **choices, size_t *ret_word);

/* The address of the platform's only actor of that kind; NULL after a complaint. */
const char *console_find_kind(struct console *console, const char *kind);

/* ---- verbs, by file */
extern const struct console_verb console_tree, console_show_actor, console_show_node, console_show_route,
    console_show_breaker;                                                                     /* console_show.c */
extern const struct console_verb console_show_config, console_config_get, console_config_set; /* console_config.c */
extern const struct console_verb console_suspend, console_resume, console_drain, console_restart, console_kill,
    console_reconcile;                                       /* console_act.c */
extern const struct console_verb console_help, console_quit; /* console.c */

#endif
