/* SPDX-License-Identifier: MIT */
/* Distances of words, and which known word is offered for a wrong one. */
#include <string.h>

#include "runtime/nearest.h"
#include "tests/testing.h"

static void distances(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("edge", "edge", 9), 0);
    assert_int_equal(nearest_distance("", "edge", 9), 4);
    assert_int_equal(nearest_distance("egde", "edge", 9), 1); /* a swap is one step */
    assert_int_equal(nearest_distance("ede", "edge", 9), 1);
    assert_int_equal(nearest_distance("edgee", "edge", 9), 1);
    assert_int_equal(nearest_distance("kitten", "sitting", 9), 3);
    assert_int_equal(nearest_distance("ca", "abc", 9), 3); /* restricted: no edit inside a swap */
    assert_int_equal(nearest_distance("Click-Buffer", "click_buffer", 9), 0);
    assert_int_equal(nearest_distance("kitten", "sitting", 1), 2); /* beyond the limit */
}

static void distance_is_symmetric(void **state)
{
    static const char *const words[] = { "pause_min", "pause_max", "pick", "window", "", "a", "nodes" };

    (void)state;
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++)
            assert_int_equal(nearest_distance(words[i], words[j], 20), nearest_distance(words[j], words[i], 20));
}

static void offers(void **state)
{
    static const char *const known[] = { "name", "url", "role", "restarts", "within", "pause_min", "pause_max" };

    (void)state;
    assert_string_equal(nearest_of("restart", known, 7), "restarts");
    assert_string_equal(nearest_of("pausemin", known, 7), "pause_min");
    assert_string_equal(nearest_of("PAUSE-MAX", known, 7), "pause_max");
    assert_string_equal(nearest_of("rloe", known, 7), "role");
    assert_null(nearest_of("colour", known, 7));
    assert_null(nearest_of("", known, 7));
}

static void long_words_have_no_neighbours(void **state)
{
    char word[200];
    const char *known[] = { word };

    (void)state;
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    assert_null(nearest_of(word, known, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(distance_is_symmetric),
        cmocka_unit_test(offers),
        cmocka_unit_test(long_words_have_no_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
