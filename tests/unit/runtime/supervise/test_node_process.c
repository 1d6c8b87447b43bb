/* SPDX-License-Identifier: MIT */
/* Real processes, real sockets: a node that is asked over ipc, an actor that fails, hangs, and a process that is
 * killed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "runtime/client.h"
#include "runtime/supervise/node_process.h"
#include "tests/testing.h"

enum { SECOND_US = 1000 * 1000, PATIENCE_US = 10 * SECOND_US };

/* ------------------------------------------------------------------------------------------------ a node to try */

struct counter_state {
    uint64_t total;
};

static void on_ids(struct actor *me, const struct ids_lease *m, struct question q)
{
    struct counter_state *self = actor_state(me);

    if (m->count == 13)
        actor_fail(me, "thirteen");
    for (volatile uint64_t spin = 1; m->count == 14; spin++)
        ; /* hangs */
    if (m->count < 13)
        ANSWER(me, q, ids_leased, .first = self->total + 1, .count = m->count);
    self->total += m->count;
}

static void start(struct actor *me)
{
    (void)me;
}

static const struct handler handlers[] = { ASKED(ids_lease, on_ids) };

static const struct actor_kind counter_kind = {
    .name = "counter",
    .state_size = sizeof(struct counter_state),
    .start = start,
    .hang_limit_us = SECOND_US,
    TABLE(handler, handlers),
};

static const struct restart_limits limits = {
    .restarts = 5, .within_us = 10 * SECOND_US, .pause_min_us = 10000, .pause_max_us = 100000, .healthy_us = SECOND_US
};
static const struct topology_group group = { .name = "all", .strategy = ONE_FOR_ONE, .limits = limits };
static const struct topology_actor actors[] = {
    { .name = "counter", .kind = &counter_kind },
    { .name = "other", .kind = &counter_kind },
};
static const struct topology_node nodes[] = {
    { .name = "n1",
      .role = "test",
      .limits = limits,
      .actors = actors,
      .actor_count = 2,
      .groups = &group,
      .group_count = 1 },
};
static const struct topology topology = { .name = "test", .url = "", .file = "", .nodes = nodes, .node_count = 1 };

static pid_t start_node(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test must not leave it behind */
        _exit(node_process_run(&topology, "n1"));
    }
    assert_true(pid > 0);
    return pid;
}

/* ------------------------------------------------------------------------------------------------ a place to run */

static char folder[] = "/tmp/shunt-test-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 && mkdir("run", 0700) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void ask(struct client *client, uint64_t count, struct client_answer *answer)
{
    CLIENT_ASK(client, "n1/counter", PATIENCE_US, answer, ids_lease, .count = count);
}

/* ------------------------------------------------------------------------------------------------ tests */

static void a_node_answers_reports_and_stops(void **state)
{
    pid_t pid = start_node();
    struct client *client = client_open("test");
    struct client_answer answer;
    int status;

    (void)state;
    assert_non_null(client);
    ask(client, 5, &answer);
    assert_int_equal(answer.outcome, ASK_ANSWERED);
    assert_int_equal(((const struct ids_leased *)answer.message)->first, 1);

    CLIENT_ASK(client, "n1/supervisor", PATIENCE_US, &answer, status_read, );
    assert_ptr_equal(answer.schema, &node_status_schema);

    const struct node_status *node = answer.message;

    assert_true(slice_is(node->state, "up"));
    assert_int_equal(node->pid, (uint64_t)pid);
    assert_int_equal(node->actors.count, 2);

    CLIENT_ASK(client, "n1/supervisor", PATIENCE_US, &answer, metrics_read, );
    assert_ptr_equal(answer.schema, &metrics_text_schema);

    CLIENT_ASK(client, "n1/supervisor", PATIENCE_US, &answer, node_stop, .limit_us = SECOND_US);
    assert_ptr_equal(answer.schema, &done_schema);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), NODE_EXIT_DONE);
    client_close(&client);
}

static void a_failed_actor_comes_back_and_its_asker_hears_of_it(void **state)
{
    pid_t pid = start_node();
    struct client *client = client_open("test");
    struct client_answer answer;

    (void)state;
    ask(client, 13, &answer);
    assert_int_equal(answer.outcome, ASK_TARGET_DIED);
    ask(client, 1, &answer);
    assert_int_equal(answer.outcome, ASK_ANSWERED);
    assert_int_equal(((const struct ids_leased *)answer.message)->first, 1); /* a fresh state */
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    client_close(&client);
}

static void a_hung_actor_costs_its_process(void **state)
{
    pid_t pid = start_node();
    struct client *client = client_open("test");
    struct client_answer answer;
    int status;

    (void)state;
    ask(client, 1, &answer);
    CLIENT_ASK(client, "n1/counter", SECOND_US / 10, &answer, ids_lease, .count = 14);
    assert_int_equal(answer.outcome, ASK_TIMED_OUT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), NODE_EXIT_HUNG);
    client_close(&client);
}

static void a_killed_node_is_asked_again_by_the_same_client(void **state)
{
    pid_t pid = start_node();
    struct client *client = client_open("test");
    struct client_answer answer;

    (void)state;
    ask(client, 1, &answer);
    assert_int_equal(answer.outcome, ASK_ANSWERED);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    pid = start_node();
    /* What was queued for the dead process may be answered or known to be lost; the next ask must be answered. */
    for (int i = 0; i < 3; i++) {
        ask(client, 1, &answer);
        if (answer.outcome == ASK_ANSWERED)
            break;
        assert_int_equal(answer.outcome, ASK_TARGET_DIED);
    }
    assert_int_equal(answer.outcome, ASK_ANSWERED);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_answers_reports_and_stops),
        cmocka_unit_test(a_failed_actor_comes_back_and_its_asker_hears_of_it),
        cmocka_unit_test(a_hung_actor_costs_its_process),
        cmocka_unit_test(a_killed_node_is_asked_again_by_the_same_client),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
