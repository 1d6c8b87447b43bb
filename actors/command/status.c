/* SPDX-License-Identifier: MIT */
/* status -- `shunt status`: hosts, nodes, actors and stores, and how they are. Its JSON is a contract for scripts. */
#include "actors/command/command.h"
#include "actors/command/door.h"
#include "actors/command/gather.h"
#include "actors/command/show.h"

static enum exit_code run(const struct invocation *invocation)
{
    struct client *client;
    enum exit_code code = door_open(invocation, "status", &client);

    if (code != EXIT_DONE)
        return code;

    json_t *platform = gather_platform(client);

    if (platform == NULL)
        complain("status", flag_value(invocation, "gate") == NULL
                               ? "the launcher does not answer; see log/launcher.log in the data folder"
                               : "the launcher does not answer; a gate is silent to a key that it does not know");
    else if (flag_value(invocation, "json") != NULL)
        show_json(platform, stdout);
    else
        show_tree(platform, stdout);
    client_close(&client);
    code = platform != NULL ? EXIT_DONE : EXIT_FAILED;
    json_decref(platform);
    return code;
}

static const struct flag flags[] = { FLAG_JSON, FLAG_DATA, FLAGS_GATE };

const struct verb status_verb = {
    .name = "status",
    .synopsis = "",
    .summary = "show hosts, nodes, actors and stores, and how they are",
    .help = "With --json a store's uri is complete, password included: enough to connect with its ordinary client.",
    .example = "  shunt status\n  shunt status --json | jq -r '.stores[] | select(.name == \"db\").uri'\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .run = run,
};
