/* SPDX-License-Identifier: MIT */
/* MessagePack as others write it, read byte by byte; and bytes that nobody would write. */
#include <stdlib.h>

#include <msgpack/pack.h>

#include "proto/buffer.h"
#include "proto/reader.h"
#include "tests/testing.h"

static int append(void *to, const char *from, size_t size)
{
    buffer_append(to, from, size);
    return 0;
}

static struct buffer bytes;
static msgpack_packer packer;

static int begin(void **state)
{
    (void)state;
    msgpack_packer_init(&packer, &bytes, append);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_free(&bytes);
    return 0;
}

/* From memory of exactly that size: the sanitizer sees a read beyond it. */
static struct reader_value read_one(bool *ret_read)
{
    char *exact = malloc(bytes.size + 1);
    struct reader reader;
    struct reader_value value = { 0 };

    memcpy(exact + 1, bytes.at, bytes.size);
    reader = reader_of((struct slice){ .at = exact + 1, .size = bytes.size });
    *ret_read = reader_next(&reader, &value) && reader_left(&reader) == 0;
    if (value.body.size > 0)
        value.body.at = bytes.at + (value.body.at - exact - 1);
    free(exact);
    return value;
}

static void numbers_of_every_width(void **state)
{
    (void)state;
    for (unsigned power = 0; power < 64; power++) {
        for (int off = -2; off <= 2; off++) {
            uint64_t number = ((uint64_t)1 << power) + (uint64_t)off;
            struct reader_value value;
            bool read;

            buffer_clear(&bytes, 0);
            msgpack_pack_uint64(&packer, number);
            value = read_one(&read);
            assert_true(read && value.type == READER_UNSIGNED && value.number == number);
            buffer_clear(&bytes, 0);
            msgpack_pack_int64(&packer, -(int64_t)(number >> 1) - 1);
            value = read_one(&read);
            assert_true(read && value.type == READER_NEGATIVE && value.negative == -(int64_t)(number >> 1) - 1);
        }
    }
}

static void signed_forms_of_what_is_not_below_zero(void **state)
{
    static const char forms[][10] = { "\xd0\x7f", "\xd1\x00\x7f", "\xd2\x00\x00\x00\x7f",
                                      "\xd3\x00\x00\x00\x00\x00\x00\x00\x7f" };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct reader_value value;
        bool read;

        buffer_clear(&bytes, 0);
        buffer_append(&bytes, forms[i], 1 + ((size_t)1 << i));
        value = read_one(&read);
        assert_true(read && value.type == READER_UNSIGNED && value.number == 127);
    }
}

static void floats_of_both_widths(void **state)
{
    struct reader_value value;
    bool read;

    (void)state;
    msgpack_pack_float(&packer, 1.5f);
    value = read_one(&read);
    assert_true(read && value.type == READER_FLOAT && value.real == 1.5);
    buffer_clear(&bytes, 0);
    msgpack_pack_double(&packer, -0.1);
    value = read_one(&read);
    assert_true(read && value.type == READER_FLOAT && value.real == -0.1);
}

static void texts_bytes_and_extensions_of_every_length(void **state)
{
    static const size_t sizes[] = { 0, 1, 2, 4, 8, 15, 16, 17, 31, 32, 33, 255, 256, 65535, 65536 };
    static char body[65536];

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct reader_value value;
        bool read;

        buffer_clear(&bytes, 0);
        msgpack_pack_str(&packer, sizes[i]);
        msgpack_pack_str_body(&packer, body, sizes[i]);
        value = read_one(&read);
        assert_true(read && value.type == READER_TEXT && value.body.size == sizes[i]);
        buffer_clear(&bytes, 0);
        msgpack_pack_bin(&packer, sizes[i]);
        msgpack_pack_bin_body(&packer, body, sizes[i]);
        value = read_one(&read);
        assert_true(read && value.type == READER_BYTES && value.body.size == sizes[i]);
        buffer_clear(&bytes, 0);
        msgpack_pack_ext(&packer, sizes[i], 5);
        msgpack_pack_ext_body(&packer, body, sizes[i]);
        value = read_one(&read);
        assert_true(read && value.type == READER_EXTENSION && value.body.size == sizes[i] + 1);
    }
}

static void whatever_is_nested_is_skipped(void **state)
{
    struct reader reader;
    uint64_t number;

    (void)state;
    msgpack_pack_array(&packer, 4);
    msgpack_pack_map(&packer, 2);
    for (int i = 0; i < 2; i++) {
        msgpack_pack_str(&packer, 1);
        msgpack_pack_str_body(&packer, "k", 1);
        msgpack_pack_array(&packer, 70000);
        for (int j = 0; j < 70000; j++)
            msgpack_pack_true(&packer);
    }
    msgpack_pack_nil(&packer);
    msgpack_pack_double(&packer, 1);
    msgpack_pack_ext(&packer, 3, 1);
    msgpack_pack_ext_body(&packer, "abc", 3);
    msgpack_pack_uint64(&packer, 99);
    reader = reader_of(buffer_slice(&bytes));
    assert_true(reader_skip(&reader));
    assert_true(reader_unsigned(&reader, &number));
    assert_int_equal(number, 99);
    assert_int_equal(reader_left(&reader), 0);
}

/* Skipping calls itself: a frame of brackets must not use up the stack. */
static void nesting_has_an_end(void **state)
{
    (void)state;
    for (size_t depth = 1; depth < 4096; depth = depth * 2 + 1) {
        struct reader reader;

        buffer_clear(&bytes, 1 << 16);
        for (size_t i = 0; i < depth; i++)
            msgpack_pack_array(&packer, 1);
        msgpack_pack_nil(&packer);
        reader = reader_of(buffer_slice(&bytes));
        assert_int_equal(reader_skip(&reader), depth <= 16);
        assert_int_equal(reader.failed, depth > 16);
    }
}

/* All heads with all short tails: nothing is read beyond the end, and a reader that failed stays so. */
static void no_bytes_lead_beyond_the_end(void **state)
{
    (void)state;
    for (unsigned head = 0; head < 256; head++) {
        for (size_t size = 1; size <= 10; size++) {
            char *exact = malloc(size);
            struct reader reader = reader_of((struct slice){ .at = exact, .size = size });
            struct reader_value value;

            memset(exact, 0xff, size);
            exact[0] = (char)head;
            if (!reader_next(&reader, &value)) {
                assert_true(reader.failed);
                assert_false(reader_next(&reader, &value));
                assert_false(reader_skip(&reader));
            }
            assert_true(reader.at <= reader.end);
            free(exact);
        }
    }
}

static void nothing_is_read_from_nothing(void **state)
{
    struct reader reader = reader_of((struct slice){ 0 });
    struct reader_value value;

    (void)state;
    assert_false(reader_next(&reader, &value));
    assert_true(reader.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_of_every_width, begin, end),
        cmocka_unit_test_setup_teardown(signed_forms_of_what_is_not_below_zero, begin, end),
        cmocka_unit_test_setup_teardown(floats_of_both_widths, begin, end),
        cmocka_unit_test_setup_teardown(texts_bytes_and_extensions_of_every_length, begin, end),
        cmocka_unit_test_setup_teardown(whatever_is_nested_is_skipped, begin, end),
        cmocka_unit_test_setup_teardown(nesting_has_an_end, begin, end),
        cmocka_unit_test(no_bytes_lead_beyond_the_end),
        cmocka_unit_test(nothing_is_read_from_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
