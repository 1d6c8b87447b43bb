/* SPDX-License-Identifier: MIT */
/* trace -- see trace.h. */
#include "actors/edge/trace.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum { PREFIX = 3 /* "00-" */, DIGITS = 32, FLAGS = 53, FIELD = 55, SAMPLED = 1 };

/* Lower case only, as the recommendation demands. */
static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool trace_parse(struct slice traceparent, struct trace *trace)
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
    trace->id[0] = halves[0];
    trace->id[1] = halves[1];
    i = (size_t)FLAGS + 1; /* of the two digits the lower one has the flag */
    trace->is_recorded = digit_of(traceparent.at[i]) >= 0 && (digit_of(traceparent.at[i]) & SAMPLED) != 0;
    return true;
}

void trace_format(const struct trace *trace, char text[TRACE_TEXT_ROOM])
{
    (void)snprintf(text, TRACE_TEXT_ROOM, "%016" PRIx64 "%016" PRIx64, trace->id[0], trace->id[1]);
}
