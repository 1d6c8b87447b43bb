/* SPDX-License-Identifier: MIT */
/* Parcels: headers and letters there and back, from newer writers, and cut at every byte. */
#include <stdlib.h>

#include <msgpack/pack.h>

#include "proto/codec.h"
#include "proto/envelope.h"
#include "proto/messages/links.h"
#include "tests/testing.h"

static const struct parcel_header header = {
    .from = { .at = "app1/links", .size = 10 },
    .incarnation = 1,
    .first_number = 2,
    .first_byte = 300,
    .window = 4,
    .about_incarnation = 5,
    .handled = 6,
    .handled_bytes = 700,
    .confirmed = 8,
    .confirm_from = 9,
    .wants_reply = true,
};

static void add_letter(struct buffer *out, uint64_t number, uint64_t trace)
{
    struct envelope envelope = { .kind = LETTER_TELL,
                                 .type = feed_beat_schema.id,
                                 .correlation = number,
                                 .deadline_us = 10,
                                 .confirm = 11,
                                 .trace = { .id = { 0, trace } } };
    size_t start = envelope_begin_letter(out, &envelope);

    codec_encode(&feed_beat_schema, &(struct feed_beat){ .number = number }, out);
    envelope_end_letter(out, start);
}

static void a_header_comes_back_as_it_was(void **state)
{
    struct buffer bytes = { 0 };
    struct parcel_header got;
    struct reader reader;

    (void)state;
    envelope_write_header(&bytes, &header);
    reader = reader_of(buffer_slice(&bytes));
    assert_true(envelope_read_header(&reader, &got));
    assert_int_equal(reader_left(&reader), 0);
    assert_true(slice_equal(got.from, header.from));
    got.from = header.from;
    assert_memory_equal(&got, &header, offsetof(struct parcel_header, wants_reply));
    assert_true(got.wants_reply);
    buffer_free(&bytes);
}

/* The bytes of a header are kept like those of messages: nodes of different versions meet. */
static void the_bytes_of_a_header_do_not_change(void **state)
{
    static const char golden[] = "\x9c\x01\xaa"
                                 "app1/links"
                                 "\x01\x02\xcd\x01\x2c\x04\x05\x06\xcd\x02\xbc\x08\x09\x01";
    struct buffer bytes = { 0 };

    (void)state;
    envelope_write_header(&bytes, &header);
    assert_int_equal(bytes.size, sizeof golden - 1);
    assert_memory_equal(bytes.at, golden, bytes.size);
    buffer_free(&bytes);
}

static int append(void *to, const char *from, size_t size)
{
    buffer_append(to, from, size);
    return 0;
}

static void write_newer_header(struct buffer *out, uint64_t version, uint32_t more)
{
    msgpack_packer packer;
    struct buffer plain = { 0 };

    envelope_write_header(&plain, &header);
    msgpack_packer_init(&packer, out, append);
    msgpack_pack_array(&packer, 12 + more);
    msgpack_pack_uint64(&packer, version);
    buffer_append(out, plain.at + 2, plain.size - 2);
    for (uint32_t i = 0; i < more; i++)
        msgpack_pack_array(&packer, 0);
    buffer_free(&plain);
}

static void a_newer_header_is_understood_and_another_version_is_not(void **state)
{
    struct buffer bytes = { 0 };
    struct parcel_header got;
    struct reader reader;

    (void)state;
    write_newer_header(&bytes, ENVELOPE_VERSION, 3);
    add_letter(&bytes, 1, 0);
    reader = reader_of(buffer_slice(&bytes));
    assert_true(envelope_read_header(&reader, &got));
    assert_int_equal(got.confirm_from, 9);
    assert_true(envelope_next_letter(&reader, &(struct envelope){ 0 }, &(struct reader){ 0 }));
    buffer_clear(&bytes, 0);
    write_newer_header(&bytes, ENVELOPE_VERSION + 1, 0);
    reader = reader_of(buffer_slice(&bytes));
    assert_false(envelope_read_header(&reader, &got));
    buffer_clear(&bytes, 0);
    write_newer_header(&bytes, ENVELOPE_VERSION, 1000); /* no header grows like that */
    reader = reader_of(buffer_slice(&bytes));
    assert_false(envelope_read_header(&reader, &got));
    buffer_free(&bytes);
}

static void letters_come_one_by_one(void **state)
{
    struct buffer bytes = { 0 };
    struct reader reader;
    struct envelope envelope;
    struct reader message;
    struct feed_beat beat;

    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        add_letter(&bytes, i, i == 2 ? 77 : 0);
    reader = reader_of(buffer_slice(&bytes));
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(envelope_next_letter(&reader, &envelope, &message));
        assert_int_equal(envelope.type, feed_beat_schema.id);
        assert_int_equal(envelope.correlation, i);
        assert_int_equal(envelope.deadline_us, 10);
        assert_int_equal(envelope.confirm, 11);
        assert_int_equal(envelope.trace.id[1], i == 2 ? 77 : 0);
        beat = (struct feed_beat){ 0 };
        assert_true(codec_decode(&feed_beat_schema, &message, NULL, &beat));
        assert_int_equal(beat.number, i);
    }
    assert_false(envelope_next_letter(&reader, &envelope, &message));
    assert_false(reader.failed); /* the end, not a mistake */
    buffer_free(&bytes);
}

/* One that cannot be read does not cost those behind it. */
static void a_letter_that_is_none_is_passed_over(void **state)
{
    struct buffer bytes = { 0 };
    struct reader reader;
    struct envelope envelope;
    struct reader message;

    (void)state;
    buffer_append(&bytes, "\0\0\0\5rotten", 9);
    buffer_append(&bytes, "\0\0\0\0", 4); /* an empty one */
    add_letter(&bytes, 1, 0);
    reader = reader_of(buffer_slice(&bytes));
    assert_true(envelope_next_letter(&reader, &envelope, &message));
    assert_int_equal(envelope.type, 0);
    assert_true(envelope_next_letter(&reader, &envelope, &message));
    assert_int_equal(envelope.type, 0);
    assert_true(envelope_next_letter(&reader, &envelope, &message));
    assert_int_equal(envelope.correlation, 1);
    buffer_free(&bytes);
}

static void a_parcel_may_be_cut_anywhere(void **state)
{
    struct buffer bytes = { 0 };

    (void)state;
    envelope_write_header(&bytes, &header);

    size_t head = bytes.size;

    add_letter(&bytes, 1, 5);
    for (size_t size = 0; size < bytes.size; size++) {
        char *part = malloc(size + 1);
        struct reader reader = reader_of((struct slice){ .at = part + 1, .size = size });
        struct parcel_header got = { 0 };
        struct envelope envelope;
        struct reader message;

        memcpy(part + 1, bytes.at, size);
        assert_int_equal(envelope_read_header(&reader, &got), size >= head);
        if (size >= head) {
            assert_false(envelope_next_letter(&reader, &envelope, &message));
            assert_int_equal(reader.failed, size > head);
        }
        free(part);
    }
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_comes_back_as_it_was),
        cmocka_unit_test(the_bytes_of_a_header_do_not_change),
        cmocka_unit_test(a_newer_header_is_understood_and_another_version_is_not),
        cmocka_unit_test(letters_come_one_by_one),
        cmocka_unit_test(a_letter_that_is_none_is_passed_over),
        cmocka_unit_test(a_parcel_may_be_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
