/* SPDX-License-Identifier: MIT */
/*
 * deferred_round -- makes the links that wait in Redis, the oldest first, a round of them in one transaction.
 *
 * A round: read them, insert them, note what became of each. All three may be done twice, by another actor as well:
 * rows are known by their ids, and what became of a link is noted by whoever takes it out of the queue.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/links/deferred_state.h"

enum {
    INSERT_LIMIT_US = 2500 * 1000,
    IDLE_US = 1000 * 1000, /* between two looks when nothing waits */
    KEPT_MS = 24 * 3600 * 1000
};

/* KEYS the queue; ARGV how many, the prefix of links: token, text, token, text ... */
static const char oldest_script[] = "local all = {} "
                                    "for _, token in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)) do "
                                    "all[#all + 1] = token "
                                    "all[#all + 1] = redis.call('GET', ARGV[2] .. token) or '' "
                                    "end "
                                    "return all";

/* KEYS the queue, the link; ARGV token, text, its life in ms or 0: then it stays in the queue. */
static const char change_script[] = "if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end "
                                    "if ARGV[3] == '0' then redis.call('SET', KEYS[2], ARGV[2]) return 0 end "
                                    "redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) "
                                    "return redis.call('ZREM', KEYS[1], ARGV[1])";

static const struct postgres_statement insert_links = {
    .sql = "INSERT INTO urls (id, short_code, original_url, location, expires_at) "
           "SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) "
           "ON CONFLICT DO NOTHING"
};

static const struct postgres_statement read_back = {
    .sql = "SELECT id::int8, short_code FROM urls WHERE id = ANY($1::int8[])"
};

static struct redis *redis_of(struct links *self)
{
    return link_cache_primary(self->cache);
}

static void look_again(struct actor *me, uint64_t pause_us)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;

    for (uint32_t i = 0; i < deferred->count; i++) {
        free(deferred->items[i].text);
        deferred->items[i].text = NULL;
    }
    deferred->count = 0;
    deferred->is_busy = false;
    deferred->look_at_us = actor_now_us(me) + pause_us;
    deferred_look(me);
}

static void changed(struct actor *me, void *context, const struct redis_result *result)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;
    const struct item *item = context;

    if (result->outcome == OUTCOME_DONE && redis_reply_integer(result->reply) == 1) {
        counter_add(item->fate == DEFERRED_MADE ? &self->deferred_made_total : &self->deferred_failed_total, 1);
        counter_add(&self->created_total, item->fate == DEFERRED_MADE);
    }
    if (--deferred->changes_due == 0)
        look_again(me, result->outcome == OUTCOME_DONE ? 0 : IDLE_US);
}

static void change(struct actor *me, struct item *item, struct slice text, uint64_t life_ms)
{
    struct links *self = actor_state(me);
    char key[DEFERRED_KEY_ROOM], life[24];

    (void)snprintf(life, sizeof(life), "%" PRIu64, life_ms);
    self->deferred->changes_due++;
    REDIS(redis_of(self), changed, item, SLICE("EVAL"), slice_of(change_script), SLICE("2"), SLICE(DEFERRED_QUEUE),
          deferred_key(item->token, key), slice_of(item->token), text, slice_of(life));
}

static void end(struct actor *me, struct item *item, enum deferred_state state, struct slice code)
{
    struct links *self = actor_state(me);

    if (state == DEFERRED_MADE)
        edit_publish(me, code, 1); /* somebody may have looked for it in vain; and all of these rows count as chosen */
    item->fate = state;
    change(me, item, deferred_text_end(state, code, self->deferred->room), KEPT_MS);
}

/* Its code was taken. A generated one is replaced; the next round tries it. */
static void taken(struct actor *me, struct item *item)
{
    struct links *self = actor_state(me);
    char code[CODE_LIMIT_BYTES];
    uint8_t size = 0;

    counter_add(&self->code_conflicts_total, 1);
    if (item->link.is_custom) {
        end(me, item, DEFERRED_TAKEN, item->link.code);
        return;
    }
    while (supply_take_code(&self->supply, code, &size))
        if (!code_rules_is_reserved((struct slice){ .at = code, .size = size })) {
            item->link.code = (struct slice){ .at = code, .size = size };
            change(me, item, deferred_text_waiting(&item->link, self->deferred->room), 0);
            return;
        }
}

static uint32_t row_of(const struct postgres_rows *rows, uint64_t id)
{
    uint32_t row = 0;

    while (row < postgres_row_count(rows) && (uint64_t)postgres_integer_at(rows, row, 0) != id)
        row++;
    return row;
}

static void settle(struct actor *me, const struct postgres_rows *rows)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;

    for (uint32_t i = 0; i < deferred->count; i++) {
        struct item *item = &deferred->items[i];
        uint32_t row = row_of(rows, item->link.id);

        if (row < postgres_row_count(rows))
            end(me, item, DEFERRED_MADE, postgres_text_at(rows, row, 1));
        else
            taken(me, item);
    }
}

static void made(struct actor *me, void *context, const struct postgres_result *result)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;

    (void)context;
    if (result->outcome == OUTCOME_DONE) {
        deferred->one_by_one = false;
        settle(me, result->rows[1]);
    } else {
        actor_log(me, LOG_WARN, "links that waited could not be made yet (%s): %s", outcome_name(result->outcome),
                  result->detail);
        if (result->outcome == OUTCOME_REJECTED && deferred->one_by_one)
            end(me, &deferred->items[0], DEFERRED_REFUSED, deferred->items[0].link.code);
        deferred->one_by_one = result->outcome == OUTCOME_REJECTED;
    }
    if (deferred->changes_due == 0)
        look_again(me, deferred->one_by_one ? 0 : IDLE_US);
}

static void insert(struct actor *me)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;
    struct postgres_array ids, codes, originals, locations, expiries;
    struct postgres_call calls[2];

    postgres_array_of_int8(&ids), postgres_array_of_text(&codes), postgres_array_of_text(&originals);
    postgres_array_of_text(&locations), postgres_array_of_timestamp(&expiries);
    for (uint32_t i = 0; i < deferred->count; i++) {
        const struct deferred_link *link = &deferred->items[i].link;

        postgres_array_add_int8(&ids, (int64_t)link->id);
        postgres_array_add_text(&codes, link->code);
        postgres_array_add_text(&originals, link->original);
        if (slice_equal(link->original, link->location))
            postgres_array_add_null(&locations);
        else
            postgres_array_add_text(&locations, link->location);
        if (link->expires_us != 0)
            postgres_array_add_timestamp(&expiries, link->expires_us);
        else
            postgres_array_add_null(&expiries);
    }
    calls[0] = POSTGRES_CALL(&insert_links, postgres_array_value(&ids), postgres_array_value(&codes),
                             postgres_array_value(&originals), postgres_array_value(&locations),
                             postgres_array_value(&expiries));
    calls[1] = POSTGRES_CALL(&read_back, postgres_array_value(&ids));
    postgres_run(self->postgres, calls, 2, INSERT_LIMIT_US, made, NULL);
    postgres_array_destroy(&ids), postgres_array_destroy(&codes), postgres_array_destroy(&originals);
    postgres_array_destroy(&locations), postgres_array_destroy(&expiries);
}

/* What is in the queue and has no text that waits has been lost or was spoilt by somebody: it leaves the queue. */
static void take(struct actor *me, struct slice token, struct slice text)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;
    struct item *item = &deferred->items[deferred->count];

    if (!slice_copy(token, item->token, sizeof(item->token)) || text.size == 0 ||
        deferred_text_parse(text, &item->link) != DEFERRED_WAITS) {
        actor_log(me, LOG_ERROR, "a link that waited for the database is lost: Redis has it no more");
        REDIS(redis_of(self), NULL, NULL, SLICE("ZREM"), SLICE(DEFERRED_QUEUE), token);
        return;
    }
    item->text = malloc(text.size);
    assert(item->text != NULL);
    memcpy(item->text, text.at, text.size);
    (void)deferred_text_parse((struct slice){ .at = item->text, .size = text.size }, &item->link);
    deferred->count++;
}

static void oldest_read(struct actor *me, void *context, const struct redis_result *result)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;

    (void)context;
    for (uint32_t i = 0; i + 1 < redis_reply_count(result->reply) && deferred->count < DEFERRED_ROUND_LINKS; i += 2)
        take(me, redis_reply_text(redis_reply_at(result->reply, i)),
             redis_reply_text(redis_reply_at(result->reply, i + 1)));
    if (deferred->count > 0)
        insert(me);
    else
        look_again(me, IDLE_US);
}

void deferred_look(struct actor *me)
{
    struct links *self = actor_state(me);
    struct deferred *deferred = self->deferred;
    char count[12];

    if (deferred->is_busy || actor_now_us(me) < deferred->look_at_us || !database_is_there(self->database) ||
        redis_generation(redis_of(self)) == 0)
        return;
    deferred->is_busy = true;
    (void)snprintf(count, sizeof(count), "%d", deferred->one_by_one ? 1 : DEFERRED_ROUND_LINKS);
    REDIS(redis_of(self), oldest_read, NULL, SLICE("EVAL"), slice_of(oldest_script), SLICE("1"), SLICE(DEFERRED_QUEUE),
          slice_of(count), SLICE(DEFERRED_PREFIX));
}
