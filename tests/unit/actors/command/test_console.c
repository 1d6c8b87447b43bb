/* SPDX-License-Identifier: MIT */
/* The console without a platform: completion of verbs and names, help out of the table, wrong verbs. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    assert_string_equal(completed("tre"), "tree");
    assert_string_equal(completed("tr"), "tree trace");
    assert_string_equal(completed("show "), "actor node route breaker lag config");
    assert_string_equal(completed("show r"), "route");
    assert_string_equal(completed("config "), "get set");
    assert_string_equal(completed("re"), "resume restart reload reconcile replay");
    assert_string_equal(completed("nonsense"), "");
    assert_non_null(strstr(completed(""), "tree top show trace deadletters logs config audit suspend"));
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
    assert_string_equal(completed("trace w"), "watch");
    assert_string_equal(completed("trace watch app1/"), "app1/back");
    assert_string_equal(completed("trace watch app1/back link_shorten"), "link_shorten");
    assert_string_equal(completed("config set supervisor.log_level d"), "debug");
    assert_string_equal(completed("failpoint edge x dela"), "delay");
    assert_string_equal(completed("failpoint ed"), "edge");
    assert_string_equal(completed("logs edge --level w"), "warn");
    assert_string_equal(completed("help show x"), "");
    assert_string_equal(completed("help su"), "suspend");
}

/* What a line says on standard error. */
static const char *complaint(const char *line, enum exit_code expected);

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

static const char *complaint(const char *line, enum exit_code expected)
{
    static char said[1024];
    FILE *to = tmpfile();
    int before = dup(STDERR_FILENO);

    assert_true(to != NULL && before >= 0 && dup2(fileno(to), STDERR_FILENO) >= 0);
    assert_int_equal(run(line), expected);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(to);
    said[fread(said, 1, sizeof said - 1, to)] = '\0';
    fclose(to);
    return said;
}

static void wrong_verbs_are_wrong_usage(void **state)
{
    (void)state;
    assert_int_equal(run("tre"), EXIT_WRONG_USAGE);
    assert_int_equal(run("show"), EXIT_WRONG_USAGE);
    assert_int_equal(run("show node"), EXIT_WRONG_USAGE);
    assert_int_equal(run("show node a b"), EXIT_WRONG_USAGE);
    assert_int_equal(run("config set only-a-name"), EXIT_WRONG_USAGE);
    assert_int_equal(run("reconcile mend"), EXIT_WRONG_USAGE);
    assert_int_equal(run("trace 12"), EXIT_WRONG_USAGE);
    assert_int_equal(run("trace 12 13"), EXIT_WRONG_USAGE);
    assert_int_equal(run("trace watch app1 any many"), EXIT_WRONG_USAGE);
    assert_int_equal(run("top long"), EXIT_WRONG_USAGE);
    assert_int_equal(run("logs --level loud"), EXIT_WRONG_USAGE);
    assert_int_equal(run("failpoint"), EXIT_WRONG_USAGE);
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
    assert_int_equal(run("failpoint nobody"), EXIT_FAILED);
}

static void the_nearest_right_word_is_named(void **state)
{
    (void)state;
    assert_non_null(strstr(complaint("shwo node", EXIT_WRONG_USAGE), "did you mean show node?"));
    assert_non_null(strstr(complaint("lag", EXIT_WRONG_USAGE), "did you mean show lag?"));
    assert_non_null(strstr(complaint("tre", EXIT_WRONG_USAGE), "did you mean tree?"));
    assert_non_null(strstr(complaint("show node edgy", EXIT_FAILED), "did you mean edge?"));
    assert_non_null(strstr(complaint("show actor app1/bakc", EXIT_FAILED), "did you mean app1/back?"));
    assert_non_null(strstr(complaint("restart fridg", EXIT_FAILED), "did you mean fridge?"));
    assert_non_null(strstr(complaint("trace watch app2", EXIT_FAILED), "did you mean app1?"));
    assert_null(strstr(complaint("kill zzzzzzzz", EXIT_FAILED), "did you mean"));
}

/* Also what did not work; but not what was only looked at, or never tried. */
static void acts_are_written_down(void **state)
{
    char folder[] = "/tmp/shunt-console-XXXXXX";
    char before[4096];
    char line[1024] = "";
    FILE *log;

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_true(mkdtemp(folder) != NULL && chdir(folder) == 0 && mkdir("log", 0700) == 0);
    strcpy(console.who, "ada uid 7 (console 1)");
    run("restart nobody");
    run("show node nobody");
    run("restart");
    log = fopen("log/console.log", "r");
    assert_non_null(log);
    assert_non_null(fgets(line, sizeof line, log));
    assert_non_null(strstr(line, "ada uid 7 (console 1): restart nobody: it did not work"));
    assert_non_null(strstr(line, "\"time\":\""));
    assert_null(fgets(line, sizeof line, log));
    fclose(log);
    assert_true(unlink("log/console.log") == 0 && rmdir("log") == 0 && chdir(before) == 0 && rmdir(folder) == 0);
}

/* VERBS.md follows from the table. With SHUNT_VERBS=write it is written anew. */
static void the_page_is_what_the_table_says(void **state)
{
    static const char path[] = "actors/command/VERBS.md";
    const char *wish = getenv("SHUNT_VERBS");
    char *page = NULL;
    char there[32 * 1024] = "";
    size_t size = 0;
    FILE *to = open_memstream(&page, &size);
    FILE *file;

    (void)state;
    console_write_page(to);
    fclose(to);
    if (wish != NULL && strcmp(wish, "write") == 0) {
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(page, file);
        fclose(file);
    }
    file = fopen(path, "r");
    assert_non_null(file);
    there[fread(there, 1, sizeof there - 1, file)] = '\0';
    fclose(file);
    if (strcmp(page, there) != 0)
        fail_msg("%s is not what console_table.c says: run this test with SHUNT_VERBS=write", path);
    free(page);
}

static void every_verb_has_help(void **state)
{
    (void)state;
    for (const struct console_verb *verb = console_verbs; verb->name != NULL; verb++) {
        assert_true(verb->name[0] != '\0' && verb->help[0] != '\0' && verb->synopsis != NULL);
        assert_int_equal(strncmp(verb->example, verb->name, strlen(verb->name)), 0);
        assert_true((verb->ask != NULL && verb->print != NULL) != (verb->run != NULL));
        assert_true(verb->words_min <= verb->words_max);
        for (const struct console_verb *other = console_verbs; other < verb; other++)
            assert_string_not_equal(verb->name, other->name);
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
        cmocka_unit_test_setup_teardown(the_nearest_right_word_is_named, begin, end),
        cmocka_unit_test_setup_teardown(acts_are_written_down, begin, end),
        cmocka_unit_test_setup_teardown(the_page_is_what_the_table_says, begin, end),
        cmocka_unit_test_setup_teardown(every_verb_has_help, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
