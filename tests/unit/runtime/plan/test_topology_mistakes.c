/* SPDX-License-Identifier: MIT */
/* What is said of a bad topology: every mistake, with line, path, what was expected and the nearest known word. */
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/topology.h"
#include "tests/testing.h"
#include "tests/unit/support/topologies.h"

/* Loads `text` and expects exactly these mistakes: lines "LINE: ...", the file's name left out. */
static void expect_mistakes(const char *text, const char *expected)
{
    struct loaded loaded = load(text);
    char *clean = calloc(1, loaded.told_size + 1);
    size_t prefix = strlen(loaded.file) + 1;

    assert_null(loaded.topology);
    assert_non_null(clean);
    for (char *line = strtok(loaded.told, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        strcat(clean, strncmp(line, loaded.file, prefix - 1) == 0 ? line + prefix : line);
        strcat(clean, "\n");
    }
    assert_string_equal(clean, expected);
    free(clean);
    unload(&loaded);
}

/* The least that is right; tests put something wrong behind it. */
#define LEAST                                                                                                          \
    "platform\n    url = http://h\nnodes\n    n\n        actors\n            front\n            back\n"                \
    "                key = k\n"
#define LEAST_LINES 8

static void unknown_words(void **state)
{
    (void)state;
    expect_mistakes("platfrom\n    url = u\n" LEAST,
                    "1: platfrom: a topology has no 'platfrom'; did you mean platform?\n");
    expect_mistakes(
        "platform\n    url = http://h\n    nmae = x\n"
        "stores\n    s\n        kind = rediss\n        prot = 1\n        port = 1\n"
        "        options\n            maxmemory\n"
        "    t\n        kind = redis\n        port = 2\n        options\n            maxmemory\n"
        "kinds\n    bakc\n    back\n        kee = 1\n"
        "nodes\n    n\n        rloe = r\n        gruops\n        groups\n            g\n                "
        "stategy = one_for_one\n"
        "        actors\n            egde\n            front\n                mode = fsat\n                lisen = x\n"
        "                group = h\n            x\n                kind = bakc\n            back\n"
        "                key = k\n"
        "routes\n    frond\n    front\n        bakc\n        back\n            pik = each\n",
        "3: platform/nmae: the platform has no 'nmae'; did you mean name?\n"
        "6: stores/s/kind: no such kind of store: 'rediss'; did you mean redis?\n"
        "7: stores/s/prot: a store has no 'prot'; did you mean port?\n"
        "10: stores/s/options/maxmemory: expected '= VALUE', without blanks in it: a setting of the server itself\n"
        "15: stores/t/options/maxmemory: expected '= VALUE', without blanks in it: a setting of the server itself\n"
        "17: kinds/bakc: no such kind of actor: 'bakc'; did you mean back?\n"
        "19: kinds/back/kee: the kind back has no 'kee'; did you mean key?\n"
        "22: nodes/n/rloe: a node has no 'rloe'; did you mean role?\n"
        "23: nodes/n/gruops: a node has no 'gruops'; did you mean groups?\n"
        "26: nodes/n/groups/g/stategy: a group has no 'stategy'; did you mean strategy?\n"
        "28: nodes/n/actors/egde: no such kind of actor: 'egde'\n"
        "30: nodes/n/actors/front/mode: 'fsat' does not fit: expected one of acked or fast\n"
        "31: nodes/n/actors/front/lisen: an actor of kind front has no 'lisen'; did you mean listen?\n"
        "32: nodes/n/actors/front/group: the node has no group 'h'; did you mean g?\n"
        "34: nodes/n/actors/x/kind: no such kind of actor: 'bakc'; did you mean back?\n"
        "38: routes/frond: no such kind of actor: 'frond'; did you mean front?\n"
        "40: routes/front/bakc: the kind front has no outlet 'bakc'; did you mean back?\n"
        "42: routes/front/back/pik: a route has no 'pik'; did you mean pick?\n");
}

static void wrong_values(void **state)
{
    (void)state;
    expect_mistakes(
        "platform\n    url = h\n    log = loud\n"
        "stores\n    s\n        kind = redis\n        port = 70000\n        managed = perhaps\n"
        "        restarts = 1000\n        pause_min = 10s\n"
        "nodes\n    n\n        stop_limit = 1\n        actors\n            front\n                window = 2min\n"
        "                policy = never\n            back\n"
        "routes\n    front\n        back\n            window = 0\n            to = nobody\n",
        "2: platform/url: expected http://HOST:PORT or https://..., without a slash at the end\n"
        "3: platform/log: 'loud' does not fit: expected one of debug, info, warn or error\n"
        "5: stores/s: 'port' is missing: where it listens (a number from 1 to 65535)\n"
        "7: stores/s/port: '70000' does not fit: expected a number, such as 10, 64k or 2M, from 0 to 65535\n"
        "8: stores/s/managed: 'perhaps' does not fit: expected yes or no\n"
        "9: stores/s/restarts: '1000' does not fit: expected a number, such as 10, 64k or 2M, from 0 to 100\n"
        "10: stores/s/pause_min: pause_min may not be longer than pause_max\n"
        "13: nodes/n/stop_limit: '1' does not fit: expected a duration, such as 250us, 10ms, 5s, 2min, 1h or "
        "7d, from 100ms to 1h\n"
        "15: nodes/n/actors/front: its outlet 'back' has no receiver: no node has an actor of kind nobody\n"
        "16: nodes/n/actors/front/window: '2min' does not fit: expected a duration, such as 250us, 10ms, 5s, "
        "2min, 1h or 7d, from 1ms to 1min\n"
        "17: nodes/n/actors/front/policy: 'never' does not fit: expected one of permanent, transient or "
        "temporary\n"
        "18: nodes/n/actors/back: 'key' is missing: what it signs with (a text)\n"
        "22: routes/front/back/window: '0' does not fit: expected a number, such as 10, 64k or 2M, from 1 to "
        "1M\n"
        "23: routes/front/back/to: no such kind of actor: 'nobody'\n");
}

static void sections_and_values_mixed_up(void **state)
{
    (void)state;
    expect_mistakes("platform = x\nstores\n    s = 1\nkinds\n    back = 1\nnodes\n    n\n        role\n        actors\n"
                    "            back = 1\n    m = 1\nroutes\n    front = 1\n",
                    "1: platform: is a section: its properties stand below it, without '='\n"
                    "3: stores/s: is a section: its properties stand below it, without '='\n"
                    "5: kinds/back: is a section: its properties stand below it, without '='\n"
                    "8: nodes/n/role: expected '= VALUE' (a text)\n"
                    "10: nodes/n/actors/back: is a section: its properties stand below it, without '='\n"
                    "11: nodes/m: is a section: its properties stand below it, without '='\n"
                    "13: routes/front: is a section: outlets stand below it, without '='\n");
}

static void what_is_missing(void **state)
{
    (void)state;
    expect_mistakes("", " nodes: the section is missing: nothing would run\n"
                        " platform: the section is missing; it says at least the url\n");
    expect_mistakes("platform\nnodes\n    n\nstores\n    s\n",
                    "1: platform: 'url' is missing: where users reach it, such as http://127.0.0.1:8080 (a text)\n"
                    "3: nodes/n: the node has no actors\n"
                    "5: stores/s: 'kind' is missing: what it is, such as redis (a text)\n"
                    "5: stores/s: 'port' is missing: where it listens (a number from 1 to 65535)\n");
}

static void dangling_references(void **state)
{
    (void)state;
    expect_mistakes(LEAST "                x = 1\n"
                          "stores\n    cache\n        kind = redis\n        port = 1\n        after = cahce, n\n"
                          "        replica_of = cahce\n    log\n        kind = kafka\n        port = 2\n"
                          "        replica_of = cache\n"
                          "kinds\n    front\n        cache = cahce\n",
                    "9: nodes/n/actors/back/x: an actor of kind back has no 'x'\n"
                    "14: stores/cache/after: there is no store 'cahce'; did you mean cache?\n"
                    "14: stores/cache/after: 'n' is a node; stores start before the nodes, after other stores only\n"
                    "15: stores/cache/replica_of: expected another store of kind redis, not 'cahce'\n"
                    "19: stores/log/replica_of: expected another store of kind kafka, not 'cache'\n"
                    "22: kinds/front/cache: cache: there is no store 'cahce'; did you mean cache?\n");
    expect_mistakes(LEAST "    app1\n        like = app3\n        actors\n            back\n                key = k\n"
                          "    app2\n        like = app1\n        actors\n            back\n                key = k\n"
                          "        after = edge\n",
                    "10: nodes/app1/like: there is no 'app3' here\n"
                    "15: nodes/app2/like: 'app1' is itself like another; name one that says all by itself\n"
                    "19: nodes/app2/after: there is no node or store 'edge'\n");
}

static void circles(void **state)
{
    (void)state;
    expect_mistakes(
        "platform\n    url = http://h\nstores\n    s\n        kind = kafka\n        port = 1\n        after = s\n"
        "nodes\n    a\n        after = b, s\n        actors\n            spare\n"
        "    b\n        after = c\n        actors\n            spare\n"
        "    c\n        after = a\n        actors\n            spare\n",
        "7: stores/s/after: a circle: s -> s; none of them could start first\n"
        "10: nodes/a/after: a circle: a -> b -> c -> a; none of them could start first\n");
}

static void ports(void **state)
{
    (void)state;
    expect_mistakes(
        "platform\n    url = http://h\n"
        "stores\n    s\n        kind = kafka\n        port = 8080\n        extra_port = 7003\n"
        "    elsewhere\n        kind = kafka\n        host = 10.0.0.1\n        port = 8080\n"
        "nodes\n    n\n        host = h\n        tcp = tcp://127.0.0.1:7002\n        actors\n            front\n       "
        "     back\n"
        "                key = k\n"
        "    m\n        host = h\n        tcp = 127.0.0.1:1\n        actors\n            front\n"
        "                listen = 0.0.0.0:7001\n            two\n                kind = front\n"
        "                listen = nowhere\n            off\n                kind = front\n"
        "                listen =\n",
        "15: nodes/n/tcp: port 7003 is taken by stores/s/extra_port (line 7)\n"
        "17: nodes/n/actors/front: port 8080 is taken by stores/s/port (line 6)\n"
        "22: nodes/m/tcp: expected tcp://HOST:PORT, such as tcp://10.0.0.5:7001; the supervisor listens on the "
        "port before, the actors on this one and those that follow\n"
        "28: nodes/m/actors/two/listen: listen: 'nowhere' does not fit: expected HOST:PORT, such as "
        "127.0.0.1:8080\n");
}

static void hosts(void **state)
{
    (void)state;
    expect_mistakes("platform\n    url = http://h\n"
                    "nodes\n    n\n        tcp = tcp://127.0.0.1:7002\n        actors\n            spare\n",
                    "5: nodes/n/tcp: 'host' is missing: tcp is always encrypted, with the key that is called after the "
                    "host\n");
    expect_mistakes("platform\n    url = http://h\n"
                    "stores\n    s\n        kind = kafka\n        port = 1\n"
                    "    t\n        kind = kafka\n        port = 2\n        on = eats\n"
                    "nodes\n    n\n        host = east\n        actors\n            spare\n"
                    "    m\n        host = west\n        tcp = tcp://127.0.0.1:7002\n        actors\n"
                    "            spare\n"
                    "    o\n        actors\n            spare\n",
                    "4: stores/s: 'on' is missing: the host that runs it, such as east\n"
                    "10: stores/t/on: no node names a host 'eats'; did you mean east?\n"
                    "12: nodes/n: 'tcp' is missing: there are several hosts, which talk over tcp\n"
                    "21: nodes/o: 'host' is missing: others say theirs, such as east\n");
}

static void names(void **state)
{
    (void)state;
    expect_mistakes(
        LEAST "    launcher\n        actors\n            spare\n"
              "    a-name-that-is-much-too-long-for-the-name-of-a-socket\n        actors\n            spare\n"
              "    a.b\n        actors\n            supervisor\n                kind = spare\n"
              "stores\n    n\n        kind = kafka\n        port = 1\n",
        "4: nodes/n: a store has this name already, in line 20\n"
        "9: nodes/launcher: this name is taken: launcher and console-... are Shunt's own\n"
        "12: nodes/a-name-that-is-much-too-long-for-the-name-of-a-socket: a node's name has letters, digits, "
        "'-' and '_', begins with a letter or digit and has at most 40 bytes, because it is part of a socket "
        "file's name\n"
        "15: nodes/a.b: a node's name has letters, digits, '-' and '_', begins with a letter or digit and has "
        "at most 40 bytes, because it is part of a socket file's name\n"
        "17: nodes/a.b/actors/supervisor: this name is taken: every node has its supervisor\n");
}

static void event_loops_share_no_thread(void **state)
{
    (void)state;
    expect_mistakes(
        "platform\n    url = http://h\nnodes\n    n\n        actors\n            front\n                thread = t\n"
        "            other\n                kind = front\n                thread = t\n"
        "                listen =\n            back\n                key = k\n",
        "8: nodes/n/actors/other: cannot share the thread 't' with front: each brings an event loop of its "
        "own\n");
}

static void inherited_mistakes_are_told_once(void **state)
{
    (void)state;
    expect_mistakes(LEAST "                kee = x\n    o\n        like = n\n        actors\n            front\n"
                          "                listen =\n",
                    "9: nodes/n/actors/back/kee: an actor of kind back has no 'kee'; did you mean key?\n");
}

static void overrides(void **state)
{
    const struct setting_override set[] = { { "platform/lgo", "info" }, { "nodes/n", "x" }, { "nodes/n/role", "y" } };
    struct loaded loaded = load_with(LEAST, NULL, set, 3);

    (void)state;
    assert_string_equal(loaded.told, "--set nodes/n: is a section; name one of its properties\n"
                                     "--set platform/lgo: the platform has no 'lgo'; did you mean log?\n");
    unload(&loaded);
}

static void files_that_cannot_be_read(void **state)
{
    const struct topology_words words = { .kinds = test_kinds, .store_kinds = test_store_kinds };
    char *told = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&told, &size);

    (void)state;
    assert_null(topology_load("/nowhere/at.all", &words, NULL, 0, to));
    assert_null(topology_load("/", &words, NULL, 0, to));
    fclose(to);
    assert_string_equal(told, "/nowhere/at.all: cannot be read: No such file or directory\n"
                              "/: cannot be read: Is a directory\n");
    free(told);
}

static void too_many(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    fputs(LEAST, to);
    for (int i = 0; i < TOPOLOGY_NODES_LIMIT; i++)
        fprintf(to, "    n%d\n        actors\n            spare\n", i);
    fclose(to);
    expect_mistakes(text, "3: nodes: 257 nodes; at most 256\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_words),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(sections_and_values_mixed_up),
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(dangling_references),
        cmocka_unit_test(circles),
        cmocka_unit_test(ports),
        cmocka_unit_test(hosts),
        cmocka_unit_test(names),
        cmocka_unit_test(event_loops_share_no_thread),
        cmocka_unit_test(inherited_mistakes_are_told_once),
        cmocka_unit_test(overrides),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
