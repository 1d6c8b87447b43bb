/* SPDX-License-Identifier: MIT */
/* NODE/ACTOR, what is taken for one, and where it leads over which transport. */
#include "runtime/wire/address.h"
#include "tests/testing.h"

static const struct actor_kind kind = { .name = "kind" };
static const struct topology_actor actors[] = { { .name = "first", .kind = &kind },
                                                { .name = "second", .kind = &kind } };
static const struct topology_node nodes[] = {
    { .name = "here", .actors = actors, .actor_count = 2 },
    { .name = "near", .actors = actors, .actor_count = 2, .tcp = "tcp://127.0.0.1:7000" },
    { .name = "far", .host = "b", .actors = actors, .actor_count = 2, .tcp = "tcp://10.0.0.5:7100" },
};
static const struct topology topology = { .nodes = nodes, .node_count = 3 };
static const struct node node = { .name = "here", .topology = &topology };

static void only_names_are_addresses(void **state)
{
    static const char *const good[] = {
        "a/b", "edge/click_buffer", "app-1/links",
        "0123456789012345678901234567890123456789/0123456789012345678901234567890123456789"
    };
    static const char *const bad[] = {
        "",      "a",     "/",          "a/",   "/b",    "a/b/c", "../b",
        "a b/c", "a/b\n", "\xc3\xa9/b", "a/..", "a.b/c", "a/%n",  "01234567890123456789012345678901234567890/b"
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(address_is_valid(slice_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(address_is_valid(slice_of(bad[i])));
    assert_false(address_is_valid(SLICE("a/b\0")));
    assert_false(address_is_valid((struct slice){ 0 }));
}

static void a_node_is_not_its_longer_brother(void **state)
{
    (void)state;
    assert_true(address_on_node("app1/links", "app1"));
    assert_false(address_on_node("app10/links", "app1"));
    assert_false(address_on_node("app1/links", "app10"));
}

static void strangers_are_not_planned(void **state)
{
    (void)state;
    assert_true(address_is_planned(&node, "far/first"));
    assert_true(address_is_planned(&node, "launcher/launcher"));
    assert_false(address_is_planned(&node, "console-17/console"));
}

static void the_plan_decides_on_the_transport(void **state)
{
    char endpoint[ENDPOINT_LIMIT];

    (void)state;
    assert_int_equal(address_endpoint(&node, "here/second", endpoint), TRANSPORT_INPROC);
    assert_string_equal(endpoint, "inproc://here/second");
    assert_int_equal(address_endpoint(&node, "near/first", endpoint), TRANSPORT_IPC); /* same host: no need of tcp */
    assert_string_equal(endpoint, "ipc://run/near.first");
    assert_int_equal(address_endpoint(&node, "far/first", endpoint), TRANSPORT_TCP);
    assert_string_equal(endpoint, "tcp://10.0.0.5:7100");
    assert_int_equal(address_endpoint(&node, "far/second", endpoint), TRANSPORT_TCP);
    assert_string_equal(endpoint, "tcp://10.0.0.5:7101");
    assert_int_equal(address_endpoint(&node, "far/supervisor", endpoint), TRANSPORT_TCP);
    assert_string_equal(endpoint, "tcp://10.0.0.5:7099"); /* what the topology's check keeps free for it */
    assert_int_equal(address_endpoint(&node, "console-17/console", endpoint), TRANSPORT_IPC);
}

/* Where one side binds, the other must connect. */
static void both_sides_mean_the_same_place(void **state)
{
    const struct node far = { .name = "far", .topology = &topology };
    char endpoint[ENDPOINT_LIMIT];
    struct endpoints bindings;

    (void)state;
    address_bindings(&far, "far/second", &bindings);
    address_endpoint(&node, "far/second", endpoint);
    assert_string_equal(bindings.tcp, endpoint);
    address_endpoint(&far, "far/second", endpoint);
    assert_string_equal(bindings.inproc, endpoint);
    address_bindings(&node, "here/first", &bindings);
    assert_string_equal(bindings.tcp, "");
    assert_string_equal(bindings.ipc, "ipc://run/here.first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_are_addresses),       cmocka_unit_test(a_node_is_not_its_longer_brother),
        cmocka_unit_test(strangers_are_not_planned),      cmocka_unit_test(the_plan_decides_on_the_transport),
        cmocka_unit_test(both_sides_mean_the_same_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
