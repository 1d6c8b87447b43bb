/* SPDX-License-Identifier: MIT */
/* Trace ids that callers bring along. */
#include "actors/edge/trace.h"
#include "tests/testing.h"

static void test_traceparent(void **state)
{
    static const char *const wrong[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319cab7ad6b7169203331-01",
        "x0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    };
    struct trace trace = { .id = { 1, 2 } };
    char text[TRACE_TEXT_ROOM];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(trace_parse(slice_of(wrong[i]), &trace));
    assert_int_equal(trace.id[0], 1);
    assert_true(trace_parse(SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), &trace));
    assert_int_equal(trace.id[0], 0x0af7651916cd43dd);
    assert_int_equal(trace.id[1], 0x8448eb211c80319c);
    assert_true(trace.is_recorded);
    trace_format(&trace, text);
    assert_string_equal(text, "0af7651916cd43dd8448eb211c80319c");
    assert_true(trace_parse(SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"), &trace));
    assert_false(trace.is_recorded);
    assert_true(trace_parse(SLICE("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"), &trace));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_traceparent) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
