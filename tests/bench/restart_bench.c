/* SPDX-License-Identifier: MIT */
/*
 * restart_bench -- how long an actor is away when it fails under load: from the moment it fails to its next letter, in
 * a node with threads, sockets and the topology's default pause. Prints the 99th percentile of 200 restarts in
 * milliseconds.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "runtime/supervise/node_process.h"

enum { RESTARTS = 200, LETTERS_BETWEEN = 50, SECOND_US = 1000 * 1000 };

static uint64_t failed_at_us;
static uint64_t away_us[RESTARTS];
static size_t restarts;
static uint64_t letters;

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static void on_letter(struct actor *me, const struct feed_beat *m)
{
    uint64_t now_us = machine_clock.monotonic_us(NULL);

    (void)m;
    if (failed_at_us != 0) {
        away_us[restarts++] = now_us - failed_at_us;
        failed_at_us = 0;
        if (restarts < RESTARTS)
            return;
        qsort(away_us, RESTARTS, sizeof away_us[0], by_size);
        printf("%.3f\n", (double)away_us[RESTARTS * 99 / 100 - 1] / 1000);
        fflush(stdout);
        _exit(0);
    }
    if (++letters % LETTERS_BETWEEN == 0) {
        failed_at_us = now_us;
        actor_fail(me, "for the measurement");
    }
}

static void send(struct actor *me, void *context)
{
    (void)context;
    for (int i = 0; i < 10 && TELL(me, 0, feed_beat, .number = 1); i++)
        ;
}

static void start_sender(struct actor *me)
{
    actor_every(me, 1000, send, NULL);
}

static const struct handler receiver_handlers[] = { TOLD(feed_beat, on_letter) };
static const struct actor_kind receiver_kind = { .name = "receiver", TABLE(handler, receiver_handlers) };
static const struct outlet sender_outlets[] = { { .name = "receiver", .to = "receiver" } };
static const struct actor_kind sender_kind = { .name = "sender", .start = start_sender, TABLE(outlet, sender_outlets) };

int main(void)
{
    /* The pause's bounds as the topology's defaults, but that it does not grow: each failure counts as the first one.
     */
    const struct restart_limits limits = { .restarts = 100,
                                           .within_us = SECOND_US,
                                           .pause_min_us = 10 * 1000,
                                           .pause_max_us = 20 * 1000,
                                           .healthy_us = 1000 };
    const struct topology_group group = { .name = "default", .strategy = ONE_FOR_ONE, .limits = limits };
    const struct topology_actor actors[] = {
        { .name = "receiver", .kind = &receiver_kind },
        { .name = "sender", .kind = &sender_kind },
    };
    const struct topology_node node = { .name = "bench",
                                        .role = "bench",
                                        .limits = limits,
                                        .actors = actors,
                                        .actor_count = 2,
                                        .groups = &group,
                                        .group_count = 1 };
    const struct topology topology = { .name = "bench", .url = "", .file = "", .nodes = &node, .node_count = 1 };
    char folder[] = "/tmp/shunt-bench-XXXXXX";
    int result = mkdtemp(folder) != NULL && chdir(folder) == 0 ? mkdir("run", 0700) : -1;

    assert(result == 0);
    return node_process_run(&topology, "bench");
}
