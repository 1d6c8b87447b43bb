/* SPDX-License-Identifier: MIT */
/* Hot links against a model that remembers everything: what is found must be right, and the bounds must hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/edge/hot_links.h"
#include "tests/testing.h"

enum { CODES = 3000, LIMIT = 500, STEPS = 200000 };

static struct slice name_of(unsigned code, char *room)
{
    return (struct slice){ room, (size_t)sprintf(room, "c%06u", code) };
}

static void put(struct hot_links *table, struct slice code, const char *location, uint64_t version)
{
    struct hot_link *link = hot_link_make(CODE_LIVE, code, slice_of(location), version, 0);

    hot_links_put(table, link);
    hot_link_release(link);
}

/* What the model knows of a code: the newest version that was put and not dropped since, under which generation. */
struct truth {
    bool is_there;
    uint64_t version;
    uint32_t generation;
};

static void check_found(const struct hot_link *link, const struct truth *truth, struct slice code, uint32_t generation)
{
    char location[64];

    if (link == NULL)
        return; /* evicting is allowed at any time */
    snprintf(location, sizeof(location), "https://x/%.*s/%llu", (int)code.size, code.at,
             (unsigned long long)truth->version);
    assert_true(truth->is_there);
    assert_int_equal(truth->generation, generation);
    assert_int_equal(link->version, truth->version);
    assert_true(slice_equal(hot_link_code(link), code));
    assert_true(slice_is(hot_link_location(link), location));
}

static void test_model(void **state)
{
    struct hot_links *table = hot_links_new(LIMIT, 1 << 20, 42);
    struct truth *truths = calloc(CODES, sizeof(*truths));
    uint64_t hits = 0, asked = 0, version = 0;

    (void)state;
    srand(1);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned number = (unsigned)rand() % 4 == 0 ? (unsigned)rand() % CODES : (unsigned)rand() % 100;
        struct truth *truth = &truths[number];
        char room[32], location[64];
        struct slice code = name_of(number, room);
        int what = rand() % 1000;

        if (what < 3) {
            hot_links_distrust(table);
        } else if (what < 50) {
            hot_links_drop(table, code);
            truth->is_there = false;
        } else if (what < 300) {
            snprintf(location, sizeof(location), "https://x/%s/%llu", room, (unsigned long long)++version);
            put(table, code, location, version);
            *truth = (struct truth){ true, version, hot_links_generation(table) };
        } else {
            const struct hot_link *link = hot_links_get(table, code, 0, 0);

            check_found(link, truth, code, hot_links_generation(table));
            if (truth->is_there && truth->generation == hot_links_generation(table)) {
                asked++;
                hits += link != NULL;
            }
        }
        assert_true(hot_links_count(table) <= LIMIT);
        assert_true(hot_links_bytes(table) <= 1 << 20);
    }
    assert_true(hits * 10 > asked * 8); /* the popular hundred should have stayed */
    hot_links_destroy(&table);
    assert_null(table);
    free(truths);
}

static void test_scan_does_not_push_out_the_popular(void **state)
{
    struct hot_links *table = hot_links_new(1000, 1 << 20, 7);
    char room[32];

    (void)state;
    for (unsigned i = 0; i < 500; i++)
        put(table, name_of(i, room), "https://popular/", 1);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 500; i++)
            hot_links_get(table, name_of(i, room), 0, 0);
    for (unsigned i = 10000; i < 40000; i++) {
        put(table, name_of(i, room), "https://scan/", 1);
        hot_links_get(table, name_of(i % 500, room), 0, 0);
    }
    unsigned left = 0;

    for (unsigned i = 0; i < 500; i++)
        left += hot_links_get(table, name_of(i, room), 0, 0) != NULL;
    assert_true(left >= 495);
    hot_links_destroy(&table);
}

static void test_bytes_are_bounded(void **state)
{
    struct hot_links *table = hot_links_new(100000, 100000, 7);
    char *location = malloc(HOT_LOCATION_LIMIT + 1);
    char room[32];

    (void)state;
    memset(location, 'x', HOT_LOCATION_LIMIT);
    location[HOT_LOCATION_LIMIT] = '\0';
    for (unsigned i = 0; i < 1000; i++) {
        put(table, name_of(i, room), location, 1);
        assert_true(hot_links_bytes(table) <= 100000);
    }
    assert_true(hot_links_count(table) >= 10);
    assert_non_null(hot_links_get(table, name_of(999, room), 0, 0));
    free(location);
    hot_links_destroy(&table);
}

static void test_when_a_copy_may_be_used(void **state)
{
    struct hot_links *table = hot_links_new(100, 100000, 7);
    struct slice code = SLICE("abc");
    struct hot_link *link = hot_link_make(CODE_LIVE, code, SLICE("https://x/"), 5, 1000);

    (void)state;
    hot_links_put(table, link);
    hot_link_release(link);
    assert_non_null(hot_links_get(table, code, 5000, 999)); /* a link expires by the wall clock */
    assert_null(hot_links_get(table, code, 5000, 1000));
    link = hot_link_make(CODE_UNKNOWN, SLICE("xyz"), SLICE(""), 0, 500);
    hot_links_put(table, link);
    hot_link_release(link);
    assert_non_null(hot_links_get(table, SLICE("xyz"), 499, 9999)); /* that there is none ages by the other one */
    assert_null(hot_links_get(table, SLICE("xyz"), 500, 9999));
    put(table, code, "https://older/", 4); /* does not replace what is newer */
    assert_int_equal(hot_links_get(table, code, 0, 0)->version, 5);
    hot_links_distrust(table);
    assert_null(hot_links_get(table, code, 0, 0));
    put(table, code, "https://older/", 4); /* but what is in doubt is replaced by what was asked for anew */
    assert_int_equal(hot_links_get(table, code, 0, 0)->version, 4);
    hot_links_destroy(&table);
}

static void test_links_outlive_their_eviction(void **state)
{
    struct hot_links *table = hot_links_new(100, 100000, 7);
    struct hot_link *link;

    (void)state;
    put(table, SLICE("abc"), "https://x/", 1);
    link = hot_link_keep(hot_links_get(table, SLICE("abc"), 0, 0));
    hot_links_drop(table, SLICE("abc"));
    hot_links_destroy(&table);
    assert_true(slice_is(hot_link_location(link), "https://x/"));
    hot_link_release(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_scan_does_not_push_out_the_popular),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_when_a_copy_may_be_used),
        cmocka_unit_test(test_links_outlive_their_eviction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
