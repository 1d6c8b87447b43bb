/* SPDX-License-Identifier: MIT */
/* The pictures of a topology: everything in it is drawn once, and arrows lead where letters go. */
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/graph.h"
#include "tests/testing.h"
#include "tests/unit/support/topologies.h"

static const char text[] = "platform\n    url = http://h\n"
                           "stores\n    cache-1\n        kind = redis\n        port = 1\n"
                           "    copy\n        kind = redis\n        port = 2\n        replica_of = cache-1\n"
                           "nodes\n    edge\n        role = in\n        actors\n            front\n"
                           "                cache = cache-1\n"
                           "    app1\n        actors\n            back\n                key = k\n"
                           "    app2\n        like = app1\n";

static char *drawn(void (*draw)(const struct topology *topology, FILE *to))
{
    struct loaded loaded = load(text);
    char *picture = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&picture, &size);

    assert_string_equal(loaded.told, "");
    draw(loaded.topology, to);
    fclose(to);
    unload(&loaded);
    return picture;
}

static size_t count(const char *picture, const char *part)
{
    size_t found = 0;

    for (const char *at = strstr(picture, part); at != NULL; at = strstr(at + 1, part))
        found++;
    return found;
}

static void mermaid(void **state)
{
    char *picture = drawn(graph_mermaid);

    (void)state;
    assert_string_equal(picture, "flowchart LR\n"
                                 "    subgraph n0_edge[\"edge (in)\"]\n"
                                 "        n0_a0_front[\"front\"]\n"
                                 "    end\n"
                                 "    subgraph n1_app1[\"app1 (app1)\"]\n"
                                 "        n1_a0_back[\"back\"]\n"
                                 "    end\n"
                                 "    subgraph n2_app2[\"app2 (app2)\"]\n"
                                 "        n2_a0_back[\"back\"]\n"
                                 "    end\n"
                                 "    s0_cache_1[(\"cache-1<br/>redis\")]\n"
                                 "    s1_copy[(\"copy<br/>redis\")]\n"
                                 "    n0_a0_front -->|back| n1_a0_back\n"
                                 "    n0_a0_front -->|back| n2_a0_back\n"
                                 "    n0_a0_front -.- s0_cache_1\n"
                                 "    s0_cache_1 -->|replica| s1_copy\n");
    free(picture);
}

static void dot(void **state)
{
    char *picture = drawn(graph_dot);

    (void)state;
    assert_int_equal(count(picture, "subgraph cluster_"), 3);
    assert_int_equal(count(picture, "n0_a0_front -> n1_a0_back [label=\"back\"]"), 1);
    assert_int_equal(count(picture, " -> "), 4);
    assert_int_equal(count(picture, "shape=cylinder"), 2);
    assert_int_equal(count(picture, "{"), count(picture, "}"));
    free(picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(mermaid), cmocka_unit_test(dot) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
