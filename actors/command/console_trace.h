/* SPDX-License-Identifier: MIT */
/*
 * console_trace -- spans of all nodes put together: gathering them (console_trace.c) and drawing them as a timeline
 * (console_timeline.c). A span is a JSON object: trace, node, actor, kind, name, other, started_us, duration_us.
 */
#ifndef ACTORS_COMMAND_CONSOLE_TRACE_H
#define ACTORS_COMMAND_CONSOLE_TRACE_H

#include "actors/command/console.h"

/* One trace: {trace, started, duration_us, spans: [...]}, its spans in order of their start, each with its offset_us
 * from the first one and its depth: how many others it lies within. Takes `spans`. */
json_t *console_timeline(const char *trace, json_t *spans);
void console_print_timeline(json_t *timeline, FILE *to);
/* The traces that spans belong to, the latest first: {trace, started, what, spans, duration_us}. */
json_t *console_trace_list(json_t *spans);
void console_print_trace_list(json_t *traces, FILE *to);

#endif
