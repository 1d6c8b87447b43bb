/* SPDX-License-Identifier: MIT */
/* trace -- see trace.h. */
#include "actors/edge/trace.h"

#include <stddef.h>

enum { PREFIX = 3 /* "00-" */, DIGITS = 32, FIELD = 55 };

/* Lower case only, as the recommendation demands. */
static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool trace_parse(struct slice traceparent, uint64_t trace[2])
{
    uint64_t halves[2] = { 0, 0 };
    size_t i;

    if (traceparent.size < FIELD || traceparent.at[2] != '-' || traceparent.at[PREFIX + DIGITS] != '-')
        return false;
    if (digit_of(traceparent.at[0]) < 0 || digit_of(traceparent.at[1]) < 0 || memcmp(traceparent.at, "ff", 2) == 0)
        return false; /* version ff is none; later ones begin like this one */
    for (i = 0; i < DIGITS; i++) {
        int digit = digit_of(traceparent.at[PREFIX + i]);

        if (digit < 0)
            return false;
        halves[i / 16] = halves[i / 16] << 4 | (uint64_t)digit;
    }
    if (halves[0] == 0 && halves[1] == 0)
        return false;
    trace[0] = halves[0];
    trace[1] = halves[1];
    return true;
}
