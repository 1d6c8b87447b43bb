/* SPDX-License-Identifier: MIT */
/* The console without a platform: completion of verbs and names, help out of the table, wrong verbs. */
#include <stdlib.h>
#include <string.h>

#include "actors/command/console.h"
#include "actors/io/line_editor.h"
#include "tests/testing.h"
#include "tests/unit/support/topologies.h"

static const char text[] =
    "platform\n    url = http://h\n"
    "stores\n    fridge\n        kind = redis\n        port = 1\n"
    "nodes\n    edge\n        actors\n            front\n            back\n                key = k\n"
    "    app1\n        actors\n            back\n                key = k\n";

static struct loaded loaded;
static struct console console;

static int begin(void **state)
{
    (void)state;
    loaded = load(text);
    assert_non_null(loaded.topology);
    console = (struct console){ .topology = loaded.topology, .called = "console" };
    return 0;
}

static int end(void **state)
{
    (void)state;
    unload(&loaded);
    return 0;
}

/* What could stand at the end of `line`, as one text. */
static const char *completed(const char *line)
{
    static char all[4096];
    const char *choices[LINE_EDITOR_CHOICES];
    size_t word = 0;
    size_t count = console_complete(&console, line, choices, &word);

    all[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            strcat(all, " ");
        strcat(all, choices[i]);
    }
    return all;
}

static void verbs_are_completed(void **state)
{
    (void)state;
    assert_string_equal(completed("tr"), "tree");
    assert_string_equal(completed("show "), "actor node route breaker config");
    assert_string_equal(completed("show r"), "route");
    assert_string_equal(completed("config "), "get set");
    assert_string_equal(completed("re"), "resume restart reconcile");
    assert_string_equal(completed("nonsense"), "");
    assert_non_null(strstr(completed(""), "tree show config suspend"));
}

static void live_names_are_completed(void **state)
{
    (void)state;
    assert_string_equal(completed("show node "), "edge app1");
    assert_string_equal(completed("show actor e"), "edge/front edge/back");
    assert_string_equal(completed("kill "), "fridge edge app1");
    assert_string_equal(completed("restart f"), "fridge");
    assert_string_equal(completed("config set front.c"), "front.cache");
    assert_string_equal(completed("tree "), "");
}

static enum exit_code run(const char *line)
{
    char copy[128];
    char *words[CONSOLE_WORDS_LIMIT];
    size_t count = 0;

    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        words[count++] = word;
    return console_run(&console, words, count);
}

static void wrong_verbs_are_wrong_usage(void **state)
{
    (void)state;
    assert_int_equal(run("tre"), EXIT_WRONG_USAGE);
    assert_int_equal(run("show"), EXIT_WRONG_USAGE);
    assert_int_equal(run("show node"), EXIT_WRONG_USAGE);
    assert_int_equal(run("show node a b"), EXIT_WRONG_USAGE);
    assert_int_equal(run("config set only-a-name"), EXIT_WRONG_USAGE);
}

/* Names are looked up in the topology before anybody is asked: there is no client here. */
static void wrong_names_do_not_work(void **state)
{
    (void)state;
    assert_int_equal(run("show node edgy"), EXIT_FAILED);
    assert_int_equal(run("show actor edge"), EXIT_FAILED);
    assert_int_equal(run("restart nobody"), EXIT_FAILED);
    assert_int_equal(run("kill edge/front"), EXIT_FAILED);
    assert_int_equal(run("config get"), EXIT_FAILED); /* this topology has no config actor */
}

static void every_verb_has_help(void **state)
{
    (void)state;
    for (size_t i = 0; console_verbs[i] != NULL; i++) {
        const struct console_verb *verb = console_verbs[i];

        assert_true(verb->name[0] != '\0' && verb->help[0] != '\0' && verb->synopsis != NULL);
        assert_true(verb->ask != NULL && verb->print != NULL && verb->words_min <= verb->words_max);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(verb->name, console_verbs[k]->name);
    }
    assert_int_equal(run("help"), EXIT_DONE);
    assert_int_equal(run("help show node"), EXIT_DONE);
    assert_int_equal(run("help nonsense"), EXIT_FAILED);
    assert_int_equal(run("quit"), EXIT_DONE);
    assert_true(console.is_over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verbs_are_completed, begin, end),
        cmocka_unit_test_setup_teardown(live_names_are_completed, begin, end),
        cmocka_unit_test_setup_teardown(wrong_verbs_are_wrong_usage, begin, end),
        cmocka_unit_test_setup_teardown(wrong_names_do_not_work, begin, end),
        cmocka_unit_test_setup_teardown(every_verb_has_help, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
