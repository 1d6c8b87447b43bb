/* SPDX-License-Identifier: MIT */
/*
 * command -- the command line: one program with verbs, each a row of a table from which parser, help and documentation
 * follow.
 *
 * Messages to people go to standard error, answers to standard output. A message about a problem says what to do.
 */
#ifndef ACTORS_COMMAND_COMMAND_H
#define ACTORS_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "runtime/plan/topology.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,         /* it did not work */
    EXIT_WRONG_USAGE = 2,    /* nothing was tried */
    EXIT_NOTHING_RUNNING = 3 /* there is no platform to speak with */
};

enum { FLAGS_LIMIT = 12, SETTINGS_LIMIT = 64 };

struct flag {
    const char *name;     /* without the dashes */
    const char *argument; /* what stands behind it, for the help: "DIR"; NULL: nothing */
    const char *help;
};

struct invocation;

struct verb {
    const char *name;
    const char *synopsis; /* what follows the name: "[FILE]" */
    const char *summary;  /* half a sentence, for the list of verbs */
    const char *help;     /* more sentences; may be NULL */
    const char *example;  /* lines to type */
    const struct flag *flags;
    size_t flag_count;
    size_t words_min; /* arguments that are no flags */
    size_t words_max;
    bool hidden;
    bool has_own_flags; /* behind the first word flags that are not in the table are words */
    enum exit_code (*run)(const struct invocation *invocation);
};

struct invocation {
    const struct verb *verb;
    const char *values[FLAGS_LIMIT]; /* of the verb's flags; NULL: not given; a flag without argument: "" */
    struct setting_override settings[SETTINGS_LIMIT]; /* from `--set path=value`, split */
    size_t setting_count;
    char *const *words;
    size_t word_count;
};

/* The value of a flag of the verb, or NULL when it was not given. Asserts that the verb has it. */
const char *flag_value(const struct invocation *invocation, const char *name);

/* Rows that several verbs have. */
#define FLAG_DATA                                                                                                      \
    {                                                                                                                  \
        .name = "data", .argument = "DIR", .help = "the platform's data folder (default ./var)"                        \
    }
#define FLAG_JSON                                                                                                      \
    {                                                                                                                  \
        .name = "json", .help = "answer in JSON, for programs"                                                         \
    }
#define FLAG_SET                                                                                                       \
    {                                                                                                                  \
        .name = "set", .argument = "PATH=VALUE", .help = "override what the topology says; may be repeated"            \
    }

/* Runs the verb that the arguments name; the program's exit code. */
int command_main(int count, char **arguments);

/* One sentence to a person: "shunt VERB: ...". */
void complain(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- verbs, one in each file */
extern const struct verb up_verb, down_verb, status_verb, restart_verb, reload_verb, check_verb, graph_verb,
    console_verb, config_verb, keys_verb, node_verb, logs_verb;
extern const struct verb backup_verb, restore_verb;

#endif
