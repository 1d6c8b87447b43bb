/* SPDX-License-Identifier: MIT */
/*
 * shorten -- makes links, many in one transaction.
 *
 * All links that are asked for while a transaction is under way go into the next one: one statement, one sync of the
 * database's log, whoever waits for it. A code that is taken leaves out its row and no other; a generated one is
 * replaced and tried again, a chosen one is refused. When the answer to a transaction is lost, the same rows are sent
 * again with the same ids: what is there already conflicts with itself and is found by its id, so nothing is made twice
 * and nothing that was made is reported as taken.
 *
 * Edges deny what was neither given nor chosen (actors/edge/code_space.h). So a row says which its code is, and chosen
 * ones are published, before the row is there and after. A generated one counts as chosen if it is not recorded.
 *
 * The copy in Redis is written after the commit and nobody waits for it. A request that cannot be done now is refused,
 * or accepted for later when its client would rather have that (deferred.c).
 */
#include <assert.h>
#include <stdlib.h>

#include "actors/links/deferred_text.h"
#include "actors/links/links_state.h"

enum {
    WAITING_LIMIT = 8192,                   /* requests that wait for their transaction */
    WAITING_BYTES_LIMIT = 16 * 1024 * 1024, /* of their URLs */
    BATCH_ROWS = 512,                       /* in one transaction */
    CODES_LIMIT = 8,                        /* generated codes to try: each is free unless chosen by somebody before */
    INSERT_LIMIT_US = 2500 * 1000,
    WAIT_LIMIT_US = 4000 * 1000 /* a request that is older is refused */
};

struct request {
    struct request *next;
    struct question question;
    uint64_t asked_us;
    uint64_t expires_us;
    uint64_t id;    /* 0: none yet */
    uint32_t codes; /* generated codes tried */
    bool is_custom;
    bool is_recorded;  /* the keygen gave it, and Postgres knows */
    bool may_wait;     /* the client accepts that it is done later */
    bool is_doubtful;  /* it was sent, and the answer was lost */
    bool is_alone;     /* it goes into a transaction of its own: one before, with others, was rejected */
    uint8_t code_size; /* 0: none yet */
    char code[CODE_LIMIT_BYTES];
    size_t original_size;
    size_t location_size; /* 0: the same as the original */
    char text[];          /* original, location */
};

struct shorten {
    struct request *first; /* waiting; owned */
    struct request **last;
    uint32_t waiting;
    size_t waiting_bytes;
    struct request *batch[BATCH_ROWS]; /* under way; owned */
    uint32_t batch_count;
    bool under_way;
    uint64_t sent_us;
    struct postgres_array ids;
    struct postgres_array codes;
    struct postgres_array originals;
    struct postgres_array locations;
    struct postgres_array expiries;
    struct postgres_array customs;
};

/* Answers the rows that were made. */
static const struct postgres_statement insert_links = {
    .sql = "INSERT INTO urls (id, short_code, original_url, location, expires_at, custom) "
           "SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bool[]) "
           "ON CONFLICT DO NOTHING RETURNING id::int8, created_at, updated_at"
};

/* Answers the rows that are there, made now or when the answer was lost. */
static const struct postgres_statement read_back = {
    .sql = "SELECT id::int8, created_at, updated_at FROM urls WHERE id = ANY($1::int8[])"
};

static struct slice original_of(const struct request *request)
{
    return (struct slice){ .at = request->text, .size = request->original_size };
}

static struct slice location_of(const struct request *request)
{
    if (request->location_size == 0)
        return original_of(request);
    return (struct slice){ .at = request->text + request->original_size, .size = request->location_size };
}

static struct slice code_of(const struct request *request)
{
    return (struct slice){ .at = request->code, .size = request->code_size };
}

/* ------------------------------------------------------------------------------------------------ the line */

static void put_last(struct shorten *shorten, struct request *request)
{
    request->next = NULL;
    *shorten->last = request;
    shorten->last = &request->next;
    shorten->waiting++;
    shorten->waiting_bytes += request->original_size + request->location_size;
}

static void put_first(struct shorten *shorten, struct request *request)
{
    request->next = shorten->first;
    if (shorten->first == NULL)
        shorten->last = &request->next;
    shorten->first = request;
    shorten->waiting++;
    shorten->waiting_bytes += request->original_size + request->location_size;
}

static struct request *take_first(struct shorten *shorten)
{
    struct request *request = shorten->first;

    if (request == NULL)
        return NULL;
    shorten->first = request->next;
    if (shorten->first == NULL)
        shorten->last = &shorten->first;
    shorten->waiting--;
    shorten->waiting_bytes -= request->original_size + request->location_size;
    return request;
}

static bool equip(struct links *self, struct request *request);

/* What was sent already may be there: with the same id it is made once all the same. */
static void defer(struct actor *me, const struct request *request)
{
    const struct deferred_link link = { .id = request->id,
                                        .code = code_of(request),
                                        .is_custom = request->is_custom,
                                        .original = original_of(request),
                                        .location = location_of(request),
                                        .expires_us = request->expires_us };

    deferred_accept(me, request->question, &link);
}

/* It is there, or may be: somebody may have looked for it in vain. Nobody guesses a generated one. */
static void publish_chosen(struct actor *me, const struct request *request)
{
    if (!request->is_recorded)
        edit_publish(me, code_of(request), 1);
}

static void refuse_for_now(struct actor *me, struct request *request)
{
    struct links *self = actor_state(me);

    if (request->is_doubtful)
        publish_chosen(me, request);
    if (request->may_wait && equip(self, request)) {
        defer(me, request);
        free(request);
        return;
    }
    counter_add(&self->create_refused_total, 1);
    links_refuse_for_now(me, request->question);
    free(request);
}

/* ------------------------------------------------------------------------------------------------ outcomes */

static void created(struct actor *me, struct request *request, uint64_t created_us, uint64_t updated_us)
{
    struct links *self = actor_state(me);
    struct link_copy copy = { .version = 1, .expires_us = request->expires_us, .location = location_of(request) };

    link_cache_fill(self->cache, code_of(request), &copy, self->shorten->sent_us);
    publish_chosen(me, request);
    counter_add(&self->created_total, 1);
    histogram_observe_us(&self->shorten_us, actor_now_us(me) - request->asked_us);
    ANSWER(me, request->question, link_row, .id = request->id, .code = code_of(request), .url = original_of(request),
           .created_us = created_us, .updated_us = updated_us, .expires_us = request->expires_us);
    free(request);
}

static void taken(struct actor *me, struct request *request)
{
    struct links *self = actor_state(me);

    counter_add(&self->code_conflicts_total, 1);
    if (request->is_custom) {
        links_refuse(me, request->question, 409, "#/custom_code", "The code \"%.*s\" is taken; choose another.",
                     (int)request->code_size, request->code);
        free(request);
        return;
    }
    request->code_size = 0;
    if (request->codes < CODES_LIMIT)
        put_first(self->shorten, request);
    else
        refuse_for_now(me, request);
}

/* Rows come back in the order they went in, but for those left out. */
static void settle_batch(struct actor *me, const struct postgres_rows *rows)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;
    uint32_t count = postgres_row_count(rows);
    uint32_t hint = 0;

    for (uint32_t i = 0; i < shorten->batch_count; i++) {
        struct request *request = shorten->batch[i];
        uint32_t row = count;

        for (uint32_t tried = 0; tried < count && row == count; tried++)
            if ((uint64_t)postgres_integer_at(rows, (hint + tried) % count, 0) == request->id)
                row = (hint + tried) % count;
        if (row == count) {
            taken(me, request);
            continue;
        }
        hint = row + 1;
        created(me, request, postgres_timestamp_at(rows, row, 1), postgres_timestamp_at(rows, row, 2));
    }
}

/* The answer is lost, or one row spoilt it for all: each request goes back into the line, in its old order. */
static void send_again(struct actor *me, enum outcome outcome)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;

    for (uint32_t i = shorten->batch_count; i-- > 0;) {
        struct request *request = shorten->batch[i];

        request->is_doubtful |= outcome == OUTCOME_UNKNOWN;
        request->is_alone |= outcome == OUTCOME_REJECTED;
        put_first(shorten, request);
    }
}

static void refuse_batch(struct actor *me)
{
    struct links *self = actor_state(me);

    for (uint32_t i = 0; i < self->shorten->batch_count; i++)
        refuse_for_now(me, self->shorten->batch[i]);
}

static void links_made(struct actor *me, void *context, const struct postgres_result *result)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;
    bool was_alone = shorten->batch_count == 1 && shorten->batch[0]->is_alone;

    (void)context;
    shorten->under_way = false;
    if (result->outcome != OUTCOME_DONE)
        actor_log(me, LOG_WARN, "links could not be made (%s): %s", outcome_name(result->outcome), result->detail);
    if (result->outcome == OUTCOME_DONE) {
        settle_batch(me, result->rows[result->count - 1]);
    } else if (result->outcome == OUTCOME_UNKNOWN) {
        counter_add(&self->unknown_outcomes_total, 1);
        send_again(me, OUTCOME_UNKNOWN);
    } else if (result->outcome == OUTCOME_REJECTED && !was_alone) {
        send_again(me, OUTCOME_REJECTED);
    } else {
        if (result->outcome == OUTCOME_REJECTED)
            shorten->batch[0]->may_wait = false; /* it would be rejected later too */
        refuse_batch(me);
    }
}

/* ------------------------------------------------------------------------------------------------ one transaction */

/* Gives the request what it lacks. False when there is nothing in hand. */
static bool equip(struct links *self, struct request *request)
{
    if (request->id == 0 && !supply_take_id(&self->supply, &request->id))
        return false;
    while (request->code_size == 0) {
        if (!supply_take_code(&self->supply, request->code, &request->code_size))
            return false;
        request->codes++;
        request->is_recorded = self->supply.are_recorded;
        if (code_rules_is_reserved(code_of(request)))
            request->code_size = 0;
    }
    return true;
}

/* False: it has to wait for another batch, or for supplies. */
static bool fits(struct links *self, struct request *request)
{
    struct shorten *shorten = self->shorten;

    if (shorten->batch_count > 0 && (request->is_alone || shorten->batch[0]->is_alone))
        return false;
    return shorten->batch_count < BATCH_ROWS && equip(self, request);
}

static void add_row(struct shorten *shorten, struct request *request)
{
    shorten->batch[shorten->batch_count++] = request;
    postgres_array_add_int8(&shorten->ids, (int64_t)request->id);
    postgres_array_add_text(&shorten->codes, code_of(request));
    postgres_array_add_text(&shorten->originals, original_of(request));
    if (request->location_size > 0)
        postgres_array_add_text(&shorten->locations, location_of(request));
    else
        postgres_array_add_null(&shorten->locations);
    if (request->expires_us != 0)
        postgres_array_add_timestamp(&shorten->expiries, request->expires_us);
    else
        postgres_array_add_null(&shorten->expiries);
    postgres_array_add_bool(&shorten->customs, !request->is_recorded);
}

/* Returns whether a row is doubtful: then the statement's own answer is not enough. */
static bool gather(struct actor *me)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;
    bool doubtful = false;

    shorten->batch_count = 0;
    postgres_array_clear(&shorten->ids);
    postgres_array_clear(&shorten->codes);
    postgres_array_clear(&shorten->originals);
    postgres_array_clear(&shorten->locations);
    postgres_array_clear(&shorten->expiries);
    postgres_array_clear(&shorten->customs);
    while (shorten->first != NULL && fits(self, shorten->first)) {
        struct request *request = take_first(shorten);

        assert(request != NULL);
        doubtful |= request->is_doubtful;
        publish_chosen(me, request);
        add_row(shorten, request);
    }
    return doubtful;
}

void shorten_turn_end(struct actor *me)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;
    struct postgres_call calls[2];
    bool doubtful;

    if (shorten->under_way || shorten->first == NULL || !database_is_there(self->database))
        return;
    doubtful = gather(me);
    if (shorten->batch_count == 0)
        return;
    shorten->under_way = true;
    shorten->sent_us = actor_now_us(me);
    calls[0] = POSTGRES_CALL(&insert_links, postgres_array_value(&shorten->ids), postgres_array_value(&shorten->codes),
                             postgres_array_value(&shorten->originals), postgres_array_value(&shorten->locations),
                             postgres_array_value(&shorten->expiries), postgres_array_value(&shorten->customs));
    calls[1] = POSTGRES_CALL(&read_back, postgres_array_value(&shorten->ids));
    counter_add(&self->create_statements_total, 1);
    postgres_run(self->postgres, calls, doubtful ? 2 : 1, INSERT_LIMIT_US, links_made, NULL);
}

/* Who may wait need not hope for the database's quick return. */
static void defer_patient(struct actor *me)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;

    for (uint32_t left = database_is_there(self->database) ? 0 : shorten->waiting; left > 0; left--) {
        struct request *request = take_first(shorten);

        assert(request != NULL);
        if (request->may_wait)
            refuse_for_now(me, request);
        else
            put_last(shorten, request);
    }
}

void shorten_refuse_overdue(struct actor *me)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;

    defer_patient(me);
    while (shorten->first != NULL && actor_now_us(me) - shorten->first->asked_us > WAIT_LIMIT_US) {
        struct request *request = take_first(shorten);

        assert(request != NULL);
        refuse_for_now(me, request);
    }
}

/* ------------------------------------------------------------------------------------------------ asking */

/* False after refusing. */
static bool
is_acceptable(struct actor *me, const struct link_shorten *message, struct question question, struct url_target *target)
{
    struct links *self = actor_state(me);
    char reason[URL_REASON_LIMIT_BYTES];

    if (!url_rules_accept(&self->rules, message->url, target, reason))
        links_refuse(me, question, 422, "#/url", "%s", reason);
    else if (message->has_custom_code && !code_rules_is_custom_code(message->custom_code))
        links_refuse(me, question, 422, "#/custom_code", "A custom code is %d to %d letters (A-Z, a-z) and digits.",
                     CUSTOM_CODE_MINIMUM_BYTES, CODE_LIMIT_BYTES);
    else if (message->has_custom_code && code_rules_is_reserved(message->custom_code))
        links_refuse(me, question, 409, "#/custom_code", "The code \"%.*s\" is reserved; choose another.",
                     (int)message->custom_code.size, message->custom_code.at);
    else if (message->expires_us != 0 && message->expires_us <= actor_wall_us(me))
        links_refuse(me, question, 422, "#/expires_at", "The link would have expired already; give a time to come.");
    else
        return true;
    return false;
}

static struct request *new_request(struct actor *me,
                                   const struct link_shorten *message,
                                   struct question question,
                                   const struct url_target *target)
{
    bool same = slice_equal(target->original, target->location);
    size_t location_size = same ? 0 : target->location.size;
    struct request *request = calloc(1, sizeof(*request) + target->original.size + location_size);

    assert(request != NULL);
    request->question = question;
    request->asked_us = actor_now_us(me);
    request->expires_us = message->expires_us;
    request->original_size = target->original.size;
    request->location_size = location_size;
    memcpy(request->text, target->original.at, target->original.size);
    if (!same)
        memcpy(request->text + target->original.size, target->location.at, location_size);
    request->may_wait = message->may_wait;
    request->is_custom = message->has_custom_code;
    if (request->is_custom) {
        request->code_size = (uint8_t)message->custom_code.size;
        memcpy(request->code, message->custom_code.at, request->code_size);
    }
    return request;
}

void shorten_on_ask(struct actor *me, const struct link_shorten *message, struct question question)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = self->shorten;
    struct url_target target;

    if (!is_acceptable(me, message, question, &target))
        return;
    if (!database_is_there(self->database) || shorten->waiting >= WAITING_LIMIT ||
        shorten->waiting_bytes >= WAITING_BYTES_LIMIT)
        refuse_for_now(me, new_request(me, message, question, &target));
    else
        put_last(shorten, new_request(me, message, question, &target));
}

/* ------------------------------------------------------------------------------------------------ life */

void shorten_open(struct actor *me)
{
    struct links *self = actor_state(me);
    struct shorten *shorten = calloc(1, sizeof(*shorten));

    assert(shorten != NULL);
    self->shorten = shorten;
    shorten->last = &shorten->first;
    postgres_array_of_int8(&shorten->ids);
    postgres_array_of_text(&shorten->codes);
    postgres_array_of_text(&shorten->originals);
    postgres_array_of_text(&shorten->locations);
    postgres_array_of_timestamp(&shorten->expiries);
    postgres_array_of_bool(&shorten->customs);
}

void shorten_close(struct links *self)
{
    struct shorten *shorten = self->shorten;

    if (shorten == NULL)
        return;
    for (struct request *request = take_first(shorten); request != NULL; request = take_first(shorten))
        free(request);
    for (uint32_t i = 0; shorten->under_way && i < shorten->batch_count; i++)
        free(shorten->batch[i]);
    postgres_array_destroy(&shorten->ids);
    postgres_array_destroy(&shorten->codes);
    postgres_array_destroy(&shorten->originals);
    postgres_array_destroy(&shorten->locations);
    postgres_array_destroy(&shorten->expiries);
    postgres_array_destroy(&shorten->customs);
    free(shorten);
    self->shorten = NULL;
}
