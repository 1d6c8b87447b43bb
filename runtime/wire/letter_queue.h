/* SPDX-License-Identifier: MIT */
/*
 * letter_queue -- written letters one behind the other: put in at the end, taken from the front.
 *
 * The letters lie in one buffer as they will travel, each behind its length, so that a queue costs no allocation for
 * each letter. A *cursor* may stand between two letters: what is before it has been copied out once already.
 */
#ifndef RUNTIME_WIRE_LETTER_QUEUE_H
#define RUNTIME_WIRE_LETTER_QUEUE_H

#include <stdint.h>

#include "proto/envelope.h"

struct letter_queue {
    struct buffer bytes;
    size_t taken; /* bytes at the front that are gone */
    uint32_t count;
    uint32_t passed;     /* letters before the cursor */
    size_t passed_bytes; /* the same in bytes */
};

/* Bytes of all letters in it, and of the first one. */
size_t letter_queue_bytes(const struct letter_queue *queue);
size_t letter_queue_first_bytes(const struct letter_queue *queue);
/* Takes the first letter off; it is appended to `to`, which may be NULL. Returns its bytes. */
size_t letter_queue_shift(struct letter_queue *queue, struct buffer *to);
/* Appends the letter behind the cursor to `to` and moves the cursor over it. Returns its bytes. */
size_t letter_queue_pass(struct letter_queue *queue, struct buffer *to);
void letter_queue_rewind(struct letter_queue *queue); /* the cursor stands at the front again */
void letter_queue_free(struct letter_queue *queue);

#endif
