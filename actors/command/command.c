/* SPDX-License-Identifier: MIT */
/* command -- see command.h. This file knows the verbs, reads their arguments and prints their help. */
#include "actors/command/command.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "runtime/nearest.h"

static const struct verb *const verbs[] = {
    &up_verb,      &down_verb, &status_verb, &restart_verb, &reload_verb, &check_verb,  &graph_verb,
    &console_verb, &logs_verb, &config_verb, &keys_verb,    &node_verb,   &backup_verb, &restore_verb,
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

/* What the script at the root of a checkout does itself; listed here so that the help is whole. */
static const struct {
    const char *name;
    const char *summary;
} script_verbs[] = {
    { "test [LAYER]...", "set up, build and run the tests (in a checkout)" },
    { "bench [NAME]...", "every figure a ratio against a baseline of the same run (in a checkout)" },
    { "chaos", "faults under load; then every click is looked for (in a checkout)" },
    { "load [NAME]", "put load on a platform with Locust, wrk or h2load (in a checkout)" },
    { "setup [run|test]", "only bring to this machine what is missing (in a checkout)" },
};

void complain(const char *verb, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "shunt%s%s: ", verb[0] != '\0' ? " " : "", verb);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* ------------------------------------------------------------------------------------------------ help */

static void print_usage(FILE *to)
{
    fprintf(to, "usage: shunt VERB [ARGUMENT]...\n\n");
    for (size_t i = 0; i < VERBS; i++) {
        char left[64];

        if (verbs[i]->hidden)
            continue;
        snprintf(left, sizeof left, "%s %s", verbs[i]->name, verbs[i]->synopsis);
        fprintf(to, "  %-20s %s\n", left, verbs[i]->summary);
    }
    for (size_t i = 0; i < sizeof script_verbs / sizeof script_verbs[0]; i++)
        fprintf(to, "  %-20s %s\n", script_verbs[i].name, script_verbs[i].summary);
    fprintf(to, "\nEvery verb has --help. To begin: shunt up\n");
}

static void print_help(const struct verb *verb)
{
    printf("usage: shunt %s %s%s\n\nTo %s.\n", verb->name, verb->flag_count > 0 ? "[FLAG]... " : "", verb->synopsis,
           verb->summary);
    if (verb->help != NULL)
        printf("%s\n", verb->help);
    for (size_t i = 0; i < verb->flag_count; i++) {
        char left[64];

        snprintf(left, sizeof left, "--%s%s%s", verb->flags[i].name, verb->flags[i].argument != NULL ? " " : "",
                 verb->flags[i].argument != NULL ? verb->flags[i].argument : "");
        printf("%s  %-20s %s\n", i == 0 ? "\n" : "", left, verb->flags[i].help);
    }
    printf("\nExample:\n%s\nExit codes: 0 done, 1 it did not work, 2 wrong usage, 3 nothing is running.\n",
           verb->example);
}

/* ------------------------------------------------------------------------------------------------ arguments */

const char *flag_value(const struct invocation *invocation, const char *name)
{
    for (size_t i = 0; i < invocation->verb->flag_count; i++)
        if (strcmp(invocation->verb->flags[i].name, name) == 0)
            return invocation->values[i];
    assert(!"a verb asks for its own flags only");
    return NULL;
}

static bool take_setting(struct invocation *invocation, char *text)
{
    char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || invocation->setting_count == SETTINGS_LIMIT) {
        complain(invocation->verb->name,
                 "--set wants PATH=VALUE, such as platform/name=mine, at most %d times; found '%s'", SETTINGS_LIMIT,
                 text);
        return false;
    }
    *equals = '\0';
    invocation->settings[invocation->setting_count++] = (struct setting_override){ .path = text, .value = equals + 1 };
    return true;
}

static bool unknown_flag(const struct verb *verb, const char *name)
{
    struct nearest nearest = { 0 };

    for (size_t i = 0; i < verb->flag_count; i++)
        nearest_offer(&nearest, name, verb->flags[i].name);
    complain(verb->name, "there is no --%s%s%s%s; see shunt %s --help", name,
             nearest.best != NULL ? "; did you mean --" : "", nearest.best != NULL ? nearest.best : "",
             nearest.best != NULL ? "?" : "", verb->name);
    return false;
}

/* Takes one flag, "--name" or "--name=value"; *at moves over a value that stands behind it. */
static bool take_flag(struct invocation *invocation, int count, char **arguments, int *at)
{
    const struct verb *verb = invocation->verb;
    char *name = arguments[*at] + 2;
    char *value = strchr(name, '=');

    if (value != NULL)
        *value++ = '\0';
    for (size_t i = 0; i < verb->flag_count; i++) {
        const struct flag *flag = &verb->flags[i];

        if (strcmp(flag->name, name) != 0)
            continue;
        if (flag->argument != NULL && value == NULL && *at + 1 < count)
            value = arguments[++*at];
        if ((flag->argument != NULL) != (value != NULL)) {
            complain(verb->name, flag->argument != NULL ? "--%s wants %s behind it" : "--%s wants nothing behind it",
                     name, flag->argument);
            return false;
        }
        invocation->values[i] = value != NULL ? value : "";
        return strcmp(name, "set") != 0 || take_setting(invocation, value);
    }
    return unknown_flag(verb, name);
}

static bool has_flag(const struct verb *verb, const char *argument)
{
    size_t size = strcspn(argument, "=");

    for (size_t i = 0; i < verb->flag_count; i++)
        if (strlen(verb->flags[i].name) == size && strncmp(verb->flags[i].name, argument, size) == 0)
            return true;
    return false;
}

static enum exit_code run_verb(const struct verb *verb, int count, char **arguments)
{
    struct invocation invocation = { .verb = verb, .words = arguments };
    bool only_words = false;

    for (int i = 0; i < count; i++) {
        if (!only_words && (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)) {
            print_help(verb);
            return EXIT_DONE;
        }
        if (!only_words && strcmp(arguments[i], "--") == 0)
            only_words = true;
        else if (only_words || strncmp(arguments[i], "--", 2) != 0 ||
                 (verb->has_own_flags && invocation.word_count > 0 && !has_flag(verb, arguments[i] + 2)))
            arguments[invocation.word_count++] = arguments[i]; /* never ahead of what is read */
        else if (!take_flag(&invocation, count, arguments, &i))
            return EXIT_WRONG_USAGE;
    }
    if (invocation.word_count < verb->words_min || invocation.word_count > verb->words_max) {
        complain(verb->name, "%s; usage: shunt %s %s",
                 invocation.word_count < verb->words_min ? "something is missing" : "too many words", verb->name,
                 verb->synopsis);
        return EXIT_WRONG_USAGE;
    }
    return verb->run(&invocation);
}

int command_main(int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : "";
    struct nearest nearest = { 0 };

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("shunt %s\n", SHUNT_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i]->name, name) == 0)
            return (int)run_verb(verbs[i], count - 2, arguments + 2);
        if (!verbs[i]->hidden)
            nearest_offer(&nearest, name, verbs[i]->name);
    }
    if (name[0] == '\0')
        print_usage(stderr);
    else
        complain("", "there is no verb '%s'%s%s%s; see shunt --help", name,
                 nearest.best != NULL ? "; did you mean " : "", nearest.best != NULL ? nearest.best : "",
                 nearest.best != NULL ? "?" : "");
    return EXIT_WRONG_USAGE;
}
