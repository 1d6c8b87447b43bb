/* SPDX-License-Identifier: MIT */
/* graph -- `shunt graph FILE`: the topology drawn. */
#include "runtime/plan/graph.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "actors/command/command.h"
#include "actors/command/place.h"
#include "runtime/nearest.h"

/* Graphviz makes the picture. Its program is called through the shell, with no word of the user's in the command. */
static bool write_svg(const struct topology *topology)
{
    FILE *to = popen("command -v dot >/dev/null || exit 127; exec dot -Tsvg", "w");
    int status;

    if (to == NULL) {
        complain("graph", "dot cannot be started: %s", strerror(errno));
        return false;
    }
    graph_dot(topology, to);
    status = pclose(to);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        complain("graph",
                 "svg is drawn by Graphviz, which is not installed: install the package graphviz, or take --format "
                 "dot or mermaid");
    else
        complain("graph", "dot did not end well");
    return false;
}

static bool write_dot(const struct topology *topology)
{
    graph_dot(topology, stdout);
    return true;
}

static bool write_mermaid(const struct topology *topology)
{
    graph_mermaid(topology, stdout);
    return true;
}

static const struct {
    const char *name;
    bool (*write)(const struct topology *topology);
} formats[] = { { "dot", write_dot }, { "mermaid", write_mermaid }, { "svg", write_svg } };

static enum exit_code run(const struct invocation *invocation)
{
    const char *wanted = flag_value(invocation, "format");
    char room[PATH_ROOM];
    struct nearest nearest = { 0 };

    wanted = wanted != NULL ? wanted : "dot";
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        nearest_offer(&nearest, wanted, formats[i].name);
        if (strcmp(formats[i].name, wanted) != 0)
            continue;

        struct topology *topology = place_load(place_topology_file(invocation, room), NULL, invocation);
        bool good = topology != NULL && formats[i].write(topology) && fflush(stdout) == 0;

        topology_destroy(&topology);
        return good ? EXIT_DONE : EXIT_FAILED;
    }
    complain("graph", "--format is dot, mermaid or svg, not '%s'%s%s%s", wanted,
             nearest.best != NULL ? "; did you mean " : "", nearest.best != NULL ? nearest.best : "",
             nearest.best != NULL ? "?" : "");
    return EXIT_WRONG_USAGE;
}

static const struct flag flags[] = {
    { .name = "format", .argument = "FORMAT", .help = "dot (default), mermaid or svg" },
    FLAG_SET,
};

const struct verb graph_verb = {
    .name = "graph",
    .synopsis = "[FILE]",
    .summary = "draw the topology",
    .example = "  shunt graph --format svg topology/local.zpl > topology.svg\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = 1,
    .run = run,
};
