/* SPDX-License-Identifier: MIT */
/*
 * trace -- the id under which a request is followed through all actors: the caller's own, when it sends one as W3C
 * Trace Context says (`traceparent: 00-TRACE-PARENT-FLAGS`, https://www.w3.org/TR/trace-context/), so that its traces
 * and ours fit together.
 */
#ifndef ACTORS_EDGE_TRACE_H
#define ACTORS_EDGE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

/* False when the field is missing or not well-formed; then `trace` is untouched. Pure. */
bool trace_parse(struct slice traceparent, uint64_t trace[2]);

#endif
