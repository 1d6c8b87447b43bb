/* SPDX-License-Identifier: MIT */
/* The operator's listener: whom it asks, and what the answers look like outside. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/messages/control.h"
#include "runtime/harness.h"
#include "tests/testing.h"

extern const struct actor_kind operator_kind;

enum { TO_SUPERVISORS = 0 };

struct stage {
    struct harness *harness;
    struct actor *operator;
    int idle_fd;
    uint16_t port;
};

static void run(struct stage *stage)
{
    for (int i = 0; i < 4; i++) {
        operator_kind.wait(stage->operator, stage->idle_fd, 1000);
        /* Anything that makes a turn: nobody waits for this question. */
        harness_ask(stage->harness, stage->operator, & status_read_schema, &(struct status_read){});
        harness_run(stage->harness);
    }
}

/* A port that nobody uses just now. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    uint16_t port = free_port();
    char listen[64];
    const char *const options[] = { listen, NULL };

    snprintf(listen, sizeof(listen), "listen=127.0.0.1:%u", port);
    *stage = (struct stage){ .harness = harness_new(3), .idle_fd = eventfd(0, EFD_CLOEXEC), .port = port };
    stage->operator= harness_add(stage->harness, &operator_kind, "operator", options);
    harness_receivers(stage->harness, stage->operator, TO_SUPERVISORS, 2);
    harness_start(stage->harness);
    assert_true(harness_is_up(stage->operator));
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

static int get(struct stage *stage, const char *path)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(stage->port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char request[256];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    run(stage);
    return fd;
}

static void assert_answer(int fd, const char *status, const char *part)
{
    static char bytes[64 * 1024];
    size_t size = 0;
    ssize_t got;

    while ((got = recv(fd, bytes + size, sizeof(bytes) - 1 - size, MSG_DONTWAIT)) > 0)
        size += (size_t)got;
    bytes[size] = '\0';
    close(fd);
    if (strncmp(bytes + 9, status, 3) != 0 || strstr(bytes, part) == NULL)
        fail_msg("not %s with '%s': %s", status, part, bytes);
}

static const struct harness_letter *expect(struct stage *stage, const struct message_schema *schema)
{
    const struct harness_letter *letter = harness_take_type(stage->harness, schema);

    assert_non_null(letter);
    return letter;
}

static void reply_metrics(struct stage *stage, const char *text)
{
    harness_reply(stage->harness, expect(stage, &metrics_read_schema), &metrics_text_schema,
                  &(struct metrics_text){ .text = slice_of(text) });
    run(stage);
}

static void test_metrics_of_all_nodes(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/metrics");

    reply_metrics(stage, "# HELP a x\n# TYPE a counter\na{node=\"n1\"} 1\n");
    reply_metrics(stage, "# HELP a x\n# TYPE a counter\na{node=\"n2\"} 2\n");
    assert_answer(fd, "200", "# HELP a x\n# TYPE a counter\na{node=\"n1\"} 1\na{node=\"n2\"} 2\n");
}

static void test_silent_nodes_are_left_out(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/metrics");

    reply_metrics(stage, "# HELP a x\n# TYPE a counter\na 1\n");
    harness_advance(stage->harness, 2100000);
    run(stage);
    assert_answer(fd, "200", "a 1\n");
    fd = get(stage, "/metrics");
    harness_advance(stage->harness, 2100000);
    run(stage);
    assert_answer(fd, "503", "No node answers");
}

static void test_metrics_of_one_node(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/metrics/absent");

    reply_metrics(stage, "# HELP a x\n# TYPE a counter\na 1\n");
    assert_null(harness_take_type(stage->harness, &metrics_read_schema));
    assert_answer(fd, "200", "text/plain; version=0.0.4");
    assert_answer(get(stage, "/metrics/nobody"), "404", "no such node");
}

static void test_status_shows_text_as_text(void **state)
{
    struct stage *stage = *state;
    int fd = get(stage, "/");
    const struct process_status node = { .name = SLICE("edge"), .state = SLICE("up"), .reason = SLICE("<b>&") };

    harness_reply(stage->harness, expect(stage, &status_read_schema), &platform_status_schema,
                  &(struct platform_status){ .url = SLICE("http://x"), .ready = true, .nodes = { &node, 1 } });
    run(stage);
    assert_answer(fd, "200", "<td>&lt;b&gt;&amp;");
}

static void test_targets(void **state)
{
    struct stage *stage = *state;
    char expected[160];

    snprintf(expected, sizeof(expected),
             "{\"targets\":[\"127.0.0.1:%u\"],\"labels\":{\"__metrics_path__\":\"/metrics/absent\","
             "\"instance\":\"absent\"}}",
             stage->port);
    assert_answer(get(stage, "/targets"), "200", expected);
    assert_answer(get(stage, "/elsewhere"), "404", "/targets");
}

int main(void)
{
#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_metrics_of_all_nodes),
        WITH_STAGE(test_silent_nodes_are_left_out),
        WITH_STAGE(test_metrics_of_one_node),
        WITH_STAGE(test_status_shows_text_as_text),
        WITH_STAGE(test_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
