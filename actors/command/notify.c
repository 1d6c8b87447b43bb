/* SPDX-License-Identifier: MIT */
/* notify -- see notify.h. */
#include "actors/command/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char name[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

void notify_open(void)
{
    const char *given = getenv("NOTIFY_SOCKET");

    if (given != NULL && (given[0] == '/' || given[0] == '@') && strlen(given) < sizeof name)
        memcpy(name, given, strlen(given) + 1);
    (void)unsetenv("NOTIFY_SOCKET");
}

void notify_tell(const char *state)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t size = strlen(name);
    int fd;

    if (size == 0)
        return;
    memcpy(to.sun_path, name, size);
    if (name[0] == '@')
        to.sun_path[0] = '\0'; /* of Linux's abstract names */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Nobody could do anything about a failure: systemd gives up waiting after TimeoutStartSec and says so. */
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    close(fd);
}
