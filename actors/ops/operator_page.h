/* SPDX-License-Identifier: MIT */
/* operator_page -- the operator's listener's pages: status for people, targets for Prometheus. Pure. */
#ifndef ACTORS_OPS_OPERATOR_PAGE_H
#define ACTORS_OPS_OPERATOR_PAGE_H

#include "proto/buffer.h"
#include "proto/messages/control.h"

/* HTML of what the launcher says. */
void operator_page_status(const struct platform_status *status, struct buffer *out);
/* Prometheus' http_sd: one target for each node, all behind the same address. */
void operator_page_targets(const char *address, const char *const *nodes, uint32_t count, struct buffer *out);

#endif
