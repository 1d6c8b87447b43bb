/* SPDX-License-Identifier: MIT */
/*
 * Where a request ends, or why it is refused: a table of requests, each fed whole, byte by byte and in every cut in
 * two. The verdict must not depend on how the network cut the bytes; a seeded mutation run checks the same on broken
 * ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/http_framing.h"
#include "proto/slice.h"
#include "tests/testing.h"

#define GET     "GET /abc HTTP/1.1\r\nHost: x\r\n"
#define POST    "POST /api/shorten HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define REQUEST(text)                                                                                                  \
    {                                                                                                                  \
        SLICE(text), FRAMING_COMPLETE, 0, sizeof(text) - 1                                                             \
    }
#define REFUSED(text, status)                                                                                          \
    {                                                                                                                  \
        SLICE(text), FRAMING_REFUSED, status, 0                                                                        \
    }
#define OPEN(text)                                                                                                     \
    {                                                                                                                  \
        SLICE(text), FRAMING_INCOMPLETE, 0, 0                                                                          \
    }

enum { BODY_LIMIT = 100 };

static const struct {
    struct slice bytes;
    enum framing_verdict verdict;
    unsigned status;
    size_t size;
} cases[] = {
    REQUEST(GET "\r\n"),
    REQUEST("\r\n" GET "\r\n"),
    REQUEST("GET / HTTP/1.0\r\n\r\n"),
    REQUEST("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"),
    REQUEST("GET http://h/abc HTTP/1.1\r\nHost: h:80\r\n\r\n"),
    REQUEST("GET / HTTP/1.1\r\nhOST:\t[::1]:8080 \t\r\nA:\r\n\r\n"),
    REQUEST(POST "Content-Length: 0\r\n\r\n"),
    REQUEST(POST "Content-Length:  3 \r\n\r\na\nb"),
    REQUEST(POST "Content-Length: 003\r\n\r\nabc"),
    REQUEST(CHUNKED "0\r\n\r\n"),
    REQUEST(CHUNKED "3\r\na\r\n\r\n00\r\n\r\n"),
    REQUEST(CHUNKED "3;name=\"value\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"),
    REQUEST(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na"),
    REQUEST(POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
    { SLICE(GET "\r\n" GET "\r\n"), FRAMING_COMPLETE, 0, sizeof(GET "\r\n") - 1 },
    { SLICE(CHUNKED "1\r\na\r\n0\r\n\r\nGET"), FRAMING_COMPLETE, 0, sizeof(CHUNKED "1\r\na\r\n0\r\n\r\n") - 1 },

    OPEN(""),
    OPEN("GET"),
    OPEN(GET),
    OPEN(POST "Content-Length: 3\r\n\r\nab"),
    OPEN(CHUNKED "3\r\nabc\r"),
    OPEN(CHUNKED "0\r\n"),

    /* two lengths, or none that can be trusted */
    REFUSED(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    REFUSED(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
    REFUSED(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400),
    REFUSED(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
    REFUSED(POST "Content-Length: 3, 3\r\n\r\n", 400),
    REFUSED(POST "Content-Length: +3\r\n\r\n", 400),
    REFUSED(POST "Content-Length: -3\r\n\r\n", 400),
    REFUSED(POST "Content-Length: 0x3\r\n\r\n", 400),
    REFUSED(POST "Content-Length: 3 3\r\n\r\n", 400),
    REFUSED(POST "Content-Length:\r\n\r\n", 400),
    REFUSED(POST "Content-Length: 99999999999999999999999\r\n\r\n", 400),
    REFUSED(POST "Content-Length: 101\r\n\r\n", 413),
    REFUSED(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    REFUSED(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    REFUSED(POST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n",
            400),
    REFUSED("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),

    /* chunk sizes */
    REFUSED(CHUNKED "0x25\r\n", 400),
    REFUSED(CHUNKED "1,2\r\n", 400),
    REFUSED(CHUNKED "1\0\r\n", 400),
    REFUSED(CHUNKED "1 \r\na\r\n", 400),
    REFUSED(CHUNKED "-1\r\n", 400),
    REFUSED(CHUNKED "\r\n", 400),
    REFUSED(CHUNKED ";x\r\n", 400),
    REFUSED(CHUNKED "000000001\r\n", 400),
    REFUSED(CHUNKED "1;\x01\r\n", 400),
    REFUSED(CHUNKED "1\na\r\n", 400),
    REFUSED(CHUNKED "1\r\nab", 400),
    REFUSED(CHUNKED "1\r\na\rb", 400),
    REFUSED(CHUNKED "65\r\n", 413),
    REFUSED(CHUNKED
            "64\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
            "\r\n1\r\n",
            413),
    REFUSED(CHUNKED "0\r\nno colon\r\n", 400),
    REFUSED(CHUNKED "0\r\nTrailer : x\r\n", 400),

    /* lines and names */
    REFUSED("GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
    REFUSED(GET "A: b\n\r\n", 400),
    REFUSED(GET "A: b\rc\r\n\r\n", 400),
    REFUSED(GET "A: b\0c\r\n\r\n", 400),
    REFUSED(GET "A : b\r\n\r\n", 400),
    REFUSED(GET "A: b\r\n c\r\n\r\n", 400),
    REFUSED(GET " A: b\r\n\r\n", 400),
    REFUSED(GET ": b\r\n\r\n", 400),
    REFUSED(GET "A\r\n\r\n", 400),
    REFUSED(GET "A\x80: b\r\n\r\n", 400),
    REFUSED("\r\n\r\n" GET "\r\n", 400),
    REFUSED(" GET / HTTP/1.1\r\n", 400),
    REFUSED("GET  / HTTP/1.1\r\n", 400),
    REFUSED("GET /a b HTTP/1.1\r\n", 400),
    REFUSED("GET /\x7f HTTP/1.1\r\n", 400),
    REFUSED("GET / HTTP/1.1 \r\n", 400),
    REFUSED("GET /\r\n", 400),
    REFUSED("GET\r\n", 400),
    REFUSED("G(T / HTTP/1.1\r\n", 400),
    REFUSED("GETGETGETGETGETGETGETGETGETGETGETX / HTTP/1.1\r\n", 400),
    REFUSED("GET / http/1.1\r\n", 400),
    REFUSED("GET / HTTP/1.10\r\n", 400),
    REFUSED("GET / HTTP/1.2\r\n", 505),
    REFUSED("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),

    /* hosts, expectations */
    REFUSED("GET / HTTP/1.1\r\n\r\n", 400),
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    REFUSED("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    REFUSED("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    REFUSED("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    REFUSED("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    REFUSED(POST "Expect: something\r\n\r\n", 417),
};

static enum framing_verdict feed_whole(struct framing *framing, struct slice bytes)
{
    framing_start(framing, BODY_LIMIT);
    return framing_feed(framing, bytes.at, bytes.size);
}

/* Feeds `first` bytes, then `step` more at a time, each time from a block of exactly that size. */
static enum framing_verdict feed_cut(struct framing *framing, struct slice bytes, size_t first, size_t step)
{
    enum framing_verdict verdict = FRAMING_INCOMPLETE;
    size_t size;

    framing_start(framing, BODY_LIMIT);
    for (size = first; verdict == FRAMING_INCOMPLETE; size += step) {
        char *copy;

        size = size < bytes.size ? size : bytes.size;
        copy = malloc(size + (size == 0));
        memcpy(copy, bytes.at, size);
        verdict = framing_feed(framing, copy, size);
        free(copy);
        if (size == bytes.size)
            break;
    }
    return verdict;
}

static void test_verdicts(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct framing framing;
        enum framing_verdict verdict = feed_whole(&framing, cases[i].bytes);

        if (verdict != cases[i].verdict || framing.status != cases[i].status ||
            (verdict == FRAMING_COMPLETE && framing.size != cases[i].size))
            fail_msg("case %zu: verdict %d, status %u, size %zu: %.60s", i, verdict, framing.status, framing.size,
                     cases[i].bytes.at);
        assert_true((verdict == FRAMING_REFUSED) == (framing.detail != NULL));
    }
}

static void check_cuts(struct slice bytes)
{
    struct framing whole, cut;
    enum framing_verdict verdict = feed_whole(&whole, bytes);
    size_t first;

    for (first = 0; first <= bytes.size; first++) {
        assert_int_equal(feed_cut(&cut, bytes, first, bytes.size), verdict);
        assert_int_equal(cut.status, whole.status);
    }
    assert_int_equal(feed_cut(&cut, bytes, 0, 1), verdict);
    assert_int_equal(cut.status, whole.status);
    if (verdict == FRAMING_COMPLETE)
        assert_int_equal(cut.size, whole.size);
}

static void test_cuts_do_not_matter(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_cuts(cases[i].bytes);
}

static void test_mutations_cut_or_whole(void **state)
{
    static const char interesting[] = "\r\n\0 :,;0xa9\t\x7f\x80-";
    unsigned i;

    (void)state;
    srand(1);
    for (i = 0; i < 20000; i++) {
        struct slice original = cases[(size_t)rand() % (sizeof(cases) / sizeof(cases[0]))].bytes;
        char copy[512];
        struct framing whole, cut;
        struct slice bytes = { copy, original.size };
        int changes = 1 + rand() % 3;

        if (original.size == 0)
            continue;
        memcpy(copy, original.at, original.size);
        while (changes-- > 0)
            copy[(size_t)rand() % original.size] = interesting[(size_t)rand() % (sizeof(interesting) - 1)];
        assert_int_equal(feed_whole(&whole, bytes), feed_cut(&cut, bytes, 0, 1));
        assert_int_equal(whole.status, cut.status);
        assert_int_equal(whole.size, cut.size);
    }
}

static void test_head_limits(void **state)
{
    static char head[FRAMING_HEAD_LIMIT + 100];
    struct framing framing;
    size_t size = (size_t)sprintf(head, "%sA: ", GET);
    int i;

    (void)state;
    memset(head + size, 'a', sizeof(head) - size);
    framing_start(&framing, BODY_LIMIT);
    assert_int_equal(framing_feed(&framing, head, FRAMING_HEAD_LIMIT), FRAMING_INCOMPLETE);
    assert_int_equal(framing_feed(&framing, head, FRAMING_HEAD_LIMIT + 1), FRAMING_REFUSED);
    assert_int_equal(framing.status, 431);
    memcpy(head + FRAMING_HEAD_LIMIT - 4, "\r\n\r\n", 4);
    assert_int_equal(feed_whole(&framing, (struct slice){ head, FRAMING_HEAD_LIMIT }), FRAMING_COMPLETE);
    memcpy(head + FRAMING_HEAD_LIMIT - 4, "aa\r\n\r\n", 6);
    assert_int_equal(feed_whole(&framing, (struct slice){ head, FRAMING_HEAD_LIMIT + 2 }), FRAMING_REFUSED);
    size = (size_t)sprintf(head, "%s", GET);
    for (i = 0; i < FRAMING_FIELDS_LIMIT; i++)
        size += (size_t)sprintf(head + size, "A:b\r\n");
    assert_int_equal(feed_whole(&framing, (struct slice){ head, size }), FRAMING_REFUSED);
    assert_int_equal(framing.status, 431);
}

static void test_small_chunks_are_refused(void **state)
{
    enum { CHUNKS = 20000 };
    char *body = malloc(sizeof(CHUNKED) + (size_t)CHUNKS * 6 + 10);
    size_t size = (size_t)sprintf(body, "%s", CHUNKED);
    struct framing framing;
    int i;

    (void)state;
    for (i = 0; i < CHUNKS; i++)
        size += (size_t)sprintf(body + size, "1\r\na\r\n");
    size += (size_t)sprintf(body + size, "0\r\n\r\n");
    framing_start(&framing, 1024 * 1024);
    assert_int_equal(framing_feed(&framing, body, size), FRAMING_REFUSED);
    assert_int_equal(framing.status, 413);
    free(body);
}

static void test_continue_is_wanted_only_for_a_body(void **state)
{
    struct framing framing;

    (void)state;
    assert_int_equal(feed_whole(&framing, SLICE(POST "expect: 100-Continue\r\nContent-Length: 1\r\n\r\n")),
                     FRAMING_INCOMPLETE);
    assert_true(framing.wants_continue);
    assert_int_equal(framing.expect_at, sizeof(POST) - 1);
    assert_int_equal(feed_whole(&framing, SLICE(POST "Expect: 100-continue\r\n\r\n")), FRAMING_COMPLETE);
    assert_false(framing.wants_continue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_cuts_do_not_matter),
        cmocka_unit_test(test_mutations_cut_or_whole),
        cmocka_unit_test(test_head_limits),
        cmocka_unit_test(test_small_chunks_are_refused),
        cmocka_unit_test(test_continue_is_wanted_only_for_a_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
