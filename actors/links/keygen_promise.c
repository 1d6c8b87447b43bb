/* SPDX-License-Identifier: MIT */
/*
 * keygen_promise -- tells edges beyond which number no code is given for now, so that they can answer for unknown codes
 * by themselves. code_promise has the argument; here is what it knows the numbers from.
 */
#include "actors/links/keygen_state.h"

bool keygen_stock_is_recorded(const struct keygen *self)
{
    bool recorded = code_record_state(self->record) == CODE_RECORD_OURS;

    for (uint32_t i = 0; i < CODE_STRIPES; i++)
        recorded &= high_water_in_postgres(self->water, i) >= self->stripes[i].stock_end;
    return recorded;
}

void keygen_promised_heard(struct actor *me, void *context, uint64_t promised)
{
    struct keygen *self = actor_state(me);

    (void)context;
    code_promise_know(&self->promise, promised);
    keygen_put_held_into_stock(me);
}

static void promised_kept(struct actor *me, void *context, uint64_t promised)
{
    struct keygen *self = actor_state(me);

    (void)context;
    self->promise.recorded = promised;
}

void keygen_keep_promised(struct actor *me)
{
    struct keygen *self = actor_state(me);
    uint64_t promised = code_promise_to_record(&self->promise, actor_now_us(me));

    if (promised != 0)
        code_record_keep(self->record, promised, promised_kept, NULL);
}

/* Above all numbers that anybody may have been given. */
static uint64_t reach_of(const struct keygen *self)
{
    uint64_t reach = 0;

    for (uint32_t i = 0; i < CODE_STRIPES; i++) {
        uint64_t end = code_stock_end(i, high_water_known(self->water, i));

        reach = end > reach ? end : reach;
    }
    return reach;
}

static const char *why_no_promise(const struct keygen *self)
{
    static const char *const reasons[] = { [CODE_RECORD_UNHEARD] = "Postgres has not been heard of yet.",
                                           [CODE_RECORD_OURS] = NULL,
                                           [CODE_RECORD_OTHER_KEY] = "Earlier codes were made with another key.",
                                           [CODE_RECORD_MISSING] = "What earlier codes were made with is not known." };

    if (!high_water_is_ready(self->water) || !high_water_has_heard_postgres(self->water))
        return reasons[CODE_RECORD_UNHEARD];
    return reasons[code_record_state(self->record)];
}

void keygen_on_promise(struct actor *me, const struct codes_promise *message, struct question question)
{
    struct keygen *self = actor_state(me);
    const char *why = why_no_promise(self);
    uint64_t ceiling = why == NULL ? code_promise_make(&self->promise, reach_of(self), actor_now_us(me)) : 0;

    (void)message;
    if (why == NULL && ceiling == 0)
        why = "More codes were given than was known; a few seconds must pass.";
    gauge_set(&self->promised, (int64_t)ceiling);
    if (ceiling == 0)
        ANSWER(me, question, codes_promised, .reason = slice_of(why));
    else
        ANSWER(me, question, codes_promised, .ceiling = ceiling, .code_length = self->permutation.length,
               .key = { .at = (const char *)self->permutation.key.bytes, .size = KEYED_HASH_KEY_BYTES },
               .good_for_us = CODE_PROMISE_GOOD_FOR_US);
}
