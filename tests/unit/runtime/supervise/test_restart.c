/* SPDX-License-Identifier: MIT */
/*
 * A restarted actor keeps its mailbox: an actor fails again and again while letters pour in, in a real node with
 * threads and sockets, and not one of them is lost. How long it takes until it serves again is printed; tests/bench
 * measures it.
 */
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

enum { SECOND_US = 1000 * 1000, NUMBERS = 20000, FAILS_EVERY = 1000, FAILURES = NUMBERS / FAILS_EVERY };

/* ------------------------------------------------------------------------------------------------ kinds */

/* Of the node's process, so that they outlive the actor in it. */
static bool seen[NUMBERS + 1];
static uint64_t failed_at_us;
static uint64_t away_us[FAILURES];
static size_t failures;

static void on_number(struct actor *me, const struct feed_beat *m)
{
    uint64_t now_us = machine_clock.monotonic_us(NULL);

    if (failed_at_us != 0) {
        away_us[failures++] = now_us - failed_at_us;
        failed_at_us = 0;
    } else if (m->number % FAILS_EVERY == 0 && failures < FAILURES) {
        failed_at_us = now_us;
        actor_fail(me, "at %lu", (unsigned long)m->number);
        return;
    }
    seen[m->number] = true;
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Answers how many numbers are missing, and the longest that it was away. */
static void on_ids(struct actor *me, const struct ids_lease *m, struct question q)
{
    uint64_t missing = 0;

    (void)m;
    for (size_t i = 1; i <= NUMBERS; i++)
        missing += seen[i] ? 0 : 1;
    qsort(away_us, failures, sizeof away_us[0], by_size);
    ANSWER(me, q, ids_leased, .first = failures > 0 ? away_us[failures - 1] : 0, .count = missing);
}

static const struct handler receiver_handlers[] = { TOLD(feed_beat, on_number), ASKED(ids_lease, on_ids) };
static const struct actor_kind receiver_kind = { .name = "receiver",
                                                 .on_failure = LETTER_REDELIVERED,
                                                 TABLE(handler, receiver_handlers) };

static void send(struct actor *me, void *context)
{
    uint64_t *next = actor_state(me);

    (void)context;
    for (int i = 0; i < 100 && *next < NUMBERS; i++) {
        if (!TELL(me, 0, feed_beat, .number = *next + 1))
            return; /* the credit is used up: later */
        ++*next;
    }
}

static void start_sender(struct actor *me)
{
    actor_every(me, 1000, send, NULL);
}

static const struct outlet sender_outlets[] = { { .name = "receiver", .to = "receiver" } };
static const struct actor_kind sender_kind = {
    .name = "sender", .state_size = sizeof(uint64_t), .start = start_sender, TABLE(outlet, sender_outlets)
};

/* The topology's own defaults, but for the intensity. */
static const struct restart_limits limits = { .restarts = 100,
                                              .within_us = 10 * SECOND_US,
                                              .pause_min_us = 10 * 1000,
                                              .pause_max_us = 20 * 1000,
                                              .healthy_us = 5 * SECOND_US };
static const struct topology_group group = { .name = "default", .strategy = ONE_FOR_ONE, .limits = limits };
static const struct topology_actor actors[] = {
    { .name = "receiver", .kind = &receiver_kind },
    { .name = "sender", .kind = &sender_kind },
};
static const struct topology_node node = { .name = "node",
                                           .role = "test",
                                           .limits = limits,
                                           .actors = actors,
                                           .actor_count = 2,
                                           .groups = &group,
                                           .group_count = 1 };
static const struct topology topology = { .name = "test", .url = "", .file = "", .nodes = &node, .node_count = 1 };

/* ------------------------------------------------------------------------------------------------ the test */

static void no_queued_letter_is_lost(void **state)
{
    uint64_t until_us = machine_clock.monotonic_us(NULL) + 60ull * SECOND_US;
    struct client_answer answer;
    struct client *client;
    uint64_t missing = NUMBERS;
    uint64_t longest_us = 0;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(node_process_run(&topology, "node"));
    }
    client = client_open("test");
    assert_non_null(client);
    while (missing > 0 && machine_clock.monotonic_us(NULL) < until_us) {
        CLIENT_ASK(client, "node/receiver", SECOND_US, &answer, ids_lease, .count = 1);
        if (answer.outcome != ASK_ANSWERED)
            continue; /* it was away just then */
        missing = ((const struct ids_leased *)answer.message)->count;
        longest_us = ((const struct ids_leased *)answer.message)->first;
    }
    client_close(&client);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    printf("%d failures, %d letters, away at most %lu us\n", FAILURES, NUMBERS, (unsigned long)longest_us);
    assert_int_equal(missing, 0);
    assert_true(longest_us > 0 && longest_us < SECOND_US);
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
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_queued_letter_is_lost) };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
