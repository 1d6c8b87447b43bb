/* SPDX-License-Identifier: MIT */
/*
 * trace -- the id under which one request is followed through all actors, and whether what happens is written down.
 *
 * An id alone costs a few bytes in the envelope and shows in log lines. Only what is `is_recorded` leaves spans behind:
 * that is decided where the request enters, and every letter that follows from it carries the decision on.
 */
#ifndef PROTO_TRACE_H
#define PROTO_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct trace {
    uint64_t id[2]; /* 128 bits, the high half first; both 0: none */
    bool is_recorded;
};

static inline bool trace_is_set(const struct trace *trace)
{
    return (trace->id[0] | trace->id[1]) != 0;
}

#endif
