/* SPDX-License-Identifier: MIT */
/* edge_stage -- see edge_stage.h. */
#include "tests/actor/support/edge_stage.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------ the stage */

static void beat(struct stage *stage)
{
    for (uint64_t i = 0; i < NODES; i++)
        harness_tell(stage->harness, stage->edge, &feed_beat_schema,
                     &(struct feed_beat){ .feed = FEED + i, .number = stage->numbers[i] });
}

/* Lets the edge read what clients sent, and answer. */
void stage_run(struct stage *stage)
{
    for (int i = 0; i < 4; i++) {
        edge_kind.wait(stage->edge, stage->idle_fd, 0); /* what was sent on this machine is here */
        beat(stage);
        harness_run(stage->harness);
    }
}

void stage_start(struct stage *stage, const char *const *options)
{
    signal(SIGPIPE, SIG_IGN); /* as in a node */
    *stage = (struct stage){ .harness = harness_new(7), .idle_fd = eventfd(0, EFD_CLOEXEC) };
    stage->edge = harness_add(stage->harness, &edge_kind, "edge", options);
    harness_receivers(stage->harness, stage->edge, EDGE_TO_LINKS, NODES);
    harness_start(stage->harness);
    assert_true(harness_is_up(stage->edge));
    stage_run(stage);
    while (harness_take(stage->harness) != NULL) /* the first look at everybody's health */
        ;
}

int stage_setup(void **state)
{
    static const char *const options[] = { "listen=127.0.0.1:0", "public_url=http://sho.rt", "debug_identity=yes",
                                           NULL };
    struct stage *stage = calloc(1, sizeof(*stage));

    stage_start(stage, options);
    *state = stage;
    return 0;
}

int stage_teardown(void **state)
{
    struct stage *stage = *state;

    harness_destroy(&stage->harness);
    close(stage->idle_fd);
    free(stage);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ clients */

int stage_client(struct stage *stage, const char *request)
{
    const struct edge *edge = actor_state(stage->edge);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(http_port(edge->http)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    stage_run(stage);
    return fd;
}

int stage_get(struct stage *stage, const char *path)
{
    char request[512];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: x\r\nReferer: https://News.example:8/x\r\n"
             "User-Agent: Mozilla/5.0 (iPhone)\r\n\r\n",
             path);
    return stage_client(stage, request);
}

int stage_post(struct stage *stage, const char *path, const char *type, const char *body)
{
    char request[1024];

    snprintf(request, sizeof(request),
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", path, type,
             strlen(body), body);
    return stage_client(stage, request);
}

/* What has come by now; "" when nothing has. Closes the connection. */
const char *stage_answer_of(int fd)
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

bool stage_has_come(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void stage_assert_status(int fd, const char *status, const char *part)
{
    const char *answer = stage_answer_of(fd);
    char line[32];

    snprintf(line, sizeof(line), "HTTP/1.1 %s ", status);
    if (strncmp(answer, line, strlen(line)) != 0 || strstr(answer, part) == NULL)
        fail_msg("not %s with '%s': %s", status, part, answer);
}

/* ------------------------------------------------------------------------------------------------ those behind */

const struct harness_letter *stage_expect(struct stage *stage, const struct message_schema *schema)
{
    const struct harness_letter *letter = harness_take_type(stage->harness, schema);

    if (letter == NULL)
        fail_msg("no %s left the edge", schema->name);
    return letter;
}

void stage_expect_and_keep(struct stage *stage, const struct message_schema *schema, struct kept *kept)
{
    kept->letter = *stage_expect(stage, schema);
    snprintf(kept->from, sizeof(kept->from), "%s", kept->letter.from);
    snprintf(kept->to, sizeof(kept->to), "%s", kept->letter.to);
    kept->letter.from = kept->from;
    kept->letter.to = kept->to;
    kept->letter.message = NULL;
}

void stage_expect_none(struct stage *stage, const struct message_schema *schema)
{
    if (harness_take_type(stage->harness, schema) != NULL)
        fail_msg("a %s left the edge", schema->name);
}

void stage_resolve_as(struct stage *stage, enum code_state state, const char *location, uint64_t expires_us)
{
    const struct harness_letter *ask = stage_expect(stage, &link_resolve_schema);

    harness_reply(stage->harness, ask, &link_resolved_schema,
                  &(struct link_resolved){
                      .state = state, .location = slice_of(location), .version = 1, .expires_us = expires_us });
    stage_run(stage);
}

void stage_commit(struct stage *stage)
{
    const struct harness_letter *ask = stage_expect(stage, &clicks_commit_schema);

    harness_reply(stage->harness, ask, &clicks_committed_schema,
                  &(struct clicks_committed){ .epoch = 5, .lane = 2, .first_seq = 40 });
    stage_run(stage);
}

void stage_change(struct stage *stage, const char *code)
{
    harness_tell(stage->harness, stage->edge, &link_changed_schema,
                 &(struct link_changed){ .feed = FEED, .number = ++stage->numbers[0], .code = slice_of(code) });
    harness_run(stage->harness);
}

/* Has the edge remember the code. */
void stage_warm(struct stage *stage, const char *path)
{
    int fd = stage_get(stage, path);

    stage_resolve_as(stage, CODE_LIVE, "https://example.org/a?b=c", 0);
    stage_commit(stage);
    stage_assert_status(fd, "307", "Location: https://example.org/a?b=c\r\n");
}
