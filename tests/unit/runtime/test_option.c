/* SPDX-License-Identifier: MIT */
/* What option_parse takes, what it refuses, and what it says then. */
#include "runtime/option.h"
#include "tests/testing.h"

static void takes(enum option_type type, const char *text, uint64_t expected)
{
    const struct option row = { .name = "o", .type = type };
    uint64_t value = 4711;

    assert_null(option_parse(&row, text, &value));
    assert_int_equal(value, expected);
}

static void refuses(enum option_type type, const char *text)
{
    const struct option row = { .name = "o", .type = type };
    uint64_t value = 4711;

    assert_non_null(option_parse(&row, text, &value));
    assert_int_equal(value, 4711);
}

static void numbers(void **state)
{
    (void)state;
    takes(OPTION_NUMBER, "0", 0);
    takes(OPTION_NUMBER, "42", 42);
    takes(OPTION_NUMBER, "64k", 64000);
    takes(OPTION_NUMBER, "2 M", 2000000);
    takes(OPTION_NUMBER, "18446744073709551615", UINT64_MAX);
    refuses(OPTION_NUMBER, "18446744073709551616");
    refuses(OPTION_NUMBER, "18446744073709551615k");
    refuses(OPTION_NUMBER, "");
    refuses(OPTION_NUMBER, "-1");
    refuses(OPTION_NUMBER, "+1");
    refuses(OPTION_NUMBER, "1.5");
    refuses(OPTION_NUMBER, "1 kg");
    refuses(OPTION_NUMBER, "k");
    refuses(OPTION_NUMBER, " 1");
}

static void sizes(void **state)
{
    (void)state;
    takes(OPTION_BYTES, "512", 512);
    takes(OPTION_BYTES, "64KiB", 65536);
    takes(OPTION_BYTES, "1GiB", UINT64_C(1) << 30);
    refuses(OPTION_BYTES, "64K");
    refuses(OPTION_BYTES, "64kb");
}

static void durations(void **state)
{
    (void)state;
    takes(OPTION_DURATION, "250us", 250);
    takes(OPTION_DURATION, "10ms", 10000);
    takes(OPTION_DURATION, "5 s", 5000000);
    takes(OPTION_DURATION, "2min", UINT64_C(120000000));
    takes(OPTION_DURATION, "1h", UINT64_C(3600000000));
    takes(OPTION_DURATION, "7d", UINT64_C(604800000000));
    takes(OPTION_DURATION, "0", 0);
    refuses(OPTION_DURATION, "10"); /* of what? */
    refuses(OPTION_DURATION, "5 sec");
}

static void booleans(void **state)
{
    static const char *const words[] = { "true", "yes", "on", "1", "false", "no", "off", "0" };
    const struct option row = { .name = "o", .type = OPTION_BOOL };

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        bool value = i >= 4;

        assert_null(option_parse(&row, words[i], &value));
        assert_int_equal(value, i < 4);
    }
    refuses(OPTION_BOOL, "maybe");
    refuses(OPTION_BOOL, "");
}

static void choices(void **state)
{
    static const char *const words[] = { "acked", "fast", "off", NULL };
    const struct option row = { .name = "o", .type = OPTION_CHOICE, .choices = words };
    uint32_t value = 9;

    (void)state;
    assert_null(option_parse(&row, "fast", &value));
    assert_int_equal(value, 1);
    assert_string_equal(option_parse(&row, "slow", &value), "one of acked, fast or off");
    assert_int_equal(value, 1);
}

static void texts_are_borrowed(void **state)
{
    const struct option row = { .name = "o", .type = OPTION_TEXT };
    const char *value = NULL;
    const char *text = "anything at all";

    (void)state;
    assert_null(option_parse(&row, text, &value));
    assert_ptr_equal(value, text);
}

static void ranges(void **state)
{
    const struct option row = { .name = "o", .type = OPTION_DURATION, .minimum = 1000, .maximum = 5000000 };
    const struct option least = { .name = "o", .type = OPTION_NUMBER, .minimum = 3 };
    uint64_t value = 0;

    (void)state;
    assert_null(option_parse(&row, "1ms", &value));
    assert_null(option_parse(&row, "5s", &value));
    assert_non_null(option_parse(&row, "999us", &value));
    assert_string_equal(option_parse(&row, "6s", &value),
                        "a duration, such as 250us, 10ms, 5s, 2min, 1h or 7d, from 1ms to 5s");
    assert_string_equal(option_parse(&least, "2", &value), "a number, such as 10, 64k or 2M, at least 3");
    assert_int_equal(value, 5000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),  cmocka_unit_test(sizes),   cmocka_unit_test(durations),
        cmocka_unit_test(booleans), cmocka_unit_test(choices), cmocka_unit_test(texts_are_borrowed),
        cmocka_unit_test(ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
