/* SPDX-License-Identifier: MIT */
/* setting_table -- see the header. */
#include "actors/ops/setting_table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/nearest.h"

enum { DIGITS_ROOM = 24 };

/* ------------------------------------------------------------------------------------------------ rows */

void setting_table_init(struct setting_table *table, const struct actor_kind *const *kinds)
{
    *table = (struct setting_table){ .rows = calloc(SETTINGS_LIMIT, sizeof(*table->rows)) };
    assert(table->rows != NULL);
    for (; *kinds != NULL; kinds++)
        setting_table_add(table, *kinds);
}

void setting_table_add(struct setting_table *table, const struct actor_kind *kind)
{
    for (size_t i = 0; i < kind->option_count; i++) {
        struct live_setting *row = &table->rows[table->count++];
        int size = snprintf(row->name, sizeof(row->name), "%s.%s", kind->name, kind->options[i].name);

        assert(table->count < SETTINGS_LIMIT && size > 0 && (size_t)size < sizeof(row->name));
        row->option = &kind->options[i];
    }
}

void setting_table_free(struct setting_table *table)
{
    free(table->rows);
    *table = (struct setting_table){ 0 };
}

struct live_setting *setting_table_find(const struct setting_table *table, struct slice name)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (slice_is(name, table->rows[i].name))
            return &table->rows[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ judging */

static bool refuse(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(char *reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(reason, SETTING_REASON_ROOM, format, arguments);
    va_end(arguments);
    return false;
}

static bool refuse_name(const struct setting_table *table, struct slice name, char *reason)
{
    char word[SETTING_NAME_ROOM];
    struct nearest nearest = { 0 };

    (void)slice_copy(name, word, sizeof(word));
    for (uint32_t i = 0; i < table->count; i++)
        nearest_offer(&nearest, word, table->rows[i].name);
    if (nearest.best != NULL)
        return refuse(reason, "There is no setting \"%s\"; did you mean %s?", word, nearest.best);
    return refuse(reason, "There is no setting \"%s\"; `config get` lists all, as KIND.OPTION.", word);
}

/* Lines of the file and of the log end where a line ends. */
static bool is_one_line(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if ((unsigned char)value.at[i] < 0x20)
            return false;
    return true;
}

/* The option's own reader is asked, with a field that is thrown away. */
static const char *try_value(const struct option *option, const char *value)
{
    union {
        const char *text;
        uint64_t number;
        uint32_t choice;
        bool flag;
    } field;

    return option_parse(option, value, &field);
}

bool setting_table_accepts(const struct setting_table *table,
                           struct slice name,
                           struct slice value,
                           char reason[SETTING_REASON_ROOM])
{
    const struct live_setting *row = setting_table_find(table, name);
    char text[SETTING_VALUE_ROOM];
    const char *mistake;

    if (row == NULL)
        return refuse_name(table, name, reason);
    if (!row->option->live)
        return refuse(reason, "%s cannot change while the platform runs; change it in the topology and restart.",
                      row->name);
    if (!slice_copy(value, text, sizeof(text)) || !is_one_line(value))
        return refuse(reason, "The value of %s must be one line of at most %d bytes.", row->name,
                      SETTING_VALUE_ROOM - 1);
    mistake = try_value(row->option, text);
    if (mistake != NULL)
        return refuse(reason, "%s: %s", row->name, mistake);
    return true;
}

bool setting_table_put(
    struct setting_table *table, struct slice name, struct slice value, uint64_t version, struct slice who)
{
    struct live_setting *row = setting_table_find(table, name);
    char reason[SETTING_REASON_ROOM];

    if (version > table->version)
        table->version = version; /* also of what is not taken over: numbers are never used twice */
    if (row == NULL || version <= row->version || !setting_table_accepts(table, name, value, reason))
        return false;
    row->is_set = true;
    row->is_stored = false;
    row->version = version;
    (void)slice_copy(value, row->value, sizeof(row->value));
    (void)slice_copy(who, row->who, sizeof(row->who));
    for (char *c = row->who; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ')
            *c = '_';
    return true;
}

/* ------------------------------------------------------------------------------------------------ the file */

size_t setting_table_format(const struct setting_table *table, char *text, size_t room)
{
    size_t size = 0;

    for (uint32_t i = 0; i < table->count; i++) {
        const struct live_setting *row = &table->rows[i];
        int line;

        if (!row->is_set)
            continue;
        line = snprintf(text + size, room - size, "%" PRIu64 " %d %s %s %s\n", row->version, row->is_stored,
                        row->who[0] != '\0' ? row->who : "-", row->name, row->value);
        assert(line > 0 && (size_t)line < room - size);
        size += (size_t)line;
    }
    return size;
}

/* Takes what stands before the next `end` off the front. */
static struct slice take_until(struct slice *text, char end)
{
    const char *at = text->size > 0 ? memchr(text->at, end, text->size) : NULL;
    struct slice taken = { .at = text->at, .size = at != NULL ? (size_t)(at - text->at) : text->size };
    size_t size = taken.size + (at != NULL);

    *text = (struct slice){ .at = text->at + size, .size = text->size - size };
    return taken;
}

void setting_table_parse(struct setting_table *table, struct slice text)
{
    while (text.size > 0) {
        struct slice line = take_until(&text, '\n');
        char version[DIGITS_ROOM];
        struct slice stored;
        struct slice who;
        struct slice name;

        (void)slice_copy(take_until(&line, ' '), version, sizeof(version));
        stored = take_until(&line, ' ');
        who = take_until(&line, ' ');
        name = take_until(&line, ' ');
        if (setting_table_put(table, name, line, strtoull(version, NULL, 10), who))
            setting_table_find(table, name)->is_stored = slice_is(stored, "1");
    }
}
