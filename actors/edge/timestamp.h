/* SPDX-License-Identifier: MIT */
/* timestamp -- points in time as the API writes them: RFC 3339, UTC, microseconds: 2026-01-02T03:04:05.123456Z. Pure.
 */
#ifndef ACTORS_EDGE_TIMESTAMP_H
#define ACTORS_EDGE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

enum { TIMESTAMP_SIZE = 28 }; /* with the terminating zero */

/* `time_us` is wall clock time since 1970, before the year 10000. */
void timestamp_print(uint64_t time_us, char *to);
/* Accepts any RFC 3339 date and time of 1970 or later, with an offset; digits beyond microseconds are dropped. */
bool timestamp_parse(struct slice text, uint64_t *ret_time_us);

#endif
