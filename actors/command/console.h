/* SPDX-License-Identifier: MIT */
/*
 * console -- the operator's verbs, each a row of one table (console_table.c): name, arguments, whether it reads or
 * acts, help, example, completion, handler. Help, completion, arity and the page VERBS.md follow from the rows;
 * interactive use, scripts (`shunt console VERB...`), `shunt config` and `shunt logs` run the same ones.
 *
 * A verb answers with one JSON value, and knows how to print it for people. One that goes on until it is told to stop
 * (top, logs -f, trace watch) prints by itself. What an acting verb did is written to log/console.log with who asked.
 */
#ifndef ACTORS_COMMAND_CONSOLE_H
#define ACTORS_COMMAND_CONSOLE_H

#include <jansson.h>

#include "actors/command/command.h"
#include "runtime/client.h"

enum { CONSOLE_WORDS_LIMIT = 24, CONSOLE_SUBJECTS_LIMIT = 4, CONSOLE_LINE_LIMIT = 4096 };

struct console {
    struct client *client;
    struct topology *topology; /* what runs */
    bool as_json;
    bool is_interactive; /* a person at a terminal: long answers are paged */
    bool is_over;        /* quit was typed */
    bool is_elsewhere;   /* the platform is behind a gate, which writes down who acts */
    const char *called;  /* "console" or "config", for complaints */
    char who[96];        /* for the platform's log: who acts */
    enum exit_code code; /* of the verb that runs, should it answer NULL */
};

/* What can stand behind a verb, for completion. */
enum console_subject {
    SUBJECT_NONE,
    SUBJECT_ACTOR,     /* NODE/ACTOR */
    SUBJECT_NODE,      /* NODE */
    SUBJECT_PROCESS,   /* NODE or STORE */
    SUBJECT_ANY,       /* all three */
    SUBJECT_OPTION,    /* KIND.OPTION */
    SUBJECT_VALUE,     /* of the option in the word before, where it is a choice */
    SUBJECT_MESSAGE,   /* link_resolve */
    SUBJECT_FAILPOINT, /* of this build */
    SUBJECT_ACTION,    /* of a failpoint */
    SUBJECT_VERB,      /* of this table */
    SUBJECT_REPAIR,    /* the one word */
    SUBJECT_LOG,       /* a process, or a flag of logs */
    SUBJECT_TRACE      /* watch */
};

struct console_verb {
    const char *name; /* may be two words: "show actor" */
    const char *synopsis;
    const char *help;
    const char *example; /* what is typed behind `shunt console` */
    bool acts;           /* it changes something: it is logged, and needs a key that may */
    enum console_subject subjects[CONSOLE_SUBJECTS_LIMIT]; /* of the words behind it, in order */
    size_t words_min;
    size_t words_max;
    /* The answer, or NULL after a complaint. `words` are those behind the name. */
    json_t *(*ask)(struct console *console, char **words, size_t count);
    void (*print)(json_t *answer, FILE *to);
    /* Instead of the two: prints by itself. */
    enum exit_code (*run)(struct console *console, char **words, size_t count);
};

extern const struct console_verb console_verbs[]; /* console_table.c; a NULL name at the end */
/* The table as a page in Markdown: VERBS.md. */
void console_write_page(FILE *to);

/* Connects to the platform in the working directory. False after a complaint. */
bool console_open(struct console *console, const char *called, bool as_json);
void console_close(struct console *console);

/* ---- console_run.c */

/* Runs one verb. A last word "--json" asks for JSON this once. */
enum exit_code console_run(struct console *console, char **words, size_t count);
/* Splits a line in place; at most CONSOLE_WORDS_LIMIT words. */
size_t console_split(char *line, char **words);
/* Prints an answer as JSON or for people, a screen at a time when one sits there. */
void console_print(const struct console *console, json_t *answer, void (*print)(json_t *answer, FILE *to));
/* The verb that the words begin with and how many of them name it; NULL: none. */
const struct console_verb *console_find(char **words, size_t count, size_t *ret_taken);
/* One sentence about wrong use; the exit code becomes 2. */
void console_misuse(struct console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says that nothing has this name, and which is near: "node", "actor" ... */
void console_unknown(struct console *console, const char *what, const char *name, enum console_subject among);
/* Says what an ask that was not answered as wished came to. */
void console_failed(const struct console *console, const char *address, const struct client_answer *answer);
/* Ctrl-C ends what is going on, not the console. */
void console_catch_interrupt(void);
bool console_is_interrupted(void);
/* The address of the platform's only actor of that kind; NULL after a complaint. */
const char *console_find_kind(struct console *console, const char *kind);

/* ---- console_complete.c */

/* Completion of the last word of a line; see line_editor.h. */
size_t console_complete(void *console, const char *line, const char **choices, size_t *ret_word);
/* Calls `offer` for each name that a subject stands for. `before`: the word before, for SUBJECT_VALUE. */
void console_each_name(const struct console *console,
                       enum console_subject subject,
                       const char *before,
                       void (*offer)(void *context, const char *name),
                       void *context);

/* ---- console_pager.c */

/* Writes `text` to the terminal, a screen at a time. */
void console_page(const char *text, size_t size);

/* ---- handlers, by file; the rows are in console_table.c */

/* console_show.c */
json_t *console_ask_tree(struct console *console, char **words, size_t count);
json_t *console_ask_node(struct console *console, char **words, size_t count);
void console_print_node(json_t *answer, FILE *to);
json_t *console_ask_actor(struct console *console, char **words, size_t count);
void console_print_actor(json_t *answer, FILE *to);
json_t *console_ask_routes(struct console *console, char **words, size_t count);
void console_print_routes(json_t *answer, FILE *to);
json_t *console_ask_breakers(struct console *console, char **words, size_t count);
void console_print_breakers(json_t *answer, FILE *to);
json_t *console_ask_dead_letters(struct console *console, char **words, size_t count);
void console_print_dead_letters(json_t *answer, FILE *to);
/* Calls `add` for each node's status, or for that of the one named ("app1" or "app1/links"). NULL after a complaint. */
json_t *console_for_nodes(struct console *console,
                          const char *wanted,
                          void (*add)(json_t *rows, json_t *node, const char *from));

/* console_lag.c */
json_t *console_ask_lag(struct console *console, char **words, size_t count);
void console_print_lag(json_t *answer, FILE *to);

/* console_top.c */
enum exit_code console_run_top(struct console *console, char **words, size_t count);

/* console_trace.c */
enum exit_code console_run_trace(struct console *console, char **words, size_t count);

/* console_config.c */
json_t *console_ask_settings(struct console *console, char **words, size_t count);
void console_print_settings(json_t *answer, FILE *to);
json_t *console_ask_set(struct console *console, char **words, size_t count);
void console_print_set(json_t *answer, FILE *to);

/* console_act.c */
json_t *console_ask_suspend(struct console *console, char **words, size_t count);
json_t *console_ask_resume(struct console *console, char **words, size_t count);
json_t *console_ask_drain(struct console *console, char **words, size_t count);
json_t *console_ask_restart(struct console *console, char **words, size_t count);
json_t *console_ask_reload(struct console *console, char **words, size_t count);
json_t *console_ask_kill(struct console *console, char **words, size_t count);
json_t *console_ask_reconcile(struct console *console, char **words, size_t count);
json_t *console_ask_replay(struct console *console, char **words, size_t count);
void console_print_done(json_t *answer, FILE *to);
void console_print_drift(json_t *answer, FILE *to);

/* console_audit.c */
json_t *console_ask_audit(struct console *console, char **words, size_t count);
void console_print_audit(json_t *answer, FILE *to);

/* console_failpoint.c */
json_t *console_ask_failpoint(struct console *console, char **words, size_t count);
void console_print_failpoint(json_t *answer, FILE *to);

/* logs.c */
enum exit_code console_run_logs(struct console *console, char **words, size_t count);

/* console_help.c */
json_t *console_ask_help(struct console *console, char **words, size_t count);
void console_print_help(json_t *answer, FILE *to);
json_t *console_ask_quit(struct console *console, char **words, size_t count);
void console_print_nothing(json_t *answer, FILE *to);

#endif
