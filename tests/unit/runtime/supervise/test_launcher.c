/* SPDX-License-Identifier: MIT */
/*
 * The launcher with real processes and sockets. This program plays every part: called with `node` it is a node, called
 * with a store's kind it is the store's script and server, else it is the test, whose launchers run in child processes.
 */
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

enum { PATIENCE_MS = 15000, LINE_ROOM = 512 };

static char program[4096];

/* ------------------------------------------------------------------------------------------------ the parts it plays
 */

static const struct option quiet_options[] = {
    { .name = "fails", .type = OPTION_BOOL, .default_text = "no", .help = "whether its start fails" },
};

static void start_quiet(struct actor *me)
{
    if (*(bool *)actor_state(me))
        actor_fail(me, "it was told to fail");
}

static const struct actor_kind quiet_kind = {
    .name = "quiet",
    .state_size = sizeof(bool),
    .start = start_quiet,
    .options = quiet_options,
    .option_count = 1,
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

static int be_node(const char *name)
{
    const struct topology_words words = { .kinds = kinds, .store_kinds = store_kinds, .secrets = "secrets" };
    struct topology *topology = topology_load("topology.zpl", &words, NULL, 0, stderr);

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

struct platform {
    char folder[64];
    pid_t launcher;
    int events; /* lines of what it tells */
    char line[LINE_ROOM];
};

static void write_event(void *context, const struct launcher_event *event)
{
    static const char *const types[] = { "changed", "ready", "stopping", "failed" };

    dprintf(*(int *)context, "%s %s %s %s\n", types[event->type], event->name != NULL ? event->name : "-",
            event->state != NULL ? event->state : "-", event->reason != NULL ? event->reason : "");
}

/* In the child: as `shunt up` does it. */
static _Noreturn void launch(const char *folder, int events)
{
    const struct topology_words words = { .kinds = kinds, .store_kinds = store_kinds, .secrets = "secrets" };
    char why[DATA_SENTENCE_LIMIT];
    int lock;

    if (!data_folder_make(folder, why) || !data_folder_lock(&lock, why) || !data_folder_secret("s1", why) ||
        !data_folder_secret("s2", why)) {
        fprintf(stderr, "%s\n", why);
        _exit(9);
    }
    freopen("log/launcher.log", "a", stderr);

    struct topology *topology = topology_load("topology.zpl", &words, NULL, 0, stderr);
    const struct launcher_plan plan = {
        .topology = topology,
        .program = program,
        .store_script = program,
        .home = "/nowhere",
        .data = folder,
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
static void begin(struct platform *platform, const char *more, const char *of_n2, const char *end)
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
static const char *next_event(struct platform *platform)
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
static const char *expect(struct platform *platform, const char *start)
{
    while (*next_event(platform) != '\0')
        if (strncmp(platform->line, start, strlen(start)) == 0)
            return platform->line;
    fail_msg("the launcher ended before it told: %s", start);
    return NULL;
}

static bool is_gone(pid_t pid)
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

static void wait_until_gone(pid_t pid)
{
    for (int i = 0; i < PATIENCE_MS && !is_gone(pid); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
    assert_true(is_gone(pid));
}

static int end_of(struct platform *platform)
{
    int status;

    assert_int_equal(waitpid(platform->launcher, &status, 0), platform->launcher);
    close(platform->events);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void clean(struct platform *platform)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf -- %s", platform->folder);
    assert_int_equal(system(command), 0);
}

struct process_facts {
    char state[16];
    pid_t pid;
    uint64_t restarts;
    char uri[128];
    char reason[256];
};

static struct process_facts facts_of(const struct process_status *row)
{
    struct process_facts facts = { .pid = (pid_t)row->pid, .restarts = row->restarts };

    slice_copy(row->state, facts.state, sizeof facts.state);
    slice_copy(row->uri, facts.uri, sizeof facts.uri);
    slice_copy(row->reason, facts.reason, sizeof facts.reason);
    return facts;
}

/* What the launcher says about a store or node. */
static struct process_facts ask(struct platform *platform, const char *name)
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

static void command(struct platform *platform, const char *name, const char *verb, enum ask_outcome outcome)
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

/* ------------------------------------------------------------------------------------------------ tests */

static void starts_and_stops_in_order(void **state)
{
    struct platform platform;
    struct process_facts store;
    pid_t pids[2];

    (void)state;
    begin(&platform, "", "", "");
    expect(&platform, "changed s1 starting");
    expect(&platform, "changed s1 up");
    expect(&platform, "changed n1 up"); /* n1 needs s1 only, and s2 may come before or after it */
    expect(&platform, "changed n2 starting");
    expect(&platform, "changed n2 up");
    expect(&platform, "ready");
    store = ask(&platform, "s1");
    assert_string_equal(store.state, "up");
    assert_non_null(strstr(store.uri, "fake://me:"));
    assert_null(strstr(store.uri, "SECRET"));
    pids[0] = store.pid;
    pids[1] = ask(&platform, "n2").pid;
    kill(platform.launcher, SIGTERM);
    expect(&platform, "stopping");
    expect(&platform, "changed n2 stopped");
    expect(&platform, "changed n1 stopped");
    expect(&platform, "changed s2 stopped");
    expect(&platform, "changed s1 stopped");
    assert_int_equal(end_of(&platform), 0);
    assert_true(is_gone(pids[0]) && is_gone(pids[1]));
    clean(&platform);
}

static void who_is_killed_comes_back(void **state)
{
    struct platform platform;
    static const char *const names[] = { "n1", "s1" };

    (void)state;
    begin(&platform, "", "", "");
    expect(&platform, "ready");
    for (int i = 0; i < 2; i++) {
        char line[64];
        pid_t before = ask(&platform, names[i]).pid;
        struct process_facts after;

        kill(before, SIGKILL);
        snprintf(line, sizeof line, "changed %s backoff was ended by signal 9", names[i]);
        expect(&platform, line);
        snprintf(line, sizeof line, "changed %s up", names[i]);
        expect(&platform, line);
        after = ask(&platform, names[i]);
        assert_int_not_equal(after.pid, before);
        assert_int_equal(after.restarts, 1);
        assert_non_null(strstr(after.reason, "signal 9"));
    }
    kill(platform.launcher, SIGINT);
    assert_int_equal(end_of(&platform), 0);
    clean(&platform);
}

static void no_orphan_outlives_a_killed_launcher(void **state)
{
    struct platform platform;
    static const char *const names[] = { "n1", "n2", "s1", "s2" };
    pid_t pids[4];
    char why[DATA_SENTENCE_LIMIT];
    int lock;

    (void)state;
    begin(&platform, "", "", "");
    expect(&platform, "ready");
    for (int i = 0; i < 4; i++)
        pids[i] = ask(&platform, names[i]).pid;
    assert_int_equal(data_folder_owner(), platform.launcher);
    assert_false(data_folder_lock(&lock, why)); /* a second `up` in the same folder */
    assert_non_null(strstr(why, "a platform is running in this data folder already"));
    kill(platform.launcher, SIGKILL);
    waitpid(platform.launcher, NULL, 0);
    close(platform.events);
    for (int i = 0; i < 4; i++)
        wait_until_gone(pids[i]);
    assert_int_equal(data_folder_owner(), 0);
    assert_true(data_folder_lock(&lock, why));
    close(lock);
    clean(&platform);
}

static void a_store_that_needs_a_person_stops_the_start(void **state)
{
    struct platform platform;

    (void)state;
    begin(&platform, "        options\n            needs = person\n", "", "");
    expect(&platform, "changed s2 gave_up");
    assert_non_null(strstr(expect(&platform, "failed s2"), "the program fake is not installed; install it"));
    expect(&platform, "changed s1 stopped");
    assert_int_equal(end_of(&platform), 1);
    clean(&platform);
}

static void a_store_is_asked_to_explain_its_last_words(void **state)
{
    struct platform platform;

    (void)state;
    begin(&platform, "        options\n            data = torn\n", "", "");
    assert_non_null(strstr(expect(&platform, "failed s2"), "its data are damaged; put a backup in their place"));
    assert_int_equal(end_of(&platform), 1);
    clean(&platform);
}

static void a_node_that_cannot_start_stops_the_start(void **state)
{
    struct platform platform;

    (void)state;
    begin(&platform, "", "", "kinds\n    quiet\n        fails = yes\n");
    assert_non_null(strstr(expect(&platform, "failed n1"), "it was told to fail"));
    assert_int_equal(end_of(&platform), 1);
    clean(&platform);
}

static void who_fails_too_often_is_given_up_and_can_be_brought_back(void **state)
{
    struct platform platform;

    (void)state;
    begin(&platform, "", "        restarts = 1\n        pause_min = 1ms\n", "");
    expect(&platform, "ready");
    kill(ask(&platform, "n2").pid, SIGKILL);
    expect(&platform, "changed n2 up");
    kill(ask(&platform, "n2").pid, SIGKILL);
    expect(&platform, "changed n2 gave_up");
    assert_string_equal(ask(&platform, "n2").state, "gave_up");
    assert_string_equal(ask(&platform, "n1").state, "up");
    command(&platform, "n2", "restart", ASK_ANSWERED);
    expect(&platform, "changed n2 up");
    kill(platform.launcher, SIGTERM);
    assert_int_equal(end_of(&platform), 0);
    clean(&platform);
}

static void an_operator_may_restart_drain_and_kill(void **state)
{
    struct platform platform;
    pid_t before;

    (void)state;
    begin(&platform, "", "", "");
    expect(&platform, "ready");
    before = ask(&platform, "n1").pid;
    command(&platform, "n1", "restart", ASK_ANSWERED);
    expect(&platform, "changed n1 up");
    assert_int_not_equal(ask(&platform, "n1").pid, before);
    assert_non_null(strstr(ask(&platform, "n1").reason, "operator"));
    command(&platform, "s2", "drain", ASK_ANSWERED);
    expect(&platform, "changed s2 stopped");
    command(&platform, "s2", "restart", ASK_ANSWERED);
    expect(&platform, "changed s2 up");
    command(&platform, "n2", "kill", ASK_ANSWERED);
    expect(&platform, "changed n2 backoff");
    expect(&platform, "changed n2 up");
    command(&platform, "n3", "kill", ASK_FAILED);
    command(&platform, "n2", "tickle", ASK_FAILED);
    kill(platform.launcher, SIGTERM);
    assert_int_equal(end_of(&platform), 0);
    clean(&platform);
}

static void the_second_signal_hurries(void **state)
{
    struct platform platform;

    (void)state;
    begin(&platform, "", "        stop_limit = 1h\n", "");
    expect(&platform, "ready");
    kill(ask(&platform, "n2").pid, SIGSTOP); /* it will not drain */
    kill(platform.launcher, SIGINT);
    expect(&platform, "stopping");
    kill(platform.launcher, SIGINT);
    expect(&platform, "changed n2 stopped");
    assert_int_equal(end_of(&platform), 0);
    clean(&platform);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_stops_in_order),
        cmocka_unit_test(who_is_killed_comes_back),
        cmocka_unit_test(no_orphan_outlives_a_killed_launcher),
        cmocka_unit_test(a_store_that_needs_a_person_stops_the_start),
        cmocka_unit_test(a_store_is_asked_to_explain_its_last_words),
        cmocka_unit_test(a_node_that_cannot_start_stops_the_start),
        cmocka_unit_test(who_fails_too_often_is_given_up_and_can_be_brought_back),
        cmocka_unit_test(an_operator_may_restart_drain_and_kill),
        cmocka_unit_test(the_second_signal_hurries),
    };

    if (count == 4 && strcmp(arguments[1], "node") == 0)
        return be_node(arguments[3]);
    if (count == 3 && strcmp(arguments[1], "fake") == 0)
        return be_store(arguments[2]);
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
