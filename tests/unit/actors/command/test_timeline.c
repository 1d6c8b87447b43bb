/* SPDX-License-Identifier: MIT */
/* Spans of several nodes put together: in order, nested by time, and listed by trace. */
#include <string.h>

#include "actors/command/console_trace.h"
#include "tests/testing.h"

static json_t *span(const char *trace, const char *node, int started_us, int duration_us, const char *name)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "trace", trace, "node", node, "actor", "links", "kind",
                     "ask", "name", name, "other", "edge/edge", "started_us", started_us, "duration_us", duration_us);
}

static json_int_t number(json_t *rows, size_t at, const char *key)
{
    return json_integer_value(json_object_get(json_array_get(rows, at), key));
}

static void a_timeline_is_in_order_and_nested(void **state)
{
    json_t *timeline;
    json_t *spans =
        json_pack("[o,o,o,o]", span("t", "app1", 1300, 100, "store"), span("t", "edge", 1000, 1000, "request"),
                  span("t", "edge", 1700, 50, "answer"), span("t", "app1", 1200, 400, "resolve"));
    static const int depths[] = { 0, 1, 2, 1 };
    static const int offsets[] = { 0, 200, 300, 700 };
    char text[4096] = "";
    FILE *to = fmemopen(text, sizeof text, "w");

    (void)state;
    timeline = console_timeline("t", spans);
    spans = json_object_get(timeline, "spans");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(number(spans, i, "depth"), depths[i]);
        assert_int_equal(number(spans, i, "offset_us"), offsets[i]);
    }
    assert_int_equal(json_integer_value(json_object_get(timeline, "duration_us")), 1000);
    console_print_timeline(timeline, to);
    fclose(to);
    assert_non_null(strstr(text, "took 1.000 ms  4 spans"));
    assert_non_null(strstr(text, "    0.300     0.100      app1/links"));
    assert_non_null(strstr(text, "|==============================|"));
    json_decref(timeline);
}

static void traces_are_listed_latest_first(void **state)
{
    json_t *traces =
        console_trace_list(json_pack("[o,o,o]", span("old", "edge", 100, 10, "first"),
                                     span("new", "edge", 500, 10, "second"), span("old", "app1", 105, 50, "inner")));

    (void)state;
    assert_int_equal(json_array_size(traces), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(traces, 0), "trace")), "new");
    assert_int_equal(number(traces, 1, "spans"), 2);
    assert_int_equal(number(traces, 1, "duration_us"), 55);
    assert_string_equal(json_string_value(json_object_get(json_array_get(traces, 1), "what")), "ask first");
    json_decref(traces);
}

static void nothing_is_a_timeline_too(void **state)
{
    json_t *timeline = console_timeline("t", json_array());
    FILE *to = fopen("/dev/null", "w");

    (void)state;
    console_print_timeline(timeline, to);
    fclose(to);
    json_decref(timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeline_is_in_order_and_nested),
        cmocka_unit_test(traces_are_listed_latest_first),
        cmocka_unit_test(nothing_is_a_timeline_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
