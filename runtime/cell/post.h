/* SPDX-License-Identifier: MIT */
/*
 * post -- an actor's letters: in from the mailbox to the handlers, out at the end of the turn, and the asks between.
 */
#ifndef RUNTIME_CELL_POST_H
#define RUNTIME_CELL_POST_H

#include "runtime/cell/cell.h"

void post_send_all(struct actor *cell); /* what this turn's callbacks sent leaves now */
void post_tick(struct actor *cell);     /* probes, resends, and parcels that ZeroMQ would not take */
/* Ends every open ask to the peer with this outcome, and tells the asker. */
void post_fail_asks(struct actor *cell, struct peer *peer, enum ask_outcome outcome);
void post_forget_asks(struct actor *cell);   /* nobody is left to be told */
void post_end_questions(struct actor *cell); /* the askers hear that the actor ended */
void post_discard(struct actor *cell);       /* parcels in hand, at the very end */
/* Sends one letter; `schema` and `message` as in actor_tell. */
enum peer_outcome post_letter(struct actor *cell,
                              struct peer *peer,
                              struct envelope *envelope,
                              const struct wired_outlet *outlet,
                              const struct message_schema *schema,
                              const void *message);
/* Hands a parcel's letters to a test's actor; `letters` is copied. */
void post_deliver(struct actor *to, const char *from_address, struct slice letters);

#endif
