/* SPDX-License-Identifier: MIT */
/* Bodies: what is no JSON, what has the wrong shape, and what is understood. */
#include "actors/edge/request_json.h"
#include "tests/testing.h"

#define JSON(text) SLICE(text)

static const struct {
    struct slice body;
    unsigned status; /* 0: fine */
    const char *pointer;
    const char *part; /* of the detail */
} shorten_cases[] = {
    { JSON("{\"url\":\"https://example.org/\"}"), 0, "", "" },
    { JSON("  {\"url\":\"\"}\r\n"), 0, "", "" }, /* an empty url is for the URL rules to refuse */
    { JSON("{\"url\":\"a\",\"custom_code\":null}"), 0, "", "" },
    { JSON("{\"url\":\"a\\u0000b\"}"), 0, "", "" },
    { JSON("{\"url\":\"\\ud83d\\ude00\"}"), 0, "", "" },
    { JSON("{\"url\":\"a\",\"expires_at\":\"2030-01-31T12:00:00+02:00\"}"), 0, "", "" },

    { JSON(""), 400, "", "empty" },
    { JSON("{"), 400, "", "line 1" },
    { JSON("{\"url\":\"a\"} x"), 400, "", "" },
    { JSON("{\"url\":\"a\"}{\"url\":\"a\"}"), 400, "", "" },
    { JSON("{\"url\":\"a\",}"), 400, "", "" },
    { JSON("{'url':'a'}"), 400, "", "" },
    { JSON("{\"url\":\"a\",\"url\":\"a\"}"), 400, "", "twice" },
    { JSON("{\"url\":\"\\ud800\"}"), 400, "", "" },
    { JSON("{\"url\":\"\\udc00\\ud800\"}"), 400, "", "" },
    { JSON("{\"url\":\"\xff\"}"), 400, "", "" },
    { JSON("{\"url\":\"\xed\xa0\x80\"}"), 400, "", "" },
    { JSON("{\"url\":\"\xc0\x80\"}"), 400, "", "" },
    { JSON("{\"url\":\"a\nb\"}"), 400, "", "" },
    { JSON("{\"url\":\"a\"}\0"), 400, "", "" },
    { JSON("\xef\xbb\xbf{\"url\":\"a\"}"), 400, "", "" },

    { JSON("[]"), 422, "#", "object" },
    { JSON("\"url\""), 422, "#", "object" },
    { JSON("null"), 422, "#", "object" },
    { JSON("1"), 422, "#", "object" },
    { JSON("{}"), 422, "#/url", "missing" },
    { JSON("{\"url\":1}"), 422, "#/url", "a string" },
    { JSON("{\"url\":null}"), 422, "#/url", "a string" },
    { JSON("{\"url\":[\"a\"]}"), 422, "#/url", "a string" },
    { JSON("{\"url\":\"a\",\"custom_code\":1}"), 422, "#/custom_code", "or null" },
    { JSON("{\"url\":\"a\",\"customcode\":\"x\"}"), 422, "#/customcode", "did you mean 'custom_code'?" },
    { JSON("{\"url\":\"a\",\"something\":\"x\"}"), 422, "#/something", "leave it out" },
    { JSON("{\"url\":\"a\",\"expires_at\":\"tomorrow\"}"), 422, "#/expires_at", "2030" },
    { JSON("{\"url\":\"a\",\"expires_at\":0}"), 422, "#/expires_at", "2030" },
};

static void test_shorten(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shorten_cases) / sizeof(shorten_cases[0]); i++) {
        struct request_json request;
        struct request_json_error error = { 0 };
        bool fits = request_json_shorten(shorten_cases[i].body, &request, &error);

        if (fits != (shorten_cases[i].status == 0) || error.status != shorten_cases[i].status ||
            strcmp(error.pointer, shorten_cases[i].pointer) != 0 || strstr(error.detail, shorten_cases[i].part) == NULL)
            fail_msg("case %zu (%s): %u %s: %s", i, shorten_cases[i].body.at, error.status, error.pointer,
                     error.detail);
        request_json_free(&request);
    }
}

static void test_values(void **state)
{
    struct request_json request;
    struct request_json_error error;

    (void)state;
    assert_true(request_json_shorten(
        JSON("{\"custom_code\":\"Abc\",\"url\":\"https:\\/\\/x\\/\",\"expires_at\":\"1970-01-01T00:00:01.5Z\"}"),
        &request, &error));
    assert_true(slice_is(request.url, "https://x/"));
    assert_true(request.has_custom_code);
    assert_true(slice_is(request.custom_code, "Abc"));
    assert_int_equal(request.expires_us, 1500000);
    request_json_free(&request);
    assert_true(request_json_shorten(JSON("{\"url\":\"a\\u0000b\"}"), &request, &error));
    assert_int_equal(request.url.size, 3);
    request_json_free(&request);
    request_json_free(&request);
}

static void test_depth_is_bounded(void **state)
{
    static char deep[60000];
    struct request_json request;
    struct request_json_error error;

    (void)state;
    memset(deep, '[', sizeof(deep));
    assert_false(request_json_shorten((struct slice){ deep, sizeof(deep) }, &request, &error));
    assert_int_equal(error.status, 400);
}

static void test_edit(void **state)
{
    struct request_json request;
    struct request_json_error error;

    (void)state;
    assert_true(request_json_edit(JSON("{\"expires_at\":null}"), &request, &error));
    assert_true(request.sets_expiry);
    assert_int_equal(request.expires_us, 0);
    request_json_free(&request);
    assert_true(request_json_edit(JSON("{\"withdrawn\":true}"), &request, &error));
    assert_true(request.withdraws);
    request_json_free(&request);
    assert_false(request_json_edit(JSON("{\"withdrawn\":false}"), &request, &error));
    assert_int_equal(error.status, 422);
    assert_false(request_json_edit(JSON("{}"), &request, &error));
    assert_int_equal(error.status, 422);
    assert_false(request_json_edit(JSON("{\"url\":\"\"}"), &request, &error));
    assert_string_equal(error.pointer, "#/url");
    assert_false(request_json_edit(JSON("{\"custom_code\":\"abc\"}"), &request, &error));
}

static void test_content_types(void **state)
{
    (void)state;
    assert_true(request_json_is_content_type(SLICE("application/json")));
    assert_true(request_json_is_content_type(SLICE("Application/JSON ; charset=UTF-8")));
    assert_true(request_json_is_content_type(SLICE("application/json;charset=\"utf-8\"")));
    assert_false(request_json_is_content_type(SLICE("")));
    assert_false(request_json_is_content_type((struct slice){ 0 }));
    assert_false(request_json_is_content_type(SLICE("application/jsonp")));
    assert_false(request_json_is_content_type(SLICE("application/json; charset=latin1")));
    assert_false(request_json_is_content_type(SLICE("text/plain; x=application/json")));
    assert_false(request_json_is_content_type(SLICE("application/x-www-form-urlencoded")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shorten), cmocka_unit_test(test_values),        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_edit),    cmocka_unit_test(test_content_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
