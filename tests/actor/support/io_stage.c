/* SPDX-License-Identifier: MIT */
#include "tests/actor/support/io_stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/io/offload.h"
#include "runtime/cell/cell.h"

enum { LIMIT_S = 10, READ_BYTES = 64 * 1024 };

/* ------------------------------------------------------------------------------------------------ the actor */

static void start(struct actor *me)
{
    (void)me;
}

static void stop(struct actor *me)
{
    (void)me;
}

static const struct actor_kind kind = { .name = "stage", .start = start, .stop = stop, .state_size = 1 };

void io_stage_open(struct io_stage *stage)
{
    stage->harness = harness_new(1);
    stage->actor = harness_add(stage->harness, &kind, "stage", NULL);
    stage->actor->reactor->epoll_fd = epoll_create1(EPOLL_CLOEXEC); /* real sockets; the reactor closes it */
    assert_true(stage->actor->reactor->epoll_fd >= 0);
    harness_start(stage->harness);
}

void io_stage_close(struct io_stage *stage)
{
    io_stage_turn(stage);
    harness_destroy(&stage->harness);
    assert_true(offload_settle(LIMIT_S * 1000 * 1000)); /* a thread at work at exit() looks like a leak */
}

void io_stage_turn(struct io_stage *stage)
{
    reactor_turn(stage->actor->reactor, 0);
}

static int64_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

void io_stage_until(struct io_stage *stage, bool (*holds)(void *context), void *context)
{
    int64_t end_s = now_s() + LIMIT_S;

    while (!holds(context)) {
        assert_true(now_s() < end_s); /* the condition never came true */
        io_stage_turn(stage);
    }
}

/* ------------------------------------------------------------------------------------------------ the server */

void io_server_open(struct io_server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);

    *server = (struct io_server){ .client = -1 };
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
}

void io_server_close(struct io_server *server)
{
    if (server->client >= 0)
        close(server->client);
    close(server->listener);
    buffer_free(&server->input);
}

static void take_client(struct io_server *server)
{
    int client = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (client < 0)
        return;
    if (server->client >= 0)
        close(server->client);
    server->client = client;
    server->has_ended = false;
    server->reads = 0;
    buffer_free(&server->input);
}

void io_server_serve(struct io_server *server)
{
    static char bytes[READ_BYTES];
    ssize_t size;

    take_client(server);
    if (server->client < 0 || server->has_ended)
        return;
    size = recv(server->client, bytes, sizeof(bytes), 0);
    if (size == 0 || (size < 0 && errno != EAGAIN))
        server->has_ended = true;
    if (size <= 0)
        return;
    server->reads++;
    buffer_append(&server->input, bytes, (size_t)size);
}

void io_server_send_bytes(struct io_server *server, struct slice bytes)
{
    assert_int_equal(send(server->client, bytes.at, bytes.size, MSG_NOSIGNAL), bytes.size);
}

void io_server_send(struct io_server *server, const char *text)
{
    io_server_send_bytes(server, slice_of(text));
}

void io_server_hang_up(struct io_server *server)
{
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(server->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(server->client);
    server->client = -1;
}
