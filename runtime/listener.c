/* SPDX-License-Identifier: MIT */
/* listener -- see listener.h. */
#include "runtime/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/plan/topology.h"

enum { BACKLOG = 4096 };

static int open_socket(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 || bind(fd, at->ai_addr, at->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* What the address means; NULL when it does not have that shape. */
static struct addrinfo *look_up(const char *address)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
    char host[TOPOLOGY_HOST_LIMIT];
    char service[8];
    char *bare = host;
    uint16_t port;
    struct addrinfo *found = NULL;

    if (!topology_split_address(address, host, &port))
        return NULL;
    if (host[0] == '[') {
        bare++;
        bare[strcspn(bare, "]")] = '\0';
    }
    snprintf(service, sizeof service, "%u", port);
    return getaddrinfo(strcmp(bare, "*") == 0 ? NULL : bare, service, &hints, &found) == 0 ? found : NULL;
}

int listener_open(const char *address, char *why, size_t why_size)
{
    struct addrinfo *found = look_up(address);
    int fd;

    if (found == NULL) {
        snprintf(why, why_size, "cannot listen on '%s': write an address and a port, as in 127.0.0.1:8080 or *:8080",
                 address);
        errno = EINVAL;
        return -1;
    }
    fd = open_socket(found);
    if (fd < 0)
        snprintf(why, why_size, "cannot listen on %s: %s; stop what uses it or choose another address", address,
                 strerror(errno));
    freeaddrinfo(found);
    return fd;
}

/* The inherited descriptor for that address; -1 when there is none. */
static int find_inherited(const char *address)
{
    const char *at = getenv(LISTENERS_VARIABLE);
    size_t size = strlen(address);

    while (at != NULL && *at != '\0') {
        if (strncmp(at, address, size) == 0 && at[size] == '=')
            return (int)strtol(at + size + 1, NULL, 10);
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    return -1;
}

int listener_take(const char *address, char *why, size_t why_size)
{
    int inherited = find_inherited(address);
    int own = inherited >= 0 ? fcntl(inherited, F_DUPFD_CLOEXEC, 0) : -1;

    return own >= 0 ? own : listener_open(address, why, why_size);
}
