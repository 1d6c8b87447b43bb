/* SPDX-License-Identifier: MIT */
/* timestamp -- see timestamp.h. */
#include "actors/edge/timestamp.h"

#include <stdio.h>
#include <time.h>

static const uint64_t last_us = 253402300799999999u; /* 9999-12-31T23:59:59.999999Z */

void timestamp_print(uint64_t time_us, char *to)
{
    time_t seconds;
    struct tm utc;

    if (time_us > last_us)
        time_us = last_us;
    seconds = (time_t)(time_us / 1000000);
    gmtime_r(&seconds, &utc);
    snprintf(to, TIMESTAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)(utc.tm_year + 1900) % 10000,
             (unsigned)(utc.tm_mon + 1) % 100, (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100,
             (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100, (unsigned)(time_us % 1000000));
}

/* Reads exactly `digits` decimal digits. -1: they are not there. */
static int number(struct slice *text, size_t digits)
{
    int value = 0;
    size_t i;

    if (text->size < digits)
        return -1;
    for (i = 0; i < digits; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return -1;
        value = value * 10 + (text->at[i] - '0');
    }
    text->at += digits;
    text->size -= digits;
    return value;
}

static bool next_is(struct slice *text, const char *one_of)
{
    if (text->size == 0 || text->at[0] == '\0' || strchr(one_of, text->at[0]) == NULL)
        return false;
    text->at++;
    text->size--;
    return true;
}

static bool read_fraction(struct slice *text, uint64_t *ret_us)
{
    uint64_t unit = 100000;
    size_t digits = 0;

    *ret_us = 0;
    if (!next_is(text, "."))
        return true;
    for (; text->size > 0 && text->at[0] >= '0' && text->at[0] <= '9'; text->at++, text->size--, digits++) {
        *ret_us += (uint64_t)(text->at[0] - '0') * unit;
        unit /= 10;
    }
    return digits > 0;
}

static bool read_offset(struct slice *text, int64_t *ret_seconds)
{
    int hours, minutes;
    bool is_west;

    *ret_seconds = 0;
    if (next_is(text, "Zz"))
        return text->size == 0;
    is_west = text->size > 0 && text->at[0] == '-';
    if (!next_is(text, "+-"))
        return false;
    hours = number(text, 2);
    if (!next_is(text, ":"))
        return false;
    minutes = number(text, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || text->size != 0)
        return false;
    *ret_seconds = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

static bool read_date(struct slice *text, struct tm *ret_date)
{
    int year = number(text, 4), month, day;
    struct tm there_is;

    if (!next_is(text, "-"))
        return false;
    month = number(text, 2);
    if (!next_is(text, "-"))
        return false;
    day = number(text, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || !next_is(text, "Tt "))
        return false;
    *ret_date = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
    there_is = *ret_date;
    timegm(&there_is); /* makes 1 May of 31 April */
    return there_is.tm_mday == day;
}

static bool read_clock(struct slice *text, struct tm *date)
{
    int hours = number(text, 2), minutes, seconds;

    if (!next_is(text, ":"))
        return false;
    minutes = number(text, 2);
    if (!next_is(text, ":"))
        return false;
    seconds = number(text, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60)
        return false;
    date->tm_hour = hours;
    date->tm_min = minutes;
    date->tm_sec = seconds;
    return true;
}

bool timestamp_parse(struct slice text, uint64_t *ret_time_us)
{
    struct tm date;
    int64_t offset_s, seconds;
    uint64_t fraction_us;

    if (!read_date(&text, &date) || !read_clock(&text, &date) || !read_fraction(&text, &fraction_us) ||
        !read_offset(&text, &offset_s))
        return false;
    seconds = (int64_t)timegm(&date) - offset_s;
    if (seconds < 0)
        return false;
    *ret_time_us = (uint64_t)seconds * 1000000 + fraction_us;
    return true;
}
