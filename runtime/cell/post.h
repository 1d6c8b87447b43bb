/* SPDX-License-Identifier: MIT */
/*
 * post -- what leaves an actor: its letters at the end of the turn, and the ends of its asks and questions. What comes
 * in is in mailbox.h.
 */
#ifndef RUNTIME_CELL_POST_H
#define RUNTIME_CELL_POST_H

#include "runtime/cell/cell.h"

/* Sends one letter; `schema` and `message` as in actor_tell. */
enum peer_outcome post_letter(struct actor *cell,
                              struct peer *peer,
                              struct envelope *envelope,
                              const struct wired_outlet *outlet,
                              const struct message_schema *schema,
                              const void *message);
/* Asks; as actor_ask, but whomever. `outlet` may be NULL; then with the defaults of one. */
uint64_t post_ask(struct actor *cell,
                  struct peer *peer,
                  const struct wired_outlet *outlet,
                  uint32_t receiver,
                  const struct sending *how,
                  const struct message_schema *schema,
                  const void *message);
void post_send_all(struct actor *cell); /* what this turn's callbacks sent leaves now */
void post_tick(struct actor *cell);     /* probes, and parcels that ZeroMQ would not take */
/* Whether letters still wait here for credit or for their confirmation by somebody who is there. */
bool post_has_letters(const struct actor *cell);

/* Ends an ask and tells the asker. */
void post_end_ask(struct actor *cell, struct ask *ask, const struct answer *answer);
void post_fail_ask(struct actor *cell, struct ask *ask, enum ask_outcome outcome);
/* Ends every ask to the peer that is open now, until the actor fails over it. Asks made by those who hear of it stay.
 */
void post_fail_asks(struct actor *cell, struct peer *peer, enum ask_outcome outcome);
void post_forget_asks(struct actor *cell); /* nobody is left to be told */

/* Answers with ask_failed. */
void post_answer_failure(struct actor *cell, struct peer *peer, uint64_t correlation, enum ask_outcome outcome);
void post_close_question(struct actor *cell, struct question_entry *entry);
void post_end_questions(struct actor *cell); /* the askers hear that the actor ended */

#endif
