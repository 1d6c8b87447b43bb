/* SPDX-License-Identifier: MIT */
/* click_commit -- see the header. */
#include "actors/clicks/click_commit.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/failpoint.h"

enum { ASKS_LIMIT = 1024 /* of one batch */ };

struct ask {
    struct question question;
    uint32_t first; /* index of its first click in the batch */
    uint32_t count;
    uint64_t since_us;
};

/* A batch with the asks that wait for it. */
struct flight {
    struct batch_maker maker;
    struct ask asks[ASKS_LIMIT];
    uint32_t ask_count;
    struct batch_span span;
    struct slice bytes; /* in the maker */
    bool is_journaled;
    bool is_retained; /* in no journal, its fate in Redis unknown: the lane waits for it */
};

/* One command to Redis; outlives the flight that it was for. */
struct lane_slot {
    struct click_commit *commit;
    uint32_t lane;
    struct flight *flight; /* under way; NULL when the lane is free */
    uint64_t next_seq;
    uint32_t stale_replies; /* of commands whose flights have been settled without them */
};

struct click_commit {
    struct click_epoch *epoch;
    struct click_commit_figures *figures;
    struct lane_slot *lanes;
    uint32_t next_lane;
    struct flight *gathering;
    struct flight *spare; /* one that is not in use; more are freed */
    bool has_journal;
};

/* ------------------------------------------------------------------------------------------------ life */

static struct flight *new_flight(struct click_commit *commit)
{
    struct flight *flight = commit->spare;

    commit->spare = NULL;
    if (flight == NULL)
        flight = calloc(1, sizeof *flight);
    assert(flight != NULL);
    return flight;
}

static void free_flight(struct flight *flight)
{
    if (flight == NULL)
        return;
    batch_free(&flight->maker);
    free(flight);
}

static void spare(struct click_commit *commit, struct flight *flight)
{
    free_flight(commit->spare);
    batch_reset(&flight->maker);
    flight->ask_count = 0;
    flight->is_journaled = false;
    flight->is_retained = false;
    commit->spare = flight;
}

struct click_commit *click_commit_new(struct click_epoch *epoch, struct click_commit_figures *figures)
{
    struct click_commit *commit = calloc(1, sizeof *commit);

    assert(commit != NULL);
    commit->epoch = epoch;
    commit->figures = figures;
    commit->has_journal = true;
    commit->lanes = calloc(epoch->lane_count, sizeof *commit->lanes);
    assert(commit->lanes != NULL);
    for (uint32_t i = 0; i < epoch->lane_count; i++)
        commit->lanes[i] = (struct lane_slot){ .commit = commit, .lane = i, .next_seq = 1 };
    commit->gathering = new_flight(commit);
    return commit;
}

void click_commit_free(struct click_commit **commit)
{
    if (*commit == NULL)
        return;
    for (uint32_t i = 0; i < (*commit)->epoch->lane_count; i++)
        free_flight((*commit)->lanes[i].flight);
    free_flight((*commit)->gathering);
    free_flight((*commit)->spare);
    free((*commit)->lanes);
    free(*commit);
    *commit = NULL;
}

/* ------------------------------------------------------------------------------------------------ ends of a flight */

static void answer_all(struct click_commit *commit, struct flight *flight)
{
    struct actor *me = commit->epoch->place->me;
    uint64_t now_us = actor_now_us(me);

    for (uint32_t i = 0; i < flight->ask_count; i++) {
        const struct ask *ask = &flight->asks[i];

        ANSWER(me, ask->question, clicks_committed, .epoch = flight->span.epoch, .lane = flight->span.lane,
               .first_seq = flight->span.first_seq + ask->first);
        histogram_observe_us(&commit->figures->commit_us, now_us - ask->since_us);
    }
    flight->ask_count = 0;
}

static void refuse_all(struct click_commit *commit, struct flight *flight, const char *why)
{
    for (uint32_t i = 0; i < flight->ask_count; i++) {
        counter_add(&commit->figures->refused_total, flight->asks[i].count);
        actor_refuse(commit->epoch->place->me, flight->asks[i].question, "%s", why);
    }
    flight->ask_count = 0;
}

/* The lane's batch is committed: counted, then answered. */
static void committed(struct lane_slot *slot)
{
    struct click_commit *commit = slot->commit;
    struct flight *flight = slot->flight;

    slot->flight = NULL;
    click_epoch_committed(commit->epoch, slot->lane, &flight->span, flight->bytes);
    counter_add(&commit->figures->clicks_total, flight->span.count);
    counter_add(&commit->figures->batches_total, 1);
    (void)failpoint("click_buffer.before_answer");
    answer_all(commit, flight);
    spare(commit, flight);
}

/* Redis does not say that it has the batch. If the journal has it, that is the commit. If not, it may or may not be
 * counted: its clicks are refused, its seqs are used, so it is sent until it is in Redis for certain. */
static void settle_without_redis(struct lane_slot *slot)
{
    struct click_commit *commit = slot->commit;
    struct flight *flight = slot->flight;
    struct epoch_lane *lane = &commit->epoch->lanes[slot->lane];

    if (flight->is_journaled) {
        counter_add(&commit->figures->journal_only_total, flight->span.count);
        committed(slot);
        return;
    }
    refuse_all(commit, flight, "neither the journal nor Redis could be written; try again");
    flight->is_retained = true;
    lane->retained = flight->bytes;
    lane->retained_last = batch_last_seq(&flight->span);
}

void click_commit_redis_lost(struct click_commit *commit)
{
    for (uint32_t i = 0; i < commit->epoch->lane_count; i++) {
        struct lane_slot *slot = &commit->lanes[i];

        if (slot->flight == NULL || slot->flight->is_retained)
            continue;
        slot->stale_replies++;
        settle_without_redis(slot);
    }
}

void click_commit_resolved(struct click_commit *commit, uint32_t lane)
{
    assert(commit->lanes[lane].flight != NULL && commit->lanes[lane].flight->is_retained);
    committed(&commit->lanes[lane]);
}

/* ------------------------------------------------------------------------------------------------ to Redis */

static void entry_answered(struct actor *me, void *context, const struct redis_result *result)
{
    struct lane_slot *slot = context;
    struct click_commit *commit = slot->commit;
    struct flight *flight = slot->flight;

    (void)me;
    if (slot->stale_replies > 0) { /* replies come in order: this is an older command's */
        slot->stale_replies--;
        return;
    }
    assert(flight != NULL);
    if (!click_epoch_is_there(result) || failpoint("click_buffer.commit_reply")) {
        settle_without_redis(slot);
        click_epoch_doubt(commit->epoch, result->detail);
        click_commit_redis_lost(commit);
        return;
    }
    (void)failpoint("click_buffer.after_commit");
    commit->epoch->lanes[slot->lane].in_redis = batch_last_seq(&flight->span);
    if (!flight->is_journaled)
        counter_add(&commit->figures->redis_only_total, flight->span.count);
    committed(slot);
}

/* ------------------------------------------------------------------------------------------------ dispatching */

static struct lane_slot *free_lane(struct click_commit *commit)
{
    for (uint32_t i = 0; i < commit->epoch->lane_count; i++) {
        struct lane_slot *slot = &commit->lanes[(commit->next_lane + i) % commit->epoch->lane_count];

        if (slot->flight == NULL) {
            commit->next_lane = (slot->lane + 1) % commit->epoch->lane_count;
            return slot;
        }
    }
    return NULL;
}

static enum journal_status write_journal(struct click_commit *commit, struct flight *flight)
{
    struct actor *me = commit->epoch->place->me;
    enum journal_status status =
        failpoint("click_buffer.journal_write")
            ? JOURNAL_FAILED
            : journal_append_batch(commit->epoch->journal, &flight->span, flight->bytes, actor_now_us(me));

    if (status == JOURNAL_FAILED && commit->has_journal)
        actor_log(me, LOG_ERROR, "the clicks' journal cannot be written, Redis alone holds new clicks: %s",
                  journal_trouble(commit->epoch->journal) != NULL ? journal_trouble(commit->epoch->journal) : "");
    commit->has_journal = status != JOURNAL_FAILED;
    flight->is_journaled = status == JOURNAL_OK;
    return status;
}

/* Gives the gathered batch to a lane. */
static void dispatch_to(struct lane_slot *slot)
{
    struct click_commit *commit = slot->commit;
    struct flight *flight = commit->gathering;
    enum journal_status status;

    flight->span = (struct batch_span){
        .epoch = commit->epoch->number, .lane = slot->lane, .count = flight->maker.count, .first_seq = slot->next_seq
    };
    flight->bytes = batch_finish(&flight->maker, &flight->span);
    status = write_journal(commit, flight);
    (void)failpoint("click_buffer.after_journal");
    if (status == JOURNAL_FULL || (status != JOURNAL_OK && commit->epoch->state != EPOCH_LIVE)) {
        /* Nothing has happened to it: its seqs are given to the next. */
        refuse_all(commit, flight,
                   status == JOURNAL_FULL ? "too many clicks wait to be stored; try again in a second"
                                          : "neither the journal nor Redis can be written; try again in a second");
        batch_reset(&flight->maker);
        return;
    }
    slot->next_seq += flight->span.count;
    slot->flight = flight;
    commit->gathering = new_flight(commit);
    if (commit->epoch->state == EPOCH_LIVE) {
        click_epoch_send(&commit->epoch->lanes[slot->lane], batch_last_seq(&flight->span), flight->bytes,
                         entry_answered, slot);
        (void)failpoint("click_buffer.commit_sent");
    } else {
        settle_without_redis(slot);
    }
}

void click_commit_dispatch(struct click_commit *commit)
{
    struct lane_slot *slot = commit->gathering->maker.count > 0 ? free_lane(commit) : NULL;

    if (slot != NULL)
        dispatch_to(slot);
}

/* ------------------------------------------------------------------------------------------------ asking */

/* All lanes wait for Redis and the next batch is full: Redis is too slow. The journal is there for that. */
static void make_room(struct click_commit *commit)
{
    if (commit->epoch->state == EPOCH_LIVE && commit->has_journal) {
        click_epoch_doubt(commit->epoch, "it does not keep up");
        click_commit_redis_lost(commit);
    }
    click_commit_dispatch(commit);
}

static bool fits(const struct flight *flight, const struct clicks_commit *message)
{
    return flight->ask_count < ASKS_LIMIT && batch_has_room(&flight->maker, message->clicks.at, message->clicks.count);
}

void click_commit_ask(struct click_commit *commit, const struct clicks_commit *message, struct question question)
{
    struct actor *me = commit->epoch->place->me;
    struct flight *flight = commit->gathering;
    uint32_t first;

    if (!fits(flight, message) && flight->maker.count > 0) {
        make_room(commit);
        flight = commit->gathering;
    }
    for (uint32_t i = 0; i < message->clicks.count; i++) {
        if (message->clicks.at[i].code.size == 0 || message->clicks.at[i].code.size > CODE_SIZE_LIMIT) {
            actor_refuse(me, question, "a click's code has 1 to %d bytes", CODE_SIZE_LIMIT);
            return;
        }
    }
    if (!fits(flight, message) || message->clicks.count == 0) {
        counter_add(&commit->figures->refused_total, message->clicks.count);
        actor_refuse(me, question, "too many clicks wait to be committed; try again in a second");
        return;
    }
    first = flight->maker.count;
    for (uint32_t i = 0; i < message->clicks.count; i++)
        (void)batch_add(&flight->maker, &message->clicks.at[i]);
    flight->asks[flight->ask_count++] = (struct ask){
        .question = question, .first = first, .count = message->clicks.count, .since_us = actor_now_us(me)
    };
}

uint64_t click_commit_issued(const struct click_commit *commit, uint32_t lane)
{
    return commit->lanes[lane].next_seq - 1;
}

bool click_commit_has_journal(const struct click_commit *commit)
{
    return commit->has_journal;
}

bool click_commit_is_idle(const struct click_commit *commit)
{
    for (uint32_t i = 0; i < commit->epoch->lane_count; i++) {
        if (commit->lanes[i].flight != NULL)
            return false;
    }
    return commit->gathering->maker.count == 0;
}
