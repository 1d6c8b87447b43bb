/* SPDX-License-Identifier: MIT */
/*
 * up -- `shunt up`: checks everything that can be checked beforehand, then becomes the launcher.
 *
 * Order matters: what a person got wrong is told before anything is made or started. The topology that was checked is
 * written to the data folder, overrides applied, and that copy is what launcher, nodes and console read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/command/command.h"
#include "actors/command/place.h"
#include "actors/command/running_plan.h"
#include "actors/command/view.h"
#include "runtime/supervise/data_folder.h"
#include "runtime/supervise/launcher.h"
#include "runtime/wire/curve_file.h"

/* Who has it may change links through the API; see the edge's option management_key. */
#define MANAGEMENT_KEY "management.key"

enum { PORTS_WAIT_US = 3 * 1000 * 1000 /* for what a killed launcher left behind to be gone */ };

/* Leaves what --host names of it; all when it was not given. */
static bool keep_host(struct topology *topology, const char *host)
{
    const char *nearest;

    if (host == NULL || topology_keep_host(topology, host))
        return true;
    nearest = topology_nearest_host(topology, host);
    complain("up", "no node of %s is on a host '%s'%s%s%s", topology->file, host,
             nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    return false;
}

static bool has_key(const struct curve_key *keys, size_t count, const char *host)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, host) == 0 && keys[i].role == CURVE_NODE && keys[i].secret_text[0] != '\0')
            return true;
    return false;
}

/* Whoever listens on tcp has the key of his host. */
static bool has_keys(const struct topology *topology)
{
    struct curve_key keys[CURVE_KEYS_LIMIT];
    size_t count = curve_file_read_all(keys);
    const char *missing = NULL;

    for (size_t i = 0; i < topology->node_count && missing == NULL; i++)
        if (topology->nodes[i].tcp != NULL && !has_key(keys, count, topology->nodes[i].host))
            missing = topology->nodes[i].host;
    explicit_bzero(keys, sizeof keys);
    if (missing != NULL)
        complain("up",
                 "host %s has no key in " CURVE_FOLDER
                 " that is its owner's alone, and tcp is never used without; make "
                 "one with `shunt keys make %s`",
                 missing, missing);
    return missing == NULL;
}

/* The topology with the stores' passwords, from a data folder that is ours from now on. NULL after a complaint. */
static struct topology *prepare(const struct invocation *invocation, int *ret_lock)
{
    char room[PATH_ROOM];
    char source[PATH_ROOM];
    char why[DATA_SENTENCE_LIMIT];
    const char *file = place_topology_file(invocation, room);
    struct topology *topology = place_load(file, NULL, invocation);

    if (topology == NULL || realpath(file, source) == NULL) {
        topology_destroy(&topology);
        complain("up", "nothing was started: the topology has the mistakes above");
        return NULL;
    }
    if (!keep_host(topology, flag_value(invocation, "host"))) {
        topology_destroy(&topology);
        return NULL;
    }
    if (!data_folder_make(place_data(invocation), why) || !data_folder_lock(ret_lock, why) ||
        !data_folder_ports_free(topology, PORTS_WAIT_US, why) || !data_folder_secrets(topology, why) ||
        !data_folder_secret(MANAGEMENT_KEY, why)) {
        complain("up", "%s", why);
        topology_destroy(&topology);
        return NULL;
    }

    bool good = has_keys(topology) && running_plan_write(topology, "up", "topology.zpl") &&
                running_plan_note_source(source, invocation);

    topology_destroy(&topology);
    topology = good ? place_load("topology.zpl", "secrets", NULL) : NULL;
    if (topology != NULL && !keep_host(topology, flag_value(invocation, "host")))
        topology_destroy(&topology);
    return topology;
}

/* What --host said; a reload keeps to it. */
static const char *own_host;

static struct topology *load_again(const char *file)
{
    struct topology *topology = place_load(file, "secrets", NULL);

    if (topology != NULL && !keep_host(topology, own_host))
        topology_destroy(&topology);
    return topology;
}

/* The launcher's own lines go to its log; people get the view. */
static bool log_to_file(void)
{
    int fd = open("log/launcher.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
        complain("up", "log/launcher.log cannot be written: %s", strerror(errno));
        return false;
    }
    close(fd);
    return true;
}

/* Runs the platform in this process. `ready_fd`: told when it is ready, for --detach; -1: nobody is. */
static enum exit_code launch(const struct invocation *invocation, int ready_fd)
{
    int lock = -1;
    char script[PATH_ROOM + 32];
    char data[PATH_ROOM];
    struct topology *topology = prepare(invocation, &lock);

    if (topology == NULL)
        return EXIT_FAILED;
    own_host = flag_value(invocation, "host");
    snprintf(script, sizeof script, "%s/topology/stores/as-user", place_home());

    struct view *view = view_open(topology, place_data(invocation), ready_fd);
    const struct launcher_plan plan = {
        .topology = topology,
        .program = place_program(),
        .store_script = script,
        .home = place_home(),
        .data = getcwd(data, sizeof data),
        .load = load_again,
        .tell = view_tell,
        .context = view,
    };
    bool good = log_to_file() && launcher_run(&plan);

    view_close(&view);
    topology_destroy(&topology);
    close(lock);
    return good ? EXIT_DONE : EXIT_FAILED;
}

/* Runs the platform in a process of its own and returns when it is ready, or has failed. */
static enum exit_code launch_detached(const struct invocation *invocation)
{
    int ready[2];
    char byte;
    int status;

    if (pipe2(ready, O_CLOEXEC) != 0) {
        complain("up", "no pipe: %s", strerror(errno));
        return EXIT_FAILED;
    }

    pid_t pid = fork();

    if (pid < 0) {
        complain("up", "no process could be made: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (pid == 0) {
        close(ready[0]);
        setsid();
        exit((int)launch(invocation, ready[1]));
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1)
        return EXIT_DONE;
    if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
        complain("up", "the launcher was ended: %s", strsignal(WTERMSIG(status)));
    return EXIT_FAILED;
}

static enum exit_code run(const struct invocation *invocation)
{
    return flag_value(invocation, "detach") != NULL ? launch_detached(invocation) : launch(invocation, -1);
}

static const struct flag flags[] = {
    { .name = "host",
      .argument = "NAME",
      .help = "start only what the topology puts on that host; the others' nodes are reached over tcp" },
    { .name = "detach", .help = "return when it is ready; stop it with shunt down" },
    FLAG_SET,
    FLAG_DATA,
};

const struct verb up_verb = {
    .name = "up",
    .synopsis = "[FILE]",
    .summary = "start the topology, wait until it is ready, and keep it running",
    .help = "FILE is topology/local.zpl when it is not given. Ctrl-C drains and stops; a second one hurries.\n"
            "With --host each machine runs its part of one topology, with a key of its own (shunt keys).\n"
            "Standard output gets one line when all are up: ready URL.",
    .example =
        "  shunt up\n  shunt up topology/local.zpl --data /srv/shunt --set nodes/edge/actors/edge/listen=0.0.0.0:8080 "
        "--detach\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = 1,
    .run = run,
};
