/* SPDX-License-Identifier: MIT */
/* door -- how a verb comes to the platform that it speaks with: by its data folder here, or by a gate on another
 * machine. */
#ifndef ACTORS_COMMAND_DOOR_H
#define ACTORS_COMMAND_DOOR_H

#include "actors/command/command.h"
#include "runtime/client.h"

/* Rows of a verb that can use either. */
#define FLAGS_GATE                                                                                                     \
    { .name = "gate", .argument = "HOST:PORT", .help = "speak with a platform elsewhere, through its gate" },          \
        { .name = "key", .argument = "FILE", .help = "with --gate: your key, NAME.cert_secret" },                      \
    {                                                                                                                  \
        .name = "server", .argument = "FILE", .help = "with --gate: the public half of its host's key, HOST.cert"      \
    }

/* Complains unless it returns EXIT_DONE. `name` is a word like "console". */
enum exit_code door_open(const struct invocation *invocation, const char *name, struct client **ret_client);
/* What runs there; NULL after a complaint. */
struct topology *door_topology(const struct invocation *invocation, struct client *client);

#endif
