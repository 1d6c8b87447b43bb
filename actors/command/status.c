/* SPDX-License-Identifier: MIT */
/* status -- `shunt status`: hosts, nodes, actors and stores, and how they are. Its JSON is a contract for scripts. */
#include <errno.h>
#include <string.h>

#include "actors/command/command.h"
#include "actors/command/gather.h"
#include "actors/command/place.h"
#include "actors/command/show.h"

static enum exit_code run(const struct invocation *invocation)
{
    enum exit_code code = place_enter_running(invocation);

    if (code != EXIT_DONE)
        return code;

    struct client *client = client_open("status");
    json_t *platform = client != NULL ? gather_platform(client) : NULL;

    if (platform == NULL)
        complain("status", "the launcher does not answer%s%s; see log/launcher.log in the data folder",
                 client == NULL ? ": " : "", client == NULL ? strerror(errno) : "");
    else if (flag_value(invocation, "json") != NULL)
        show_json(platform, stdout);
    else
        show_tree(platform, stdout);
    client_close(&client);
    code = platform != NULL ? EXIT_DONE : EXIT_FAILED;
    json_decref(platform);
    return code;
}

static const struct flag flags[] = { FLAG_JSON, FLAG_DATA };

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
