/* SPDX-License-Identifier: MIT */
/* code_rules: what may be a code, and which words nobody gets. */
#include "actors/links/code_rules.h"
#include "tests/testing.h"

static void codes_are_letters_and_digits(void **state)
{
    (void)state;
    assert_true(code_rules_is_code(SLICE("a")));
    assert_true(code_rules_is_code(SLICE("AbC0129zZ")));
    assert_true(code_rules_is_code(SLICE("12345678901234567890")));
    assert_false(code_rules_is_code(SLICE("123456789012345678901")));
    assert_false(code_rules_is_code(SLICE("")));
    assert_false(code_rules_is_code(SLICE("a-b")));
    assert_false(code_rules_is_code(SLICE("a b")));
    assert_false(code_rules_is_code(SLICE("\xc3\xa4")));
    assert_false(code_rules_is_code(SLICE("a\0b")));
}

static void custom_codes_have_at_least_three(void **state)
{
    (void)state;
    assert_false(code_rules_is_custom_code(SLICE("ab")));
    assert_true(code_rules_is_custom_code(SLICE("abc")));
    assert_false(code_rules_is_custom_code(SLICE("ab_c")));
}

static void reserved_words_are_so_in_any_case(void **state)
{
    (void)state;
    assert_true(code_rules_is_reserved(SLICE("api")));
    assert_true(code_rules_is_reserved(SLICE("API")));
    assert_true(code_rules_is_reserved(SLICE("Metrics")));
    assert_true(code_rules_is_reserved(SLICE("readyz")));
    assert_true(code_rules_is_reserved(SLICE("static")));
    assert_false(code_rules_is_reserved(SLICE("apis")));
    assert_false(code_rules_is_reserved(SLICE("ap")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_letters_and_digits),
        cmocka_unit_test(custom_codes_have_at_least_three),
        cmocka_unit_test(reserved_words_are_so_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
