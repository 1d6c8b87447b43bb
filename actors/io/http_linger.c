/* SPDX-License-Identifier: MIT */
/*
 * http_linger -- lets the last answer of a connection reach a client that is still sending. See http_inside.h.
 *
 * What is kept is bounded: when the ring is full the oldest goes. Nothing is waited for: the sweep comes with every turn of
 * the loop and reads what there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/io/http_inside.h"

static const uint64_t linger_ms = 2000;
enum { SWEEP_BYTES = 256 * 1024 }; /* thrown away for one connection in one sweep */

static void let_oldest_go(struct http_server *server)
{
    close(server->lingering[server->lingering_first]);
    server->lingering_first = (server->lingering_first + 1) % HTTP_LINGERING_LIMIT;
    server->lingering_count--;
}

void http_linger_keep(struct http_server *server, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    uint32_t last;

    if (copy < 0)
        return; /* out of descriptors: this answer takes its chances */
    if (server->lingering_count == HTTP_LINGERING_LIMIT)
        let_oldest_go(server);
    last = (server->lingering_first + server->lingering_count) % HTTP_LINGERING_LIMIT;
    server->lingering[last] = copy;
    server->lingering_since_ms[last] = h2o_now(server->loop);
    server->lingering_count++;
}

/* Reads and forgets. False when the client has finished. */
static bool is_still_sending(int fd)
{
    char bytes[16 * 1024];
    ssize_t got;
    size_t total = 0;

    do {
        got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got > 0)
            total += (size_t)got;
    } while (got > 0 && total < SWEEP_BYTES);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void http_linger_sweep(struct http_server *server, bool all)
{
    uint64_t now_ms = h2o_now(server->loop);
    uint32_t i;

    for (i = 0; i < server->lingering_count; i++) {
        uint32_t at = (server->lingering_first + i) % HTTP_LINGERING_LIMIT;

        if (!is_still_sending(server->lingering[at]))
            server->lingering_since_ms[at] = 0;
    }
    while (server->lingering_count > 0 &&
           (all || server->lingering_since_ms[server->lingering_first] + linger_ms <= now_ms))
        let_oldest_go(server);
}
