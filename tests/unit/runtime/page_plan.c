/* SPDX-License-Identifier: MIT */
/* The topology on the runtime's page, as it stands there: it is one, and the actor's option says what the page says. */
#include "runtime/plan/topology.h"
#include "tests/testing.h"

extern const struct actor_kind greeter_kind;

static void the_page_s_topology_is_one(void **state)
{
    const struct actor_kind *const kinds[] = { &greeter_kind, NULL };
    const struct topology_words words = { .kinds = kinds };
    struct topology *topology = topology_load("greeter.zpl", &words, NULL, 0, stderr);

    (void)state;
    assert_non_null(topology);
    assert_string_equal(topology_option(topology_find_actor(topology, "desk/greeter"), "word"), "Welcome");
    topology_destroy(&topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_page_s_topology_is_one) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
