/* SPDX-License-Identifier: MIT */
/*
 * The edge with real clients on sockets and nobody behind it: the test plays application nodes and click buffer, and
 * holds the clock. What is looked at is what leaves: letters on one side, bytes on the other.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/edge/edge_state.h"
#include "runtime/harness.h"
#include "tests/testing.h"

extern const struct actor_kind edge_kind;

enum { NODES = 2, FEED = 100 };

struct stage {
    struct harness *harness;
    struct actor *edge;
    int idle_fd; /* stands in for the reactor's */
    uint64_t numbers[NODES];
};

/* ------------------------------------------------------------------------------------------------ the stage */

static void beat(struct stage *stage)
{
    for (uint64_t i = 0; i < NODES; i++)
        harness_tell(stage->harness, stage->edge, &feed_beat_schema,
                     &(struct feed_beat){ .feed = FEED + i, .number = stage->numbers[i] });
}

/* Lets the edge read what clients sent, and answer. */
static void run(struct stage *stage)
{
    for (int i = 0; i < 4; i++) {
        edge_kind.wait(stage->edge, stage->idle_fd, 1000);
        beat(stage);
        harness_run(stage->harness);
    }
}

static void start(struct stage *stage, const char *const *options)
{
    *stage = (struct stage){ .harness = harness_new(7), .idle_fd = eventfd(0, EFD_CLOEXEC) };
    stage->edge = harness_add(stage->harness, &edge_kind, "edge", options);
    harness_receivers(stage->harness, stage->edge, EDGE_TO_LINKS, NODES);
    harness_start(stage->harness);
    assert_true(harness_is_up(stage->edge));
    run(stage);
    while (harness_take(stage->harness) != NULL) /* the first look at everybody's health */
        ;
}

static int setup(void **state)
{
    static const char *const options[] = { "listen=127.0.0.1:0", "public_url=http://sho.rt", "debug_identity=yes",
                                           NULL };
    struct stage *stage = calloc(1, sizeof(*stage));

    start(stage, options);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;

    harness_destroy(&stage->harness);
    close(stage->idle_fd);
    free(stage);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ clients */

static int client(struct stage *stage, const char *request)
{
    const struct edge *edge = actor_state(stage->edge);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(http_port(edge->http)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    run(stage);
    return fd;
}

static int get(struct stage *stage, const char *path)
{
    char request[512];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: x\r\nReferer: https://News.example:8/x\r\n"
             "User-Agent: Mozilla/5.0 (iPhone)\r\n\r\n",
             path);
    return client(stage, request);
}

static int post(struct stage *stage, const char *path, const char *type, const char *body)
{
    char request[1024];

    snprintf(request, sizeof(request),
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", path, type,
             strlen(body), body);
    return client(stage, request);
}

/* What has come by now; "" when nothing has. Closes the connection. */
static const char *answer_of(int fd)
{
    static char bytes[64 * 1024];
    size_t size = 0;
    ssize_t got;

    while ((got = recv(fd, bytes + size, sizeof(bytes) - 1 - size, MSG_DONTWAIT)) > 0)
        size += (size_t)got;
    bytes[size] = '\0';
    close(fd);
    return bytes;
}

static bool has_come(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void assert_status(int fd, const char *status, const char *part)
{
    const char *answer = answer_of(fd);
    char line[32];

    snprintf(line, sizeof(line), "HTTP/1.1 %s ", status);
    if (strncmp(answer, line, strlen(line)) != 0 || strstr(answer, part) == NULL)
        fail_msg("not %s with '%s': %s", status, part, answer);
}

/* ------------------------------------------------------------------------------------------------ those behind */

static const struct harness_letter *expect(struct stage *stage, const struct message_schema *schema)
{
    const struct harness_letter *letter = harness_take_type(stage->harness, schema);

    if (letter == NULL)
        fail_msg("no %s left the edge", schema->name);
    return letter;
}

/* A letter that outlives the next one. */
struct kept {
    struct harness_letter letter;
    char from[80];
    char to[80];
};

static void expect_and_keep(struct stage *stage, const struct message_schema *schema, struct kept *kept)
{
    kept->letter = *expect(stage, schema);
    snprintf(kept->from, sizeof(kept->from), "%s", kept->letter.from);
    snprintf(kept->to, sizeof(kept->to), "%s", kept->letter.to);
    kept->letter.from = kept->from;
    kept->letter.to = kept->to;
    kept->letter.message = NULL;
}

static void expect_none(struct stage *stage, const struct message_schema *schema)
{
    if (harness_take_type(stage->harness, schema) != NULL)
        fail_msg("a %s left the edge", schema->name);
}

static void resolve_as(struct stage *stage, enum code_state state, const char *location, uint64_t expires_us)
{
    const struct harness_letter *ask = expect(stage, &link_resolve_schema);

    harness_reply(stage->harness, ask, &link_resolved_schema,
                  &(struct link_resolved){
                      .state = state, .location = slice_of(location), .version = 1, .expires_us = expires_us });
    run(stage);
}

static void commit(struct stage *stage)
{
    const struct harness_letter *ask = expect(stage, &clicks_commit_schema);

    harness_reply(stage->harness, ask, &clicks_committed_schema,
                  &(struct clicks_committed){ .epoch = 5, .lane = 2, .first_seq = 40 });
    run(stage);
}

static void change(struct stage *stage, const char *code)
{
    harness_tell(stage->harness, stage->edge, &link_changed_schema,
                 &(struct link_changed){ .feed = FEED, .number = ++stage->numbers[0], .code = slice_of(code) });
    harness_run(stage->harness);
}

/* Has the edge remember the code. */
static void warm(struct stage *stage, const char *path)
{
    int fd = get(stage, path);

    resolve_as(stage, CODE_LIVE, "https://example.org/a?b=c", 0);
    commit(stage);
    assert_status(fd, "307", "ocation: https://example.org/a?b=c\r\n");
}

/* ------------------------------------------------------------------------------------------------ redirects */

static void test_redirect_waits_for_its_click(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/abc1234?utm=1");
    const struct harness_letter *ask = expect(stage, &link_resolve_schema);
    const struct clicks_commit *clicks;

    assert_true(slice_is(((const struct link_resolve *)ask->message)->code, "abc1234"));
    harness_reply(stage->harness, ask, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/") });
    run(stage);
    assert_false(has_come(fd));
    ask = expect(stage, &clicks_commit_schema);
    clicks = ask->message;
    assert_int_equal(clicks->clicks.count, 1);
    assert_true(slice_is(clicks->clicks.at[0].code, "abc1234"));
    assert_true(slice_is(clicks->clicks.at[0].referrer_host, "news.example"));
    assert_int_equal(clicks->clicks.at[0].agent_class, 2);
    assert_false(clicks->clicks.at[0].is_bot);
    assert_true(clicks->clicks.at[0].time_us >= 1767225600000000u);
    harness_reply(stage->harness, ask, &clicks_committed_schema,
                  &(struct clicks_committed){ .epoch = 5, .lane = 2, .first_seq = 40 });
    run(stage);
    assert_status(fd, "307", "x-shunt-click: 5-2-40\r\n");
}

static void test_hot_code_asks_nobody_and_is_counted(void **state)
{
    struct stage *stage = *state;
    int first, second;

    warm(stage, "/abc1234");
    first = get(stage, "/abc1234");
    expect_none(stage, &link_resolve_schema);
    commit(stage);
    assert_status(first, "307", "ocation: https://example.org/a?b=c\r\n");
    second = get(stage, "/%61bc1234");
    expect_none(stage, &link_resolve_schema);
    commit(stage);
    assert_status(second, "307", "ocation: https://example.org/a?b=c\r\n");
}

static void test_clicks_of_one_turn_travel_together(void **state)
{
    struct stage *stage = *state;
    const struct harness_letter *ask;
    const struct edge *edge = actor_state(stage->edge);
    int fds[3];

    warm(stage, "/abc1234");
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
    run(stage);
    ask = expect(stage, &clicks_commit_schema);
    assert_int_equal(((const struct clicks_commit *)ask->message)->clicks.count, 3);
    harness_reply(stage->harness, ask, &clicks_committed_schema, &(struct clicks_committed){ .first_seq = 1 });
    run(stage);
    for (int i = 0; i < 3; i++)
        assert_status(fds[i], "307", "");
}

static void test_no_commit_no_redirect(void **state)
{
    struct stage *stage = *state;
    int fd;

    warm(stage, "/abc1234");
    fd = get(stage, "/abc1234");
    harness_reply(stage->harness, expect(stage, &clicks_commit_schema), &ask_failed_schema,
                  &(struct ask_failed){ .reason = ASK_FAILED, .detail = SLICE("the disk is full") });
    run(stage);
    assert_status(fd, "503", "retry-after: 1\r\n");
    fd = get(stage, "/abc1234");
    expect(stage, &clicks_commit_schema);
    for (int i = 0; i < 20; i++) {
        harness_advance(stage->harness, 400000);
        run(stage);
    }
    assert_status(fd, "503", "application/problem+json");
}

static void test_fast_mode_answers_first(void **state)
{
    struct stage *stage = *state;
    int fd;

    harness_set_option(stage->harness, stage->edge, "durability", "fast");
    fd = get(stage, "/abc1234");
    resolve_as(stage, CODE_LIVE, "https://example.org/", 0);
    assert_status(fd, "307", "ocation: https://example.org/\r\n");
    harness_reply(stage->harness, expect(stage, &clicks_commit_schema), &ask_failed_schema,
                  &(struct ask_failed){ .reason = ASK_FAILED, .detail = SLICE("not now") });
    run(stage);
    harness_advance(stage->harness, 150000);
    assert_int_equal(((const struct clicks_commit *)expect(stage, &clicks_commit_schema)->message)->clicks.count, 1);
}

static void test_head_is_no_click(void **state)
{
    struct stage *stage = *state;
    int fd = client(stage, "HEAD /abc1234 HTTP/1.1\r\nHost: x\r\n\r\n");

    resolve_as(stage, CODE_LIVE, "https://example.org/", 0);
    expect_none(stage, &clicks_commit_schema);
    assert_status(fd, "307", "ocation: https://example.org/\r\n");
}

static void test_unknown_and_gone(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/nothere");

    resolve_as(stage, CODE_UNKNOWN, "", 0);
    assert_status(fd, "404", "application/problem+json");
    fd = get(stage, "/nothere"); /* remembered */
    expect_none(stage, &link_resolve_schema);
    assert_status(fd, "404", "There is no link");
    change(stage, "nothere");
    fd = get(stage, "/nothere");
    resolve_as(stage, CODE_GONE, "", 0);
    assert_status(fd, "410", "withdrawn");
    expect_none(stage, &clicks_commit_schema);
}

static void test_unknown_is_forgotten_soon(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/nothere");

    resolve_as(stage, CODE_UNKNOWN, "", 0);
    close(fd);
    harness_advance(stage->harness, 1100000);
    fd = get(stage, "/nothere");
    resolve_as(stage, CODE_UNKNOWN, "", 0);
    assert_status(fd, "404", "");
}

static void test_copy_is_not_served_past_its_expiry(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/abc1234");

    resolve_as(stage, CODE_LIVE, "https://example.org/", 1767225600000000u + 60000000);
    commit(stage);
    assert_status(fd, "307", "");
    harness_step_wall(stage->harness, 61000000);
    fd = get(stage, "/abc1234");
    resolve_as(stage, CODE_LIVE, "https://example.org/", 1767225600000000u + 60000000); /* a node whose clock is late */
    assert_status(fd, "410", "");
}

/* ------------------------------------------------------------------------------------------------ trust */

static void test_change_drops_the_copy(void **state)
{
    struct stage *stage = *state;
    int fd;

    warm(stage, "/abc1234");
    change(stage, "abc1234");
    fd = get(stage, "/abc1234");
    resolve_as(stage, CODE_LIVE, "https://example.org/new", 0);
    commit(stage);
    assert_status(fd, "307", "ocation: https://example.org/new\r\n");
}

static void test_change_overtakes_an_answer(void **state)
{
    struct stage *stage = *state;
    int before = get(stage, "/abc1234"), after;
    struct kept old;

    expect_and_keep(stage, &link_resolve_schema, &old);
    change(stage, "abc1234");
    after = get(stage, "/abc1234"); /* must not share the question from before the change */
    resolve_as(stage, CODE_LIVE, "https://example.org/new", 0);
    commit(stage);
    assert_status(after, "307", "ocation: https://example.org/new\r\n");
    harness_reply(stage->harness, &old.letter, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/old") });
    run(stage);
    commit(stage);
    close(before);
    after = get(stage, "/abc1234"); /* and the old answer must not be remembered */
    commit(stage);
    assert_status(after, "307", "ocation: https://example.org/new\r\n");
}

static void test_gap_makes_all_copies_doubtful(void **state)
{
    struct stage *stage = *state;

    warm(stage, "/abc1234");
    stage->numbers[1] += 1; /* the next beat tells of a change that never came */
    warm(stage, "/abc1234");
    warm(stage, "/other");
    stage->numbers[0] += 1;
    change(stage, "whatever");
    warm(stage, "/other");
}

static void test_silence_makes_all_copies_doubtful(void **state)
{
    struct stage *stage = *state;
    int fd;

    warm(stage, "/abc1234");
    harness_advance(stage->harness, 2100000);
    fd = get(stage, "/abc1234"); /* beats again, but was deaf for too long */
    resolve_as(stage, CODE_LIVE, "https://example.org/", 0);
    commit(stage);
    assert_status(fd, "307", "");
}

static void test_new_publisher_makes_all_copies_doubtful(void **state)
{
    struct stage *stage = *state;

    warm(stage, "/abc1234");
    harness_tell(stage->harness, stage->edge, &feed_beat_schema, &(struct feed_beat){ .feed = 4711 });
    warm(stage, "/abc1234");
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
        fds[i] = get(&stage, "/abc1234");
        resolve_as(&stage, CODE_LIVE, "https://example.org/", 0);
        commit(&stage);
        assert_status(fds[i], "307", "");
    }
    harness_destroy(&stage.harness);
    close(stage.idle_fd);
}

/* ------------------------------------------------------------------------------------------------ when others fail */

static void test_resolve_is_asked_elsewhere(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/abc1234");
    char first[64];

    snprintf(first, sizeof(first), "%s", expect(stage, &link_resolve_schema)->to);
    harness_advance(stage->harness, 1600000); /* no answer */
    run(stage);
    const struct harness_letter *again = expect(stage, &link_resolve_schema);

    assert_string_not_equal(first, again->to);
    harness_reply(stage->harness, again, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/") });
    run(stage);
    commit(stage);
    assert_status(fd, "307", "");
}

static void test_nobody_resolves(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/abc1234");

    for (int i = 0; i < 8; i++) {
        harness_advance(stage->harness, 500000);
        run(stage);
    }
    assert_status(fd, "503", "retry-after: 1\r\n");
}

static void test_one_question_for_many(void **state)
{
    struct stage *stage = *state;
    int fds[3];

    for (int i = 0; i < 3; i++)
        fds[i] = get(stage, "/abc1234");
    const struct harness_letter *ask;
    struct kept kept;

    expect_and_keep(stage, &link_resolve_schema, &kept);
    expect_none(stage, &link_resolve_schema);
    close(fds[1]); /* one does not wait */
    run(stage);
    harness_reply(stage->harness, &kept.letter, &link_resolved_schema,
                  &(struct link_resolved){ .state = CODE_LIVE, .location = SLICE("https://example.org/") });
    run(stage);
    while ((ask = harness_take_type(stage->harness, &clicks_commit_schema)) != NULL) {
        harness_reply(stage->harness, ask, &clicks_committed_schema, &(struct clicks_committed){ .first_seq = 1 });
        run(stage);
    }
    assert_status(fds[0], "307", "");
    assert_status(fds[2], "307", "");
}

static void test_client_that_leaves_cancels_its_ask(void **state)
{
    struct stage *stage = *state;
    const struct edge *edge = actor_state(stage->edge);
    int fd = post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}");
    struct linger reset = { .l_onoff = 1 };

    expect(stage, &link_shorten_schema);
    assert_int_equal(http_under_way(edge->http), 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    run(stage);
    assert_int_equal(http_under_way(edge->http), 0);
    assert_int_equal(edge->exchanges[0].ask, 0);
}

/* ------------------------------------------------------------------------------------------------ the API */

static void reply_row(struct stage *stage, const struct harness_letter *ask, bool incomplete)
{
    harness_reply(stage->harness, ask, &link_row_schema,
                  &(struct link_row){ .id = 7,
                                      .code = SLICE("abc1234"),
                                      .url = SLICE("https://example.org/\xc3\xa9\""),
                                      .clicks = 3,
                                      .created_us = 1767323045123456,
                                      .updated_us = 1767323045123457,
                                      .clicks_incomplete = incomplete });
    run(stage);
}

static const char row_json[] =
    "{\"id\":7,\"short_code\":\"abc1234\",\"original_url\":\"https://example.org/\xc3\xa9\\\"\","
    "\"short_url\":\"http://sho.rt/abc1234\",\"clicks\":3,\"created_at\":\"2026-01-02T03:04:05.123456Z\","
    "\"updated_at\":\"2026-01-02T03:04:05.123457Z\"}";

static void test_shorten(void **state)
{
    struct stage *stage = *state;
    int fd = post(stage, "/api/shorten", "application/json; charset=UTF-8",
                  " {\"custom_code\": null, \"url\": \"https://example.org/\\u00e9\"} ");
    const struct harness_letter *ask = expect(stage, &link_shorten_schema);
    const struct link_shorten *shorten = ask->message;

    assert_true(slice_is(shorten->url, "https://example.org/\xc3\xa9"));
    assert_false(shorten->has_custom_code);
    reply_row(stage, ask, false);
    assert_status(fd, "201", row_json);
}

static void test_shorten_is_refused(void **state)
{
    struct stage *stage = *state;
    int fd = post(stage, "/api/shorten", "application/json", "{\"url\":\"x\",\"custom_code\":\"api\"}");

    harness_reply(
        stage->harness, expect(stage, &link_shorten_schema), &link_refused_schema,
        &(struct link_refused){ .status = 409, .pointer = SLICE("#/custom_code"), .detail = SLICE("Taken.") });
    run(stage);
    assert_status(fd, "409",
                  "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,\"detail\":\"Taken.\","
                  "\"errors\":[{\"pointer\":\"#/custom_code\",\"detail\":\"Taken.\"}]}");
    fd = post(stage, "/api/shorten", "text/plain", "{}");
    assert_status(fd, "415", "application/json");
    fd = post(stage, "/api/shorten", "application/json", "{\"url\":1}");
    assert_status(fd, "422", "#/url");
    fd = post(stage, "/api/shorten", "application/json", "{\"url\":\"a\",\"url\":\"b\"}");
    assert_status(fd, "400", "twice");
    expect_none(stage, &link_shorten_schema);
}

/* A POST whose node died may have had its effect: it is not sent again. */
static void test_shorten_is_not_repeated(void **state)
{
    struct stage *stage = *state;
    int fd = post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}");

    expect(stage, &link_shorten_schema);
    harness_advance(stage->harness, 5100000);
    run(stage);
    expect_none(stage, &link_shorten_schema);
    assert_status(fd, "503", "retry-after: 1\r\n");
}

static void test_stats(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/api/stats/abc1234");

    reply_row(stage, expect(stage, &link_read_schema), true);
    assert_status(fd, "200", "x-clicks-incomplete: true\r\n");
    fd = get(stage, "/api/stats/abc1234");
    reply_row(stage, expect(stage, &link_read_schema), false);
    assert_status(fd, "200", row_json);
    fd = get(stage, "/api/stats/abc1234");
    expect(stage, &link_read_schema);
    harness_advance(stage->harness, 5100000);
    run(stage);
    reply_row(stage, expect(stage, &link_read_schema), false); /* safe: asked elsewhere */
    assert_status(fd, "200", row_json);
}

static void test_managing_needs_the_key(void **state)
{
    struct stage *stage = *state;
    struct edge *edge = actor_state(stage->edge);
    int fd = client(stage, "DELETE /api/links/abc1234 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\n\r\n");

    assert_status(fd, "403", "management_key");
    snprintf(edge->management_key, sizeof(edge->management_key), "0123456789abcdef");
    fd = client(stage,
                "DELETE /api/links/abc1234 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdeF\r\n\r\n");
    assert_status(fd, "401", "");
    expect_none(stage, &link_edit_schema);
    warm(stage, "/abc1234");
    fd = client(stage,
                "DELETE /api/links/abc1234 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n");
    const struct harness_letter *ask = expect(stage, &link_edit_schema);

    assert_true(((const struct link_edit *)ask->message)->withdraw);
    reply_row(stage, ask, false);
    assert_status(fd, "200", "\"withdrawn\":false");
    fd = get(stage, "/abc1234"); /* the copy went with the answer, whether or not the feed was quicker */
    resolve_as(stage, CODE_GONE, "", 0);
    assert_status(fd, "410", "");
}

static void test_methods_and_odd_paths(void **state)
{
    struct stage *stage = *state;

    assert_status(client(stage, "PUT /abc1234 HTTP/1.1\r\nHost: x\r\n\r\n"), "405", "allow: GET, HEAD, OPTIONS\r\n");
    assert_status(client(stage, "GET /api/shorten HTTP/1.1\r\nHost: x\r\n\r\n"), "405", "allow: POST, OPTIONS\r\n");
    assert_status(client(stage, "OPTIONS /api/shorten HTTP/1.1\r\nHost: x\r\n\r\n"), "204", "allow: POST, OPTIONS\r\n");
    assert_status(get(stage, "/abc1234/"), "404", "");
    assert_status(get(stage, "//abc1234"), "404", "");
    assert_status(get(stage, "/metrics"), "404", "");
    assert_status(get(stage, "/abc%2f1"), "404", "");
    assert_status(client(stage, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), "400", "application/problem+json");
    assert_status(get(stage, "/openapi.json"), "200", "\"openapi\":\"3.1.0\"");
    assert_status(get(stage, "/docs"), "200", "text/html");
    assert_status(get(stage, "/"), "200", "Shunt");
    expect_none(stage, &link_resolve_schema);
}

static void test_probes(void **state)
{
    struct stage *stage = *state;
    const struct harness_letter *ask;
    int answered = 0;

    assert_status(get(stage, "/readyz"), "503", "\"links\":\"unreachable\"");
    assert_status(get(stage, "/livez"), "200", "true");
    harness_advance(stage->harness, 500000);
    while ((ask = harness_take_type(stage->harness, &health_read_schema)) != NULL) {
        const struct store_health stores[] = { { SLICE("postgres"), SLICE("normal") },
                                               { SLICE("redis"), answered++ == 0 ? SLICE("normal") : SLICE("away") } };

        harness_reply(stage->harness, ask, &health_schema, &(struct health){ .stores = { stores, 2 } });
    }
    run(stage);
    assert_int_equal(answered, NODES + 1);
    assert_status(get(stage, "/readyz"), "200", "\"redis\":\"away\"");
    assert_status(get(stage, "/health"), "200",
                  "{\"status\":\"unhealthy\",\"database\":\"healthy\",\"cache\":\"unhealthy\"}");
    harness_advance(stage->harness, 3000000);
    assert_status(get(stage, "/health"), "200", "\"database\":\"unhealthy\"");
}

int main(void)
{
#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
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
        WITH_STAGE(test_change_drops_the_copy),
        WITH_STAGE(test_change_overtakes_an_answer),
        WITH_STAGE(test_gap_makes_all_copies_doubtful),
        WITH_STAGE(test_silence_makes_all_copies_doubtful),
        WITH_STAGE(test_new_publisher_makes_all_copies_doubtful),
        cmocka_unit_test(test_too_few_feeds_no_copies),
        WITH_STAGE(test_resolve_is_asked_elsewhere),
        WITH_STAGE(test_nobody_resolves),
        WITH_STAGE(test_one_question_for_many),
        WITH_STAGE(test_client_that_leaves_cancels_its_ask),
        WITH_STAGE(test_shorten),
        WITH_STAGE(test_shorten_is_refused),
        WITH_STAGE(test_shorten_is_not_repeated),
        WITH_STAGE(test_stats),
        WITH_STAGE(test_managing_needs_the_key),
        WITH_STAGE(test_methods_and_odd_paths),
        WITH_STAGE(test_probes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
