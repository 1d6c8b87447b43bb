/* SPDX-License-Identifier: MIT */
/* What a changed topology asks of a platform that runs: the rows of the difference, and how far each reaches. */
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/difference.h"
#include "tests/testing.h"
#include "tests/unit/support/topologies.h"

static const char before_text[] = "platform\n"
                                  "    url = http://127.0.0.1:1\n"
                                  "stores\n"
                                  "    cache\n"
                                  "        kind = redis\n"
                                  "        port = 7379\n"
                                  "    log\n"
                                  "        kind = kafka\n"
                                  "        port = 7092\n"
                                  "kinds\n"
                                  "    back\n"
                                  "        key = common\n"
                                  "nodes\n"
                                  "    edge\n"
                                  "        after = cache\n"
                                  "        actors\n"
                                  "            front\n"
                                  "                cache = cache\n"
                                  "    app1\n"
                                  "        role = app\n"
                                  "        actors\n"
                                  "            back\n"
                                  "    other\n"
                                  "        actors\n"
                                  "            spare\n";

struct pair {
    struct loaded before;
    struct loaded after;
    struct difference *difference;
};

/* The first occurrence of `from` becomes `to`. */
static struct pair compare(const char *from, const char *to)
{
    struct pair pair = { .before = load(before_text) };
    const char *at = strstr(before_text, from);
    char text[4096];

    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - before_text), before_text, to, at + strlen(from));
    pair.after = load(text);
    assert_non_null(pair.before.topology);
    if (pair.after.topology == NULL)
        fail_msg("%s", pair.after.told);
    pair.difference = difference_between(pair.before.topology, pair.after.topology);
    return pair;
}

static void end(struct pair *pair)
{
    difference_destroy(&pair->difference);
    unload(&pair->before);
    unload(&pair->after);
}

static const struct difference_row *row_of(const struct pair *pair, const char *path)
{
    for (size_t i = 0; i < pair->difference->count; i++)
        if (strcmp(pair->difference->rows[i].path, path) == 0)
            return &pair->difference->rows[i];
    fail_msg("there is no row for %s", path);
    return NULL;
}

static void nothing_is_different_from_itself(void **state)
{
    struct pair pair = compare("nodes\n", "nodes\n");

    (void)state;
    assert_int_equal(pair.difference->count, 0);
    end(&pair);
}

static void an_option_concerns_its_actor_only(void **state)
{
    struct pair pair =
        compare("                cache = cache\n", "                cache = cache\n                mode = fast\n");
    const struct difference_row *row = row_of(&pair, "nodes/edge/actors/front/mode");

    (void)state;
    assert_int_equal(pair.difference->count, 1);
    assert_int_equal(row->reach, REACH_ACTOR);
    assert_string_equal(row->from, "acked");
    assert_string_equal(row->to, "fast");
    assert_string_equal(row->option, "mode");
    assert_false(difference_restarts(pair.difference, "edge"));
    end(&pair);
}

static void a_kind_s_option_concerns_all_its_actors(void **state)
{
    struct pair pair = compare("key = common", "key = another");

    (void)state;
    assert_int_equal(row_of(&pair, "nodes/app1/actors/back/key")->reach, REACH_ACTOR);
    assert_int_equal(pair.difference->count, 1);
    end(&pair);
}

static void a_new_node_restarts_those_whose_ways_lead_there(void **state)
{
    struct pair pair = compare("    other\n", "    app2\n        like = app1\n    other\n");

    (void)state;
    assert_int_equal(row_of(&pair, "nodes/app2")->change, CHANGE_ADDED);
    assert_int_equal(row_of(&pair, "nodes/edge")->reach, REACH_NODE);
    assert_true(difference_restarts(pair.difference, "edge"));
    assert_false(difference_restarts(pair.difference, "app1"));
    assert_false(difference_restarts(pair.difference, "other"));
    end(&pair);
}

static void a_removed_node_restarts_those_whose_ways_led_there(void **state)
{
    struct pair pair = compare("    other\n        actors\n            spare\n", "");

    (void)state;
    assert_int_equal(row_of(&pair, "nodes/other")->change, CHANGE_REMOVED);
    assert_true(difference_restarts(pair.difference, "edge"));
    assert_false(difference_restarts(pair.difference, "app1"));
    end(&pair);
}

static void a_moved_store_restarts_it_and_who_uses_it(void **state)
{
    struct pair pair = compare("port = 7379", "port = 7377");

    (void)state;
    assert_int_equal(row_of(&pair, "stores/cache")->reach, REACH_STORE);
    assert_true(difference_restarts(pair.difference, "edge"));
    assert_false(difference_restarts(pair.difference, "app1"));
    end(&pair);
}

static void what_only_the_launcher_needs_restarts_nobody(void **state)
{
    struct pair pair =
        compare("        role = app\n", "        role = app\n        silence_limit = 30s\n        restarts = 3\n");

    (void)state;
    assert_int_equal(pair.difference->count, 1);
    assert_int_equal(row_of(&pair, "nodes/app1")->reach, REACH_LIVE);
    end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_different_from_itself),
        cmocka_unit_test(an_option_concerns_its_actor_only),
        cmocka_unit_test(a_kind_s_option_concerns_all_its_actors),
        cmocka_unit_test(a_new_node_restarts_those_whose_ways_lead_there),
        cmocka_unit_test(a_removed_node_restarts_those_whose_ways_led_there),
        cmocka_unit_test(a_moved_store_restarts_it_and_who_uses_it),
        cmocka_unit_test(what_only_the_launcher_needs_restarts_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
