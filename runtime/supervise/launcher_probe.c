/* SPDX-License-Identifier: MIT */
/*
 * launcher_probe -- finds out whether a store that was started is ready: connects, sends what its kind's row says,
 * looks at how the answer begins, and tries again shortly until it fits. Whoever waits for it has a time limit of his
 * own.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/supervise/launcher_state.h"

enum { PROBE_PAUSE_US = 40 * 1000, PROBE_LIMIT_US = 1000 * 1000 };

static void probe_again(struct actor *me, void *context);

static void close_probe(struct actor *me, struct probe *probe)
{
    actor_unwatch(me, &probe->watch);
    actor_cancel_timer(me, &probe->timer);
    if (probe->fd >= 0)
        close(probe->fd);
    probe->fd = -1;
    probe->answer_size = 0;
}

static void try_later(struct actor *me, struct unit *unit)
{
    close_probe(me, &unit->probe);
    unit->probe.timer = actor_after(me, PROBE_PAUSE_US, probe_again, unit);
}

static void took_too_long(struct actor *me, void *context)
{
    struct unit *unit = context;

    unit->probe.timer = 0;
    try_later(me, unit);
}

/* Reads until the answer can be judged. */
static void read_answer(struct actor *me, struct unit *unit)
{
    struct probe *probe = &unit->probe;
    const struct store_kind *kind = unit->store->knows;
    ssize_t size = recv(probe->fd, probe->answer + probe->answer_size, sizeof probe->answer - probe->answer_size, 0);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        try_later(me, unit);
        return;
    }
    probe->answer_size += (size_t)size;
    if (probe->answer_size < kind->ready_size && memcmp(probe->answer, kind->ready, probe->answer_size) == 0)
        return; /* there is more to come */
    if (probe->answer_size < kind->ready_size || memcmp(probe->answer, kind->ready, kind->ready_size) != 0) {
        try_later(me, unit);
        return;
    }
    close_probe(me, probe);
    unit_is_up(me, unit);
}

static void socket_ready(struct actor *me, void *context, int fd, unsigned events)
{
    struct unit *unit = context;
    char bytes[STORE_PROBE_LIMIT];

    if ((events & WATCH_WRITE) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        size_t count = unit->store->knows->probe(unit->store, bytes);

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0 ||
            send(fd, bytes, count, MSG_NOSIGNAL) != (ssize_t)count) {
            try_later(me, unit);
            return;
        }
        actor_watch_change(me, unit->probe.watch, WATCH_READ);
        return;
    }
    read_answer(me, unit);
}

/* A socket on its way to the store, or -1. */
static int connect_to(const struct topology_store *store)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char port[8];
    int fd = -1;

    snprintf(port, sizeof port, "%u", store->port);
    if (getaddrinfo(store->host, port, &hints, &found) != 0)
        return -1;
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static void probe_again(struct actor *me, void *context)
{
    struct unit *unit = context;
    struct probe *probe = &unit->probe;

    probe->timer = 0;
    probe->fd = connect_to(unit->store);
    if (probe->fd >= 0)
        probe->watch = actor_watch(me, probe->fd, WATCH_WRITE, socket_ready, unit);
    if (probe->watch == NULL) {
        try_later(me, unit);
        return;
    }
    probe->timer = actor_after(me, PROBE_LIMIT_US, took_too_long, unit);
}

void probe_begin(struct actor *me, struct unit *unit)
{
    probe_end(me, unit);
    unit->probe.timer = actor_after(me, PROBE_PAUSE_US, probe_again, unit);
}

void probe_end(struct actor *me, struct unit *unit)
{
    close_probe(me, &unit->probe);
}
