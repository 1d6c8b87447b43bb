/* SPDX-License-Identifier: MIT */
/* How a link that waits is written: what is printed is read again, and nothing else is believed. */
#include "actors/links/deferred_text.h"
#include "tests/testing.h"

static void what_waits_is_read_again(void **state)
{
    static char room[DEFERRED_TEXT_ROOM];
    const struct deferred_link link = { .id = 9007199254740991,
                                        .code = SLICE("mine"),
                                        .is_custom = true,
                                        .original = SLICE("https://example.org/\xc3\xa4"),
                                        .location = SLICE("https://example.org/%C3%A4"),
                                        .expires_us = 12345 };
    struct deferred_link read;

    (void)state;
    assert_int_equal(deferred_text_parse(deferred_text_waiting(&link, room), &read), DEFERRED_WAITS);
    assert_int_equal(read.id, link.id);
    assert_true(slice_equal(read.code, link.code));
    assert_true(read.is_custom);
    assert_true(slice_equal(read.original, link.original));
    assert_true(slice_equal(read.location, link.location));
    assert_int_equal(read.expires_us, link.expires_us);
}

static void the_longest_fits_and_more_does_not(void **state)
{
    static char room[DEFERRED_TEXT_ROOM];
    static char url[URL_LIMIT_BYTES + 1];
    struct deferred_link link = { .id = UINT64_MAX,
                                  .code = SLICE("01234567890123456789"),
                                  .original = { url, URL_LIMIT_BYTES },
                                  .location = { url, URL_LIMIT_BYTES },
                                  .expires_us = UINT64_MAX };
    struct deferred_link read;

    (void)state;
    memset(url, 'u', sizeof(url));
    assert_int_equal(deferred_text_parse(deferred_text_waiting(&link, room), &read), DEFERRED_WAITS);
    assert_int_equal(read.location.size, URL_LIMIT_BYTES);
    link.original.size = DEFERRED_TEXT_ROOM;
    assert_int_equal(deferred_text_waiting(&link, room).size, 0);
}

static void ends_are_read_again(void **state)
{
    static char room[DEFERRED_TEXT_ROOM];
    struct deferred_link read;

    (void)state;
    for (enum deferred_state end = DEFERRED_MADE; end <= DEFERRED_REFUSED; end++) {
        assert_int_equal(deferred_text_parse(deferred_text_end(end, SLICE("abc"), room), &read), end);
        assert_true(slice_is(read.code, "abc"));
    }
}

static void what_is_no_text_of_ours_is_not_believed(void **state)
{
    static const struct slice texts[] = {
        { 0 },
        SLICE("made abc"),
        SLICE("made \n"),
        SLICE("made a-b\n"),
        SLICE("mad abc\n"),
        SLICE("wait 0 abc g 0 1\nxx"),
        SLICE("wait 1 abc x 0 1\nxx"),
        SLICE("wait 1 abc g 0 3\nxx"),
        SLICE("wait 1 abc g 0\nxx"),
        SLICE("wait -\n"),
    };
    struct deferred_link read;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(deferred_text_parse(texts[i], &read), DEFERRED_SPOILT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_read_again),
        cmocka_unit_test(the_longest_fits_and_more_does_not),
        cmocka_unit_test(ends_are_read_again),
        cmocka_unit_test(what_is_no_text_of_ours_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
