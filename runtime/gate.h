/* SPDX-License-Identifier: MIT */
/*
 * gate -- the one way in for a console or a program on another machine: a kind of actor that any node may have.
 *
 * It listens on tcp, always CURVE, for keys of the roles `read` and `act`, and asks for them whom they want to ask: an
 * actor of the plan, a supervisor, the launcher. A key of the role `read` may ask only what changes nothing: messages
 * whose names end in `_read`. What a key of the role `act` asks beyond that is logged with the key's name. A key that
 * is not known gets no answer; one that is revoked gets none any more, also on a connection that it has.
 */
#ifndef RUNTIME_GATE_H
#define RUNTIME_GATE_H

#include "runtime/actor.h"

enum {
    GATE_ASKS_LIMIT = 256,           /* under way at the same time; a further one is answered ASK_OVERLOADED */
    GATE_REQUEST_LIMIT = 1024 * 1024 /* bytes; a larger one ends its connection */
};

extern const struct actor_kind gate_kind;

/* Whether a message only reads. */
bool gate_is_reading(const struct message_schema *schema);

#endif
