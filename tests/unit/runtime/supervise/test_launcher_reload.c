/* SPDX-License-Identifier: MIT */
/* Going over to another topology while the platform runs, with real processes. */
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

/* Makes topology.zpl.next out of what runs. */
static void prepare(struct platform *platform, const char *edit)
{
    char command[512];

    snprintf(command, sizeof command, "sed '%s' %s/topology.zpl > %s/topology.zpl.next", edit, platform->folder,
             platform->folder);
    assert_int_equal(system(command), 0);
}

/* Orders it and waits for its end: "done", or "failed" with the reason. */
static void reload(struct platform *platform, char state[16], char reason[256])
{
    time_t until = time(NULL) + PATIENCE_S;
    struct client_answer answer;
    struct client *client;

    assert_int_equal(chdir(platform->folder), 0);
    client = client_open("test");
    CLIENT_ASK(client, "launcher/launcher", 5 * SECOND_US, &answer, topology_reload, .who = SLICE("a test"));
    do {
        const struct rolling_status *status = answer.message;

        assert_int_equal(answer.outcome, ASK_ANSWERED);
        slice_copy(status->state, state, 16);
        slice_copy(status->reason, reason, 256);
        CLIENT_ASK(client, "launcher/launcher", 5 * SECOND_US, &answer, rolling_read, );
    } while (strcmp(state, "under_way") == 0 && time(NULL) < until);
    client_close(&client);
}

static void nodes_come_and_go_and_nobody_else_is_touched(void **state)
{
    struct platform platform;
    char outcome[16];
    char reason[256];
    pid_t n1;
    pid_t n3;

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "ready");
    n1 = launched_ask(&platform, "n1").pid;
    prepare(&platform, "$ a\\    n3\\n        actors\\n            quiet");
    reload(&platform, outcome, reason);
    assert_string_equal(outcome, "done");
    assert_string_equal(launched_ask(&platform, "n3").state, "up");
    assert_int_equal(launched_ask(&platform, "n1").pid, n1);
    n3 = launched_ask(&platform, "n3").pid;
    prepare(&platform, "/    n3/,$ d");
    reload(&platform, outcome, reason);
    assert_string_equal(outcome, "done");
    launched_wait_until_gone(n3);
    assert_int_equal(launched_ask(&platform, "n1").pid, n1);
    assert_string_equal(launched_ask(&platform, "n3").state, ""); /* nobody speaks of it any more */
    launched_stop(&platform, SIGINT);
}

static void an_option_restarts_its_actor_only(void **state)
{
    struct platform platform;
    char outcome[16];
    char reason[256];
    pid_t n1;

    (void)state;
    launched_begin(&platform, "", "", "kinds\n    quiet\n        word = first\n");
    launched_expect(&platform, "ready");
    n1 = launched_ask(&platform, "n1").pid;
    prepare(&platform, "s/word = first/word = second/");
    reload(&platform, outcome, reason);
    assert_string_equal(outcome, "done");
    assert_int_equal(launched_ask(&platform, "n1").pid, n1);
    prepare(&platform, "s/word = second/word = wrong/");
    reload(&platform, outcome, reason);
    assert_string_equal(outcome, "failed"); /* so the actors have read the new word */
    assert_non_null(strstr(reason, "that word is wrong"));
    launched_stop(&platform, SIGINT);
}

static void a_topology_with_mistakes_changes_nothing(void **state)
{
    struct platform platform;
    struct client_answer answer;
    struct client *client;

    (void)state;
    launched_begin(&platform, "", "", "");
    launched_expect(&platform, "ready");
    prepare(&platform, "s/quiet/loud/");
    assert_int_equal(chdir(platform.folder), 0);
    client = client_open("test");
    CLIENT_ASK(client, "launcher/launcher", 5 * SECOND_US, &answer, topology_reload, );
    assert_int_equal(answer.outcome, ASK_FAILED);
    client_close(&client);
    assert_string_equal(launched_ask(&platform, "n1").state, "up");
    launched_stop(&platform, SIGINT);
}

int main(int count, char **arguments)
{
    int code = 0;

    if (launched_part(count, arguments, &code))
        return code;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_and_go_and_nobody_else_is_touched),
        cmocka_unit_test(an_option_restarts_its_actor_only),
        cmocka_unit_test(a_topology_with_mistakes_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
