/* SPDX-License-Identifier: MIT */
/*
 * keygen_lease -- leases blocks of codes from the servers, and gives codes out.
 *
 * A lease: the server's counter, in one script with our mark; then the mark, durable; then, if no promise to an edge is
 * in the way, the stock. keygen.c says why nothing comes twice.
 */
#include <inttypes.h>
#include <stdio.h>

#include "actors/links/keygen_state.h"

enum { LEASE_LIMIT = 4096 /* codes per question */ };

static const char counter_key[] = "keygen:blocks";

/* KEYS[1] the counter, ARGV[1] the mark, ARGV[2] how many blocks. Answers the first block after the lease. Numbers go
 * as text: Redis cuts Lua's numbers, and those below 2^53 are whole in Lua. */
static const char lease_script[] = "local given = tonumber(redis.call('GET', KEYS[1]) or '0') "
                                   "local mark = tonumber(ARGV[1]) "
                                   "if given < mark then given = mark end "
                                   "local text = string.format('%.0f', given + tonumber(ARGV[2])) "
                                   "redis.call('SET', KEYS[1], text) "
                                   "return text";

/* ------------------------------------------------------------------------------------------------ giving out */

static void give(struct actor *me, struct question question, uint32_t count)
{
    struct keygen *self = actor_state(me);
    char codes[LEASE_LIMIT * CODE_LENGTH_MAXIMUM];
    uint32_t taken = code_stock_take(&self->stock, count, codes);

    counter_add(&self->codes_total, taken);
    ANSWER(me, question, codes_leased, .codes = { .at = codes, .size = (size_t)taken * self->permutation.length },
           .code_length = self->permutation.length, .recorded = keygen_stock_is_recorded(self));
}

static bool lease_is_under_way(const struct keygen *self)
{
    return self->stripes[0].leasing || self->stripes[1].leasing || !high_water_is_ready(self->water);
}

static void refuse(struct actor *me, struct question question)
{
    struct keygen *self = actor_state(me);
    bool exhausted = self->stripes[0].exhausted && self->stripes[1].exhausted;

    counter_add(&self->refused_total, 1);
    if (exhausted)
        actor_refuse(me, question, "All codes of %" PRIu32 " characters are given; raise keygen.code_length.",
                     self->permutation.length);
    else
        actor_refuse(me, question, "No server of code blocks can be reached; try again shortly.");
}

/* Gives to those who wait while there are codes; sends them away when none can be on their way. */
void keygen_serve_waiting(struct actor *me)
{
    struct keygen *self = actor_state(me);
    uint32_t served = 0;

    while (served < self->waiting_count) {
        struct waiting *next = &self->waiting[served];

        if (self->stock.ready > 0)
            give(me, next->question, next->count);
        else if (!lease_is_under_way(self))
            refuse(me, next->question);
        else
            break;
        served++;
    }
    self->waiting_count -= served;
    memmove(self->waiting, self->waiting + served, self->waiting_count * sizeof(self->waiting[0]));
}

/* ------------------------------------------------------------------------------------------------ leasing */

static void put_into_stock(struct actor *me, struct stripe *stripe);

static void marked(struct actor *me, void *context, bool durable, const char *why)
{
    struct keygen *self = actor_state(me);
    struct stripe *stripe = context;

    if (!durable) {
        stripe->leasing = false;
        counter_add(&self->failures_total[stripe->number], 1);
        actor_log(me, LOG_ERROR, "a lease of codes is given up, because its mark could not be kept: %s", why);
        return; /* the next look tries again */
    }
    put_into_stock(me, stripe);
}

static void put_into_stock(struct actor *me, struct stripe *stripe)
{
    struct keygen *self = actor_state(me);
    bool was_held = stripe->held;

    stripe->held =
        !code_promise_allows(&self->promise, code_stock_end(stripe->number, stripe->lease_end), actor_now_us(me));
    counter_add(&self->held_total, stripe->held && !was_held);
    if (stripe->held)
        return; /* the next look tries again */
    stripe->leasing = false;
    if (!code_stock_add(&self->stock, stripe->number, stripe->lease_first, stripe->lease_end)) {
        counter_add(&self->failures_total[stripe->number], 1);
        actor_log(me, LOG_ERROR, "a lease of codes is given up, because there are too many already");
        return;
    }
    stripe->stock_end = stripe->lease_end;
    counter_add(&self->leases_total[stripe->number], 1);
    keygen_be_up(me);
    keygen_serve_waiting(me);
    keygen_lease_where_needed(me);
}

static void give_lease_up(struct actor *me, struct stripe *stripe, const char *why)
{
    struct keygen *self = actor_state(me);

    stripe->leasing = false;
    counter_add(&self->failures_total[stripe->number], 1);
    actor_log(me, LOG_WARN, "%s gave no lease of codes: %s", keygen_server_names[stripe->number], why);
    keygen_serve_waiting(me);
}

static void leased(struct actor *me, void *context, const struct redis_result *result)
{
    struct keygen *self = actor_state(me);
    struct stripe *stripe = context;
    int64_t end = redis_reply_integer(result->reply);

    if (result->outcome != OUTCOME_DONE) {
        give_lease_up(me, stripe, result->detail);
        return;
    }
    if (end < (int64_t)stripe->asked_blocks ||
        (uint64_t)end > code_stock_stripe_blocks(&self->permutation, stripe->number)) {
        stripe->exhausted = true;
        give_lease_up(me, stripe, "its counter is beyond the last code; raise keygen.code_length");
        return;
    }
    stripe->lease_end = (uint64_t)end;
    stripe->lease_first = (uint64_t)end - stripe->asked_blocks;
    if (!high_water_raise(self->water, stripe->number, stripe->lease_end, marked, stripe))
        give_lease_up(me, stripe, "too many marks are being written");
}

static void lease_from(struct actor *me, struct stripe *stripe)
{
    struct keygen *self = actor_state(me);
    char mark[24];
    char blocks[24];

    stripe->asked_blocks = (self->lease_codes + CODE_BLOCK - 1) / CODE_BLOCK;
    stripe->leasing = true;
    (void)snprintf(mark, sizeof(mark), "%" PRIu64, high_water_known(self->water, stripe->number));
    (void)snprintf(blocks, sizeof(blocks), "%" PRIu64, stripe->asked_blocks);
    REDIS(stripe->redis, leased, stripe, SLICE("EVAL"), slice_of(lease_script), SLICE("1"), slice_of(counter_key),
          slice_of(mark), slice_of(blocks));
}

/* Both servers fill the stock at once: neither stripe falls behind, and either alone is enough. */
void keygen_lease_where_needed(struct actor *me)
{
    struct keygen *self = actor_state(me);

    if (!high_water_is_ready(self->water))
        return;
    for (uint32_t i = 0; i < CODE_STRIPES; i++) {
        struct stripe *stripe = &self->stripes[i];

        if (self->stock.ready < self->low_codes && !stripe->leasing && !stripe->exhausted &&
            redis_generation(stripe->redis) != 0)
            lease_from(me, stripe);
    }
}

void keygen_put_held_into_stock(struct actor *me)
{
    struct keygen *self = actor_state(me);

    for (uint32_t i = 0; i < CODE_STRIPES; i++)
        if (self->stripes[i].held)
            put_into_stock(me, &self->stripes[i]);
}

void keygen_on_lease(struct actor *me, const struct codes_lease *message, struct question question)
{
    struct keygen *self = actor_state(me);
    uint32_t count = message->count > LEASE_LIMIT ? LEASE_LIMIT : (uint32_t)message->count;

    if (count == 0)
        actor_refuse(me, question, "A lease of no codes makes no sense; ask for 1 to %d.", LEASE_LIMIT);
    else if (self->stock.ready > 0)
        give(me, question, count);
    else if (self->waiting_count < KEYGEN_WAITING_LIMIT)
        self->waiting[self->waiting_count++] = (struct waiting){ .question = question, .count = count };
    else
        refuse(me, question);
    keygen_lease_where_needed(me);
    keygen_serve_waiting(me);
}
