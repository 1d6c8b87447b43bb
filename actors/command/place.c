/* SPDX-License-Identifier: MIT */
/* place -- see place.h. */
#include "actors/command/place.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/kinds.h"
#include "actors/stores.h"
#include "runtime/supervise/data_folder.h"

const char *place_program(void)
{
    static char path[PATH_ROOM];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

    path[size > 0 ? size : 0] = '\0';
    return path;
}

static bool has_topologies(const char *home)
{
    char path[PATH_ROOM + 32];

    snprintf(path, sizeof path, "%s/topology/stores", home);
    return access(path, R_OK) == 0;
}

static void find_home(char home[PATH_ROOM])
{
    const char *given = getenv("SHUNT_HOME");
    char *slash;

    if (given != NULL && *given != '\0' && realpath(given, home) != NULL)
        return;
    snprintf(home, PATH_ROOM, "%s", place_program());
    while ((slash = strrchr(home, '/')) != NULL) {
        size_t size = (size_t)(slash - home);

        *slash = '\0';
        if (has_topologies(home))
            return;
        snprintf(home + size, PATH_ROOM - size, "/share/shunt");
        if (has_topologies(home))
            return;
        home[size] = '\0';
    }
}

const char *place_home(void)
{
    static char home[PATH_ROOM];

    if (home[0] == '\0')
        find_home(home);
    return home;
}

struct topology *place_load(const char *file, const char *secrets, const struct invocation *invocation)
{
    const struct topology_words words = { .kinds = shunt_kinds, .store_kinds = shunt_store_kinds, .secrets = secrets };

    return topology_load(file, &words, invocation != NULL ? invocation->settings : NULL,
                         invocation != NULL ? invocation->setting_count : 0, stderr);
}

const char *place_topology_file(const struct invocation *invocation, char room[PATH_ROOM])
{
    if (invocation->word_count > 0)
        return invocation->words[0];
    if (snprintf(room, PATH_ROOM, "%s/topology/local.zpl", place_home()) >= PATH_ROOM)
        room[0] = '\0'; /* no file has such a path; loading it says so */
    return room;
}

const char *place_data(const struct invocation *invocation)
{
    const char *given = flag_value(invocation, "data");

    return given != NULL ? given : "var";
}

enum exit_code place_enter_running(const struct invocation *invocation)
{
    const char *data = place_data(invocation);
    char why[DATA_SENTENCE_LIMIT];

    if (data_folder_enter(data, why) && data_folder_owner() != 0)
        return EXIT_DONE;
    complain(invocation->verb->name,
             "nothing is running in %s; start it with `shunt up`, or name another folder with --data", data);
    return EXIT_NOTHING_RUNNING;
}
