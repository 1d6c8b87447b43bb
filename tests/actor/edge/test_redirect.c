/* SPDX-License-Identifier: MIT */
/* Redirects: counted before they leave, from memory or by asking, and what happens when others fail. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/actor/support/edge_stage.h"

static void test_redirect_waits_for_its_click(void **state)
{
    struct stage *stage = *state;
    int fd = stage_get(stage, "/abc1234?utm=1");
    const struct harness_letter *ask = stage_expect(stage, &link_resolve_schema);
    const struct clicks_commit *clicks;

    assert_true(slice_is(((const struct link_resolve *)ask->message)->code, "abc1234"));
    harness_reply(stage->harness, ask, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/") });
    stage_run(stage);
    assert_false(stage_has_come(fd));
    ask = stage_expect(stage, &clicks_commit_schema);
    clicks = ask->message;
    assert_int_equal(clicks->clicks.count, 1);
    assert_true(slice_is(clicks->clicks.at[0].code, "abc1234"));
    assert_true(slice_is(clicks->clicks.at[0].referrer_host, "news.example"));
    assert_int_equal(clicks->clicks.at[0].agent_class, 2);
    assert_false(clicks->clicks.at[0].is_bot);
    assert_true(clicks->clicks.at[0].time_us >= 1767225600000000u);
    harness_reply(stage->harness, ask, &clicks_committed_schema,
                  &(struct clicks_committed){ .epoch = 5, .lane = 2, .first_seq = 40 });
    stage_run(stage);
    stage_assert_status(fd, "307", "X-Shunt-Click: 5-2-40\r\n");
}

static void test_hot_code_asks_nobody_and_is_counted(void **state)
{
    struct stage *stage = *state;
    int first, second;

    stage_warm(stage, "/abc1234");
    first = stage_get(stage, "/abc1234");
    stage_expect_none(stage, &link_resolve_schema);
    stage_commit(stage);
    stage_assert_status(first, "307", "Location: https://example.org/a?b=c\r\n");
    second = stage_get(stage, "/%61bc1234");
    stage_expect_none(stage, &link_resolve_schema);
    stage_commit(stage);
    stage_assert_status(second, "307", "Location: https://example.org/a?b=c\r\n");
}

static void test_clicks_of_one_turn_travel_together(void **state)
{
    struct stage *stage = *state;
    const struct harness_letter *ask;
    const struct edge *edge = actor_state(stage->edge);
    int fds[3];

    stage_warm(stage, "/abc1234");
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                       .sin_port = htons(http_port(edge->http)) };
        const char request[] = "GET /abc1234 HTTP/1.1\r\nHost: x\r\n\r\n";

        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(send(fds[i], request, sizeof(request) - 1, 0), sizeof(request) - 1);
    }
    edge_kind.wait(stage->edge, stage->idle_fd, 1000); /* accepts */
    edge_kind.wait(stage->edge, stage->idle_fd, 1000); /* reads */
    stage_run(stage);
    ask = stage_expect(stage, &clicks_commit_schema);
    assert_int_equal(((const struct clicks_commit *)ask->message)->clicks.count, 3);
    harness_reply(stage->harness, ask, &clicks_committed_schema, &(struct clicks_committed){ .first_seq = 1 });
    stage_run(stage);
    for (int i = 0; i < 3; i++)
        stage_assert_status(fds[i], "307", "");
}

static void test_no_commit_no_redirect(void **state)
{
    struct stage *stage = *state;
    int fd;

    stage_warm(stage, "/abc1234");
    fd = stage_get(stage, "/abc1234");
    harness_reply(stage->harness, stage_expect(stage, &clicks_commit_schema), &ask_failed_schema,
                  &(struct ask_failed){ .reason = ASK_FAILED, .detail = SLICE("the disk is full") });
    stage_run(stage);
    stage_assert_status(fd, "503", "Retry-After: 1\r\n");
    fd = stage_get(stage, "/abc1234");
    stage_expect(stage, &clicks_commit_schema);
    for (int i = 0; i < 20; i++) {
        harness_advance(stage->harness, 400000);
        stage_run(stage);
    }
    stage_assert_status(fd, "503", "application/problem+json");
}

static void test_fast_mode_answers_first(void **state)
{
    struct stage *stage = *state;
    int fd;

    harness_set_option(stage->harness, stage->edge, "durability", "fast");
    fd = stage_get(stage, "/abc1234");
    stage_resolve_as(stage, CODE_LIVE, "https://example.org/", 0);
    stage_assert_status(fd, "307", "Location: https://example.org/\r\n");
    harness_reply(stage->harness, stage_expect(stage, &clicks_commit_schema), &ask_failed_schema,
                  &(struct ask_failed){ .reason = ASK_FAILED, .detail = SLICE("not now") });
    stage_run(stage);
    harness_advance(stage->harness, 150000);
    assert_int_equal(((const struct clicks_commit *)stage_expect(stage, &clicks_commit_schema)->message)->clicks.count,
                     1);
}

static void test_head_is_no_click(void **state)
{
    struct stage *stage = *state;
    int fd = stage_client(stage, "HEAD /abc1234 HTTP/1.1\r\nHost: x\r\n\r\n");

    stage_resolve_as(stage, CODE_LIVE, "https://example.org/", 0);
    stage_expect_none(stage, &clicks_commit_schema);
    stage_assert_status(fd, "307", "Location: https://example.org/\r\n");
}

static void test_unknown_and_gone(void **state)
{
    struct stage *stage = *state;
    int fd = stage_get(stage, "/nothere");

    stage_resolve_as(stage, CODE_UNKNOWN, "", 0);
    stage_assert_status(fd, "404", "application/problem+json");
    fd = stage_get(stage, "/nothere"); /* remembered */
    stage_expect_none(stage, &link_resolve_schema);
    stage_assert_status(fd, "404", "There is no link");
    stage_change(stage, "nothere");
    fd = stage_get(stage, "/nothere");
    stage_resolve_as(stage, CODE_GONE, "", 0);
    stage_assert_status(fd, "410", "withdrawn");
    stage_expect_none(stage, &clicks_commit_schema);
}

static void test_unknown_is_forgotten_soon(void **state)
{
    struct stage *stage = *state;
    int fd = stage_get(stage, "/nothere");

    stage_resolve_as(stage, CODE_UNKNOWN, "", 0);
    close(fd);
    harness_advance(stage->harness, 1100000);
    fd = stage_get(stage, "/nothere");
    stage_resolve_as(stage, CODE_UNKNOWN, "", 0);
    stage_assert_status(fd, "404", "");
}

static void test_copy_is_not_served_past_its_expiry(void **state)
{
    struct stage *stage = *state;
    int fd = stage_get(stage, "/abc1234");

    stage_resolve_as(stage, CODE_LIVE, "https://example.org/", 1767225600000000u + 60000000);
    stage_commit(stage);
    stage_assert_status(fd, "307", "");
    harness_step_wall(stage->harness, 61000000);
    fd = stage_get(stage, "/abc1234");
    stage_resolve_as(stage, CODE_LIVE, "https://example.org/",
                     1767225600000000u + 60000000); /* a node whose clock is late */
    stage_assert_status(fd, "410", "");
}

static void test_resolve_is_asked_elsewhere(void **state)
{
    struct stage *stage = *state;
    int fd = stage_get(stage, "/abc1234");
    char first[64];

    snprintf(first, sizeof(first), "%s", stage_expect(stage, &link_resolve_schema)->to);
    harness_advance(stage->harness, 1600000); /* no answer */
    stage_run(stage);
    const struct harness_letter *again = stage_expect(stage, &link_resolve_schema);

    assert_string_not_equal(first, again->to);
    harness_reply(stage->harness, again, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/") });
    stage_run(stage);
    stage_commit(stage);
    stage_assert_status(fd, "307", "");
}

static void test_nobody_resolves(void **state)
{
    struct stage *stage = *state;
    int fd = stage_get(stage, "/abc1234");

    for (int i = 0; i < 8; i++) {
        harness_advance(stage->harness, 500000);
        stage_run(stage);
    }
    stage_assert_status(fd, "503", "Retry-After: 1\r\n");
}

static void test_one_question_for_many(void **state)
{
    struct stage *stage = *state;
    int fds[3];

    for (int i = 0; i < 3; i++)
        fds[i] = stage_get(stage, "/abc1234");
    const struct harness_letter *ask;
    struct kept kept;

    stage_expect_and_keep(stage, &link_resolve_schema, &kept);
    stage_expect_none(stage, &link_resolve_schema);
    close(fds[1]); /* one does not wait */
    stage_run(stage);
    harness_reply(stage->harness, &kept.letter, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/") });
    stage_run(stage);
    while ((ask = harness_take_type(stage->harness, &clicks_commit_schema)) != NULL) {
        harness_reply(stage->harness, ask, &clicks_committed_schema, &(struct clicks_committed){ .first_seq = 1 });
        stage_run(stage);
    }
    stage_assert_status(fds[0], "307", "");
    stage_assert_status(fds[2], "307", "");
}

static void test_client_that_leaves_cancels_its_ask(void **state)
{
    struct stage *stage = *state;
    const struct edge *edge = actor_state(stage->edge);
    int fd = stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}");
    struct linger reset = { .l_onoff = 1 };

    stage_expect(stage, &link_shorten_schema);
    assert_int_equal(http_under_way(edge->http), 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    stage_run(stage);
    assert_int_equal(http_under_way(edge->http), 0);
    assert_int_equal(edge->exchanges[0].ask, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_redirect_waits_for_its_click),
        WITH_STAGE(test_hot_code_asks_nobody_and_is_counted),
        WITH_STAGE(test_clicks_of_one_turn_travel_together),
        WITH_STAGE(test_no_commit_no_redirect),
        WITH_STAGE(test_fast_mode_answers_first),
        WITH_STAGE(test_head_is_no_click),
        WITH_STAGE(test_unknown_and_gone),
        WITH_STAGE(test_unknown_is_forgotten_soon),
        WITH_STAGE(test_copy_is_not_served_past_its_expiry),
        WITH_STAGE(test_resolve_is_asked_elsewhere),
        WITH_STAGE(test_nobody_resolves),
        WITH_STAGE(test_one_question_for_many),
        WITH_STAGE(test_client_that_leaves_cancels_its_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
