/* SPDX-License-Identifier: MIT */
/* A hot copy is served only while every change of a link would be heard of. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/actor/support/edge_stage.h"

static void test_change_drops_the_copy(void **state)
{
    struct stage *stage = *state;
    int fd;

    stage_warm(stage, "/abc1234");
    stage_change(stage, "abc1234");
    fd = stage_get(stage, "/abc1234");
    stage_resolve_as(stage, CODE_LIVE, "https://example.org/new", 0);
    stage_commit(stage);
    stage_assert_status(fd, "307", "Location: https://example.org/new\r\n");
}

static void test_change_overtakes_an_answer(void **state)
{
    struct stage *stage = *state;
    int before = stage_get(stage, "/abc1234"), after;
    struct kept old;

    stage_expect_and_keep(stage, &link_resolve_schema, &old);
    stage_change(stage, "abc1234");
    after = stage_get(stage, "/abc1234"); /* must not share the question from before the change */
    stage_resolve_as(stage, CODE_LIVE, "https://example.org/new", 0);
    stage_commit(stage);
    stage_assert_status(after, "307", "Location: https://example.org/new\r\n");
    harness_reply(stage->harness, &old.letter, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/old") });
    stage_run(stage);
    stage_commit(stage);
    close(before);
    after = stage_get(stage, "/abc1234"); /* and the old answer must not be remembered */
    stage_commit(stage);
    stage_assert_status(after, "307", "Location: https://example.org/new\r\n");
}

static void test_gap_makes_all_copies_doubtful(void **state)
{
    struct stage *stage = *state;

    stage_warm(stage, "/abc1234");
    stage->numbers[1] += 1; /* the next beat tells of a change that never came */
    stage_warm(stage, "/abc1234");
    stage_warm(stage, "/other");
    stage->numbers[0] += 1;
    stage_change(stage, "whatever");
    stage_warm(stage, "/other");
}

static void test_silence_makes_all_copies_doubtful(void **state)
{
    struct stage *stage = *state;
    int fd;

    stage_warm(stage, "/abc1234");
    harness_advance(stage->harness, 2100000);
    fd = stage_get(stage, "/abc1234"); /* beats again, but was deaf for too long */
    stage_resolve_as(stage, CODE_LIVE, "https://example.org/", 0);
    stage_commit(stage);
    stage_assert_status(fd, "307", "");
}

static void test_new_publisher_makes_all_copies_doubtful(void **state)
{
    struct stage *stage = *state;

    stage_warm(stage, "/abc1234");
    harness_tell(stage->harness, stage->edge, &feed_beat_schema, &(struct feed_beat){ .feed = 4711 });
    stage_warm(stage, "/abc1234");
}

static void test_too_few_feeds_no_copies(void **state)
{
    static const char *const options[] = { "listen=127.0.0.1:0", NULL };
    struct stage stage = { .harness = harness_new(7), .idle_fd = eventfd(0, EFD_CLOEXEC) };
    int fds[2];

    (void)state;
    stage.edge = harness_add(stage.harness, &edge_kind, "edge", options);
    harness_receivers(stage.harness, stage.edge, EDGE_TO_LINKS, NODES + 1); /* one of them never beats */
    harness_start(stage.harness);
    for (int i = 0; i < 2; i++) {
        fds[i] = stage_get(&stage, "/abc1234");
        stage_resolve_as(&stage, CODE_LIVE, "https://example.org/", 0);
        stage_commit(&stage);
        stage_assert_status(fds[i], "307", "");
    }
    harness_destroy(&stage.harness);
    close(stage.idle_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_change_drops_the_copy),
        WITH_STAGE(test_change_overtakes_an_answer),
        WITH_STAGE(test_gap_makes_all_copies_doubtful),
        WITH_STAGE(test_silence_makes_all_copies_doubtful),
        WITH_STAGE(test_new_publisher_makes_all_copies_doubtful),
        cmocka_unit_test(test_too_few_feeds_no_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
