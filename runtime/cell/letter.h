/* SPDX-License-Identifier: MIT */
/*
 * letter -- one letter that came: decoded, handed to the actor's handler or to whoever asked, with its trace and its
 * time. Which letter is next is mailbox.h's business.
 */
#ifndef RUNTIME_CELL_LETTER_H
#define RUNTIME_CELL_LETTER_H

#include "runtime/cell/cell.h"

/* `message` stands at the letter's payload. cell->in_hand becomes the question that it opened, if it did. An actor that
 * drains takes no new questions: they are answered ASK_UNAVAILABLE. */
void letter_handle(struct actor *cell, const struct envelope *envelope, struct reader *message, struct peer *from);
/* Nobody handles it: counts it, and keeps it for those who look. */
void letter_bury(struct actor *cell, enum dead_reason reason, uint64_t type, const char *from);
/* Whether the letter that the actor has just failed in is to be handled again. A question that it had answered is not:
 * the asker has what it wanted. An answer is not either: the ask ended with the actor. */
bool letter_is_wanted_again(struct actor *cell, const struct envelope *envelope, struct question question);

#endif
