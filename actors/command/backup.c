/* SPDX-License-Identifier: MIT */
/*
 * backup -- `shunt backup DIR`: everything that a new machine needs to go on, taken while the platform runs.
 *
 * Links, counts, marks, leases, settings and API keys (Postgres, one snapshot), every click (ClickHouse), the secrets
 * (the key that codes are made with, too) and the topology. Not in it: clicks of the last seconds that neither database
 * had yet, and what can be made again (caches). The folder gets its name when it is whole.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/command/backup_script.h"
#include "actors/command/command.h"
#include "actors/command/place.h"

/* Relative to where the command was called, not to the data folder. */
static bool absolute(const char *path, char whole[PATH_ROOM])
{
    char here[PATH_ROOM] = "";

    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return false;
    return snprintf(whole, PATH_ROOM, "%s%s%s", here, here[0] != '\0' ? "/" : "", path) < PATH_ROOM - 8;
}

static bool write_manifest(const char *folder)
{
    char path[PATH_ROOM + 32];
    json_t *manifest =
        json_pack("{s:i, s:s, s:I}", "format", 1, "shunt", SHUNT_VERSION, "made_at_s", (json_int_t)time(NULL));
    bool good;

    snprintf(path, sizeof path, "%s/" BACKUP_MANIFEST, folder);
    good = json_dump_file(manifest, path, JSON_INDENT(2)) == 0;
    json_decref(manifest);
    return good;
}

/* Into `folder`, which is ours and empty. The working directory is the data folder. */
static bool fill(const char *folder, const struct topology *topology)
{
    const char *const copies[] = { "/bin/cp", "-R", "secrets", BACKUP_TOPOLOGY, folder, NULL };
    char data[PATH_ROOM];
    const struct backup_order order = {
        .caller = "backup", .what = "save", .folder = folder, .data = getcwd(data, sizeof data), .topology = topology
    };

    if (!backup_run(copies)) {
        complain("backup", "the secrets could not be copied to %s; is there room, and may you write there?", folder);
        return false;
    }
    return backup_script_run(&order) && write_manifest(folder);
}

static enum exit_code run(const struct invocation *invocation)
{
    char wanted[PATH_ROOM];
    char growing[PATH_ROOM + 8];
    struct topology *topology;
    enum exit_code code;
    bool good;

    if (!absolute(invocation->words[0], wanted) || access(wanted, F_OK) == 0) {
        complain("backup", "%s is there already; name a folder that is not", invocation->words[0]);
        return EXIT_FAILED;
    }
    code = place_enter_running(invocation);
    if (code != EXIT_DONE)
        return code;
    topology = place_load(BACKUP_TOPOLOGY, "secrets", NULL);
    snprintf(growing, sizeof growing, "%s.new", wanted);
    if (topology == NULL)
        return EXIT_FAILED;
    if (mkdir(growing, 0700) != 0) {
        complain("backup", "%s cannot be made: %s%s", growing, strerror(errno),
                 errno == EEXIST ? "; an earlier backup was cut off: remove it" : "");
        topology_destroy(&topology);
        return EXIT_FAILED;
    }
    good = fill(growing, topology) && rename(growing, wanted) == 0;
    topology_destroy(&topology);
    if (good)
        printf("%s\n", wanted);
    else
        complain("backup", "nothing that could be restored was made; remove %s", growing);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static const struct flag flags[] = { FLAG_DATA };

const struct verb backup_verb = {
    .name = "backup",
    .synopsis = "DIR",
    .summary = "save links, clicks, settings and secrets of the running platform",
    .help =
        "DIR must not be there. It gets links, counts and settings (Postgres), all clicks (ClickHouse), the secrets "
        "and the topology:\nkeep it as you keep a password. Nothing stops meanwhile. `shunt restore` is the way "
        "back.",
    .example = "  shunt backup /srv/backups/monday\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
