/* SPDX-License-Identifier: MIT */
/* A supervisor in trouble, in real processes: it gives up with others still running, is stopped with a thread that does
 * not come back, stops an actor that is being started, and does not take a process that stood still for one that hangs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "runtime/client.h"
#include "runtime/supervise/incarnation.h"
#include "runtime/supervise/node_process.h"
#include "tests/testing.h"

enum { SECOND_US = 1000 * 1000, PATIENCE_US = 20 * SECOND_US };

/* ------------------------------------------------------------------------------------------------ kinds */

enum { FAIL = 13, HANG = 14, BE_BUSY = 15 };

static void use_cpu(long milliseconds)
{
    struct timespec spent = { 0 };

    while (spent.tv_sec == 0 && spent.tv_nsec < milliseconds * 1000000)
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
}

static void on_ids(struct actor *me, const struct ids_lease *m, struct question q)
{
    if (m->count == FAIL) {
        actor_fail(me, "told to");
        return;
    }
    for (volatile uint64_t spin = 1; m->count == HANG; spin++)
        ;
    if (m->count == BE_BUSY)
        use_cpu(200);
    ANSWER(me, q, ids_leased, .first = (uint64_t)getpid());
}

static void is_ready(struct actor *me, void *context)
{
    (void)context;
    actor_started(me);
}

static void slow_start(struct actor *me)
{
    actor_after(me, SECOND_US / 2, is_ready, NULL);
}

static const struct handler handlers[] = { ASKED(ids_lease, on_ids) };

static const struct actor_kind quick_kind = {
    .name = "quick", .hang_limit_us = 2 * SECOND_US, .stop_limit_us = SECOND_US / 5, TABLE(handler, handlers)
};
static const struct actor_kind stubborn_kind = {
    .name = "stubborn", .hang_limit_us = 600ull * SECOND_US, .stop_limit_us = SECOND_US / 5, TABLE(handler, handlers)
};
static const struct actor_kind slow_kind = {
    .name = "slow", .start = slow_start, .starts_slowly = true, .hang_limit_us = 2 * SECOND_US, TABLE(handler, handlers)
};

/* ------------------------------------------------------------------------------------------------ plans */

static const struct restart_limits patient = {
    .restarts = 5, .within_us = 10 * SECOND_US, .pause_min_us = 10000, .pause_max_us = 100000, .healthy_us = SECOND_US
};
static const struct restart_limits impatient = {
    .restarts = 0, .within_us = 10 * SECOND_US, .pause_min_us = 10000, .pause_max_us = 100000, .healthy_us = SECOND_US
};
static const struct topology_group gives_up = { .name = "all", .strategy = ONE_FOR_ONE, .limits = impatient };
static const struct topology_group together = { .name = "all", .strategy = ONE_FOR_ALL, .limits = patient };
static const struct topology_actor actors[] = {
    { .name = "quick", .kind = &quick_kind },
    { .name = "stubborn", .kind = &stubborn_kind },
    { .name = "slow", .kind = &slow_kind },
};

#define NODE(its_name, its_group)                                                                                      \
    {                                                                                                                  \
        .name = (its_name), .role = "test", .limits = patient, .actors = actors, .actor_count = 3,                     \
        .groups = &(its_group), .group_count = 1                                                                       \
    }
static const struct topology_node nodes[] = { NODE("proud", gives_up), NODE("close", together) };
static const struct topology topology = { .name = "test", .url = "", .file = "", .nodes = nodes, .node_count = 2 };

static pid_t pid;
static struct client *client;

static void start_node(const char *name)
{
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test must not leave it behind */
        _exit(node_process_run(&topology, name));
    }
    assert_true(pid > 0);
    client = client_open("test");
    assert_non_null(client);
}

static int end(void **state)
{
    (void)state;
    client_close(&client);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    pid = 0;
    return 0;
}

static enum ask_outcome ask(const char *address, uint64_t count, uint64_t deadline_us)
{
    struct client_answer answer;

    CLIENT_ASK(client, address, deadline_us, &answer, ids_lease, .count = count);
    return answer.outcome;
}

static int wait_for_end(void)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    pid = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void read_status(const char *supervisor, struct client_answer *answer)
{
    CLIENT_ASK(client, supervisor, PATIENCE_US, answer, status_read, );
    assert_int_equal(answer->outcome, ASK_ANSWERED);
}

static void wait_until_up(const char *supervisor)
{
    uint64_t until_us = machine_clock.monotonic_us(NULL) + PATIENCE_US / 2;
    struct client_answer answer;
    bool all_up = false;

    while (!all_up && machine_clock.monotonic_us(NULL) < until_us) {
        const struct node_status *node;

        read_status(supervisor, &answer);
        node = answer.message;
        all_up = slice_is(node->state, "up") && node->actors.count == 3;
        for (uint32_t i = 0; i < node->actors.count; i++)
            all_up &= slice_is(node->actors.at[i].state, "up");
    }
    assert_true(all_up);
}

/* An order to suspend is answered when it is passed on; it is carried out a moment later. */
static void wait_until_actor_is(const char *supervisor, const char *actor, const char *state)
{
    uint64_t until_us = machine_clock.monotonic_us(NULL) + PATIENCE_US / 2;
    struct client_answer answer;
    bool is_so = false;

    while (!is_so && machine_clock.monotonic_us(NULL) < until_us) {
        const struct node_status *node;

        read_status(supervisor, &answer);
        node = answer.message;
        for (uint32_t i = 0; i < node->actors.count; i++)
            is_so |= slice_is(node->actors.at[i].name, actor) && slice_is(node->actors.at[i].state, state);
    }
    assert_true(is_so);
}

/* ------------------------------------------------------------------------------------------------ tests */

static void giving_up_ends_the_process_in_order(void **state)
{
    (void)state;
    start_node("proud");
    assert_int_equal(ask("proud/stubborn", 1, PATIENCE_US), ASK_ANSWERED); /* it runs on beside the one that fails */
    ask("proud/quick", FAIL, PATIENCE_US);
    assert_int_equal(wait_for_end(), NODE_EXIT_GAVE_UP);
}

static void an_actor_that_is_being_started_is_stopped_for_another_s_sake(void **state)
{
    (void)state;
    start_node("close");
    assert_int_equal(ask("close/quick", 1, PATIENCE_US), ASK_ANSWERED); /* while `slow` still starts */
    assert_int_equal(ask("close/quick", FAIL, PATIENCE_US), ASK_TARGET_DIED);
    wait_until_up("close/supervisor");
    assert_int_equal(ask("close/slow", 1, PATIENCE_US), ASK_ANSWERED);
}

static void a_thread_that_does_not_come_back_does_not_keep_the_process(void **state)
{
    (void)state;
    start_node("proud");
    wait_until_up("proud/supervisor");
    assert_int_equal(ask("proud/stubborn", HANG, SECOND_US / 10), ASK_TIMED_OUT);
    kill(pid, SIGTERM);
    assert_int_equal(wait_for_end(), NODE_EXIT_HUNG);
}

static void a_process_that_stood_still_has_not_hung(void **state)
{
    (void)state;
    start_node("proud");
    wait_until_up("proud/supervisor");
    ask("proud/quick", BE_BUSY, 1); /* it is in a handler ... */
    kill(pid, SIGSTOP);
    assert_int_equal(ask("proud/quick", 1, 3 * SECOND_US), ASK_TIMED_OUT); /* ... for longer than its limit */
    kill(pid, SIGCONT);
    assert_int_equal(ask("proud/quick", 1, PATIENCE_US), ASK_ANSWERED);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
}

static uint64_t cpu_us(void)
{
    struct client_answer answer;

    read_status("proud/supervisor", &answer);
    return ((const struct node_status *)answer.message)->cpu_us;
}

static void a_suspended_actor_costs_nothing(void **state)
{
    struct client_answer answer;
    uint64_t before_us;

    (void)state;
    start_node("proud");
    wait_until_up("proud/supervisor");
    CLIENT_ASK(client, "proud/supervisor", PATIENCE_US, &answer, actor_command, .actor = SLICE("quick"),
               .verb = SLICE("suspend"));
    assert_ptr_equal(answer.schema, &done_schema);
    wait_until_actor_is("proud/supervisor", "quick", "suspended");
    before_us = cpu_us();
    assert_int_equal(ask("proud/quick", 1, SECOND_US), ASK_TIMED_OUT); /* its letter waits all the while */
    assert_true(cpu_us() - before_us < SECOND_US / 3);
    CLIENT_ASK(client, "proud/supervisor", PATIENCE_US, &answer, actor_command, .actor = SLICE("quick"),
               .verb = SLICE("resume"));
    assert_int_equal(ask("proud/quick", 1, PATIENCE_US), ASK_ANSWERED);
}

static void what_was_drained_comes_back_when_told(void **state)
{
    struct client_answer answer;

    (void)state;
    start_node("proud");
    wait_until_up("proud/supervisor");
    CLIENT_ASK(client, "proud/supervisor", PATIENCE_US, &answer, actor_command, .actor = SLICE("quick"),
               .verb = SLICE("drain"));
    assert_int_equal(answer.outcome, ASK_ANSWERED); /* and that is when it has stopped */
    assert_int_equal(ask("proud/quick", 1, PATIENCE_US), ASK_UNAVAILABLE);
    CLIENT_ASK(client, "proud/supervisor", PATIENCE_US, &answer, actor_command, .actor = SLICE("quick"),
               .verb = SLICE("restart"));
    assert_int_equal(ask("proud/quick", 1, PATIENCE_US), ASK_ANSWERED);
}

static void incarnations_rise_when_the_clock_falls(void **state)
{
    uint64_t first = incarnation_next("a-node");
    FILE *file;

    (void)state;
    assert_true(incarnation_next("a-node") > first);
    file = fopen("run/a-node.incarnation", "w");
    assert_non_null(file);
    fprintf(file, "%llu\n", 9000000000000000ull); /* far ahead: as if the clock had been set back */
    fclose(file);
    assert_int_equal(incarnation_next("a-node"), 9000000000000001ull);
    assert_int_equal(incarnation_next("a-node"), 9000000000000002ull);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(giving_up_ends_the_process_in_order, end),
        cmocka_unit_test_teardown(an_actor_that_is_being_started_is_stopped_for_another_s_sake, end),
        cmocka_unit_test_teardown(a_thread_that_does_not_come_back_does_not_keep_the_process, end),
        cmocka_unit_test_teardown(a_process_that_stood_still_has_not_hung, end),
        cmocka_unit_test_teardown(a_suspended_actor_costs_nothing, end),
        cmocka_unit_test_teardown(what_was_drained_comes_back_when_told, end),
        cmocka_unit_test(incarnations_rise_when_the_clock_falls),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
