/* SPDX-License-Identifier: MIT */
/* The launcher with real processes and sockets: order, kill -9, orphans, what is given up, what an operator may do. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/supervise/data_folder.h"
#include "runtime/supervise/launcher.h"
#include "tests/testing.h"
#include "tests/unit/support/launched.h"

static void starts_and_stops_in_order(void **state)
{
    struct platform platform;
    struct process_facts store;
    pid_t pids[2];

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "changed s1 starting");
    launched_expect(&platform, "changed s1 up");
    launched_expect(&platform, "changed n1 up"); /* n1 needs s1 only, and s2 may come before or after it */
    launched_expect(&platform, "changed n2 starting");
    launched_expect(&platform, "changed n2 up");
    launched_expect(&platform, "ready");
    store = launched_ask(&platform, "s1");
    assert_string_equal(store.state, "up");
    assert_non_null(strstr(store.uri, "fake://me:"));
    assert_null(strstr(store.uri, "SECRET"));
    pids[0] = store.pid;
    pids[1] = launched_ask(&platform, "n2").pid;
    kill(platform.launcher, SIGTERM);
    launched_expect(&platform, "stopping");
    launched_expect(&platform, "changed n2 stopped");
    launched_expect(&platform, "changed n1 stopped");
    launched_expect(&platform, "changed s2 stopped");
    launched_expect(&platform, "changed s1 stopped");
    assert_int_equal(launched_end(&platform), 0);
    assert_true(launched_is_gone(pids[0]) && launched_is_gone(pids[1]));
    launched_clean(&platform);
}

static void who_is_killed_comes_back(void **state)
{
    struct platform platform;
    static const char *const names[] = { "n1", "s1" };

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "ready");
    for (int i = 0; i < 2; i++) {
        char line[64];
        pid_t before = launched_ask(&platform, names[i]).pid;
        struct process_facts after;

        kill(before, SIGKILL);
        snprintf(line, sizeof line, "changed %s backoff was ended by signal 9", names[i]);
        launched_expect(&platform, line);
        snprintf(line, sizeof line, "changed %s up", names[i]);
        launched_expect(&platform, line);
        after = launched_ask(&platform, names[i]);
        assert_int_not_equal(after.pid, before);
        assert_int_equal(after.restarts, 1);
        assert_non_null(strstr(after.reason, "signal 9"));
    }
    launched_stop(&platform, SIGINT);
}

static void no_orphan_outlives_a_killed_launcher(void **state)
{
    struct platform platform;
    static const char *const names[] = { "n1", "n2", "s1", "s2" };
    pid_t pids[4];
    char why[DATA_SENTENCE_LIMIT];
    int lock;

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "ready");
    for (int i = 0; i < 4; i++)
        pids[i] = launched_ask(&platform, names[i]).pid;
    assert_int_equal(data_folder_owner(), platform.launcher);
    assert_false(data_folder_lock(&lock, why)); /* a second `up` in the same folder */
    assert_non_null(strstr(why, "a platform is running in this data folder already"));
    kill(platform.launcher, SIGKILL);
    waitpid(platform.launcher, NULL, 0);
    close(platform.events);
    for (int i = 0; i < 4; i++)
        launched_wait_until_gone(pids[i]);
    assert_int_equal(data_folder_owner(), 0);
    assert_true(data_folder_lock(&lock, why));
    close(lock);
    launched_clean(&platform);
}

static void a_store_that_needs_a_person_stops_the_start(void **state)
{
    struct platform platform;

    (void)state;
    launched_begin(&platform, "        options\n            needs = person\n", "", "");
    launched_expect(&platform, "changed s2 gave_up");
    assert_non_null(strstr(launched_expect(&platform, "failed s2"), "the program fake is not installed; install it"));
    launched_expect(&platform, "changed s1 stopped");
    assert_int_equal(launched_end(&platform), 1);
    launched_clean(&platform);
}

static void a_store_on_a_full_disk_is_back_when_there_is_room(void **state)
{
    struct platform platform;
    pid_t before;
    FILE *full;

    (void)state;
    launched_begin(&platform, "        options\n            needs = room\n", "", "");
    launched_expect(&platform, "ready");
    before = launched_ask(&platform, "s2").pid; /* from here on we are in its folder */
    full = fopen("full", "we");
    assert_non_null(full);
    fclose(full);
    kill(before, SIGKILL);
    launched_expect(&platform, "changed s2 backoff");
    assert_non_null(strstr(launched_expect(&platform, "changed s2 backoff"), "the disk is full; make room"));
    assert_int_equal(unlink("full"), 0);
    launched_expect(&platform, "changed s2 up");
    launched_stop(&platform, SIGINT);
}

static void a_store_is_asked_to_explain_its_last_words(void **state)
{
    struct platform platform;

    (void)state;
    launched_begin(&platform, "        options\n            data = torn\n", "", "");
    assert_non_null(
        strstr(launched_expect(&platform, "failed s2"), "its data are damaged; put a backup in their place"));
    assert_int_equal(launched_end(&platform), 1);
    launched_clean(&platform);
}

static void a_node_that_cannot_start_stops_the_start(void **state)
{
    struct platform platform;

    (void)state;
    launched_begin(&platform, "", "", "kinds\n    quiet\n        fails = yes\n");
    assert_non_null(strstr(launched_expect(&platform, "failed n1"), "it was told to fail"));
    assert_int_equal(launched_end(&platform), 1);
    launched_clean(&platform);
}

static void who_fails_too_often_is_given_up_and_can_be_brought_back(void **state)
{
    struct platform platform;

    (void)state;
    launched_begin(&platform, "", "        restarts = 1\n        pause_min = 1ms\n", "");
    launched_expect(&platform, "ready");
    kill(launched_ask(&platform, "n2").pid, SIGKILL);
    launched_expect(&platform, "changed n2 up");
    kill(launched_ask(&platform, "n2").pid, SIGKILL);
    launched_expect(&platform, "changed n2 gave_up");
    assert_string_equal(launched_ask(&platform, "n2").state, "gave_up");
    assert_string_equal(launched_ask(&platform, "n1").state, "up");
    launched_command(&platform, "n2", "restart", ASK_ANSWERED);
    launched_expect(&platform, "changed n2 up");
    launched_stop(&platform, SIGTERM);
}

static void an_operator_may_restart_drain_and_kill(void **state)
{
    struct platform platform;
    pid_t before;

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "ready");
    before = launched_ask(&platform, "n1").pid;
    launched_command(&platform, "n1", "restart", ASK_ANSWERED);
    launched_expect(&platform, "changed n1 up");
    assert_int_not_equal(launched_ask(&platform, "n1").pid, before);
    assert_non_null(strstr(launched_ask(&platform, "n1").reason, "operator"));
    launched_command(&platform, "s2", "drain", ASK_ANSWERED);
    launched_expect(&platform, "changed s2 stopped");
    launched_command(&platform, "s2", "restart", ASK_ANSWERED);
    launched_expect(&platform, "changed s2 up");
    launched_command(&platform, "n2", "kill", ASK_ANSWERED);
    launched_expect(&platform, "changed n2 backoff");
    launched_expect(&platform, "changed n2 up");
    launched_command(&platform, "n3", "kill", ASK_FAILED);
    launched_command(&platform, "n2", "tickle", ASK_FAILED);
    launched_stop(&platform, SIGTERM);
}

static void the_second_signal_hurries(void **state)
{
    struct platform platform;

    (void)state;
    launched_begin(&platform, "", "        stop_limit = 1h\n", "");
    launched_expect(&platform, "ready");
    kill(launched_ask(&platform, "n2").pid, SIGSTOP); /* it will not drain */
    kill(platform.launcher, SIGINT);
    launched_expect(&platform, "stopping");
    kill(platform.launcher, SIGINT);
    launched_expect(&platform, "changed n2 stopped");
    assert_int_equal(launched_end(&platform), 0);
    launched_clean(&platform);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_stops_in_order),
        cmocka_unit_test(who_is_killed_comes_back),
        cmocka_unit_test(no_orphan_outlives_a_killed_launcher),
        cmocka_unit_test(a_store_that_needs_a_person_stops_the_start),
        cmocka_unit_test(a_store_on_a_full_disk_is_back_when_there_is_room),
        cmocka_unit_test(a_store_is_asked_to_explain_its_last_words),
        cmocka_unit_test(a_node_that_cannot_start_stops_the_start),
        cmocka_unit_test(who_fails_too_often_is_given_up_and_can_be_brought_back),
        cmocka_unit_test(an_operator_may_restart_drain_and_kill),
        cmocka_unit_test(the_second_signal_hurries),
    };

    int code;

    if (launched_part(count, arguments, &code))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
