/* SPDX-License-Identifier: MIT */
/*
 * option -- reads what somebody wrote for an option, and says in one sentence what was expected when it does not fit.
 */
#include "runtime/option.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What may stand behind a number, and what it multiplies it with. */
struct unit {
    const char *name;
    uint64_t factor;
};

/* Rising, so that a value is shown in the largest unit that divides it. */
static const struct unit durations[] = {
    { "us", 1 },
    { "ms", 1000 },
    { "s", 1000000 },
    { "min", UINT64_C(60000000) },
    { "h", UINT64_C(3600000000) },
    { "d", UINT64_C(86400000000) },
    { NULL, 0 },
};
static const struct unit sizes[] = {
    { "", 1 }, { "KiB", 1024 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { NULL, 0 },
};
static const struct unit numbers[] = {
    { "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 }, { NULL, 0 },
};

static const struct unit *units_of(enum option_type type)
{
    return type == OPTION_DURATION ? durations : type == OPTION_BYTES ? sizes : numbers;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    while (units->name != NULL && strcmp(units->name, name) != 0)
        units++;
    return units->name != NULL ? units : NULL;
}

/* False for anything but digits, blanks and a unit, and for what 64 bits cannot hold. "0" needs no unit. */
static bool read_amount(const char *text, const struct unit *units, uint64_t *ret_amount)
{
    uint64_t amount = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(amount, 10, &amount) || __builtin_add_overflow(amount, *at - '0', &amount))
            return false;
    if (at == text)
        return false;
    while (*at == ' ')
        at++;
    if (amount == 0 && *at == '\0') {
        *ret_amount = 0;
        return true;
    }

    const struct unit *unit = find_unit(units, at);

    return unit != NULL && !__builtin_mul_overflow(amount, unit->factor, ret_amount);
}

/* "5s" for 5000000 of the durations. `room` holds any 64-bit number and a unit. */
enum { AMOUNT_ROOM = 32 };

static const char *show_amount(uint64_t amount, const struct unit *units, char *room)
{
    const struct unit *unit = units;

    for (const struct unit *next = units; next->name != NULL; next++)
        if (amount != 0 && amount % next->factor == 0)
            unit = next;
    snprintf(room, AMOUNT_ROOM, "%llu%s", (unsigned long long)(amount / unit->factor), unit->name);
    return room;
}

static const char *example_of(enum option_type type)
{
    switch (type) {
    case OPTION_NUMBER:
        return "a number, such as 10, 64k or 2M";
    case OPTION_BYTES:
        return "a size, such as 512, 64KiB, 16MiB or 1GiB";
    case OPTION_DURATION:
        return "a duration, such as 250us, 10ms, 5s, 2min, 1h or 7d";
    case OPTION_BOOL:
        return "yes or no";
    case OPTION_STORE:
        return "the name of a store";
    case OPTION_TEXT:
    case OPTION_CHOICE:
    default:
        return "a text";
    }
}

static void append(char *text, size_t room, const char *more)
{
    size_t used = strlen(text);

    snprintf(text + used, room - used, "%s", more);
}

const char *option_expected(const struct option *row)
{
    static _Thread_local char text[512];
    char low[AMOUNT_ROOM];
    char high[AMOUNT_ROOM];

    if (row->type == OPTION_CHOICE) {
        snprintf(text, sizeof text, "one of ");
        for (size_t i = 0; row->choices[i] != NULL; i++) {
            append(text, sizeof text, i == 0 ? "" : row->choices[i + 1] == NULL ? " or " : ", ");
            append(text, sizeof text, row->choices[i]);
        }
        return text;
    }
    snprintf(text, sizeof text, "%s", example_of(row->type));
    if (row->type != OPTION_NUMBER && row->type != OPTION_BYTES && row->type != OPTION_DURATION)
        return text;

    const struct unit *units = units_of(row->type);
    size_t used = strlen(text);

    if (row->maximum != 0)
        snprintf(text + used, sizeof text - used, ", from %s to %s", show_amount(row->minimum, units, low),
                 show_amount(row->maximum, units, high));
    else if (row->minimum != 0)
        snprintf(text + used, sizeof text - used, ", at least %s", show_amount(row->minimum, units, low));
    return text;
}

static const char *parse_amount(const struct option *row, const char *text, uint64_t *field)
{
    uint64_t amount;

    if (!read_amount(text, units_of(row->type), &amount))
        return option_expected(row);
    if (amount < row->minimum || (row->maximum != 0 && amount > row->maximum))
        return option_expected(row);
    *field = amount;
    return NULL;
}

static const char *parse_bool(const struct option *row, const char *text, bool *field)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], text) == 0) {
            *field = i % 2 == 1;
            return NULL;
        }
    return option_expected(row);
}

static const char *parse_choice(const struct option *row, const char *text, uint32_t *field)
{
    for (uint32_t i = 0; row->choices[i] != NULL; i++)
        if (strcmp(row->choices[i], text) == 0) {
            *field = i;
            return NULL;
        }
    return option_expected(row);
}

const char *option_parse(const struct option *row, const char *text, void *field)
{
    switch (row->type) {
    case OPTION_NUMBER:
    case OPTION_BYTES:
    case OPTION_DURATION:
        return parse_amount(row, text, field);
    case OPTION_BOOL:
        return parse_bool(row, text, field);
    case OPTION_CHOICE:
        return parse_choice(row, text, field);
    case OPTION_TEXT:
    case OPTION_STORE:
        *(const char **)field = text;
        return NULL;
    }
    assert(!"an option type that nobody knows");
    return "";
}
