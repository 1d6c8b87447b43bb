/* SPDX-License-Identifier: MIT */
/* uri: addresses that are understood, part by part, and those that are refused, each with its sentence. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "actors/io/uri.h"
#include "tests/testing.h"

static void takes_all_parts(void **state)
{
    struct uri uri;
    char why[200] = "";

    (void)state;
    assert_true(
        uri_parse("redis://u%40x:p%3Aw%2F@a.example:7000,[::1]:7001,10.0.0.1/3?x=%41", 6379, &uri, why, sizeof(why)));
    assert_string_equal(uri.scheme, "redis");
    assert_string_equal(uri.user, "u@x");
    assert_string_equal(uri.password, "p:w/");
    assert_string_equal(uri.path, "3");
    assert_string_equal(uri.query, "x=%41");
    assert_int_equal(uri.host_count, 3);
    assert_string_equal(uri.hosts[0].name, "a.example");
    assert_int_equal(uri.hosts[0].port, 7000);
    assert_string_equal(uri.hosts[1].name, "::1");
    assert_int_equal(uri.hosts[1].port, 7001);
    assert_string_equal(uri.hosts[2].name, "10.0.0.1");
    assert_int_equal(uri.hosts[2].port, 6379);
}

static void takes_the_least(void **state)
{
    struct uri uri;
    char why[200] = "";

    (void)state;
    assert_true(uri_parse("kafka://h", 9092, &uri, why, sizeof(why)));
    assert_string_equal(uri.user, "");
    assert_string_equal(uri.path, "");
    assert_int_equal(uri.hosts[0].port, 9092);
    assert_true(uri_parse("redis://:secret@h/0", 1, &uri, why, sizeof(why)));
    assert_string_equal(uri.user, "");
    assert_string_equal(uri.password, "secret");
    assert_true(
        uri_parse("http://h?a@b", 1, &uri, why, sizeof(why))); /* an '@' behind the authority is not one of it */
    assert_string_equal(uri.user, "");
    assert_string_equal(uri.query, "a@b");
}

static void refuses_with_a_sentence(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } wrong[] = {
        { "", "begin with a scheme" },
        { "h:1", "begin with a scheme" },
        { "redis:/h", "begin with a scheme" },
        { "://h", "begin with a scheme" },
        { "averyveryverylongscheme://h", "scheme" },
        { "redis://", "lacks its host" },
        { "redis://u:p@", "lacks its host" },
        { "redis://a,,b", "lacks its host" },
        { "redis://[::1", "']'" },
        { "redis://[::1]x", "expected ':'" },
        { "redis://h:", "is not a port" },
        { "redis://h:0", "is not a port" },
        { "redis://h:65536", "is not a port" },
        { "redis://h:6e3", "is not a port" },
        { "redis://h:99999999999999999999", "is not a port" },
        { "redis://u:p%@h", "hexadecimal" },
        { "redis://u:p%4@h", "hexadecimal" },
        { "redis://u:p%zz@h", "hexadecimal" },
        { "redis://u:p%00@h", "hexadecimal" },
        { "redis://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "more than 16" },
    };
    struct uri uri = { .host_count = 99 };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char why[200] = "";

        if (uri_parse(wrong[i].text, 1, &uri, why, sizeof(why)) || strstr(why, wrong[i].says) == NULL)
            fail_msg("'%s' gave '%s', expected '... %s ...'", wrong[i].text, why, wrong[i].says);
        assert_int_equal(uri.host_count, 99); /* untouched */
    }
}

static void has_room_to_the_limit(void **state)
{
    struct uri uri;
    char why[200] = "";
    char text[400];

    (void)state;
    snprintf(text, sizeof(text), "redis://%0*d", URI_TEXT_LIMIT, 0);
    assert_true(uri_parse(text, 1, &uri, why, sizeof(why)));
    snprintf(text, sizeof(text), "redis://%0*d", URI_TEXT_LIMIT + 1, 0);
    assert_false(uri_parse(text, 1, &uri, why, sizeof(why)));
    snprintf(text, sizeof(text), "redis://%0*d@h", URI_TEXT_LIMIT + 1, 0);
    assert_false(uri_parse(text, 1, &uri, why, sizeof(why)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_parts),
        cmocka_unit_test(takes_the_least),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(has_room_to_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
