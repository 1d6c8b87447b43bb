/* SPDX-License-Identifier: MIT */
/*
 * restore -- `shunt restore DIR`: makes a new data folder out of a backup.
 *
 * Starts the stores of the backup's topology alone, fills them, and stops them again; the platform is then started as
 * always. What was given out after the backup must never be given again, although nobody knows any more what that was:
 * so keygen's marks are raised by more codes than can have been given since (LEAP_PER_S); row ids and epochs follow the
 * clock by themselves. Nothing is ever restored over something that is there.
 */
#include <dirent.h>
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
#include "runtime/supervise/data_folder.h"

/* Ten times what one keygen gives at most here; a day of it is a four-thousandth of the codes of seven characters. */
enum { LEAP_PER_S = 10 * 1000, LEAP_LEAST = 1000 * 1000, CODES_PER_BLOCK = 256 };

/* How many blocks of codes to pass over; 0 after a complaint: it is no backup. */
static uint64_t leap_of(const char *folder)
{
    char path[PATH_ROOM + 32];
    json_error_t error;
    json_t *manifest;
    json_int_t made_at_s = 0;
    int format = 0;
    time_t now_s = time(NULL);
    uint64_t codes;

    snprintf(path, sizeof path, "%s/" BACKUP_MANIFEST, folder);
    manifest = json_load_file(path, 0, &error);
    if (manifest == NULL || json_unpack(manifest, "{s:i, s:I}", "format", &format, "made_at_s", &made_at_s) != 0 ||
        format != 1) {
        complain("restore", "%s is no backup that this program understands: %s", folder,
                 manifest == NULL ? error.text : "its " BACKUP_MANIFEST " is of another form");
        json_decref(manifest);
        return 0;
    }
    json_decref(manifest);
    codes = now_s > made_at_s ? (uint64_t)(now_s - made_at_s) * LEAP_PER_S : 0;
    codes = codes > LEAP_LEAST ? codes : LEAP_LEAST;
    return codes / CODES_PER_BLOCK + 1;
}

/* A new or empty folder, with the working directory in it. */
static bool make_data(const char *path)
{
    DIR *folder;
    int entries = 0;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        complain("restore", "%s cannot be made: %s", path, strerror(errno));
        return false;
    }
    folder = opendir(path);
    while (folder != NULL && readdir(folder) != NULL)
        entries++;
    if (folder == NULL || entries > 2 || chdir(path) != 0) {
        complain("restore", "%s is not empty; name another folder with --data, or move this one away", path);
        if (folder != NULL)
            closedir(folder);
        return false;
    }
    closedir(folder);
    return true;
}

/* The stores run; the working directory is the data folder. */
static bool load(const char *folder, const char *data, uint64_t leap_blocks)
{
    struct topology *topology = place_load("topology.zpl", "secrets", NULL);
    const struct backup_order order = { .caller = "restore",
                                        .what = "load",
                                        .folder = folder,
                                        .data = data,
                                        .topology = topology,
                                        .leap_blocks = leap_blocks };
    bool good = topology != NULL && backup_script_run(&order);

    topology_destroy(&topology);
    return good;
}

static bool restore(const char *folder, const char *data, uint64_t leap_blocks)
{
    const char *const up[] = { place_program(), "up", "restore.zpl", "--data", data, "--detach", NULL };
    const char *const down[] = { place_program(), "down", "--data", data, NULL };
    const struct backup_order order = { .caller = "restore", .what = "prepare", .folder = folder, .data = data };
    bool good;

    if (!backup_script_run(&order) || !backup_run(up))
        return false;
    good = load(folder, data, leap_blocks);
    good = backup_run(down) && good;
    (void)unlink("restore.zpl");
    return good;
}

static enum exit_code run(const struct invocation *invocation)
{
    char folder[PATH_ROOM];
    char data[PATH_ROOM];
    uint64_t leap_blocks;

    if (realpath(invocation->words[0], folder) == NULL) {
        complain("restore", "%s: %s", invocation->words[0], strerror(errno));
        return EXIT_FAILED;
    }
    leap_blocks = leap_of(folder);
    (void)place_home(); /* before the working directory changes: it may be given relative to it */
    if (leap_blocks == 0 || !make_data(place_data(invocation)) || getcwd(data, sizeof data) == NULL)
        return EXIT_FAILED;
    if (!restore(folder, data, leap_blocks)) {
        complain("restore", "nothing was restored; remove %s before you try again", data);
        return EXIT_FAILED;
    }
    printf("restored; start it:  shunt up %s/" BACKUP_TOPOLOGY " --data %s\n", folder, data);
    return EXIT_DONE;
}

static const struct flag flags[] = { FLAG_DATA };

const struct verb restore_verb = {
    .name = "restore",
    .synopsis = "DIR",
    .summary = "make a new data folder out of a backup",
    .help = "The data folder (--data) must be new or empty, and so must stores be that somebody else runs.\n"
            "Then `shunt up` with the topology of the backup, or another one that has the same stores.",
    .example = "  shunt restore /srv/backups/monday --data /srv/shunt\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
