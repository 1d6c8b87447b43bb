/* SPDX-License-Identifier: MIT */
/*
 * gather -- asks launcher and supervisors how they are, and makes one JSON value of the answers. What people see is
 * printed from the same value that programs get.
 */
#ifndef ACTORS_COMMAND_GATHER_H
#define ACTORS_COMMAND_GATHER_H

#include <jansson.h>

#include "runtime/client.h"

/* The whole platform, as `shunt status --json` answers it; NULL when the launcher does not answer. The caller's to
 * free. */
json_t *gather_platform(struct client *client);
/* One node with all that its supervisor knows, routes included; NULL with *ret_detail set when it does not answer. */
json_t *gather_node(struct client *client, const char *node, const char **ret_detail);

/* A copy of a slice as a JSON string; what is no UTF-8 is replaced. */
json_t *gather_text(struct slice text);

/* A moment as "2026-01-02T03:04:05.000006Z". */
enum { GATHER_TIME_ROOM = 40 };
void gather_time(uint64_t wall_us, char text[GATHER_TIME_ROOM]);

#endif
