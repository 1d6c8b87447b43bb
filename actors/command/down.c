/* SPDX-License-Identifier: MIT */
/* down -- `shunt down`: drains and stops what `up` started. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/command/command.h"
#include "actors/command/place.h"
#include "runtime/client.h"
#include "runtime/supervise/data_folder.h"

enum { STOP_LIMIT_S = 300, FOLDERS_OPEN = 16 };

static bool wait_until_gone(void)
{
    for (int i = 0; i < STOP_LIMIT_S * 20; i++) {
        if (data_folder_owner() == 0)
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
    }
    return false;
}

static bool ask_to_stop(void)
{
    struct client *client = client_open("down");
    struct client_answer answer = { .outcome = ASK_TIMED_OUT, .detail = "its socket cannot be reached" };

    if (client != NULL)
        CLIENT_ASK(client, "launcher/launcher", STOP_LIMIT_S * UINT64_C(1000000), &answer, platform_stop);
    client_close(&client);
    if (answer.outcome == ASK_ANSWERED || data_folder_owner() == 0)
        return true;
    complain("down", "the launcher (process %d) did not stop: %s; see log/launcher.log in the data folder",
             (int)data_folder_owner(), answer.detail);
    return false;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    if (place->level == 0)
        return 0;
    return remove(path);
}

static enum exit_code wipe(const char *data, bool is_sure)
{
    char answer[16] = "";

    if (!is_sure) {
        if (!isatty(STDIN_FILENO)) {
            complain("down", "--wipe asks before it removes, and there is nobody to ask; add --yes");
            return EXIT_WRONG_USAGE;
        }
        fprintf(stderr, "Remove all links, clicks and settings in %s? Type yes: ", data);
        if (fgets(answer, sizeof answer, stdin) == NULL || strcmp(answer, "yes\n") != 0) {
            complain("down", "nothing was removed");
            return EXIT_FAILED;
        }
    }
    if (nftw(".", remove_one, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0) {
        complain("down", "%s could not be removed entirely: %s", data, strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* Only a folder that `up` made is ever wiped. */
static bool is_data_folder(void)
{
    return access("run", F_OK) == 0 && access("secrets", F_OK) == 0 && access("stores", F_OK) == 0;
}

static enum exit_code run(const struct invocation *invocation)
{
    const char *data = place_data(invocation);
    char why[DATA_SENTENCE_LIMIT];
    bool wanted = flag_value(invocation, "wipe") != NULL;

    if (wanted && data_folder_enter(data, why) && data_folder_owner() == 0 && is_data_folder())
        return wipe(data, flag_value(invocation, "yes") != NULL);

    enum exit_code code = place_enter_running(invocation);

    if (code != EXIT_DONE)
        return code;
    if (!ask_to_stop())
        return EXIT_FAILED;
    if (!wait_until_gone()) {
        complain("down", "the launcher still runs (process %d)", (int)data_folder_owner());
        return EXIT_FAILED;
    }
    fprintf(stderr, "stopped\n");
    return wanted ? wipe(data, flag_value(invocation, "yes") != NULL) : EXIT_DONE;
}

static const struct flag flags[] = {
    { .name = "wipe", .help = "remove the data as well, after asking" },
    { .name = "yes", .help = "with --wipe: do not ask" },
    FLAG_DATA,
};

const struct verb down_verb = {
    .name = "down",
    .synopsis = "",
    .summary = "drain and stop what up started; data stays",
    .example = "  shunt down\n  shunt down --wipe\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .run = run,
};
