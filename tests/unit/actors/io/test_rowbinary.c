/* SPDX-License-Identifier: MIT */
#include "actors/io/rowbinary.h"
#include "tests/testing.h"

static void values_come_back(void **state)
{
    struct rowbinary rows = { 0 };
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    struct slice text;
    char long_text[300];

    (void)state;
    memset(long_text, 'x', sizeof long_text);
    rowbinary_add_u8(&rows, 200);
    rowbinary_add_u16(&rows, 0x0102);
    rowbinary_add_u32(&rows, 0xdeadbeef);
    rowbinary_add_u64(&rows, UINT64_MAX - 1);
    rowbinary_add_i64(&rows, -5);
    rowbinary_add_text(&rows, (struct slice){ .at = long_text, .size = sizeof long_text });
    rowbinary_add_text(&rows, (struct slice){ 0 });

    struct slice read = rowbinary_slice(&rows);

    assert_int_equal((uint8_t)read.at[1], 0x02); /* little-endian */
    assert_true(rowbinary_take_u8(&read, &u8) && u8 == 200);
    assert_true(rowbinary_take_u16(&read, &u16) && u16 == 0x0102);
    assert_true(rowbinary_take_u32(&read, &u32) && u32 == 0xdeadbeef);
    assert_true(rowbinary_take_u64(&read, &u64) && u64 == UINT64_MAX - 1);
    assert_true(rowbinary_take_i64(&read, &i64) && i64 == -5);
    assert_true(rowbinary_take_text(&read, &text));
    assert_true(slice_equal(text, (struct slice){ .at = long_text, .size = sizeof long_text }));
    assert_true(rowbinary_take_text(&read, &text) && text.size == 0);
    assert_int_equal(read.size, 0);
    rowbinary_destroy(&rows);
}

static void what_is_cut_off_is_not_taken(void **state)
{
    struct slice read = SLICE("\x05"
                              "abc");
    struct slice endless = SLICE("\xff\xff\xff\xff\xff\xff\xff\xff");
    struct slice text;
    uint64_t number;

    (void)state;
    assert_false(rowbinary_take_text(&read, &text));
    assert_int_equal(read.size, 4); /* untouched */
    assert_false(rowbinary_take_text(&endless, &text));
    read.size = 3;
    assert_false(rowbinary_take_u64(&read, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(what_is_cut_off_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
