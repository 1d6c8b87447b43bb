/* SPDX-License-Identifier: MIT */
/* node -- `shunt node --name NAME`: one node of the platform. The launcher calls it; people call `up`. */
#include <stdlib.h>

#include "actors/command/command.h"
#include "actors/command/place.h"
#include "actors/io/offload.h"
#include "runtime/supervise/data_folder.h"
#include "runtime/supervise/node_process.h"

/* A consumer that goes gives its partitions back in some ms; a broker that is away must not keep a node from ending. */
enum { SETTLE_LIMIT_US = 1000 * 1000 };

static enum exit_code run(const struct invocation *invocation)
{
    const char *name = flag_value(invocation, "name");
    const char *data = flag_value(invocation, "data");
    char why[DATA_SENTENCE_LIMIT];

    if (name == NULL) {
        complain("node", "--name is missing: which node?");
        return EXIT_WRONG_USAGE;
    }
    if (data != NULL && !data_folder_enter(data, why)) {
        complain("node", "%s", why);
        return EXIT_FAILED;
    }

    struct topology *topology = place_load("topology.zpl", "secrets", NULL);

    if (topology == NULL)
        return EXIT_FAILED;

    int code = node_process_run(topology, name);

    topology_destroy(&topology);
    offload_settle(SETTLE_LIMIT_US);
    exit(code); /* the node's own exit codes, for the launcher */
}

static const struct flag flags[] = {
    { .name = "name", .argument = "NODE", .help = "which node of the topology" },
    { .name = "data", .argument = "DIR", .help = "the data folder (default: the working directory)" },
};

const struct verb node_verb = {
    .name = "node",
    .synopsis = "--name NODE",
    .summary = "run one node; the launcher calls this",
    .example = "  shunt node --name app1 --data var\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .hidden = true,
    .run = run,
};
