/* SPDX-License-Identifier: MIT */
/* The topology rows on the runtime's page, as they stand there: behind the section that every topology has, they are
 * one, and the actor's option says what the page says. */
#include <stdio.h>

#include "runtime/plan/topology.h"
#include "tests/testing.h"
#define MESSAGE_FILE "greetings.def"
#include "proto/declare.h"
#define MESSAGE_FILE "greetings.def"
#include "proto/define.h"

extern const struct actor_kind greeter_kind;

static void write_whole(const char *path)
{
    FILE *rows = fopen("greeter.zpl", "r");
    FILE *whole = fopen(path, "w");
    char line[256];

    assert_true(rows != NULL && whole != NULL);
    fputs("platform\n    url = http://127.0.0.1:8080\n", whole);
    while (fgets(line, sizeof line, rows) != NULL)
        fputs(line, whole);
    fclose(rows);
    assert_int_equal(fclose(whole), 0);
}

static void the_page_s_topology_is_one(void **state)
{
    const struct actor_kind *const kinds[] = { &greeter_kind, NULL };
    const struct topology_words words = { .kinds = kinds };
    struct topology *topology;

    (void)state;
    write_whole("whole.zpl");
    topology = topology_load("whole.zpl", &words, NULL, 0, stderr);
    assert_non_null(topology);
    assert_string_equal(topology_option(topology_find_actor(topology, "desk/greeter"), "word"), "Welcome");
    topology_destroy(&topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_page_s_topology_is_one) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
