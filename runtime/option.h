/* SPDX-License-Identifier: MIT */
/*
 * option -- what can be set about a kind, as rows.
 *
 * Parser, checker, `shunt config`, the defaults and the documentation all follow from the rows. A value comes from, in
 * rising order: the row's default, the topology's section for the kind, the topology's section for the actor, and (for
 * live options) the config actor.
 */
#ifndef RUNTIME_OPTION_H
#define RUNTIME_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_TEXT,     /* const char *; owned by the runtime, valid until the option changes or the actor stops */
    OPTION_BOOL,     /* bool: true, false, yes, no, on, off, 1, 0 */
    OPTION_NUMBER,   /* uint64_t, decimal, with optional k, M, G (powers of ten) */
    OPTION_BYTES,    /* uint64_t, with optional KiB, MiB, GiB */
    OPTION_DURATION, /* uint64_t microseconds; written 250us, 10ms, 5s, 2min, 1h, 7d */
    OPTION_CHOICE,   /* uint32_t index into `choices` */
    OPTION_STORE     /* const char *: the uri of the store that the topology names here, e.g. `redis = redis` */
};

struct option {
    const char *name; /* letters, digits, '_' */
    enum option_type type;
    uint32_t offset;            /* of the field in the actor's state */
    const char *default_text;   /* as it would be written; NULL: must be given */
    const char *help;           /* one sentence, with the unit */
    uint64_t minimum;           /* of numbers, bytes, durations */
    uint64_t maximum;           /* 0: no limit but the type's */
    const char *const *choices; /* of OPTION_CHOICE, NULL at the end */
    bool live;                  /* can be changed while the actor runs */
};

/* Parses `text` for `row` into the field at `field`. For texts and stores `*field` borrows `text`. Returns NULL, or a
 * phrase that says what was expected, valid until the next call on this thread. */
const char *option_parse(const struct option *row, const char *text, void *field);

/* That sentence by itself, as a phrase: "a duration, such as 250us, 10ms, 5s, 2min, 1h or 7d, from 1ms to 1min". */
const char *option_expected(const struct option *row);

#endif
