/* SPDX-License-Identifier: MIT */
/*
 * nodes -- a few node processes of a plan that a test writes down, in a folder of their own, and one client that asks
 * them. The client reaches all of them over ipc, whatever they use among themselves.
 */
#ifndef TESTS_UNIT_SUPPORT_NODES_H
#define TESTS_UNIT_SUPPORT_NODES_H

#include <sys/types.h>

#include "runtime/client.h"
#include "runtime/supervise/node_process.h"

enum { NODES_MOST = 4, NODES_PATIENCE_US = 60 * 1000 * 1000 };

#define NODES_LIMITS                                                                                                   \
    {                                                                                                                  \
        .restarts = 9, .within_us = 10000000, .pause_min_us = 10000, .pause_max_us = 100000, .healthy_us = 1000000     \
    }
extern const struct topology_group nodes_group;
extern pid_t nodes_pids[NODES_MOST];

/* A row of the plan. */
#define NODES_ROW(node, table)                                                                                         \
    {                                                                                                                  \
        .name = (node), .role = "test", .limits = NODES_LIMITS, .actors = (table),                                     \
        .actor_count = sizeof(table) / sizeof((table)[0]), .groups = &nodes_group, .group_count = 1                    \
    }

/* Makes a folder, enters it, and makes a key for each host "a", "b" ...; a group's setup. And its teardown. */
int nodes_enter(void **state);
int nodes_leave(void **state);

/* Puts each node on a host of its own, "a", "b" ..., with a free tcp port: then they talk over tcp. */
void nodes_put_on_hosts(struct topology_node *nodes, size_t count);

void nodes_start(const struct topology *topology, size_t i);
void nodes_end(size_t i, int signal); /* and waits */
void nodes_start_client(void);
/* All nodes, and the client. */
void nodes_start_all(const struct topology *topology);
int nodes_end_all(void **state); /* a test's teardown */

/* Asks and returns the answer's message; fails the test when none comes. */
const void *nodes_ask(const char *address, const struct message_schema *schema, const void *message);
#define NODES_ASK(address, type, ...) nodes_ask((address), &type##_schema, &(struct type){ __VA_ARGS__ })
/* The value of one metric of a node, by the beginning of its line; 0 when there is none. */
double nodes_metric(const char *node, const char *start);

uint64_t nodes_now_us(void);
/* Evaluates the condition every few milliseconds until it is true; fails the test after NODES_PATIENCE_US. */
#define NODES_WAIT_FOR(condition)                                                                                      \
    for (uint64_t until_us_ = nodes_now_us() + NODES_PATIENCE_US; !(condition); nodes_pause(until_us_, #condition)) {  \
    }
void nodes_pause(uint64_t until_us, const char *condition);

#endif
