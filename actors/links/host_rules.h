/* SPDX-License-Identifier: MIT */
/*
 * host_rules -- what kind of place a host name means, as far as the name alone tells.
 *
 * Names are never looked up: an answer from DNS is true for a moment only, and a shortener that resolves what strangers
 * send it is a scanner. Pure, any thread.
 */
#ifndef ACTORS_LINKS_HOST_RULES_H
#define ACTORS_LINKS_HOST_RULES_H

#include <stdbool.h>

#include "proto/slice.h"

/* All take a host as the URL parser writes it: lower case, IPv4 as four decimals, IPv6 in brackets. */

/* Whether the host is this machine itself: localhost and names below it, 127.0.0.0/8, ::1, and the unspecified
 * addresses, which most systems connect to themselves. */
bool host_rules_is_loopback(struct slice host);

/* Whether the public Internet could know this host: not an address for private or special use (IANA's special-purpose
 * registries, RFC 6890), not a name of one label, not below a name reserved for private use (RFC 6761, 6762, 8375,
 * 9476). */
bool host_rules_is_public(struct slice host);

#endif
