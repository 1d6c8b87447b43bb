/* SPDX-License-Identifier: MIT */
/* supply -- see the header. */
#include "actors/links/supply.h"

#include <string.h>

#include "proto/messages/links.h"
#include "runtime/actor.h"

enum { LEASE_LIMIT_US = 1500 * 1000, RETRY_US = 200 * 1000 };

bool supply_has_codes(const struct supply *supply)
{
    return supply->first_code < supply->code_count;
}

bool supply_has_ids(const struct supply *supply)
{
    return supply->next_id[0] < supply->end_id[0] || supply->next_id[1] < supply->end_id[1];
}

static void note_failure(struct supply *supply, struct actor *me, const char *what, const struct answer *answer)
{
    supply->failures_total++;
    supply->retry_at_us = actor_now_us(me) + RETRY_US;
    (void)slice_copy(slice_of(answer->detail), supply->why, sizeof(supply->why));
    actor_log(me, LOG_WARN, "no %s could be leased: %s", what, supply->why);
}

static void got_codes(struct actor *me, void *context, const struct answer *answer)
{
    struct supply *supply = context;
    const struct codes_leased *leased = answer->message;
    uint32_t left = supply->code_count - supply->first_code;
    size_t room = sizeof(supply->codes);

    supply->asking_codes = false;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &codes_leased_schema || leased->code_length == 0 ||
        leased->code_length > CODE_LIMIT_BYTES) {
        note_failure(supply, me, "codes", answer);
        return;
    }
    supply->why[0] = '\0';
    if (leased->code_length != supply->code_length)
        left = 0; /* the keygen was set to another length: the few old ones are left out */
    supply->code_length = (uint32_t)leased->code_length;
    supply->are_recorded = leased->recorded && (left == 0 || supply->are_recorded);
    memmove(supply->codes, supply->codes + (size_t)supply->first_code * supply->code_length,
            (size_t)left * supply->code_length);
    room -= (size_t)left * supply->code_length;
    room = leased->codes.size < room ? leased->codes.size : room;
    memcpy(supply->codes + (size_t)left * supply->code_length, leased->codes.at, room);
    supply->first_code = 0;
    supply->code_count = left + (uint32_t)(room / supply->code_length);
}

static void got_ids(struct actor *me, void *context, const struct answer *answer)
{
    struct supply *supply = context;
    const struct ids_leased *leased = answer->message;
    int run = supply->next_id[0] < supply->end_id[0] ? 1 : 0;

    supply->asking_ids = false;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &ids_leased_schema) {
        note_failure(supply, me, "row ids", answer);
        return;
    }
    supply->why[0] = '\0';
    supply->next_id[run] = leased->first;
    supply->end_id[run] = leased->first + leased->count;
}

void supply_refill(struct supply *supply, struct actor *me)
{
    struct sending how = { .deadline_us = LEASE_LIMIT_US, .context = supply };

    if (actor_now_us(me) < supply->retry_at_us)
        return;
    if (!supply->asking_codes && supply->code_count - supply->first_code < SUPPLY_CODES_AT_ONCE / 2) {
        supply->asking_codes = true;
        how.then = got_codes;
        (void)ASK(me, supply->codes_outlet, &how, codes_lease, .count = SUPPLY_CODES_AT_ONCE);
    }
    if (!supply->asking_ids && supply->next_id[1] == supply->end_id[1]) {
        supply->asking_ids = true;
        how.then = got_ids;
        (void)ASK(me, supply->ids_outlet, &how, ids_lease, .count = SUPPLY_IDS_AT_ONCE);
    }
}

bool supply_take_code(struct supply *supply, char code[CODE_LIMIT_BYTES], uint8_t *ret_size)
{
    if (!supply_has_codes(supply))
        return false;
    memcpy(code, supply->codes + (size_t)supply->first_code++ * supply->code_length, supply->code_length);
    *ret_size = (uint8_t)supply->code_length;
    return true;
}

bool supply_take_id(struct supply *supply, uint64_t *ret_id)
{
    if (supply->next_id[0] == supply->end_id[0]) {
        supply->next_id[0] = supply->next_id[1];
        supply->end_id[0] = supply->end_id[1];
        supply->next_id[1] = supply->end_id[1] = 0;
    }
    if (supply->next_id[0] == supply->end_id[0])
        return false;
    *ret_id = supply->next_id[0]++;
    return true;
}
