/* SPDX-License-Identifier: MIT */
/* Structs to bytes and back: every message with drawn values, older and newer neighbours, bytes that lie. */
#include <stdlib.h>

#include <msgpack/pack.h>

#include "proto/catalog.h"
#include "proto/codec.h"
#include "tests/testing.h"
#include "tests/unit/support/samples.h"

enum { MEMORY_LIMIT = 16 * 1024 * 1024, ROUNDS = 60 };

static struct arena arena = { .limit = MEMORY_LIMIT };
static struct buffer bytes;

static int clear(void **state)
{
    (void)state;
    arena_free(&arena);
    buffer_free(&bytes);
    return 0;
}

static bool decode(const struct message_schema *schema, void *message)
{
    struct reader reader = reader_of(buffer_slice(&bytes));

    memset(message, 0, schema->size);
    return codec_decode(schema, &reader, &arena, message) && reader_left(&reader) == 0;
}

/* ------------------------------------------------------------------------------------------------ all messages */

static void every_message_comes_back_as_it_was(void **state)
{
    size_t count;
    const struct message_schema *const *all = catalog_all(&count);
    uint64_t seed = 1;

    (void)state;
    assert_true(count > 30);
    for (size_t i = 0; i < count * ROUNDS; i++) {
        const struct message_schema *schema = all[i % count];
        void *sent = sample_drawn(schema, &arena, &seed);
        void *got = arena_take(&arena, schema->size > 0 ? schema->size : 1);

        codec_encode(schema, sent, &bytes);
        assert_true(decode(schema, got));
        assert_true(sample_equal(schema, sent, got));
        buffer_clear(&bytes, 0);
        arena_clear(&arena);
    }
}

/* Every shorter run of bytes is refused and read no further; the sanitizer sees each byte beyond the end. */
static void no_message_is_read_from_its_beginning_alone(void **state)
{
    size_t count;
    const struct message_schema *const *all = catalog_all(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        void *got = calloc(1, all[i]->size + 1);

        codec_encode(all[i], sample_golden(all[i], &arena), &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            char *part = malloc(size + 1);
            struct reader reader = reader_of((struct slice){ .at = part + 1, .size = size });

            memcpy(part + 1, bytes.at, size);
            memset(got, 0, all[i]->size);
            assert_false(codec_decode(all[i], &reader, &arena, got));
            free(part);
        }
        free(got);
        buffer_clear(&bytes, 0);
        arena_clear(&arena);
    }
}

/* ------------------------------------------------------------------------------------------------ neighbours */

struct item_v1 {
    uint64_t a;
};
struct item_v2 {
    uint64_t a;
    struct slice b;
};
struct note_v1 {
    uint64_t number;
    struct any_list items;
};
struct note_v2 {
    uint64_t number;
    struct any_list items;
    struct slice text;
    bool flag;
    int64_t balance;
    double ratio;
    struct any_list more;
};

#define ROW(owner, kind, field)                                                                                        \
    {                                                                                                                  \
        .name = #field, .type = FIELD_##kind, .offset = offsetof(struct owner, field)                                  \
    }
#define ROWS(owner, of, field)                                                                                         \
    {                                                                                                                  \
        .name = #field, .type = FIELD_LIST, .offset = offsetof(struct owner, field), .item = &of##_schema, .limit = 3  \
    }
#define SCHEMA(type)                                                                                                   \
    static const struct message_schema type##_schema = { .name = #type,                                                \
                                                         .fields = type##_fields,                                      \
                                                         .field_count =                                                \
                                                             sizeof type##_fields / sizeof type##_fields[0],           \
                                                         .size = sizeof(struct type) }

static const struct field_schema item_v1_fields[] = { ROW(item_v1, U64, a) };
SCHEMA(item_v1);
static const struct field_schema item_v2_fields[] = { ROW(item_v2, U64, a), ROW(item_v2, TEXT, b) };
SCHEMA(item_v2);
static const struct field_schema note_v1_fields[] = { ROW(note_v1, U64, number), ROWS(note_v1, item_v1, items) };
SCHEMA(note_v1);
static const struct field_schema note_v2_fields[] = { ROW(note_v2, U64, number),   ROWS(note_v2, item_v2, items),
                                                      ROW(note_v2, BYTES, text),   ROW(note_v2, BOOL, flag),
                                                      ROW(note_v2, I64, balance),  ROW(note_v2, F64, ratio),
                                                      ROWS(note_v2, item_v2, more) };
SCHEMA(note_v2);

static void an_old_reader_skips_what_it_does_not_know(void **state)
{
    const struct item_v2 items[] = { { .a = 1, .b = SLICE("one") }, { .a = 2, .b = SLICE("two") } };
    const struct note_v2 sent = { .number = 7,
                                  .items = { items, 2 },
                                  .text = SLICE("new"),
                                  .flag = true,
                                  .balance = -5,
                                  .ratio = 0.5,
                                  .more = { items, 2 } };
    struct note_v1 got;

    (void)state;
    codec_encode(&note_v2_schema, &sent, &bytes);
    assert_true(decode(&note_v1_schema, &got));
    assert_int_equal(got.number, 7);
    assert_int_equal(got.items.count, 2);
    assert_int_equal(((const struct item_v1 *)got.items.at)[1].a, 2);
}

static void a_new_reader_finds_zero_where_nothing_was_written(void **state)
{
    const struct item_v1 items[] = { { .a = 1 }, { .a = 2 } };
    const struct note_v1 sent = { .number = 7, .items = { items, 2 } };
    struct note_v2 got;

    (void)state;
    codec_encode(&note_v1_schema, &sent, &bytes);
    assert_true(decode(&note_v2_schema, &got));
    assert_int_equal(got.number, 7);
    assert_int_equal(((const struct item_v2 *)got.items.at)[1].a, 2);
    assert_int_equal(((const struct item_v2 *)got.items.at)[1].b.size, 0);
    assert_int_equal(got.text.size, 0);
    assert_false(got.flag);
    assert_int_equal(got.balance, 0);
    assert_int_equal(got.more.count, 0);
}

/* ------------------------------------------------------------------------------------------------ lies */

#define LITERAL(text) ((struct slice){ .at = "" text, .size = sizeof(text) - 1 })

static void bytes_that_are_no_such_message_are_refused(void **state)
{
    static const struct slice lies[] = {
        LITERAL("\xc0"),                                 /* nil is no message */
        LITERAL("\x81\x01\x02"),                         /* a map is none */
        LITERAL("\x91\xa1x"),                            /* a text for a number */
        LITERAL("\x91\xff"),                             /* below zero */
        LITERAL("\x91\xcb\0\0\0\0\0\0\0\0"),             /* a fraction */
        LITERAL("\x92\x01\x01"),                         /* a number for a list */
        LITERAL("\x92\x01\x94\x91\1\x91\1\x91\1\x91\1"), /* four items where three may be */
        LITERAL("\x92\x01\xdd\xff\xff\xff\xff"),         /* four billion items */
        LITERAL("\x92\x01\x91\x05"),                     /* an item that is none */
        LITERAL("\x93\x01\x90\xc1"),                     /* a byte that MessagePack does not use, in what is skipped */
        LITERAL("\xdd\xff\xff\xff\xff\x01"),             /* four billion fields */
    };
    struct note_v1 got;

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        buffer_append(&bytes, lies[i].at, lies[i].size);
        assert_false(decode(&note_v1_schema, &got));
        buffer_clear(&bytes, 0);
    }
}

static int append(void *to, const char *from, size_t size)
{
    buffer_append(to, from, size);
    return 0;
}

static void texts_beyond_their_limit_are_refused(void **state)
{
    static char text[TEXT_LIMIT + 1];
    struct item_v2 got;
    msgpack_packer packer;

    (void)state;
    for (size_t size = TEXT_LIMIT; size <= TEXT_LIMIT + 1; size++) {
        msgpack_packer_init(&packer, &bytes, append);
        msgpack_pack_array(&packer, 2);
        msgpack_pack_uint64(&packer, 1);
        msgpack_pack_str(&packer, size);
        msgpack_pack_str_body(&packer, text, size);
        assert_int_equal(decode(&item_v2_schema, &got), size <= TEXT_LIMIT);
        buffer_clear(&bytes, 0);
    }
}

/* A frame of a few bytes must not make its reader allocate what it likes. */
static void memory_is_taken_within_the_arena_s_limit(void **state)
{
    const struct item_v2 items[3] = { 0 };
    const struct note_v2 sent = { .items = { items, 3 } };
    struct arena small = { .limit = 3 * sizeof(struct item_v2) - 1 };
    struct reader reader;
    struct note_v2 got = { 0 };

    (void)state;
    codec_encode(&note_v2_schema, &sent, &bytes);
    reader = reader_of(buffer_slice(&bytes));
    assert_false(codec_decode(&note_v2_schema, &reader, &small, &got));
    arena_free(&small);
}

/* ------------------------------------------------------------------------------------------------ for people */

static void a_message_is_printed_on_one_line(void **state)
{
    const struct item_v2 items[] = { { .a = 1, .b = SLICE("a\nb\"") }, { .a = 2 } };
    const struct note_v2 sent = {
        .number = 7, .items = { items, 2 }, .text = SLICE("\0\1"), .flag = true, .balance = -5, .ratio = 0.5
    };
    char line[256];
    size_t size = codec_print(&note_v2_schema, &sent, line, sizeof line);

    (void)state;
    assert_string_equal(line, "note_v2{number=7 items=[item_v2{a=1 b=\"a\\x0ab\\x22\"}item_v2{a=2 b=\"\"}] "
                              "text=<2 bytes> flag=true balance=-5 ratio=0.5 more=[]}");
    assert_int_equal(size, strlen(line));
}

static void what_is_printed_is_cut_and_ended(void **state)
{
    const struct note_v2 sent = { .number = 7, .text = SLICE("text") };
    char whole[256];
    size_t full = codec_print(&note_v2_schema, &sent, whole, sizeof whole);

    (void)state;
    for (size_t room = 1; room <= full + 1; room++) {
        char *part = malloc(room); /* the sanitizer sees a byte too many */

        assert_int_equal(codec_print(&note_v2_schema, &sent, part, room), room - 1);
        assert_memory_equal(part, whole, room - 1);
        assert_int_equal(part[room - 1], '\0');
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_message_comes_back_as_it_was, clear),
        cmocka_unit_test_teardown(no_message_is_read_from_its_beginning_alone, clear),
        cmocka_unit_test_teardown(an_old_reader_skips_what_it_does_not_know, clear),
        cmocka_unit_test_teardown(a_new_reader_finds_zero_where_nothing_was_written, clear),
        cmocka_unit_test_teardown(bytes_that_are_no_such_message_are_refused, clear),
        cmocka_unit_test_teardown(texts_beyond_their_limit_are_refused, clear),
        cmocka_unit_test_teardown(memory_is_taken_within_the_arena_s_limit, clear),
        cmocka_unit_test_teardown(a_message_is_printed_on_one_line, clear),
        cmocka_unit_test_teardown(what_is_printed_is_cut_and_ended, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
