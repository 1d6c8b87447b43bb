/* SPDX-License-Identifier: MIT */
/* check -- `shunt check FILE`: all mistakes of a topology at once, without running anything. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "actors/command/command.h"
#include "actors/command/place.h"
#include "actors/kinds.h"
#include "actors/stores.h"

/* The lines of `told` as a JSON array. */
static json_t *lines_of(char *told)
{
    json_t *lines = json_array();

    for (char *line = strtok(told, "\n"); line != NULL; line = strtok(NULL, "\n"))
        json_array_append_new(lines, json_string(line));
    return lines;
}

static enum exit_code run(const struct invocation *invocation)
{
    const struct topology_words words = { .kinds = shunt_kinds, .store_kinds = shunt_store_kinds };
    char room[PATH_ROOM];
    const char *file = place_topology_file(invocation, room);
    char *told = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&told, &size);
    struct topology *topology = topology_load(file, &words, invocation->settings, invocation->setting_count, to);
    bool good = topology != NULL;

    fclose(to);
    if (flag_value(invocation, "json") != NULL) {
        json_t *answer = json_pack("{s:s, s:b, s:o}", "file", file, "good", good, "mistakes", lines_of(told));

        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(answer);
    } else if (good) {
        printf("%s: good; %zu nodes and %zu stores\n", file, topology->node_count, topology->store_count);
    } else {
        fputs(told, stderr);
    }
    free(told);
    topology_destroy(&topology);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static const struct flag flags[] = { FLAG_JSON, FLAG_SET };

const struct verb check_verb = {
    .name = "check",
    .synopsis = "[FILE]",
    .summary = "find all mistakes of a topology at once",
    .help = "Each is told with its line, its path, what was expected and the nearest known word. Nothing is started.",
    .example = "  shunt check topology/local.zpl\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = 1,
    .run = run,
};
