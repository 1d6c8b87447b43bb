/* SPDX-License-Identifier: MIT */
/*
 * trace -- the id under which a request is followed through all actors: the caller's own, when it sends one as W3C
 * Trace Context says (`traceparent: 00-TRACE-PARENT-FLAGS`, https://www.w3.org/TR/trace-context/), so that its traces
 * and ours fit together.
 */
#ifndef ACTORS_EDGE_TRACE_H
#define ACTORS_EDGE_TRACE_H

#include "proto/slice.h"
#include "proto/trace.h"

enum { TRACE_TEXT_ROOM = 33 /* 32 digits and the end */ };

/* False when the field is missing or not well-formed; then `trace` is untouched. It is recorded when the caller's
 * "sampled" flag is set. Pure. */
bool trace_parse(struct slice traceparent, struct trace *trace);
/* The id as 32 hexadecimal digits. */
void trace_format(const struct trace *trace, char text[TRACE_TEXT_ROOM]);

#endif
