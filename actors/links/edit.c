/* SPDX-License-Identifier: MIT */
/*
 * edit -- changes a link, and makes everybody with a copy obey.
 *
 * In this order: a tombstone in Redis, so that nobody can put the old row back; the row and its entry in link_changes,
 * in one transaction; then the new row in Redis, and the news to every edge and every other links actor; then the
 * answer. The news is numbered, so an edge that missed some knows it (links.c sends the beats). Redis being away stops
 * nothing: see link_cache.
 *
 * When the answer of the transaction is lost it is run again: it sets the same values, so twice is as good as once, but
 * for the version, which may skip a number.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/links/links_state.h"

enum {
    CHANGES_LIMIT = 256,          /* under way; more are refused as overload */
    ATTEMPTS_LIMIT = 3,           /* when the answer is lost */
    UPDATE_LIMIT_US = 2000 * 1000 /* with all attempts shorter than a tombstone's life */
};
static_assert(ATTEMPTS_LIMIT * UPDATE_LIMIT_US < LINK_CACHE_TOMBSTONE_S * 1000 * 1000, "a tombstone outlives its edit");

struct change {
    bool used;
    struct question question;
    uint64_t asked_us;
    uint32_t attempts;
    char code[CODE_LIMIT_BYTES];
    uint8_t code_size;
    char token[LINK_CACHE_TOKEN_ROOM]; /* this edit's tombstone */
    bool withdraw;
    bool set_expiry;
    uint64_t expires_us;
    char *text; /* owned: original, then location if it is another; NULL: the target stays */
    size_t original_size;
    size_t location_size;
};

struct edit {
    struct change changes[CHANGES_LIMIT];
    uint64_t tokens; /* given */
};

/* $1 code, $2 new target or null, $3 its location or null for the same, $4 whether $5 is the new expiry, $6 withdraw.
 */
static const struct postgres_statement update_link = {
    .sql = "WITH changed AS (UPDATE urls SET "
           "original_url = coalesce($2::text, original_url), "
           "location = CASE WHEN $2::text IS NULL THEN location ELSE $3::text END, "
           "expires_at = CASE WHEN $4::bool THEN $5::timestamptz ELSE expires_at END, "
           "withdrawn = $6::bool, version = version + 1, updated_at = now() "
           "WHERE short_code = $1::text AND NOT withdrawn "
           "RETURNING short_code, version), "
           "noted AS (INSERT INTO link_changes (short_code, version) SELECT short_code, version FROM changed) "
           "SELECT 1::int4 FROM changed"
};

static const struct postgres_statement read_link = {
    .sql = "SELECT coalesce(location, original_url), version::int8, expires_at, withdrawn FROM urls "
           "WHERE short_code = $1::text"
};

static struct slice code_of(const struct change *change)
{
    return (struct slice){ .at = change->code, .size = change->code_size };
}

static void end(struct change *change)
{
    free(change->text);
    change->text = NULL;
    change->used = false;
}

/* ------------------------------------------------------------------------------------------------ the news */

void edit_publish(struct actor *me, struct slice code, uint64_t version)
{
    struct links *self = actor_state(me);
    struct link_changed news = { .feed = self->feed, .number = ++self->feed_number, .code = code, .version = version };

    /* What an edge does not take is a gap in its numbers: it stops trusting its copies until it has caught up. */
    (void)actor_tell(me, OUT_EDGES, &link_changed_schema, &news);
    (void)actor_tell(me, OUT_PEERS, &link_changed_schema, &news);
}

/* ------------------------------------------------------------------------------------------------ Postgres */

static void bury(struct actor *me, struct change *change);

static void lost_answer(struct actor *me, struct change *change)
{
    struct links *self = actor_state(me);

    counter_add(&self->unknown_outcomes_total, 1);
    if (change->attempts < ATTEMPTS_LIMIT) {
        bury(me, change);
        return;
    }
    edit_publish(me, code_of(change), INT64_MAX); /* it may have happened: no copy is good any more */
    links_refuse_for_now(me, change->question);
    end(change);
}

/* The second statement tells what is there now; the first whether this edit changed it. */
static void settle(struct actor *me, struct change *change, const struct postgres_result *result)
{
    struct links *self = actor_state(me);
    bool changed = postgres_row_count(result->rows[0]) > 0;
    const struct postgres_rows *row = result->rows[1];
    struct link_copy copy;

    if (postgres_row_count(row) == 0) {
        links_refuse(me, change->question, 404, "", "There is no link with this code.");
        end(change);
        return;
    }
    copy = (struct link_copy){ .version = (uint64_t)postgres_integer_at(row, 0, 1),
                               .expires_us = postgres_timestamp_at(row, 0, 2) };
    if (!postgres_bool_at(row, 0, 3))
        copy.location = postgres_text_at(row, 0, 0);
    link_cache_replace(self->cache, code_of(change), slice_of(change->token), &copy);
    if (changed || change->attempts > 1)
        edit_publish(me, code_of(change), copy.version);
    if (!changed && !change->withdraw) {
        links_refuse(me, change->question, 410, "", "The link was withdrawn, which is for ever; make a new one.");
        end(change);
        return;
    }
    counter_add(&self->edited_total, changed);
    histogram_observe_us(&self->edit_us, actor_now_us(me) - change->asked_us);
    stats_answer(me, code_of(change), change->question);
    end(change);
}

static void updated(struct actor *me, void *context, const struct postgres_result *result)
{
    struct change *change = context;

    if (result->outcome == OUTCOME_DONE) {
        settle(me, change, result);
        return;
    }
    actor_log(me, LOG_WARN, "a link could not be changed (%s): %s", outcome_name(result->outcome), result->detail);
    if (result->outcome == OUTCOME_UNKNOWN) {
        lost_answer(me, change);
        return;
    }
    links_refuse_for_now(me, change->question); /* the tombstone goes by itself */
    end(change);
}

static void update(struct actor *me, struct change *change)
{
    struct links *self = actor_state(me);
    struct slice original = { .at = change->text, .size = change->original_size };
    struct slice location = { .at = change->text, .size = change->location_size };
    struct postgres_call calls[2];

    if (change->text != NULL)
        location.at += change->original_size;
    change->attempts++;
    calls[0] = POSTGRES_CALL(
        &update_link, postgres_text(code_of(change)), change->text != NULL ? postgres_text(original) : postgres_null(),
        change->location_size > 0 ? postgres_text(location) : postgres_null(), postgres_bool(change->set_expiry),
        change->expires_us != 0 ? postgres_timestamp(change->expires_us) : postgres_null(),
        postgres_bool(change->withdraw));
    calls[1] = POSTGRES_CALL(&read_link, postgres_text(code_of(change)));
    postgres_run(self->postgres, calls, 2, UPDATE_LIMIT_US, updated, change);
}

/* ------------------------------------------------------------------------------------------------ the tombstone */

/* Whether it is there or not: link_changes stands behind it. */
static void buried(struct actor *me, void *context, const struct redis_result *result)
{
    (void)result;
    update(me, context);
}

static void bury(struct actor *me, struct change *change)
{
    struct links *self = actor_state(me);

    if (!link_cache_bury(self->cache, code_of(change), slice_of(change->token), buried, change))
        update(me, change);
}

/* ------------------------------------------------------------------------------------------------ asking */

static struct change *new_change(struct edit *edit)
{
    for (uint32_t i = 0; i < CHANGES_LIMIT; i++)
        if (!edit->changes[i].used)
            return &edit->changes[i];
    return NULL;
}

static void keep_target(struct change *change, const struct url_target *target)
{
    bool same = slice_equal(target->original, target->location);

    change->original_size = target->original.size;
    change->location_size = same ? 0 : target->location.size;
    change->text = malloc(change->original_size + change->location_size);
    assert(change->text != NULL);
    memcpy(change->text, target->original.at, change->original_size);
    if (!same)
        memcpy(change->text + change->original_size, target->location.at, change->location_size);
}

/* False after refusing. */
static bool
is_acceptable(struct actor *me, const struct link_edit *message, struct question question, struct url_target *target)
{
    struct links *self = actor_state(me);
    char reason[URL_REASON_LIMIT_BYTES];

    if (!code_rules_is_code(message->code))
        links_refuse(me, question, 404, "", "There is no link with this code.");
    else if (message->url.size > 0 && !url_rules_accept(&self->rules, message->url, target, reason))
        links_refuse(me, question, 422, "#/url", "%s", reason);
    else if (message->set_expiry && message->expires_us != 0 && message->expires_us <= actor_wall_us(me))
        links_refuse(me, question, 422, "#/expires_at",
                     "The link would expire in the past; give a time to come, or withdraw the link.");
    else
        return true;
    return false;
}

void edit_on_ask(struct actor *me, const struct link_edit *message, struct question question)
{
    struct links *self = actor_state(me);
    struct edit *edit = self->edit;
    struct change *change = new_change(edit);
    struct url_target target;

    if (!is_acceptable(me, message, question, &target))
        return;
    if (change == NULL || !database_is_there(self->database)) {
        links_refuse_for_now(me, question);
        return;
    }
    *change = (struct change){ .used = true,
                               .question = question,
                               .asked_us = actor_now_us(me),
                               .code_size = (uint8_t)message->code.size,
                               .withdraw = message->withdraw,
                               .set_expiry = message->set_expiry,
                               .expires_us = message->expires_us };
    memcpy(change->code, message->code.at, message->code.size);
    (void)snprintf(change->token, sizeof(change->token), "!%" PRIx64 "-%" PRIx64, self->feed, ++edit->tokens);
    if (message->url.size > 0)
        keep_target(change, &target);
    bury(me, change);
}

/* ------------------------------------------------------------------------------------------------ life */

void edit_open(struct actor *me)
{
    struct links *self = actor_state(me);

    self->edit = calloc(1, sizeof(*self->edit));
    assert(self->edit != NULL);
}

void edit_close(struct links *self)
{
    for (uint32_t i = 0; self->edit != NULL && i < CHANGES_LIMIT; i++)
        free(self->edit->changes[i].text);
    free(self->edit);
    self->edit = NULL;
}
