/* SPDX-License-Identifier: MIT */
/* link_copy and changed_links: what Redis holds, and which of it is to be believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/links/changed_links.h"
#include "actors/links/link_copy.h"
#include "tests/testing.h"

static void rows_come_back_as_they_were(void **state)
{
    struct link_copy copy = { .version = 3,
                              .expires_us = 1764000000000000,
                              .location = SLICE("https://example.org/a b") };
    struct link_copy read = { 0 };
    char room[LINK_COPY_ROOM];
    struct slice text = link_copy_format(&copy, room);

    (void)state;
    assert_true(slice_is(text, "3 1764000000000000 https://example.org/a b"));
    assert_int_equal(link_copy_parse(text, &read), LINK_COPY_ROW);
    assert_int_equal(read.version, 3);
    assert_int_equal(read.expires_us, 1764000000000000);
    assert_true(slice_equal(read.location, copy.location));
}

static void the_longest_row_fits(void **state)
{
    static char location[URL_LIMIT_BYTES];
    struct link_copy copy = { .version = INT64_MAX,
                              .expires_us = INT64_MAX,
                              .location = { location, sizeof(location) } };
    struct link_copy read;
    char room[LINK_COPY_ROOM];

    (void)state;
    memset(location, 'x', sizeof(location));
    assert_int_equal(link_copy_parse(link_copy_format(&copy, room), &read), LINK_COPY_ROW);
    assert_int_equal(read.version, INT64_MAX);
    assert_int_equal(read.location.size, sizeof(location));
}

static void a_link_is_live_until_it_expires_or_is_withdrawn(void **state)
{
    struct link_copy copy = { .version = 1, .location = SLICE("https://example.org/") };

    (void)state;
    assert_int_equal(link_copy_state(&copy, 100), LINK_LIVE);
    copy.expires_us = 101;
    assert_int_equal(link_copy_state(&copy, 100), LINK_LIVE);
    assert_int_equal(link_copy_state(&copy, 101), LINK_GONE);
    copy = (struct link_copy){ .version = 2 };
    assert_int_equal(link_copy_state(&copy, 0), LINK_GONE);
}

static void what_is_no_row_is_not_taken_for_one(void **state)
{
    static const char *const texts[] = { "",
                                         " ",
                                         "1",
                                         "1 ",
                                         "1 2",
                                         "x 0 https://example.org/",
                                         "1  https://example.org/",
                                         "-1 0 https://example.org/",
                                         "https://example.org/",
                                         "99999999999999999999 0 https://example.org/" };
    struct link_copy read = { .version = 77 };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(link_copy_parse(slice_of(texts[i]), &read), LINK_COPY_UNREADABLE);
    assert_int_equal(link_copy_parse(SLICE("!app1"), &read), LINK_COPY_TOMBSTONE);
    assert_int_equal(read.version, 77);
}

static void older_copies_of_changed_links_are_not_allowed(void **state)
{
    struct changed_links *changed = calloc(1, sizeof(*changed));

    (void)state;
    changed_links_note(changed, SLICE("abc"), 5, 0, 100);
    changed_links_note(changed, SLICE("abc"), 4, 0, 100);
    assert_false(changed_links_allow(changed, SLICE("abc"), 4));
    assert_true(changed_links_allow(changed, SLICE("abc"), 5));
    assert_true(changed_links_allow(changed, SLICE("abd"), 1));
    free(changed);
}

static void a_full_table_says_so_until_there_is_room(void **state)
{
    struct changed_links *changed = calloc(1, sizeof(*changed));
    char code[16];

    (void)state;
    for (int i = 0; i < CHANGED_LINKS_LIMIT; i++) {
        (void)snprintf(code, sizeof(code), "c%05d", i);
        changed_links_note(changed, slice_of(code), 2, 0, 100);
    }
    assert_true(changed_links_are_complete(changed, 0));
    changed_links_note(changed, SLICE("onemore"), 2, 50, 150);
    assert_false(changed_links_are_complete(changed, 149));
    assert_true(changed_links_are_complete(changed, 150));
    changed_links_note(changed, SLICE("another"), 2, 100, 200);
    assert_int_equal(changed->count, 1);
    assert_false(changed_links_allow(changed, SLICE("another"), 1));
    assert_true(changed_links_allow(changed, SLICE("c00001"), 1));
    free(changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_as_they_were),
        cmocka_unit_test(the_longest_row_fits),
        cmocka_unit_test(a_link_is_live_until_it_expires_or_is_withdrawn),
        cmocka_unit_test(what_is_no_row_is_not_taken_for_one),
        cmocka_unit_test(older_copies_of_changed_links_are_not_allowed),
        cmocka_unit_test(a_full_table_says_so_until_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
