/* SPDX-License-Identifier: MIT */
/*
 * resolve -- where does this code point?
 *
 * First Redis, all lookups of a turn in one write; then, for those without a copy there, Postgres, all of a turn in one
 * statement; then the copy is filled. A miss is an answer, and so is a link that is gone; a store that is away is not:
 * then the question is refused, and the edge asks elsewhere.
 *
 * While the primary is away its replica is asked. What it says may be old: it fills no copy, and a row that is older
 * than a change this actor has heard of is no answer.
 */
#include <assert.h>
#include <stdlib.h>

#include "actors/links/links_state.h"

enum {
    SLOTS_LIMIT = 8192, /* questions under way; more are refused as overload */
    BATCH_CODES = 1024, /* codes in one statement */
    BATCHES_LIMIT = 4,  /* statements under way; meanwhile misses gather for the next */
    READ_LIMIT_US = 1500 * 1000
};

struct slot {
    struct question question;
    uint32_t next_free; /* index + 1; 0: none */
    uint8_t size;
    char code[CODE_LIMIT_BYTES];
    uint64_t asked_us;
};

struct batch {
    bool used;
    bool is_from_replica;
    uint64_t read_us;
    uint32_t count;
    uint32_t slots[BATCH_CODES];
};

struct resolve {
    struct slot slots[SLOTS_LIMIT];
    uint32_t touched; /* slots below were used once */
    uint32_t free;    /* index + 1 of the first free one; 0: none below `touched` */
    uint32_t misses[SLOTS_LIMIT];
    uint32_t miss_count;
    struct batch batches[BATCHES_LIMIT];
    struct postgres_array codes;
};

/* One row for each code that is there, with its place in the list: the same code may be asked twice in a turn. */
static const struct postgres_statement read_links = {
    .sql =
        "SELECT wanted.place::int8, coalesce(urls.location, urls.original_url), urls.version::int8, urls.expires_at, "
        "urls.withdrawn "
        "FROM unnest($1::text[]) WITH ORDINALITY AS wanted (code, place) JOIN urls ON urls.short_code = wanted.code"
};

static struct slice code_of(const struct slot *slot)
{
    return (struct slice){ .at = slot->code, .size = slot->size };
}

static struct slot *take_slot(struct resolve *resolve)
{
    uint32_t index;

    if (resolve->free != 0) {
        index = resolve->free - 1;
        resolve->free = resolve->slots[index].next_free;
    } else if (resolve->touched < SLOTS_LIMIT) {
        index = resolve->touched++;
    } else {
        return NULL;
    }
    return &resolve->slots[index];
}

static void give_slot_back(struct resolve *resolve, struct slot *slot)
{
    slot->next_free = resolve->free;
    resolve->free = (uint32_t)(slot - resolve->slots) + 1;
}

/* ------------------------------------------------------------------------------------------------ answering */

static void answer_state(struct actor *me, struct question question, const struct link_copy *copy)
{
    struct links *self = actor_state(me);
    enum link_state state = copy != NULL ? link_copy_state(copy, actor_wall_us(me)) : LINK_UNKNOWN;
    struct link_resolved answer = { .state = state };

    if (state == LINK_LIVE) {
        answer.location = copy->location;
        answer.expires_us = copy->expires_us;
    }
    if (copy != NULL)
        answer.version = copy->version;
    counter_add(&self->resolved_total[state], 1);
    actor_answer(me, question, &link_resolved_schema, &answer);
}

static void finish(struct actor *me, struct slot *slot, const struct link_copy *copy)
{
    struct links *self = actor_state(me);

    histogram_observe_us(&self->resolve_us, actor_now_us(me) - slot->asked_us);
    answer_state(me, slot->question, copy);
    give_slot_back(self->resolve, slot);
}

static void give_up(struct actor *me, struct slot *slot)
{
    struct links *self = actor_state(me);

    counter_add(&self->resolve_failures_total, 1);
    actor_refuse(me, slot->question,
                 "Neither the cache nor the database can say where the code points; try again shortly.");
    give_slot_back(self->resolve, slot);
}

/* ------------------------------------------------------------------------------------------------ Postgres */

static void answer_row(struct actor *me, struct batch *batch, const struct postgres_rows *rows, uint32_t row)
{
    struct links *self = actor_state(me);
    int64_t place = postgres_integer_at(rows, row, 0);
    struct link_copy copy = { .version = (uint64_t)postgres_integer_at(rows, row, 2),
                              .expires_us = postgres_timestamp_at(rows, row, 3) };
    struct slot *slot;

    assert(place >= 1 && place <= batch->count && batch->slots[place - 1] != SLOTS_LIMIT);
    slot = &self->resolve->slots[batch->slots[place - 1]];
    batch->slots[place - 1] = SLOTS_LIMIT; /* answered */
    if (!postgres_bool_at(rows, row, 4))
        copy.location = postgres_text_at(rows, row, 1);
    if (!batch->is_from_replica)
        link_cache_fill(self->cache, code_of(slot), &copy, batch->read_us);
    if (batch->is_from_replica && !link_cache_allows(self->cache, code_of(slot), copy.version))
        give_up(me, slot);
    else
        finish(me, slot, &copy);
}

static void links_read(struct actor *me, void *context, const struct postgres_result *result)
{
    struct links *self = actor_state(me);
    struct batch *batch = context;
    bool done = result->outcome == OUTCOME_DONE;
    uint32_t count = done ? postgres_row_count(result->rows[0]) : 0;

    for (uint32_t i = 0; i < count; i++)
        answer_row(me, batch, result->rows[0], i);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->slots[i] == SLOTS_LIMIT)
            continue;
        if (done)
            finish(me, &self->resolve->slots[batch->slots[i]], NULL);
        else
            give_up(me, &self->resolve->slots[batch->slots[i]]);
    }
    if (!done)
        actor_log(me, LOG_WARN, "links could not be read from Postgres: %s", result->detail);
    batch->used = false;
}

/* Nobody who has stopped waiting is worth a place in a statement. */
static uint32_t gather(struct actor *me, struct batch *batch)
{
    struct links *self = actor_state(me);
    struct resolve *resolve = self->resolve;
    uint32_t taken = 0;

    batch->count = 0;
    postgres_array_clear(&resolve->codes);
    while (taken < resolve->miss_count && batch->count < BATCH_CODES) {
        uint32_t index = resolve->misses[taken++];
        struct slot *slot = &resolve->slots[index];

        if (!actor_is_waiting(me, slot->question)) {
            give_up(me, slot);
            continue;
        }
        batch->slots[batch->count++] = index;
        postgres_array_add_text(&resolve->codes, code_of(slot));
    }
    resolve->miss_count -= taken;
    memmove(resolve->misses, resolve->misses + taken, resolve->miss_count * sizeof(resolve->misses[0]));
    return batch->count;
}

static void send_batch(struct actor *me, struct batch *batch)
{
    struct links *self = actor_state(me);
    struct postgres *reader = database_reader(self->database, &batch->is_from_replica);
    struct postgres_call call;

    if (gather(me, batch) == 0)
        return;
    batch->used = true;
    batch->read_us = actor_now_us(me);
    call = POSTGRES_CALL(&read_links, postgres_array_value(&self->resolve->codes));
    counter_add(&self->resolve_statements_total, 1);
    postgres_run(reader, &call, 1, READ_LIMIT_US, links_read, batch);
}

void resolve_turn_end(struct actor *me)
{
    struct links *self = actor_state(me);
    struct resolve *resolve = self->resolve;

    for (uint32_t i = 0; i < BATCHES_LIMIT && resolve->miss_count > 0; i++)
        if (!resolve->batches[i].used)
            send_batch(me, &resolve->batches[i]);
}

/* ------------------------------------------------------------------------------------------------ asking */

static void miss(struct links *self, struct slot *slot)
{
    self->resolve->misses[self->resolve->miss_count++] = (uint32_t)(slot - self->resolve->slots);
}

static void looked_up(struct actor *me, void *context, const struct link_copy *copy)
{
    struct links *self = actor_state(me);
    struct slot *slot = context;

    counter_add(copy != NULL ? &self->cache_hits_total : &self->cache_misses_total, 1);
    if (copy != NULL)
        finish(me, slot, copy);
    else
        miss(self, slot);
}

void resolve_on_ask(struct actor *me, const struct link_resolve *message, struct question question)
{
    struct links *self = actor_state(me);
    struct slot *slot;

    if (!code_rules_is_code(message->code)) {
        answer_state(me, question, NULL);
        return;
    }
    slot = take_slot(self->resolve);
    if (slot == NULL) {
        counter_add(&self->resolve_failures_total, 1);
        actor_refuse(me, question, "Too many codes are being looked up; try again shortly.");
        return;
    }
    slot->question = question;
    slot->asked_us = actor_now_us(me);
    slot->size = (uint8_t)message->code.size;
    memcpy(slot->code, message->code.at, message->code.size);
    if (!link_cache_get(self->cache, message->code, looked_up, slot))
        miss(self, slot);
}

/* ------------------------------------------------------------------------------------------------ life */

void resolve_open(struct actor *me)
{
    struct links *self = actor_state(me);

    self->resolve = calloc(1, sizeof(*self->resolve));
    assert(self->resolve != NULL);
    postgres_array_of_text(&self->resolve->codes);
}

void resolve_close(struct links *self)
{
    if (self->resolve != NULL)
        postgres_array_destroy(&self->resolve->codes);
    free(self->resolve);
    self->resolve = NULL;
}
