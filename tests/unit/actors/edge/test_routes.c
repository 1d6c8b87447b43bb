/* SPDX-License-Identifier: MIT */
/* What paths name. */
#include "actors/edge/routes.h"
#include "tests/testing.h"

static const struct {
    struct slice target;
    enum route route;
    const char *code;
} cases[] = {
    { SLICE("/"), ROUTE_ROOT, "" },
    { SLICE("/abc"), ROUTE_CODE, "abc" },
    { SLICE("/a"), ROUTE_CODE, "a" },
    { SLICE("/01234567890123456789"), ROUTE_CODE, "01234567890123456789" },
    { SLICE("/012345678901234567890"), ROUTE_NONE, "" },
    { SLICE("/%61%42c"), ROUTE_CODE, "aBc" },
    { SLICE("/%6"), ROUTE_NONE, "" },
    { SLICE("/%"), ROUTE_NONE, "" },
    { SLICE("/%zz"), ROUTE_NONE, "" },
    { SLICE("/a%2fb"), ROUTE_NONE, "" },
    { SLICE("/a%00"), ROUTE_NONE, "" },
    { SLICE("/%2561"), ROUTE_NONE, "" },
    { SLICE("/a-b"), ROUTE_NONE, "" },
    { SLICE("/a\0b"), ROUTE_NONE, "" },
    { SLICE("/\xc3\xa9"), ROUTE_NONE, "" },
    { SLICE("/abc/"), ROUTE_NONE, "" },
    { SLICE("//abc"), ROUTE_NONE, "" },
    { SLICE("/./abc"), ROUTE_NONE, "" },
    { SLICE("/x/../abc"), ROUTE_NONE, "" },
    { SLICE("abc"), ROUTE_NONE, "" },
    { SLICE("*"), ROUTE_SERVER, "" },
    { SLICE("http://h/abc"), ROUTE_CODE, "abc" },
    { SLICE("HTTPS://h:1/api/shorten"), ROUTE_SHORTEN, "" },
    { SLICE("http://h"), ROUTE_ROOT, "" },
    { SLICE("ftp://h/abc"), ROUTE_NONE, "" },
    { SLICE("/api/shorten"), ROUTE_SHORTEN, "" },
    { SLICE("/%61pi/shorten"), ROUTE_SHORTEN, "" },
    { SLICE("/api/shorten/"), ROUTE_NONE, "" },
    { SLICE("/api/shortenx"), ROUTE_NONE, "" },
    { SLICE("/api/shorten/0123456789abcdef0123"), ROUTE_DEFERRED, "0123456789abcdef0123" },
    { SLICE("/api/shorten/0123456789abcdef01234"), ROUTE_NONE, "" },
    { SLICE("/api/shorten/a/b"), ROUTE_NONE, "" },
    { SLICE("/api"), ROUTE_CODE, "api" }, /* reserved: nobody has it */
    { SLICE("/api/"), ROUTE_NONE, "" },
    { SLICE("/api/stats/abc"), ROUTE_STATS, "abc" },
    { SLICE("/api/stats/"), ROUTE_NONE, "" },
    { SLICE("/api/stats/abc/"), ROUTE_NONE, "" },
    { SLICE("/api/stats/a b"), ROUTE_NONE, "" },
    { SLICE("/api/links/%41bc"), ROUTE_LINK, "Abc" },
    { SLICE("/health"), ROUTE_HEALTH, "" },
    { SLICE("/healthy"), ROUTE_CODE, "healthy" },
    { SLICE("/Health"), ROUTE_CODE, "Health" },
    { SLICE("/livez"), ROUTE_LIVEZ, "" },
    { SLICE("/readyz"), ROUTE_READYZ, "" },
    { SLICE("/openapi.json"), ROUTE_OPENAPI, "" },
    { SLICE("/docs"), ROUTE_DOCS, "" },
    { SLICE("/metrics"), ROUTE_NONE, "" },
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route_match match;

        routes_match(cases[i].target, &match);
        if (match.route != cases[i].route || !slice_is(match.code, cases[i].code))
            fail_msg("%s: route %d, code '%.*s'", cases[i].target.at, match.route, (int)match.code.size, match.code.at);
    }
}

static void test_long_paths(void **state)
{
    static char path[20000];
    struct route_match match;

    (void)state;
    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 3 == 0 ? '%' : '6';
    path[0] = '/';
    routes_match((struct slice){ path, sizeof(path) }, &match);
    assert_int_equal(match.route, ROUTE_NONE);
}

static void test_methods(void **state)
{
    (void)state;
    assert_true(routes_allow(ROUTE_CODE, HTTP_HEAD));
    assert_false(routes_allow(ROUTE_CODE, HTTP_POST));
    assert_false(routes_allow(ROUTE_SHORTEN, HTTP_GET));
    assert_true(routes_allow(ROUTE_LINK, HTTP_DELETE));
    assert_false(routes_allow(ROUTE_LINK, HTTP_OTHER));
    assert_string_equal(routes_allowed(ROUTE_SHORTEN), "POST, OPTIONS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
