/* SPDX-License-Identifier: MIT */
/* restart -- restarting nodes one at a time, for `shunt restart`, the console and `shunt reload`. */
#ifndef ACTORS_COMMAND_RESTART_H
#define ACTORS_COMMAND_RESTART_H

#include <inttypes.h>

#include "actors/command/command.h"
#include "actors/command/gather.h"

struct restart_choice {
    const char *names[TOPOLOGY_NODES_LIMIT]; /* the topology's own */
    size_t count;
};

/* Nodes by name or by role, each once, in the words' order; all when there are no words. False after a complaint. */
bool restart_choose(const struct topology *topology,
                    const char *called,
                    char *const *words,
                    size_t count,
                    struct restart_choice *choice);

/* Orders it and waits for its end, telling each node on standard error. {"state": "done" or "failed", "done", "total",
 * "node", "reason"}; NULL when it could not be ordered or followed. Complains about all that is not "done". */
json_t *restart_roll(struct client *client, const char *called, const char *who, const struct restart_choice *choice);
/* The same for any order that the launcher answers with rolling_status. */
json_t *
restart_follow(struct client *client, const char *called, const struct message_schema *schema, const void *order);
bool restart_went_well(const json_t *outcome);

#endif
