/* SPDX-License-Identifier: MIT */
/* one_way_proxy -- see one_way_proxy.h. */
#include "tests/unit/support/one_way_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/testing.h"

enum { LISTENERS_MOST = 4, PAIRS_MOST = 64, ENDS = LISTENERS_MOST + 2 * PAIRS_MOST };

static volatile sig_atomic_t is_cut;

static void cut(int signal)
{
    is_cut = signal == SIGUSR1;
}

static struct sockaddr_in address_of(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listen_on(int port)
{
    struct sockaddr_in address = address_of(port);
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* Ends come in pairs behind the listeners: who connected, then whom to. */
static void accept_pair(struct pollfd *ends, nfds_t *count, int listener, int port)
{
    struct sockaddr_in address = address_of(port);
    int from = accept(listener, NULL, NULL);
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (from < 0 || *count + 2 > ENDS || connect(to, (struct sockaddr *)&address, sizeof address) != 0) {
        close(from);
        close(to);
        return;
    }
    ends[(*count)++] = (struct pollfd){ .fd = from, .events = POLLIN };
    ends[(*count)++] = (struct pollfd){ .fd = to, .events = POLLIN };
}

static void forward(struct pollfd *ends, nfds_t i, int listeners)
{
    nfds_t other = (i - (nfds_t)listeners) % 2 == 0 ? i + 1 : i - 1;
    bool is_lost = other > i && is_cut;
    char bytes[16384];
    ssize_t size = read(ends[i].fd, bytes, sizeof bytes);

    if (size > 0 && (is_lost || write(ends[other].fd, bytes, (size_t)size) == size))
        return;
    if (size < 0 && errno == EINTR)
        return;
    close(ends[i].fd);
    close(ends[other].fd);
    ends[i].fd = ends[other].fd = -1; /* poll passes over it */
}

static _Noreturn void run(const int *listeners, int to, int count)
{
    struct pollfd ends[ENDS];
    nfds_t in_use = (nfds_t)count;

    for (int i = 0; i < count; i++)
        ends[i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
    for (;;) {
        if (poll(ends, in_use, -1) <= 0)
            continue;
        for (nfds_t i = 0; i < in_use; i++) {
            if (ends[i].fd < 0 || ends[i].revents == 0)
                continue;
            if (i < (nfds_t)count)
                accept_pair(ends, &in_use, ends[i].fd, to + (int)i);
            else
                forward(ends, i, count);
        }
    }
}

pid_t proxy_start(int from, int to, int count)
{
    int listeners[LISTENERS_MOST];
    pid_t pid;

    assert_true(count <= LISTENERS_MOST);
    for (int i = 0; i < count; i++)
        listeners[i] = listen_on(from + i);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGUSR1, cut);
        signal(SIGUSR2, cut);
        signal(SIGPIPE, SIG_IGN);
        run(listeners, to, count);
    }
    for (int i = 0; i < count; i++)
        close(listeners[i]);
    return pid;
}

void proxy_cut(pid_t proxy)
{
    kill(proxy, SIGUSR1);
}

void proxy_mend(pid_t proxy)
{
    kill(proxy, SIGUSR2);
}
