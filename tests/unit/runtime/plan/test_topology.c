/* SPDX-License-Identifier: MIT */
/* What a good topology becomes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/plan/topology.h"
#include "tests/testing.h"
#include "tests/unit/support/topologies.h"

static const char good[] = "platform\n"
                           "    name = test\n"
                           "    url = http://127.0.0.1:8080\n"
                           "    log = warn\n"
                           "stores\n"
                           "    replica\n"
                           "        kind = redis\n"
                           "        port = 7380\n"
                           "        replica_of = cache\n"
                           "        after = cache\n"
                           "        password = secret:cache\n"
                           "    cache\n"
                           "        kind = redis\n"
                           "        port = 7379\n"
                           "        options\n"
                           "            maxmemory = 1MiB\n"
                           "    log\n"
                           "        kind = kafka\n"
                           "        managed = no\n"
                           "        uri = kafka://k1:1,k2:1\n"
                           "kinds\n"
                           "    back\n"
                           "        key = common\n"
                           "    front\n"
                           "        window = 2s\n"
                           "nodes\n"
                           "    edge\n"
                           "        host = here\n"
                           "        after = cache, app1\n"
                           "        restarts = 7\n"
                           "        groups\n"
                           "            pair\n"
                           "                strategy = rest_for_one\n"
                           "                pause_min = 1ms\n"
                           "        actors\n"
                           "            front\n"
                           "                thread = one\n"
                           "                group = pair\n"
                           "                cache = cache\n"
                           "                mode = fast\n"
                           "            second\n"
                           "                kind = back\n"
                           "                thread = one\n"
                           "                key = own\n"
                           "                policy = transient\n"
                           "    app1\n"
                           "        role = app\n"
                           "        host = here\n"
                           "        after = cache\n"
                           "        actors\n"
                           "            back\n"
                           "    app2\n"
                           "        like = app1\n"
                           "        tcp = tcp://10.0.0.5:7001\n"
                           "        actors\n"
                           "            back\n"
                           "                key = two\n"
                           "routes\n"
                           "    front\n"
                           "        back\n"
                           "            pick = least_outstanding\n"
                           "            window = 4k\n";

static void reads_stores(void **state)
{
    struct loaded loaded = load(good);
    const struct topology *topology = loaded.topology;

    (void)state;
    assert_string_equal(loaded.told, "");
    assert_non_null(topology);
    assert_string_equal(topology->name, "test");
    assert_int_equal(topology->log_level, LOG_WARN);
    assert_int_equal(topology->store_count, 3);
    assert_string_equal(topology->stores[0].name, "cache"); /* before its replica: in start order */
    assert_string_equal(topology->stores[0].uri, "redis://:SECRET@127.0.0.1:7379/0");
    assert_string_equal(topology->stores[0].properties[0].name, "maxmemory");
    assert_string_equal(topology->stores[0].properties[0].value, "1MiB");
    assert_true(topology->stores[0].managed);
    assert_string_equal(topology->stores[1].name, "replica");
    assert_string_equal(topology->stores[1].replica_of, "cache");
    assert_string_equal(topology->stores[1].secret, "cache");
    assert_int_equal(topology->stores[1].property_count, 0);
    assert_string_equal(topology->stores[2].uri, "kafka://k1:1,k2:1");
    assert_false(topology->stores[2].managed);
    unload(&loaded);
}

static void reads_nodes(void **state)
{
    struct loaded loaded = load(good);
    const struct topology_node *edge = topology_find_node(loaded.topology, "edge");

    (void)state;
    assert_int_equal(loaded.topology->node_count, 3);
    assert_string_equal(edge->role, "edge");
    assert_string_equal(edge->after[0], "cache");
    assert_string_equal(edge->after[1], "app1");
    assert_null(edge->after[2]);
    assert_int_equal(edge->limits.restarts, 7);
    assert_int_equal(edge->limits.within_us, 60000000);
    assert_int_equal(edge->group_count, 2);
    assert_string_equal(edge->groups[0].name, "default");
    assert_int_equal(edge->groups[0].strategy, ONE_FOR_ONE);
    assert_int_equal(edge->groups[1].strategy, REST_FOR_ONE);
    assert_int_equal(edge->groups[1].limits.pause_min_us, 1000);
    assert_string_equal(edge->actors[0].thread, "one");
    assert_int_equal(edge->actors[0].group, 1);
    assert_ptr_equal(edge->actors[1].kind, &back_kind);
    assert_int_equal(edge->actors[1].group, 0);
    assert_int_equal(edge->actors[1].policy, CHILD_TRANSIENT);
    unload(&loaded);
}

static void settles_options(void **state)
{
    struct loaded loaded = load(good);
    const struct topology_actor *front = topology_find_actor(loaded.topology, "edge/front");

    (void)state;
    assert_string_equal(topology_option(front, "listen"), "127.0.0.1:8080"); /* the row's */
    assert_string_equal(topology_option(front, "window"), "2s");             /* the kind's */
    assert_string_equal(topology_option(front, "mode"), "fast");             /* its own */
    assert_string_equal(topology_option(front, "cache"), "cache");           /* a store's name */
    assert_null(topology_option(front, "colour"));
    assert_string_equal(topology_option(topology_find_actor(loaded.topology, "edge/second"), "key"), "own");
    assert_string_equal(topology_option(topology_find_actor(loaded.topology, "app1/back"), "key"), "common");
    assert_null(topology_find_actor(loaded.topology, "app/back"));
    assert_null(topology_find_actor(loaded.topology, "back"));
    unload(&loaded);
}

static void likeness_is_inherited(void **state)
{
    struct loaded loaded = load(good);
    const struct topology_node *app2 = topology_find_node(loaded.topology, "app2");

    (void)state;
    assert_string_equal(app2->role, "app");
    assert_string_equal(app2->after[0], "cache");
    assert_string_equal(app2->tcp, "tcp://10.0.0.5:7001");
    assert_string_equal(topology_option(&app2->actors[0], "key"), "two");
    assert_null(topology_find_node(loaded.topology, "app1")->tcp);
    unload(&loaded);
}

static void routes_override_outlets(void **state)
{
    struct loaded loaded = load(good);
    struct topology_route route;

    (void)state;
    topology_route_of(loaded.topology, &front_kind, 0, &route);
    assert_int_equal(route.pick, PICK_LEAST_OUTSTANDING);
    assert_int_equal(route.window, 4000);
    assert_string_equal(route.to_kind, "back");
    topology_route_of(loaded.topology, &front_kind, 1, &route);
    assert_string_equal(route.to_kind, "spare");
    assert_int_equal(route.window, 0);
    unload(&loaded);
}

static void what_is_written_loads_again(void **state)
{
    const struct setting_override set[] = { { "nodes/edge/actors/front/listen", "0.0.0.0:9" },
                                            { "platform/name", "x" } };
    struct loaded first = load_with(good, NULL, set, 2);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    assert_string_equal(first.told, "");
    topology_write(first.topology, to);
    fclose(to);

    struct loaded second = load(text);

    assert_string_equal(second.told, "");
    assert_string_equal(second.topology->name, "x");
    assert_string_equal(topology_option(topology_find_actor(second.topology, "edge/front"), "listen"), "0.0.0.0:9");
    assert_string_equal(topology_option(topology_find_actor(second.topology, "app2/back"), "key"), "two");
    assert_int_equal(second.topology->store_count, 3);
    free(text);
    unload(&first);
    unload(&second);
}

static void secrets_come_from_files(void **state)
{
    char folder[] = "/tmp/secrets.XXXXXX";
    char path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/cache", folder);

    struct loaded missing = load_with(good, folder, NULL, 0);

    assert_null(missing.topology);
    assert_non_null(strstr(missing.told, "stores/cache: its password cannot be read from"));
    assert_non_null(strstr(missing.told, "No such file"));
    unload(&missing);
    write_file(path, "p@ss/1\n");

    struct loaded loaded = load_with(good, folder, NULL, 0);

    assert_string_equal(loaded.told, "");
    assert_string_equal(loaded.topology->stores[0].uri, "redis://:p%40ss%2F1@127.0.0.1:7379/0");
    assert_string_equal(loaded.topology->stores[0].password, "p@ss/1");
    assert_string_equal(loaded.topology->stores[1].uri, "redis://:p%40ss%2F1@127.0.0.1:7380/0");
    unload(&loaded);
    unlink(path);
    rmdir(folder);
}

static void note_listener(void *context, const struct topology_listener *listener)
{
    char *text = context;

    sprintf(text + strlen(text), "%s:%u %s\n", listener->host, listener->port,
            listener->store != NULL ? listener->store->name : listener->actor->name);
}

static void listeners(void **state)
{
    struct loaded loaded = load(good);
    char text[512] = "";

    (void)state;
    topology_each_listener(loaded.topology, note_listener, text);
    assert_string_equal(text, "127.0.0.1:7379 cache\n127.0.0.1:7380 replica\n127.0.0.1:8080 front\n");
    unload(&loaded);
}

/* What each of two machines runs of one file. */
static void a_host_has_its_part(void **state)
{
    static const char text[] = "platform\n    url = http://h\n"
                               "stores\n    east-store\n        kind = kafka\n        port = 1\n        on = east\n"
                               "    west-store\n        kind = kafka\n        port = 2\n        on = west\n"
                               "    theirs\n        kind = kafka\n        managed = no\n        uri = kafka://k:1\n"
                               "nodes\n    e\n        host = east\n        tcp = tcp://10.0.0.1:7001\n"
                               "        after = west-store\n        actors\n            spare\n"
                               "    w\n        host = west\n        tcp = tcp://10.0.0.2:7001\n        actors\n"
                               "            spare\n";
    struct loaded loaded = load(text);

    (void)state;
    assert_string_equal(loaded.told, "");
    assert_false(topology_keep_host(loaded.topology, "north"));
    assert_int_equal(loaded.topology->node_count, 2);
    assert_true(topology_keep_host(loaded.topology, "east"));
    assert_string_equal(loaded.topology->host, "east");
    assert_int_equal(loaded.topology->node_count, 1);
    assert_string_equal(loaded.topology->nodes[0].name, "e");
    assert_int_equal(loaded.topology->store_count, 2);
    assert_non_null(topology_find_store(loaded.topology, "east-store"));
    assert_non_null(topology_find_store(loaded.topology, "theirs"));
    unload(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_has_its_part),
        cmocka_unit_test(reads_stores),
        cmocka_unit_test(reads_nodes),
        cmocka_unit_test(settles_options),
        cmocka_unit_test(likeness_is_inherited),
        cmocka_unit_test(routes_override_outlets),
        cmocka_unit_test(what_is_written_loads_again),
        cmocka_unit_test(secrets_come_from_files),
        cmocka_unit_test(listeners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
