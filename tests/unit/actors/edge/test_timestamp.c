/* SPDX-License-Identifier: MIT */
/* Points in time, written and read. */
#include "actors/edge/timestamp.h"
#include "tests/testing.h"

static const struct {
    const char *text;
    uint64_t time_us;
} right[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "2026-01-02T03:04:05.123456Z", 1767323045123456 },
    { "2026-01-02t03:04:05.1234569z", 1767323045123456 },
    { "2026-01-02 05:34:05.123456+02:30", 1767323045123456 },
    { "2026-01-01T22:04:05.123456-05:00", 1767323045123456 },
    { "2024-02-29T00:00:00Z", 1709164800000000 },
    { "2016-12-31T23:59:60Z", 1483228800000000 },
    { "9999-12-31T23:59:59.999999Z", 253402300799999999 },
};

static const char *const wrong[] = {
    "",
    "2026-01-02",
    "2026-01-02T03:04:05",
    "2026-01-02T03:04Z",
    "2026-1-02T03:04:05Z",
    "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-01-02T24:00:00Z",
    "2026-01-02T03:60:00Z",
    "2026-01-02T03:04:61Z",
    "2026-01-02T03:04:05.Z",
    "2026-01-02T03:04:05Zx",
    "2026-01-02T03:04:05+2:00",
    "2026-01-02T03:04:05+24:00",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+01:00",
    "-026-01-02T03:04:05Z",
};

static void test_read(void **state)
{
    uint64_t time_us;

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        if (!timestamp_parse(slice_of(right[i].text), &time_us) || time_us != right[i].time_us)
            fail_msg("%s", right[i].text);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (timestamp_parse(slice_of(wrong[i]), &time_us))
            fail_msg("%s was read", wrong[i]);
    }
}

static void test_write(void **state)
{
    char text[TIMESTAMP_SIZE];
    uint64_t time_us;

    (void)state;
    timestamp_print(1767323045123456, text);
    assert_string_equal(text, "2026-01-02T03:04:05.123456Z");
    timestamp_print(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    timestamp_print(UINT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
    for (uint64_t t = 1; t < 253402300799999999u; t = t * 3 + 12345) {
        timestamp_print(t, text);
        assert_true(timestamp_parse(slice_of(text), &time_us));
        assert_int_equal(time_us, t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_read), cmocka_unit_test(test_write) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
