/* SPDX-License-Identifier: MIT */
/* Those an actor knows: peers of the plan are there to stay; consoles and the like are forgotten, so that a node that
 * is looked at every second for a year does not end up knowing nobody else. */
#include <stdio.h>

#include "runtime/cell/cell.h"
#include "tests/testing.h"

static const struct actor_kind kind = { .name = "kind", .state_size = 1 };
static const struct topology_actor actors[] = { { .name = "one", .kind = &kind } };
static const struct topology_node nodes[] = {
    { .name = "here", .actors = actors, .actor_count = 1 },
    { .name = "there", .actors = actors, .actor_count = 1 },
};
static const struct topology topology = { .nodes = nodes, .node_count = 2 };
static struct node node = { .name = "here", .topology = &topology, .clock = &machine_clock, .seed = 1 };

static struct reactor reactor;
static struct actor *cell;

static int begin(void **state)
{
    (void)state;
    reactor_init(&reactor, &node, "test", false);
    cell = cell_new(&reactor, &kind, "one", NULL);
    return cell != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    cell_destroy(&cell);
    reactor_free(&reactor);
    return 0;
}

static struct peer *stranger(unsigned number)
{
    char address[ADDRESS_LIMIT + 1];

    snprintf(address, sizeof address, "console-%u/console", number);
    return cell_peer(cell, address);
}

static void there_is_room_for_so_many(void **state)
{
    struct peer *planned = cell_peer(cell, "there/one");

    (void)state;
    for (unsigned i = 0; i < STRANGERS_LIMIT; i++)
        assert_non_null(stranger(i));
    assert_null(stranger(STRANGERS_LIMIT));
    assert_ptr_equal(stranger(0), cell_peer(cell, "console-0/console")); /* who is known stays known */
    assert_ptr_equal(cell_peer(cell, "there/one"), planned);
    assert_non_null(cell_peer(cell, "launcher/launcher")); /* no stranger takes its place */
}

static void the_silent_are_forgotten_but_not_while_something_is_owed(void **state)
{
    struct peer *planned = cell_peer(cell, "there/one");
    struct peer *owed;

    (void)state;
    for (unsigned i = 0; i < STRANGERS_LIMIT; i++)
        stranger(i);
    owed = stranger(17);
    owed->questions_open = 1;
    reactor.now_us += STRANGER_IDLE_US;
    assert_non_null(stranger(STRANGERS_LIMIT));
    assert_int_equal(cell->peer_count, 3); /* the planned one, the one that waits for an answer, and the new one */
    assert_ptr_equal(stranger(17), owed);
    assert_ptr_equal(cell_peer(cell, "there/one"), planned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_is_room_for_so_many, begin, end),
        cmocka_unit_test_setup_teardown(the_silent_are_forgotten_but_not_while_something_is_owed, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
