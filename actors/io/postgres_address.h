/* SPDX-License-Identifier: MIT */
/*
 * postgres_address -- the hosts of a Postgres address, looked up before libpq would do so in the middle of its
 * "non-blocking" connect.
 */
#ifndef ACTORS_IO_POSTGRES_ADDRESS_H
#define ACTORS_IO_POSTGRES_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/io/resolve.h"
#include "actors/io/uri.h"

struct postgres_host {
    char name[URI_TEXT_LIMIT + 1];
    char port[8];
    char address[RESOLVE_ADDRESS_SIZE]; /* empty: not looked up, or not found */
};

struct postgres_address {
    struct postgres_host hosts[URI_HOSTS_LIMIT];
    uint32_t count;    /* at least 1 */
    bool is_looked_up; /* false: libpq gets the address as it was written (a Unix socket, or `hostaddr` in it) */
};

/* The three lists as libpq takes them, of hosts whose address is known, beginning with the one numbered `first`. */
struct postgres_host_lists {
    char names[URI_HOSTS_LIMIT * (URI_TEXT_LIMIT + 1)];
    char addresses[URI_HOSTS_LIMIT * RESOLVE_ADDRESS_SIZE];
    char ports[URI_HOSTS_LIMIT * 8];
};

/* Checks the whole address with libpq's own parser. False with a sentence in `why`; it never holds the password. */
bool postgres_address_parse(const char *uri, struct postgres_address *ret_address, char *why, size_t room);
/* False when no host's address is known. */
bool postgres_address_lists(const struct postgres_address *address,
                            uint32_t first,
                            struct postgres_host_lists *ret_lists);

#endif
