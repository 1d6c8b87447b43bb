/* SPDX-License-Identifier: MIT */
/*
 * The bytes of every message there is, as one letter, kept in golden.txt: nodes of different versions talk to each
 * other, so bytes that were sent once must be readable for ever, and must not change by accident.
 *
 * A line is "ID NAME HEX". A message that gets a new field at its end gets a new line below its old ones, which stay:
 * each of them must still be readable. With SHUNT_GOLDEN=write in the environment the test adds the lines that are
 * missing; it never changes one. When a line fails that nobody meant to change, the change is the mistake.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/catalog.h"
#include "proto/codec.h"
#include "proto/envelope.h"
#include "tests/testing.h"
#include "tests/unit/support/samples.h"

enum { LINES_LIMIT = 1024, LINE_LIMIT = 8192, MEMORY_LIMIT = 1024 * 1024 };

static const char path[] = "tests/unit/proto/golden.txt";

struct golden_line {
    unsigned id;
    char name[64];
    struct buffer bytes;
    bool is_newest; /* of its message */
};

static struct golden_line lines[LINES_LIMIT];
static size_t line_count;

static void read_line(const char *text)
{
    struct golden_line *line = &lines[line_count++];
    int hex = 0;

    assert_true(line_count < LINES_LIMIT);
    assert_int_equal(sscanf(text, "%x %63s %n", &line->id, line->name, &hex), 2);
    line->is_newest = true;
    for (size_t i = 0; i + 1 < line_count; i++)
        lines[i].is_newest &= lines[i].id != line->id;
    for (unsigned byte; sscanf(text + hex, "%2x", &byte) == 1; hex += 2) {
        char one = (char)byte;

        buffer_append(&line->bytes, &one, 1);
    }
}

static int read_lines(void **state)
{
    char text[LINE_LIMIT];
    FILE *file = fopen(path, "r");

    (void)state;
    while (file != NULL && fgets(text, sizeof text, file) != NULL) {
        if (text[0] != '#')
            read_line(text);
    }
    if (file != NULL)
        fclose(file);
    return 0;
}

static int free_lines(void **state)
{
    (void)state;
    while (line_count > 0)
        buffer_free(&lines[--line_count].bytes);
    return 0;
}

static void write_letter(const struct message_schema *schema, struct buffer *out)
{
    struct arena arena = { .limit = MEMORY_LIMIT };
    struct envelope envelope = { .kind = LETTER_ASK,
                                 .type = schema->id,
                                 .correlation = 0x100000002,
                                 .deadline_us = 2000000,
                                 .confirm = 3,
                                 .trace = { .id = { 0x0123456789abcdef, 0xfedcba9876543210 } } };
    size_t start = envelope_begin_letter(out, &envelope);

    codec_encode(schema, sample_golden(schema, &arena), out);
    envelope_end_letter(out, start);
    arena_free(&arena);
}

static const struct golden_line *newest_line(const struct message_schema *schema)
{
    for (size_t i = line_count; i-- > 0;) {
        if (lines[i].id == schema->id)
            return &lines[i];
    }
    return NULL;
}

static void add_line(const struct message_schema *schema, const struct buffer *bytes)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    fprintf(file, "0x%04x %s ", schema->id, schema->name);
    for (size_t i = 0; i < bytes->size; i++)
        fprintf(file, "%02x", (unsigned char)bytes->at[i]);
    fprintf(file, "\n");
    fclose(file);
}

static bool is_as_written(const struct message_schema *schema)
{
    const char *wish = getenv("SHUNT_GOLDEN");
    const struct golden_line *line = newest_line(schema);
    struct buffer now = { 0 };
    bool same;

    write_letter(schema, &now);
    same = line != NULL && slice_equal(buffer_slice(&line->bytes), buffer_slice(&now));
    if (!same && wish != NULL && strcmp(wish, "write") == 0) {
        add_line(schema, &now);
        same = true;
    } else if (!same) {
        print_error("%s: %s; if that is meant, run this test with SHUNT_GOLDEN=write and commit %s\n", schema->name,
                    line == NULL ? "has no golden bytes yet" : "its bytes have changed", path);
    }
    buffer_free(&now);
    return same;
}

static void the_bytes_of_a_message_do_not_change(void **state)
{
    size_t count;
    const struct message_schema *const *all = catalog_all(&count);
    size_t changed = 0;

    (void)state;
    for (size_t i = 0; i < count; i++)
        changed += is_as_written(all[i]) ? 0 : 1;
    assert_int_equal(changed, 0);
}

/* A line that is not the newest was written before fields were added: the fields that it has are as they were. */
static void check_line(const struct golden_line *line)
{
    const struct message_schema *schema = catalog_find((uint16_t)line->id);
    struct arena arena = { .limit = MEMORY_LIMIT };
    struct reader reader = reader_of(buffer_slice(&line->bytes));
    struct envelope envelope;
    struct reader message;
    void *decoded;

    if (schema == NULL || strcmp(schema->name, line->name) != 0)
        fail_msg("%s (0x%04x) is not in the catalog any more; ids and names are for ever", line->name, line->id);
    assert_true(envelope_next_letter(&reader, &envelope, &message));
    assert_int_equal(envelope.kind, LETTER_ASK);
    assert_int_equal(envelope.type, line->id);
    assert_int_equal(envelope.correlation, 0x100000002);
    assert_int_equal(envelope.confirm, 3);
    assert_int_equal(envelope.trace.id[1], 0xfedcba9876543210);
    decoded = arena_take(&arena, schema->size > 0 ? schema->size : 1);
    if (!codec_decode(schema, &message, &arena, decoded))
        fail_msg("%s: bytes that were written once cannot be read any more", line->name);
    if (line->is_newest)
        assert_true(sample_equal(schema, decoded, sample_golden(schema, &arena)));
    arena_free(&arena);
}

static void what_was_written_once_is_readable(void **state)
{
    (void)state;
    for (size_t i = 0; i < line_count; i++)
        check_line(&lines[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_a_message_do_not_change),
        cmocka_unit_test(what_was_written_once_is_readable),
    };

    return cmocka_run_group_tests(tests, read_lines, free_lines);
}
