/* SPDX-License-Identifier: MIT */
#include "runtime/watch/deadletter.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/slice.h"

void dead_letter_add(
    struct dead_letters *letters, enum dead_reason reason, uint64_t type, const char *from, uint64_t wall_us)
{
    struct dead_letter *letter;

    if (letters->kept == NULL)
        letters->kept = calloc(DEAD_LETTERS_KEPT, sizeof *letters->kept);
    assert(letters->kept != NULL);
    letter = &letters->kept[letters->total++ % DEAD_LETTERS_KEPT];
    letters->counts[reason]++;
    letter->wall_us = wall_us;
    letter->reason = reason;
    letter->type = (uint16_t)type;
    slice_copy(slice_of(from), letter->from, sizeof letter->from);
}

void dead_letters_free(struct dead_letters *letters)
{
    free(letters->kept);
    *letters = (struct dead_letters){ 0 };
}

const char *dead_reason_name(enum dead_reason reason)
{
    static const char *const names[DEAD_REASONS] = {
        [DEAD_UNKNOWN_TYPE] = "unknown_type", [DEAD_MALFORMED] = "malformed", [DEAD_ACTOR_FAILED] = "actor_failed",
        [DEAD_OVERLOADED] = "overloaded",     [DEAD_DROPPED] = "dropped",     [DEAD_LATE_ANSWER] = "late_answer",
        [DEAD_REPLACED] = "replaced",         [DEAD_FORGED] = "forged",
    };

    return names[reason];
}
