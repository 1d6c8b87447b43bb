/* SPDX-License-Identifier: MIT */
/*
 * supply -- the short codes and row ids that a links actor has in hand, so that making a link asks nobody first.
 *
 * Several hundred are leased at a time from the keygen and the id allocator, before the last ones are used up. When a
 * lease fails it is tried again a little later; what was leased and not used is lost with the actor, which is cheap.
 */
#ifndef ACTORS_LINKS_SUPPLY_H
#define ACTORS_LINKS_SUPPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/links/code_rules.h"

struct actor;

enum {
    SUPPLY_CODES_AT_ONCE = 1024, /* per lease */
    SUPPLY_IDS_AT_ONCE = 2048,
    SUPPLY_ROOM = 2 * SUPPLY_CODES_AT_ONCE
};

struct supply {
    uint32_t codes_outlet; /* set both before supply_start */
    uint32_t ids_outlet;
    bool asking_codes;
    bool asking_ids;
    uint32_t code_length;
    uint32_t first_code; /* those in hand: first_code .. code_count - 1 */
    uint32_t code_count;
    bool are_recorded; /* all codes in hand: see codes_leased */
    char codes[SUPPLY_ROOM * CODE_LIMIT_BYTES];
    uint64_t next_id[2]; /* the run in use, and the next one */
    uint64_t end_id[2];
    uint64_t retry_at_us; /* after a failure: not before then */
    uint64_t failures_total;
    char why[128]; /* the last lease failed because; empty: it did not */
};

/* Call now and then, and at the end of a turn that used something: asks for more where little is left. `supply` lies in
 * the actor's state. */
void supply_refill(struct supply *supply, struct actor *me);
bool supply_has_codes(const struct supply *supply);
bool supply_has_ids(const struct supply *supply);
/* The next one, that nobody else has. False when there is none in hand. `code` gets up to CODE_LIMIT_BYTES. */
bool supply_take_code(struct supply *supply, char code[CODE_LIMIT_BYTES], uint8_t *ret_size);
bool supply_take_id(struct supply *supply, uint64_t *ret_id);

#endif
