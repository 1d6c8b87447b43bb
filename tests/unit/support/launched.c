/* SPDX-License-Identifier: MIT */
/* launched -- see launched.h. */
#include "tests/unit/support/launched.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/client.h"
#include "runtime/supervise/data_folder.h"
#include "runtime/supervise/launcher.h"
#include "runtime/supervise/node_process.h"
#include "tests/testing.h"

enum { PATIENCE_MS = 15000 };

static char program[4096];

/* ------------------------------------------------------------------------------------------------ the parts it plays
 */

struct quiet {
    bool fails;
    const char *word;
};

static const struct option quiet_options[] = {
    { .name = "fails", .type = OPTION_BOOL, .default_text = "no", .help = "whether its start fails" },
    { .name = "word",
      .type = OPTION_TEXT,
      .offset = offsetof(struct quiet, word),
      .default_text = "",
      .help = "with \"wrong\" it does not start either" },
};

static void start_quiet(struct actor *me)
{
    const struct quiet *self = actor_state(me);

    if (self->fails)
        actor_fail(me, "it was told to fail");
    if (strcmp(self->word, "wrong") == 0)
        actor_fail(me, "that word is wrong");
}

static const struct actor_kind quiet_kind = {
    .name = "quiet",
    .state_size = sizeof(struct quiet),
    .start = start_quiet,
    .options = quiet_options,
    .option_count = 2,
};
static const struct actor_kind *const kinds[] = { &quiet_kind, NULL };

static size_t probe_fake(const struct topology_store *store, char *bytes)
{
    return (size_t)sprintf(bytes, "hello %s\n", store->password);
}

static const struct store_kind fake_kind = {
    .name = "fake",
    .uri = "fake://{user}:{password}@{host}:{port}",
    .user = "me",
    .probe = probe_fake,
    .ready = "ready",
    .ready_size = 5,
    .stop_signal = SIGTERM,
    .start_limit_us = 5 * 1000 * 1000,
    .stop_limit_us = 5 * 1000 * 1000,
};
static const struct store_kind *const store_kinds[] = { &fake_kind, NULL };

static struct topology *load_topology(const char *file)
{
    const struct topology_words words = { .kinds = kinds, .store_kinds = store_kinds, .secrets = "secrets" };

    return topology_load(file, &words, NULL, 0, stderr);
}

static int be_node(const char *name)
{
    struct topology *topology = load_topology("topology.zpl");
    int code = topology != NULL ? node_process_run(topology, name) : 1;

    topology_destroy(&topology);
    return code;
}

/* Serves until it is told to stop; its options tell it what to do wrong. */
static int be_store(const char *verb)
{
    const char *options = getenv("SHUNT_STORE_OPTIONS");
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char hello[128];
    char expected[128];
    int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strcmp(verb, "explain") == 0) {
        char said[256] = "";

        if (fread(said, 1, sizeof said - 1, stdin) > 0 && strstr(said, "page 7") != NULL)
            fprintf(stderr, "its data are damaged; put a backup in their place\n");
        return strstr(said, "page 7") != NULL ? STORE_EXIT_DAMAGED : 0;
    }
    if (strstr(options, "needs=person") != NULL) {
        fprintf(stderr, "something\nthe program fake is not installed; install it\n");
        return STORE_EXIT_NEEDS_PERSON;
    }
    if (strstr(options, "needs=room") != NULL && access("full", F_OK) == 0) {
        fprintf(stderr, "the disk is full; make room\n");
        return STORE_EXIT_NEEDS_ROOM;
    }
    if (strstr(options, "data=torn") != NULL) {
        fprintf(stderr, "panic at page 7\n");
        return 1;
    }
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    address.sin_port = htons((uint16_t)atoi(getenv("SHUNT_STORE_PORT")));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0)
        return 1;
    snprintf(expected, sizeof expected, "hello %s\n", getenv("SHUNT_STORE_PASSWORD"));
    for (int turn = 0;; turn++) {
        int fd = accept(listener, NULL, NULL);
        ssize_t size = recv(fd, hello, sizeof hello, 0);
        const char *answer = turn == 0 ? "loading" : "ready and well"; /* the first time it is not ready yet */

        if (size == (ssize_t)strlen(expected) && memcmp(hello, expected, (size_t)size) == 0)
            send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        close(fd);
    }
}

/* ------------------------------------------------------------------------------------------------ a platform to try */

static void write_event(void *context, const struct launcher_event *event)
{
    static const char *const types[] = { "changed", "ready", "stopping", "failed" };

    dprintf(*(int *)context, "%s %s %s %s\n", types[event->type], event->name != NULL ? event->name : "-",
            event->state != NULL ? event->state : "-", event->reason != NULL ? event->reason : "");
}

/* In the child: as `shunt up` does it. */
static _Noreturn void launch(const char *folder, int events)
{
    char why[DATA_SENTENCE_LIMIT];
    int lock;

    if (!data_folder_make(folder, why) || !data_folder_lock(&lock, why) || !data_folder_secret("s1", why) ||
        !data_folder_secret("s2", why)) {
        fprintf(stderr, "%s\n", why);
        _exit(9);
    }
    freopen("log/launcher.log", "a", stderr);

    struct topology *topology = load_topology("topology.zpl");
    const struct launcher_plan plan = {
        .topology = topology,
        .program = program,
        .store_script = program,
        .home = "/nowhere",
        .data = folder,
        .load = load_topology,
        .tell = write_event,
        .context = &events,
    };
    bool good = topology != NULL && launcher_run(&plan);

    topology_destroy(&topology);
    exit(good ? 0 : 1);
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* Two stores, s2 after s1, and two nodes, n2 after n1, both after the stores. `more` goes into s2, `of_n2` into n2,
 * `end` behind all. */
void launched_begin(struct platform *platform, const char *more, const char *of_n2, const char *end)
{
    char path[128];
    int pipe_ends[2];
    FILE *to;

    assert_int_equal(chdir("/"), 0); /* the last test's folder is gone */
    strcpy(platform->folder, "/tmp/launcher.XXXXXX");
    assert_non_null(mkdtemp(platform->folder));
    snprintf(path, sizeof path, "%s/topology.zpl", platform->folder);
    to = fopen(path, "w");
    assert_non_null(to);
    fprintf(to,
            "platform\n    url = http://127.0.0.1:1\nstores\n    s2\n        kind = fake\n        port = %u\n"
            "        after = s1\n%s    s1\n        kind = fake\n        port = %u\n"
            "nodes\n    n2\n        after = n1, s2\n%s        actors\n            quiet\n"
            "    n1\n        after = s1\n        pause_min = 1ms\n        groups\n            default\n"
            "                restarts = 2\n        actors\n            quiet\n%s",
            free_port(), more, free_port(), of_n2, end);
    fclose(to);
    assert_int_equal(pipe(pipe_ends), 0);
    platform->launcher = fork();
    if (platform->launcher == 0) {
        close(pipe_ends[0]);
        launch(platform->folder, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    platform->events = pipe_ends[0];
}

/* The next line of what is told; "" at the end. */
const char *launched_next(struct platform *platform)
{
    size_t size = 0;
    char c;

    while (size + 1 < LINE_ROOM) {
        struct pollfd wait = { .fd = platform->events, .events = POLLIN };

        if (poll(&wait, 1, PATIENCE_MS) != 1)
            fail_msg("nothing was told for %d ms after: %s", PATIENCE_MS, platform->line);
        if (read(platform->events, &c, 1) != 1 || c == '\n')
            break;
        platform->line[size++] = c;
    }
    platform->line[size] = '\0';
    return platform->line;
}

/* Reads on until a line begins so; fails at the end. */
const char *launched_expect(struct platform *platform, const char *start)
{
    while (*launched_next(platform) != '\0')
        if (strncmp(platform->line, start, strlen(start)) == 0)
            return platform->line;
    fail_msg("the launcher ended before it told: %s", start);
    return NULL;
}

bool launched_is_gone(pid_t pid)
{
    char path[64];
    char text[256] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file == NULL)
        return true;
    if (fgets(text, sizeof text, file) == NULL)
        text[0] = '\0';
    fclose(file);
    return strstr(text, ") Z ") != NULL; /* dead, and only not yet counted by its foster parent */
}

void launched_wait_until_gone(pid_t pid)
{
    for (int i = 0; i < PATIENCE_MS && !launched_is_gone(pid); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
    assert_true(launched_is_gone(pid));
}

int launched_end(struct platform *platform)
{
    int status;

    assert_int_equal(waitpid(platform->launcher, &status, 0), platform->launcher);
    close(platform->events);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void launched_clean(struct platform *platform)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf -- %s", platform->folder);
    assert_int_equal(system(command), 0);
}

void launched_stop(struct platform *platform, int signal)
{
    kill(platform->launcher, signal);
    assert_int_equal(launched_end(platform), 0);
    launched_clean(platform);
}

static struct process_facts facts_of(const struct process_status *row)
{
    struct process_facts facts = { .pid = (pid_t)row->pid, .restarts = row->restarts };

    slice_copy(row->state, facts.state, sizeof facts.state);
    slice_copy(row->uri, facts.uri, sizeof facts.uri);
    slice_copy(row->reason, facts.reason, sizeof facts.reason);
    return facts;
}

/* What the launcher says about a store or node. */
struct process_facts launched_ask(struct platform *platform, const char *name)
{
    struct process_facts facts = { .state = "" };
    struct client_answer answer;
    struct client *client;

    assert_int_equal(chdir(platform->folder), 0);
    client = client_open("test");
    assert_non_null(client);
    CLIENT_ASK(client, "launcher/launcher", 5 * 1000 * 1000, &answer, status_read);
    assert_int_equal(answer.outcome, ASK_ANSWERED);

    const struct platform_status *status = answer.message;

    for (uint32_t i = 0; i < status->stores.count; i++)
        if (slice_is(status->stores.at[i].name, name))
            facts = facts_of(&status->stores.at[i]);
    for (uint32_t i = 0; i < status->nodes.count; i++)
        if (slice_is(status->nodes.at[i].name, name))
            facts = facts_of(&status->nodes.at[i]);
    client_close(&client);
    return facts;
}

void launched_command(struct platform *platform, const char *name, const char *verb, enum ask_outcome outcome)
{
    struct client_answer answer;
    struct client *client;

    assert_int_equal(chdir(platform->folder), 0);
    client = client_open("test");
    assert_non_null(client);
    CLIENT_ASK(client, "launcher/launcher", 5 * 1000 * 1000, &answer, process_command, .name = slice_of(name),
               .verb = slice_of(verb), .who = SLICE("a test"));
    assert_int_equal(answer.outcome, outcome);
    client_close(&client);
}

bool launched_part(int count, char **arguments, int *ret_code)
{
    if (count == 4 && strcmp(arguments[1], "node") == 0) {
        *ret_code = be_node(arguments[3]);
        return true;
    }
    if (count == 3 && strcmp(arguments[1], "fake") == 0) {
        *ret_code = be_store(arguments[2]);
        return true;
    }
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        abort();
    return false;
}
