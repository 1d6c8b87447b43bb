/* SPDX-License-Identifier: MIT */
/*
 * deferred -- links accepted while the database is away, for clients that said they would rather wait (RFC 7240,
 * `Prefer: respond-async`).
 *
 * An accepted link is in Redis before its client hears of it, with the row id and the code it is to have, so it
 * outlives this actor and whichever node it ran in. Once the database answers, every links actor takes the oldest ones
 * and makes them; that several do so at the same time does no harm, because a row is known by its id: the second
 * attempt finds the first one's row. What became of it is kept for a day under the token that the client was given.
 *
 * Redis away or as many waiting as may: the request is refused as if it had not been willing to wait.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/io/keyed_hash.h"
#include "actors/links/deferred_state.h"

/* KEYS the queue, the link; ARGV token, time, limit, text. */
static const char accept_script[] = "if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end "
                                    "redis.call('SET', KEYS[2], ARGV[4]) "
                                    "redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) "
                                    "return 1";

struct slice deferred_key(const char *token, char room[DEFERRED_KEY_ROOM])
{
    int size = snprintf(room, DEFERRED_KEY_ROOM, DEFERRED_PREFIX "%s", token);

    return (struct slice){ .at = room, .size = (size_t)size };
}

static struct redis *redis_of(struct links *self)
{
    return link_cache_primary(self->cache);
}

/* ------------------------------------------------------------------------------------------------ accepting */

static void accepted(struct actor *me, void *context, const struct redis_result *result)
{
    struct accepting *accepting = context;
    struct links *self = actor_state(me);
    bool is_done = result->outcome == OUTCOME_DONE;

    accepting->used = false;
    if (is_done && redis_reply_integer(result->reply) == 1) {
        counter_add(&self->deferred_total, 1);
        ANSWER(me, accepting->question, link_deferred, .token = slice_of(accepting->token));
        return;
    }
    counter_add(&self->create_refused_total, 1);
    if (is_done)
        actor_log(me, LOG_WARN,
                  "no more links can wait for the database; the setting links.deferred_limit says how many");
    links_refuse_for_now(me, accepting->question);
}

static struct accepting *new_accepting(struct deferred *deferred)
{
    for (uint32_t i = 0; i < DEFERRED_ACCEPTING_LIMIT; i++)
        if (!deferred->accepting[i].used)
            return &deferred->accepting[i];
    return NULL;
}

void deferred_accept(struct actor *me, struct question question, const struct deferred_link *link)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;
    struct slice text = deferred_text_waiting(link, deferred->room);
    struct accepting *accepting = new_accepting(deferred);
    char key[DEFERRED_KEY_ROOM], now[24], limit[24];

    assert(link->id != 0 && link->code.size > 0);
    if (redis_generation(redis_of(self)) == 0 || accepting == NULL || text.size == 0) {
        counter_add(&self->create_refused_total, 1);
        links_refuse_for_now(me, question);
        return;
    }
    *accepting = (struct accepting){ .used = true, .question = question };
    keyed_hash_random_text(accepting->token, sizeof(accepting->token));
    (void)snprintf(now, sizeof(now), "%" PRIu64, actor_wall_us(me));
    (void)snprintf(limit, sizeof(limit), "%" PRIu64, self->deferred_limit);
    REDIS(redis_of(self), accepted, accepting, SLICE("EVAL"), slice_of(accept_script), SLICE("2"),
          SLICE(DEFERRED_QUEUE), deferred_key(accepting->token, key), slice_of(accepting->token), slice_of(now),
          slice_of(limit), text);
}

/* ------------------------------------------------------------------------------------------------ asking */

static void tell_fate(struct actor *me, const struct accepting *asking, struct slice text)
{
    struct deferred_link link;

    switch (deferred_text_parse(text, &link)) {
    case DEFERRED_WAITS:
        ANSWER(me, asking->question, link_deferred, .token = slice_of(asking->token));
        break;
    case DEFERRED_MADE:
        stats_answer(me, link.code, asking->question);
        break;
    case DEFERRED_TAKEN:
        links_refuse(me, asking->question, 409, "#/custom_code", "The code \"%.*s\" is taken; choose another.",
                     (int)link.code.size, link.code.at);
        break;
    case DEFERRED_REFUSED:
        links_refuse(me, asking->question, 422, "#/url", "The database would not store this link.");
        break;
    default:
        links_refuse(me, asking->question, 404, "",
                     "Nothing is known of this request; what became of one is kept for "
                     "a day.");
    }
}

static void fate_read(struct actor *me, void *context, const struct redis_result *result)
{
    struct accepting *asking = context;

    asking->used = false;
    if (result->outcome == OUTCOME_DONE)
        tell_fate(me, asking, redis_reply_text(result->reply));
    else
        links_refuse_for_now(me, asking->question);
}

void deferred_on_read(struct actor *me, const struct deferred_read *message, struct question question)
{
    struct links *self = actor_state(me);
    struct accepting *asking = new_accepting(self->deferred);
    char key[DEFERRED_KEY_ROOM];

    if (redis_generation(redis_of(self)) == 0 || asking == NULL) {
        links_refuse_for_now(me, question);
        return;
    }
    *asking = (struct accepting){ .used = true, .question = question };
    if (message->token.size != DEFERRED_TOKEN_BYTES ||
        !slice_copy(message->token, asking->token, sizeof(asking->token))) {
        asking->used = false;
        tell_fate(me, asking, (struct slice){ 0 });
        return;
    }
    REDIS(redis_of(self), fate_read, asking, SLICE("GET"), deferred_key(asking->token, key));
}

/* ------------------------------------------------------------------------------------------------ life */

void deferred_open(struct actor *me)
{
    struct links *self = actor_state(me);

    self->deferred = calloc(1, sizeof(*self->deferred));
    assert(self->deferred != NULL);
}

void deferred_close(struct links *self)
{
    for (uint32_t i = 0; self->deferred != NULL && i < DEFERRED_ROUND_LINKS; i++)
        free(self->deferred->items[i].text);
    free(self->deferred);
    self->deferred = NULL;
}
