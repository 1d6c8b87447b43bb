/* SPDX-License-Identifier: MIT */
/*
 * url -- a URL taken apart by the WHATWG rules, as the browser that follows a link will do it.
 *
 * The parser is ada, the one of Node.js; this is the only place that knows it.
 */
#ifndef ACTORS_IO_URL_H
#define ACTORS_IO_URL_H

#include "proto/slice.h"

struct url; /* owned by whoever parsed it; the slices below live as long as it does */

/* NULL when the text is not an absolute URL by the WHATWG rules. Any thread. */
struct url *url_parse(struct slice text);
void url_destroy(struct url **url); /* accepts NULL in *url; sets it to NULL */

struct slice url_scheme(const struct url *url);   /* "https", lower case, without the colon */
struct slice url_hostname(const struct url *url); /* lower case, IDNA, IPv4 as four decimals, IPv6 in brackets */
struct slice url_port(const struct url *url);     /* decimal; empty when it is the scheme's own */
struct slice url_href(const struct url *url);     /* the whole, serialised: ASCII, percent-encoded */

#endif
