/* SPDX-License-Identifier: MIT */
/* Limits that edges share: what others let pass counts here, no request waits for it, and without Redis each counts for
 * itself. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/io/sha256.h"
#include "tests/actor/fakes/fake_redis.h"
#include "tests/actor/support/edge_stage.h"

static int setup(void **state)
{
    static const char *const options[] = { "listen=127.0.0.1:0", "public_url=http://sho.rt", "redis=redis://h", NULL };
    struct stage *stage = calloc(1, sizeof(*stage));

    stage_start(stage, options);
    *state = stage;
    return 0;
}

static void limit_to(struct stage *stage, const char *rate, const char *burst)
{
    harness_set_option(stage->harness, stage->edge, "request_burst", burst);
    harness_set_option(stage->harness, stage->edge, "request_rate", rate);
    stage_run(stage);
}

static void what_others_let_pass_counts(void **state)
{
    struct stage *stage = *state;

    limit_to(stage, "1", "10");
    fake_redis_connect("redis-limits");
    stage_run(stage);
    stage_assert_status(stage_get(stage, "/livez"), "200", "");
    assert_true(fake_redis_next_is("redis-limits", "EVAL local time"));
    assert_non_null(strstr(fake_redis_next("redis-limits"), " 1 {rate}:0:"));
    assert_non_null(strstr(fake_redis_next("redis-limits"), " 1000000 1")); /* a second between two, one request */
    fake_redis_answer_array("redis-limits", (const char *[]){ "s:60000000", NULL });
    stage_run(stage);
    stage_assert_status(stage_get(stage, "/livez"), "429", "Retry-After: 51\r\n");
    assert_int_equal(fake_redis_waiting("redis-limits"), 0); /* what was refused is not counted */
}

static void without_redis_each_counts_for_itself(void **state)
{
    struct stage *stage = *state;

    limit_to(stage, "1", "2");
    stage_assert_status(stage_get(stage, "/livez"), "200", "");
    stage_assert_status(stage_get(stage, "/livez"), "200", "");
    stage_assert_status(stage_get(stage, "/livez"), "429", "");
    fake_redis_connect("redis-limits");
    fake_redis_lose("redis-limits");
    stage_run(stage);
    stage_assert_status(stage_get(stage, "/livez"), "429", "");
}

static void write_key(const char *folder, const char *name, const char *key)
{
    char path[128], hash[SHA256_TEXT_ROOM];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    sha256_text(slice_of(key), hash);
    fprintf(file, "%s\n", hash);
    fclose(file);
}

static void remove_folder(const char *folder)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Each key has its own schedule, who has none shares that of the network; and links may be for keys alone. */
static void callers_with_keys_are_counted_by_them(void **state)
{
    static const char first[] = "GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer first\r\n\r\n";
    static const char second[] = "GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer second\r\n\r\n";
    static const char link[] = "POST /api/shorten HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer first\r\n"
                               "Content-Type: application/json\r\nContent-Length: 30\r\n\r\n"
                               "{\"url\":\"https://example.org/\"}";
    char folder[] = "/tmp/api_keys_XXXXXX", option[64];
    struct stage *stage = calloc(1, sizeof(*stage));
    void *fixture = stage;

    assert_non_null(mkdtemp(folder));
    write_key(folder, "one", "first");
    write_key(folder, "two", "second");
    snprintf(option, sizeof(option), "api_keys=%s", folder);
    stage_start(stage, (const char *[]){ "listen=127.0.0.1:0", "public_url=http://sho.rt", option, NULL });
    limit_to(stage, "1", "1");
    stage_assert_status(stage_client(stage, first), "200", "");
    stage_assert_status(stage_client(stage, first), "429", "");
    stage_assert_status(stage_client(stage, second), "200", "");
    stage_assert_status(stage_get(stage, "/livez"), "200", "");
    stage_assert_status(stage_get(stage, "/livez"), "429", "");
    harness_set_option(stage->harness, stage->edge, "request_rate", "0");
    harness_set_option(stage->harness, stage->edge, "shorten_needs_key", "yes");
    stage_assert_status(stage_post(stage, "/api/shorten", "application/json", "{\"url\":\"https://example.org/\"}"),
                        "401", "application/problem+json");
    stage_expect_none(stage, &link_shorten_schema);
    close(stage_client(stage, link));
    stage_expect(stage, &link_shorten_schema);
    remove_folder(folder);
    stage_teardown(&fixture);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_others_let_pass_counts, setup, stage_teardown),
        cmocka_unit_test_setup_teardown(without_redis_each_counts_for_itself, setup, stage_teardown),
        cmocka_unit_test(callers_with_keys_are_counted_by_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
