/* SPDX-License-Identifier: MIT */
/*
 * resolve -- from a host's name to its address, without blocking the actor.
 *
 * hiredis and libpq look names up in the middle of their "non-blocking" connect. So they are only given addresses.
 */
#ifndef ACTORS_IO_RESOLVE_H
#define ACTORS_IO_RESOLVE_H

#include <stdbool.h>

struct actor;
struct resolve;

enum { RESOLVE_ADDRESS_SIZE = 64 /* of a written address with its end */ };

/* `address` is numeric, or NULL with a sentence in `why`; valid until the handler returns. */
typedef void resolve_handler(struct actor *me, void *context, const char *address, const char *why);

/* Whether `host` is an address already. */
bool resolve_is_address(const char *host);
/* Looks it up on a thread; `then` comes once, never from inside, not after resolve_cancel. The pointer is void with it.
 * NULL when there is no thread to be had. */
struct resolve *resolve_start(struct actor *me, const char *host, resolve_handler *then, void *context);
/* Accepts NULL in *resolve; sets it to NULL. */
void resolve_cancel(struct resolve **resolve);

#endif
