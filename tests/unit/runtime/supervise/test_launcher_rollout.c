/* SPDX-License-Identifier: MIT */
/* Nodes restarted one at a time, a node that is silent, and a drain that is confirmed: with real processes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/client.h"
#include "tests/testing.h"
#include "tests/unit/support/launched.h"

enum { SECOND_US = 1000 * 1000, PATIENCE_S = 60 };

struct progress {
    char state[16];
    char node[48];
    char reason[256];
    uint64_t done;
    uint64_t total;
};

static void read_progress(const struct client_answer *answer, struct progress *progress)
{
    const struct rolling_status *status = answer->message;

    assert_int_equal(answer->outcome, ASK_ANSWERED);
    assert_ptr_equal(answer->schema, &rolling_status_schema);
    slice_copy(status->state, progress->state, sizeof progress->state);
    slice_copy(status->node, progress->node, sizeof progress->node);
    slice_copy(status->reason, progress->reason, sizeof progress->reason);
    progress->done = status->done;
    progress->total = status->total;
}

static void order(struct platform *platform)
{
    struct client_answer answer;
    struct progress progress;
    struct client *client;

    assert_int_equal(chdir(platform->folder), 0);
    client = client_open("test");
    CLIENT_ASK(client, "launcher/launcher", 5 * SECOND_US, &answer, rolling_restart, .who = SLICE("a test"));
    read_progress(&answer, &progress);
    assert_string_equal(progress.state, "under_way");
    CLIENT_ASK(client, "launcher/launcher", 5 * SECOND_US, &answer, rolling_restart, .who = SLICE("another"));
    assert_int_equal(answer.outcome, ASK_FAILED); /* one at a time */
    client_close(&client);
}

static void wait_for_the_end(struct progress *progress)
{
    struct client *client = client_open("test");
    time_t until = time(NULL) + PATIENCE_S;

    do {
        struct client_answer answer;

        CLIENT_ASK(client, "launcher/launcher", 5 * SECOND_US, &answer, rolling_read, );
        read_progress(&answer, progress);
    } while (strcmp(progress->state, "under_way") == 0 && time(NULL) < until);
    client_close(&client);
}

static void one_node_at_a_time(void **state)
{
    struct platform platform;
    struct progress progress;
    bool is_back = false;

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "ready");
    order(&platform);
    launched_expect(&platform, "changed n2 stopping");
    while (!is_back) { /* n1 is not touched before n2 is up again */
        const char *line = launched_next(&platform);

        assert_true(strncmp(line, "changed n2", 10) == 0);
        is_back = strncmp(line, "changed n2 up", 13) == 0;
    }
    launched_expect(&platform, "changed n1 stopping");
    launched_expect(&platform, "changed n1 up");
    wait_for_the_end(&progress);
    assert_string_equal(progress.state, "done");
    assert_int_equal(progress.done, 2);
    assert_int_equal(progress.total, 2);
    launched_stop(&platform, SIGINT);
}

static void rewrite(struct platform *platform, const char *from, const char *to)
{
    char command[256];

    snprintf(command, sizeof command, "sed -i 's/%s/%s/' %s/topology.zpl", from, to, platform->folder);
    assert_int_equal(system(command), 0);
}

static void stops_at_the_first_that_fails(void **state)
{
    struct platform platform;
    struct progress progress;
    pid_t n1;

    (void)state;
    launched_begin(&platform, "", "        groups\n            default\n                restarts = 1\n",
                   "kinds\n    quiet\n        fails = no\n");
    launched_expect(&platform, "ready");
    n1 = launched_ask(&platform, "n1").pid;
    rewrite(&platform, "fails = no", "fails = yes");
    order(&platform);
    launched_expect(&platform, "changed n2 backoff");
    wait_for_the_end(&progress);
    assert_string_equal(progress.state, "failed");
    assert_string_equal(progress.node, "n2");
    assert_non_null(strstr(progress.reason, "it was told to fail"));
    assert_int_equal(progress.done, 0);
    assert_int_equal(launched_ask(&platform, "n1").pid, n1);
    launched_stop(&platform, SIGINT);
}

static void a_silent_node_is_replaced_and_the_reason_told(void **state)
{
    struct platform platform;
    pid_t before;

    (void)state;
    launched_begin(&platform, "", "        silence_limit = 1s\n        pause_min = 1ms\n", "");
    launched_expect(&platform, "ready");
    before = launched_ask(&platform, "n2").pid;
    kill(before, SIGSTOP);
    assert_non_null(strstr(launched_expect(&platform, "changed n2 backoff"), "a signal has stopped its process"));
    launched_expect(&platform, "changed n2 up");
    assert_int_not_equal(launched_ask(&platform, "n2").pid, before);
    assert_int_equal(launched_ask(&platform, "n1").restarts, 0);
    launched_stop(&platform, SIGINT);
}

static void a_drain_is_answered_when_it_is_done(void **state)
{
    struct platform platform;
    pid_t n2;

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "ready");
    n2 = launched_ask(&platform, "n2").pid;
    launched_command(&platform, "n2", "drain", ASK_ANSWERED);
    assert_true(launched_is_gone(n2));
    assert_string_equal(launched_ask(&platform, "n2").state, "stopped");
    launched_stop(&platform, SIGINT);
}

int main(int count, char **arguments)
{
    int code = 0;

    if (launched_part(count, arguments, &code))
        return code;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node_at_a_time),
        cmocka_unit_test(stops_at_the_first_that_fails),
        cmocka_unit_test(a_silent_node_is_replaced_and_the_reason_told),
        cmocka_unit_test(a_drain_is_answered_when_it_is_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
