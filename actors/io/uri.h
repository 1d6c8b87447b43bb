/* SPDX-License-Identifier: MIT */
/*
 * uri -- the address of a store, taken apart: scheme://[user[:password]@]host[:port][,host[:port]...][/path][?query]
 *
 * A list of hosts is what makes a store replicated, so it is part of the syntax for all of them. User, password and
 * path are percent-decoded; a host may be an IPv6 address in brackets. (Postgres addresses go to libpq as they are.)
 */
#ifndef ACTORS_IO_URI_H
#define ACTORS_IO_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { URI_HOSTS_LIMIT = 16, URI_TEXT_LIMIT = 255 /* bytes of each part */ };

struct uri_host {
    char name[URI_TEXT_LIMIT + 1]; /* without brackets */
    uint16_t port;
};

struct uri {
    char scheme[16];
    char user[URI_TEXT_LIMIT + 1];     /* empty when none */
    char password[URI_TEXT_LIMIT + 1]; /* empty when none */
    char path[URI_TEXT_LIMIT + 1];     /* without its first '/'; empty when none */
    char query[URI_TEXT_LIMIT + 1];    /* as written, not decoded; empty when none */
    struct uri_host hosts[URI_HOSTS_LIMIT];
    uint32_t host_count; /* at least 1 */
};

/* Takes `text` apart into *ret_uri. Hosts without a port get `default_port`. False with a sentence in `why` (what is
 * wrong and what was expected; never the password) and *ret_uri untouched. */
bool uri_parse(const char *text, uint16_t default_port, struct uri *ret_uri, char *why, size_t room);

#endif
