/* SPDX-License-Identifier: MIT */
/* The API: what is asked of the application nodes, and how their answers look outside. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/actor/support/edge_stage.h"

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
    stage_run(stage);
}

static const char row_json[] =
    "{\"id\":7,\"short_code\":\"abc1234\",\"original_url\":\"https://example.org/\xc3\xa9\\\"\","
    "\"short_url\":\"http://sho.rt/abc1234\",\"clicks\":3,\"created_at\":\"2026-01-02T03:04:05.123456Z\","
    "\"updated_at\":\"2026-01-02T03:04:05.123457Z\"}";

static void test_shorten(void **state)
{
    struct stage *stage = *state;
    int fd = stage_post(stage, "/api/shorten", "application/json; charset=UTF-8",
                        " {\"custom_code\": null, \"url\": \"https://example.org/\\u00e9\"} ");
    const struct harness_letter *ask = stage_expect(stage, &link_shorten_schema);
    const struct link_shorten *shorten = ask->message;

    assert_true(slice_is(shorten->url, "https://example.org/\xc3\xa9"));
    assert_false(shorten->has_custom_code);
    reply_row(stage, ask, false);
    stage_assert_status(fd, "201", row_json);
}

static void test_shorten_is_refused(void **state)
{
    struct stage *stage = *state;
    int fd = stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"x\",\"custom_code\":\"api\"}");

    harness_reply(
        stage->harness, stage_expect(stage, &link_shorten_schema), &link_refused_schema,
        &(struct link_refused){ .status = 409, .pointer = SLICE("#/custom_code"), .detail = SLICE("Taken.") });
    stage_run(stage);
    stage_assert_status(fd, "409",
                        "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,\"detail\":\"Taken.\","
                        "\"errors\":[{\"pointer\":\"#/custom_code\",\"detail\":\"Taken.\"}]}");
    fd = stage_post(stage, "/api/shorten", "text/plain", "{}");
    stage_assert_status(fd, "415", "application/json");
    fd = stage_post(stage, "/api/shorten", "application/json", "{\"url\":1}");
    stage_assert_status(fd, "422", "#/url");
    fd = stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"a\",\"url\":\"b\"}");
    stage_assert_status(fd, "400", "twice");
    stage_expect_none(stage, &link_shorten_schema);
}

/* A POST whose node died may have had its effect: it is not sent again. */
static void test_shorten_is_not_repeated(void **state)
{
    struct stage *stage = *state;
    int fd = stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}");

    stage_expect(stage, &link_shorten_schema);
    harness_advance(stage->harness, 5100000);
    stage_run(stage);
    stage_expect_none(stage, &link_shorten_schema);
    stage_assert_status(fd, "503", "Retry-After: 1\r\n");
}

static void test_stats(void **state)
{
    struct stage *stage = *state;
    int fd = stage_get(stage, "/api/stats/abc1234");

    reply_row(stage, stage_expect(stage, &link_read_schema), true);
    stage_assert_status(fd, "200", "X-Clicks-Incomplete: true\r\n");
    fd = stage_get(stage, "/api/stats/abc1234");
    reply_row(stage, stage_expect(stage, &link_read_schema), false);
    stage_assert_status(fd, "200", row_json);
    fd = stage_get(stage, "/api/stats/abc1234");
    stage_expect(stage, &link_read_schema);
    harness_advance(stage->harness, 5100000);
    stage_run(stage);
    reply_row(stage, stage_expect(stage, &link_read_schema), false); /* safe: asked elsewhere */
    stage_assert_status(fd, "200", row_json);
}

static void test_managing_needs_the_key(void **state)
{
    struct stage *stage = *state;
    struct edge *edge = actor_state(stage->edge);
    int fd = stage_client(stage, "DELETE /api/links/abc1234 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\n\r\n");

    stage_assert_status(fd, "403", "management_key");
    snprintf(edge->management_key, sizeof(edge->management_key), "0123456789abcdef");
    fd = stage_client(
        stage, "DELETE /api/links/abc1234 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdeF\r\n\r\n");
    stage_assert_status(fd, "401", "");
    stage_expect_none(stage, &link_edit_schema);
    stage_warm(stage, "/abc1234");
    fd = stage_client(
        stage, "DELETE /api/links/abc1234 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n");
    const struct harness_letter *ask = stage_expect(stage, &link_edit_schema);

    assert_true(((const struct link_edit *)ask->message)->withdraw);
    reply_row(stage, ask, false);
    stage_assert_status(fd, "200", "\"withdrawn\":false");
    fd = stage_get(stage, "/abc1234"); /* the copy went with the answer, whether or not the feed was quicker */
    stage_resolve_as(stage, CODE_GONE, "", 0);
    stage_assert_status(fd, "410", "");
}

static void test_methods_and_odd_paths(void **state)
{
    struct stage *stage = *state;

    stage_assert_status(stage_client(stage, "PUT /abc1234 HTTP/1.1\r\nHost: x\r\n\r\n"), "405",
                        "Allow: GET, HEAD, OPTIONS\r\n");
    stage_assert_status(stage_client(stage, "GET /api/shorten HTTP/1.1\r\nHost: x\r\n\r\n"), "405",
                        "Allow: POST, OPTIONS\r\n");
    stage_assert_status(stage_client(stage, "OPTIONS /api/shorten HTTP/1.1\r\nHost: x\r\n\r\n"), "204",
                        "Allow: POST, OPTIONS\r\n");
    stage_assert_status(stage_get(stage, "/abc1234/"), "404", "");
    stage_assert_status(stage_get(stage, "//abc1234"), "404", "");
    stage_assert_status(stage_get(stage, "/metrics"), "404", "");
    stage_assert_status(stage_get(stage, "/abc%2f1"), "404", "");
    stage_assert_status(stage_client(stage, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), "400",
                        "application/problem+json");
    stage_assert_status(stage_get(stage, "/openapi.json"), "200", "\"openapi\":\"3.1.0\"");
    stage_assert_status(stage_get(stage, "/docs"), "200", "text/html");
    stage_assert_status(stage_get(stage, "/"), "200", "Shunt");
    stage_expect_none(stage, &link_resolve_schema);
}

static void test_probes(void **state)
{
    struct stage *stage = *state;
    const struct harness_letter *ask;
    int answered = 0;

    stage_assert_status(stage_get(stage, "/readyz"), "503", "\"links\":\"unreachable\"");
    stage_assert_status(stage_get(stage, "/livez"), "200", "true");
    harness_advance(stage->harness, 250000); /* one look */
    while ((ask = harness_take_type(stage->harness, &health_read_schema)) != NULL) {
        const struct store_health stores[] = { { SLICE("postgres"), SLICE("normal") },
                                               { SLICE("redis"), answered++ == 0 ? SLICE("normal") : SLICE("away") } };

        harness_reply(stage->harness, ask, &health_schema, &(struct health){ .stores = { stores, 2 } });
    }
    stage_run(stage);
    assert_int_equal(answered, NODES + EDGE_OUTLETS - 1);
    stage_assert_status(stage_get(stage, "/readyz"), "200", "\"redis\":\"away\"");
    stage_assert_status(stage_get(stage, "/health"), "200",
                        "{\"status\":\"unhealthy\",\"database\":\"healthy\",\"cache\":\"unhealthy\"}");
    harness_advance(stage->harness, 3000000);
    stage_assert_status(stage_get(stage, "/health"), "200", "\"database\":\"unhealthy\"");
}

static void test_limits(void **state)
{
    struct stage *stage = *state;

    harness_set_option(stage->harness, stage->edge, "shorten_burst", "2");
    harness_set_option(stage->harness, stage->edge, "shorten_rate", "1");
    for (int i = 0; i < 2; i++) {
        close(stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}"));
        stage_expect(stage, &link_shorten_schema);
    }
    stage_assert_status(stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}"),
                        "429", "Retry-After: 1\r\n");
    stage_assert_status(stage_get(stage, "/livez"), "200", "");
    harness_set_option(stage->harness, stage->edge, "request_burst", "1");
    harness_set_option(stage->harness, stage->edge, "request_rate", "1");
    stage_assert_status(stage_get(stage, "/livez"), "200", "");
    stage_assert_status(stage_get(stage, "/livez"), "429", "application/problem+json");
    harness_advance(stage->harness, 1100000);
    stage_assert_status(stage_get(stage, "/livez"), "200", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_shorten),
        WITH_STAGE(test_shorten_is_refused),
        WITH_STAGE(test_shorten_is_not_repeated),
        WITH_STAGE(test_stats),
        WITH_STAGE(test_managing_needs_the_key),
        WITH_STAGE(test_methods_and_odd_paths),
        WITH_STAGE(test_probes),
        WITH_STAGE(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
