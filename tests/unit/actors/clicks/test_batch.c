/* SPDX-License-Identifier: MIT */
/* batch and click_run: what goes in comes out; bytes are for ever; no bytes of any kind do harm. */
#include <stdlib.h>
#include <string.h>

#include "actors/clicks/batch.h"
#include "actors/clicks/click_run.h"
#include "proto/writer.h"
#include "tests/testing.h"

static const struct batch_span span = { .epoch = 7, .lane = 3, .count = 2, .first_seq = 41 };

static struct click a_click(const char *code, uint64_t time_us)
{
    return (struct click){ .code = slice_of(code),
                           .time_us = time_us,
                           .referrer_host = SLICE("news.example.org"),
                           .agent_class = 2,
                           .country = SLICE("de"),
                           .is_bot = true };
}

static struct slice two_clicks(struct batch_maker *maker)
{
    struct click first = a_click("abc1234", 1700000000000000);
    struct click second = { .code = SLICE("Z"), .time_us = 1699999999999990 };

    assert_true(batch_add(maker, &first));
    assert_true(batch_add(maker, &second));
    return batch_finish(maker, &span);
}

static void clicks_come_back(void **state)
{
    struct batch_maker maker = { 0 };
    struct batch_reader reader;
    struct click click;

    (void)state;
    assert_true(batch_open(&reader, two_clicks(&maker)));
    assert_memory_equal(&reader.span, &span, sizeof span);
    assert_int_equal(batch_last_seq(&reader.span), 42);
    assert_true(batch_next(&reader, &click));
    assert_true(slice_is(click.code, "abc1234"));
    assert_int_equal(click.time_us, 1700000000000000);
    assert_true(slice_is(click.referrer_host, "news.example.org"));
    assert_int_equal(click.agent_class, 2);
    assert_true(slice_is(click.country, "de"));
    assert_true(click.is_bot);
    assert_true(batch_next(&reader, &click));
    assert_true(slice_is(click.code, "Z"));
    assert_int_equal(click.time_us, 1699999999999990);
    assert_int_equal(click.referrer_host.size, 0);
    assert_false(click.is_bot);
    assert_false(batch_next(&reader, &click));
    assert_true(batch_is_whole(&reader));
    batch_free(&maker);
}

/* The journals and topics of running installations hold these bytes. */
static void bytes_are_for_ever(void **state)
{
    static const unsigned char golden[] = {
        0x97, 0x01, 0x07, 0x03, 0x29, 0x02, 0xcf, 0x00, 0x06, 0x0a, 0x24, 0x18, 0x1e, 0x40, 0x00, 0x92, 0x96, 0xa7, 'a',
        'b',  'c',  '1',  '2',  '3',  '4',  0x00, 0xb0, 'n',  'e',  'w',  's',  '.',  'e',  'x',  'a',  'm',  'p',  'l',
        'e',  '.',  'o',  'r',  'g',  0x02, 0xa2, 'd',  'e',  0xc3, 0x96, 0xa1, 'Z',  0xf6, 0xa0, 0x00, 0xa0, 0xc2,
    };
    struct batch_maker maker = { 0 };
    struct slice bytes = two_clicks(&maker);

    (void)state;
    assert_int_equal(bytes.size, sizeof golden);
    assert_memory_equal(bytes.at, golden, sizeof golden);
    batch_free(&maker);
}

static void a_maker_can_be_used_again(void **state)
{
    struct batch_maker maker = { 0 };
    struct slice first = two_clicks(&maker);
    char copy[256];

    (void)state;
    memcpy(copy, first.at, first.size);
    batch_reset(&maker);
    assert_int_equal(maker.count, 0);
    assert_true(slice_equal(two_clicks(&maker), (struct slice){ copy, first.size }));
    batch_free(&maker);
}

/* What is written by hand is what the library would write. */
static void numbers_are_written_as_the_library_writes_them(void **state)
{
    static const int64_t edges[] = {
        0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, INT64_MAX
    };

    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            struct buffer library = { 0 };
            char own[2 * WRITER_NUMBER_ROOM];
            char *end = writer_put_signed(own, sign * edges[i]);

            writer_signed(&library, sign * edges[i]);
            end = writer_put_unsigned(end, (uint64_t)edges[i]);
            writer_unsigned(&library, (uint64_t)edges[i]);
            assert_int_equal(end - own, library.size);
            assert_memory_equal(own, library.at, library.size);
            buffer_free(&library);
        }
    }
    for (size_t size = 0; size < 300; size += size == 31 || size == 255 ? 1 : 31) {
        struct buffer library = { 0 };
        char text[300] = { 0 };
        char own[310];

        writer_text(&library, (struct slice){ text, size });
        assert_int_equal(writer_put_text(own, (struct slice){ text, size }) - own, library.size);
        assert_memory_equal(own, library.at, library.size);
        buffer_free(&library);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    struct batch_maker maker = { 0 };
    struct click none = { .code = { 0 } };
    struct click long_code = { .code = SLICE("123456789012345678901") };

    (void)state;
    assert_false(batch_add(&maker, &none));
    assert_false(batch_add(&maker, &long_code));
    assert_int_equal(maker.count, 0);
    batch_free(&maker);
}

static void room_is_counted_before(void **state)
{
    static char host[REFERRER_SIZE_LIMIT];
    static struct click clicks[4096];
    struct batch_maker maker = { 0 };
    uint32_t asks = 0;

    (void)state;
    memset(host, 'h', sizeof host);
    for (size_t i = 0; i < 4096; i++)
        clicks[i] = (struct click){ .code = SLICE("12345678901234567890"),
                                    .time_us = UINT64_MAX - i,
                                    .referrer_host = { host, sizeof host },
                                    .agent_class = UINT64_MAX,
                                    .country = SLICE("zz") };
    for (; batch_has_room(&maker, clicks, 100); asks++) {
        for (uint32_t i = 0; i < 100; i++)
            assert_true(batch_add(&maker, &clicks[i]));
    }
    assert_true(asks > 10);
    assert_true(batch_finish(&maker, &(struct batch_span){ .epoch = BATCH_SEQ_LIMIT - 1,
                                                           .lane = BATCH_LANES_LIMIT - 1,
                                                           .count = maker.count,
                                                           .first_seq = BATCH_SEQ_LIMIT - BATCH_CLICKS_LIMIT - 1 })
                    .size <= BATCH_BYTES_LIMIT);
    batch_free(&maker);
}

static void later_fields_are_skipped(void **state)
{
    struct buffer bytes = { 0 };
    struct batch_span read;

    (void)state;
    writer_array(&bytes, 8);
    for (uint64_t number = 1; number <= 4; number++)
        writer_unsigned(&bytes, number); /* version 1, epoch 2, lane 3, first_seq 4 */
    writer_unsigned(&bytes, 1);
    writer_unsigned(&bytes, 1700000000000000);
    writer_array(&bytes, 1);
    writer_array(&bytes, 8);
    writer_text(&bytes, SLICE("code"));
    writer_signed(&bytes, 0);
    writer_text(&bytes, SLICE(""));
    writer_unsigned(&bytes, 0);
    writer_text(&bytes, SLICE(""));
    writer_bool(&bytes, false);
    writer_text(&bytes, SLICE("something new"));
    writer_array(&bytes, 1);
    writer_unsigned(&bytes, 9);
    writer_text(&bytes, SLICE("of the batch, also new"));
    assert_true(batch_check(buffer_slice(&bytes), &read));
    assert_int_equal(read.first_seq, 4);
    buffer_free(&bytes);
}

/* The quick way sees what the thorough one sees, in any bytes that are a batch, and never reads beyond them. */
static void codes_alone_are_the_same(struct slice bytes)
{
    struct batch_reader thorough;
    struct batch_reader quick;
    struct click click;
    struct slice code;

    if (!batch_open(&thorough, bytes) || !batch_open(&quick, bytes))
        return;
    while (batch_next(&thorough, &click)) {
        assert_true(batch_next_code(&quick, &code));
        assert_true(slice_equal(code, click.code));
    }
    while (batch_next_code(&quick, &code))
        assert_in_range(code.size, 1, 20);
}

/* Every prefix and every mutation either reads as a batch within its limits or is refused; the sanitizers watch. */
static void no_bytes_do_harm(void **state)
{
    struct batch_maker maker = { 0 };
    struct slice good = two_clicks(&maker);
    struct batch_span read;
    unsigned seed = 1;

    (void)state;
    for (size_t size = 0; size < good.size; size++) {
        char *exact = malloc(size + 1); /* so that one byte too far is seen */

        memcpy(exact, good.at, size);
        assert_false(batch_check((struct slice){ exact, size }, &read));
        free(exact);
    }
    for (int round = 0; round < 200000; round++) {
        char *bytes = malloc(good.size);

        memcpy(bytes, good.at, good.size);
        for (int i = 0; i < 1 + round % 4; i++)
            bytes[(size_t)rand_r(&seed) % good.size] = (char)rand_r(&seed);
        codes_alone_are_the_same((struct slice){ bytes, good.size });
        if (batch_check((struct slice){ bytes, good.size }, &read)) {
            assert_true(read.count > 0 && read.count <= BATCH_CLICKS_LIMIT);
            assert_true(read.epoch > 0 && read.lane < BATCH_LANES_LIMIT && batch_last_seq(&read) < BATCH_SEQ_LIMIT);
        }
        free(bytes);
    }
    batch_free(&maker);
}

static void a_run_keeps_its_batches_in_order(void **state)
{
    static char big[CLICK_RUN_BYTES];
    struct buffer value = { 0 };
    struct slice rest;
    struct slice batch;

    (void)state;
    assert_true(click_run_add(&value, SLICE("one")));
    assert_true(click_run_add(&value, SLICE("two")));
    assert_false(click_run_add(&value, (struct slice){ big, sizeof big }));
    rest = buffer_slice(&value);
    assert_true(click_run_next(&rest, &batch));
    assert_true(slice_is(batch, "one"));
    assert_true(click_run_next(&rest, &batch));
    assert_true(slice_is(batch, "two"));
    assert_false(click_run_next(&rest, &batch));
    assert_int_equal(rest.size, 0);
    value.size -= 1; /* torn */
    rest = buffer_slice(&value);
    assert_true(click_run_next(&rest, &batch));
    assert_false(click_run_next(&rest, &batch));
    assert_int_not_equal(rest.size, 0);
    value.size = 0;
    assert_true(click_run_add(&value, (struct slice){ big, sizeof big })); /* alone, any size */
    buffer_free(&value);
}

static void keys_come_back(void **state)
{
    struct click_run_key key = { .epoch = 9, .lane = 5, .window_end = 123456789 };
    struct click_run_key read;
    struct buffer bytes = { 0 };

    (void)state;
    click_run_encode_key(&key, &bytes);
    assert_true(click_run_decode_key(buffer_slice(&bytes), &read));
    assert_int_equal(read.epoch, 9);
    assert_int_equal(read.lane, 5);
    assert_int_equal(read.window_end, 123456789);
    for (size_t size = 0; size < bytes.size; size++)
        assert_false(click_run_decode_key((struct slice){ bytes.at, size }, &read));
    bytes.size = 0;
    click_run_encode_key(&(struct click_run_key){ .epoch = 1, .lane = BATCH_LANES_LIMIT, .window_end = 1 }, &bytes);
    assert_false(click_run_decode_key(buffer_slice(&bytes), &read));
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clicks_come_back),
        cmocka_unit_test(bytes_are_for_ever),
        cmocka_unit_test(a_maker_can_be_used_again),
        cmocka_unit_test(numbers_are_written_as_the_library_writes_them),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(room_is_counted_before),
        cmocka_unit_test(later_fields_are_skipped),
        cmocka_unit_test(no_bytes_do_harm),
        cmocka_unit_test(a_run_keeps_its_batches_in_order),
        cmocka_unit_test(keys_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
