/* SPDX-License-Identifier: MIT */
/*
 * remote -- an actor's mailbox as other hosts see it: a socket of its own beside the local one, on tcp, always CURVE.
 *
 * What comes in there carries the name of the key that its connection was let in with, and is believed only to come
 * from nodes of the host that the key belongs to. When a key is revoked, all tcp connections are begun anew: ZeroMQ
 * cannot end a single one. What was under way on them goes the way of a cut connection.
 */
#ifndef RUNTIME_CELL_REMOTE_H
#define RUNTIME_CELL_REMOTE_H

#include "runtime/cell/cell.h"

/* False with `errno` when the actor's tcp endpoint cannot be bound; ENOKEY: the host has no key. True when it is, or
 * has none. */
bool remote_open(struct actor *cell);
void remote_close(struct actor *cell);
void remote_keys_changed(struct actor *cell); /* CURVE_REVOKED */
void remote_tick(struct actor *cell);         /* binds again what could not be bound at once */
/* Whether the connection that brought this message may speak for the address. */
bool remote_is_trusted(const struct actor *cell, zmq_msg_t *message, const char *from);

#endif
