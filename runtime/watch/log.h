/* SPDX-License-Identifier: MIT */
/*
 * log -- one structured line per event on standard error: JSON where a program reads, coloured where a person does.
 *
 * The launcher gathers what its processes write. A line is written with one write(2), so lines of several threads never
 * mix; a call site that says the same too often is held back and says later how many lines that were.
 */
#ifndef RUNTIME_WATCH_LOG_H
#define RUNTIME_WATCH_LOG_H

#include <stdint.h>

#include "runtime/actor.h"

enum { LOG_LINE_LIMIT = 2048, LOG_LINES_PER_SECOND = 20 /* of one call site */ };

struct log_origin {
    const char *node;
    const char *actor;     /* may be NULL */
    const uint64_t *trace; /* two words; may be NULL */
    uint64_t wall_us;
};

/* One line of JSON with its end, into `out`; its size, less than LOG_LINE_LIMIT. */
size_t
log_format(const struct log_origin *origin, enum log_level level, const char *sentence, char out[LOG_LINE_LIMIT]);
void log_line(const struct log_origin *origin, enum log_level level, const char *sentence);
const char *log_level_name(enum log_level level);
/* False when there is no such level. */
bool log_level_of(const char *name, enum log_level *ret_level);

#endif
