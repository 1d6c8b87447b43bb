/* SPDX-License-Identifier: MIT */
/* resolve -- see resolve.h. */
#include "actors/io/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/offload.h"
#include "actors/io/uri.h"

struct resolve {
    struct offload *offload;
    resolve_handler *then;
    void *context;
    char host[URI_TEXT_LIMIT + 1];
    char address[RESOLVE_ADDRESS_SIZE]; /* empty: not found */
    char why[URI_TEXT_LIMIT + 128];
};

bool resolve_is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static void look_up(void *context)
{
    struct resolve *resolve = context;
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(resolve->host, NULL, &hints, &found);

    if (failure == 0)
        failure = getnameinfo(found->ai_addr, found->ai_addrlen, resolve->address, sizeof(resolve->address), NULL, 0,
                              NI_NUMERICHOST);
    if (failure != 0) {
        resolve->address[0] = '\0';
        snprintf(resolve->why, sizeof(resolve->why), "the host name %s cannot be resolved: %s", resolve->host,
                 gai_strerror(failure));
    }
    if (found != NULL)
        freeaddrinfo(found);
}

static void looked_up(struct actor *me, void *context)
{
    struct resolve *resolve = context;

    resolve->then(me, resolve->context, resolve->address[0] != '\0' ? resolve->address : NULL, resolve->why);
}

struct resolve *resolve_start(struct actor *me, const char *host, resolve_handler *then, void *context)
{
    static const struct offload_task task = { .work = look_up, .done = looked_up, .discard = free };
    struct resolve *resolve = calloc(1, sizeof(*resolve));

    if (resolve == NULL)
        return NULL;
    resolve->then = then;
    resolve->context = context;
    snprintf(resolve->host, sizeof(resolve->host), "%s", host);
    struct offload *offload = offload_start(me, &task, resolve);
    if (offload == NULL) {
        free(resolve);
        return NULL;
    }
    resolve->offload = offload; /* only this thread reads it */
    return resolve;
}

void resolve_cancel(struct resolve **resolve)
{
    struct resolve *cancelled = *resolve;

    *resolve = NULL;
    if (cancelled != NULL)
        offload_cancel(&cancelled->offload);
}
