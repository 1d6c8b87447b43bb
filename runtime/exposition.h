/* SPDX-License-Identifier: MIT */
/* exposition -- metrics of many actors or nodes as one page, in Prometheus' text format. */
#ifndef RUNTIME_EXPOSITION_H
#define RUNTIME_EXPOSITION_H

#include "proto/buffer.h"

/* Rewrites `text` so that each family stands together, with one HELP and TYPE, as the format demands. */
void exposition_merge(const struct buffer *text, struct buffer *out);

#endif
