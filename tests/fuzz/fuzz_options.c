/* SPDX-License-Identifier: MIT */
/*
 * Any text as an option's value, as a setting that somebody wants to change, and as the file that keeps such settings.
 * The first byte chooses. What is accepted is within the row's limits; a file that was read is written so that
 * it is read the same again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "actors/kinds.h"
#include "actors/ops/setting_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_LIMIT = 8192 };

static const char *const choices[] = { "acked", "fast", NULL };

static const struct option rows[] = {
    { "text", OPTION_TEXT, 0, "", "" },
    { "bool", OPTION_BOOL, 0, "no", "" },
    { "number", OPTION_NUMBER, 0, "7", "", .minimum = 5, .maximum = 70000 },
    { "bytes", OPTION_BYTES, 0, "1MiB", "", .minimum = 1024 },
    { "duration", OPTION_DURATION, 0, "1s", "", .minimum = 10, .maximum = 3600000000 },
    { "choice", OPTION_CHOICE, 0, "fast", "", .choices = choices },
};

static void parse(const struct option *row, const char *text)
{
    union {
        uint64_t number;
        uint32_t choice;
        bool truth;
        const char *text;
    } field = { 0 };
    const char *mistake = option_parse(row, text, &field);

    if (mistake != NULL) {
        assert(mistake[0] != '\0');
        return;
    }
    if (row->type == OPTION_NUMBER || row->type == OPTION_BYTES || row->type == OPTION_DURATION)
        assert(field.number >= row->minimum && (row->maximum == 0 || field.number <= row->maximum));
    if (row->type == OPTION_CHOICE)
        assert(field.choice < 2);
}

/* "NAME VALUE", as `config set` brings it. */
static void set(struct setting_table *table, const char *text)
{
    const char *space = strchr(text, ' ');
    struct slice name = { text, space != NULL ? (size_t)(space - text) : strlen(text) };
    struct slice value = slice_of(space != NULL ? space + 1 : "");
    char reason[SETTING_REASON_ROOM] = "";

    if (!setting_table_accepts(table, name, value, reason)) {
        assert(reason[0] != '\0');
        return;
    }
    assert(setting_table_put(table, name, value, table->version + 1, SLICE("somebody")));
    assert(slice_is(value, setting_table_find(table, name)->value));
}

static void keep(struct setting_table *table, struct slice text)
{
    static char first[1024 * 1024];
    static char second[sizeof first];
    struct setting_table again;
    size_t size;

    setting_table_parse(table, text);
    size = setting_table_format(table, first, sizeof first);
    setting_table_init(&again, shunt_kinds);
    setting_table_parse(&again, (struct slice){ first, size });
    assert(setting_table_format(&again, second, sizeof second) == size && memcmp(first, second, size) == 0);
    setting_table_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct setting_table table;
    char text[VALUE_LIMIT + 1];
    size_t chosen = size > 0 ? data[0] % (sizeof rows / sizeof rows[0] + 2) : 0;

    if (size == 0 || size > VALUE_LIMIT)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (chosen < sizeof rows / sizeof rows[0]) {
        parse(&rows[chosen], text);
        return 0;
    }
    setting_table_init(&table, shunt_kinds);
    if (chosen == sizeof rows / sizeof rows[0])
        set(&table, text);
    else
        keep(&table, slice_of(text));
    setting_table_free(&table);
    return 0;
}
