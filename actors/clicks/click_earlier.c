/* SPDX-License-Identifier: MIT */
/*
 * click_earlier -- finds the epochs that earlier starts of this click buffer left, on this disk and (when a journal is
 * gone) in Postgres, and sees each of them to its end. See click_recovery.h for how that goes.
 *
 * And those of other nodes. Each producer says every few seconds that it is alive; one that has been silent for as long
 * as `adopt_after` says may never come back, and what Redis holds of it would stay there for ever. So the others adopt
 * its epochs: they seal what is in its streams and have it published, no more. Nothing is noted as drained and no key
 * is removed, only entries that Kafka has acknowledged. That makes it harmless to adopt from a producer that is alive
 * after all, or by several at once: identities stay what they were, and the marks in Postgres, which move with the
 * counts, let each count once. A node that returns finds its journal and its streams, and sends what is missing.
 */
#include "actors/clicks/click_buffer_state.h"
#include "actors/clicks/click_recovery.h"

enum { LISTED_LIMIT = 256, ADOPTED_LIMIT = EARLIER_LIMIT / 4 };

/* NULL when it is in work already, or when there is no room now. */
static struct click_epoch *take(struct click_buffer *self, uint64_t number, uint32_t lanes)
{
    if (click_buffer_epoch(self, number) != NULL)
        return NULL;
    for (int i = 0; i < EARLIER_LIMIT; i++) {
        if (self->earlier[i] != NULL)
            continue;
        self->earlier[i] = click_epoch_new(&self->place, number, lanes, false);
        click_recovery_read(self->earlier[i]);
        return self->earlier[i];
    }
    return NULL;
}

static void take_earlier(struct click_buffer *self, uint64_t number, uint32_t lanes)
{
    if (number < self->current->number && take(self, number, lanes) == NULL && click_buffer_epoch(self, number) == NULL)
        self->knows_earlier = false; /* no room now: ask again when there is */
}

void click_earlier_list(struct click_buffer *self)
{
    struct journal_epoch found[LISTED_LIMIT];
    uint32_t count = journal_list(self->folder, found, LISTED_LIMIT);

    for (uint32_t i = 0; i < count; i++)
        take_earlier(self, found[i].epoch, found[i].lanes);
}

static void answered(struct actor *me, void *context, const struct answer *answer)
{
    struct click_buffer *self = actor_state(me);
    const struct epochs_known *known = answer->message;

    (void)context;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &epochs_known_schema)
        return;
    self->knows_earlier = true;
    for (uint32_t i = 0; i < known->epochs.count; i++) {
        if (known->epochs.at[i].lanes > 0 && known->epochs.at[i].lanes <= BATCH_LANES_LIMIT)
            take_earlier(self, known->epochs.at[i].epoch, (uint32_t)known->epochs.at[i].lanes);
    }
}

static bool has_room(const struct click_buffer *self)
{
    for (int i = 0; i < EARLIER_LIMIT; i++) {
        if (self->earlier[i] == NULL)
            return true;
    }
    return false;
}

/* Epochs whose journal is gone are known to Postgres only. */
void click_earlier_look(struct actor *me, void *context)
{
    struct click_buffer *self = actor_state(me);
    struct sending how = { .then = answered };

    (void)context;
    if (self->knows_earlier || !has_room(self))
        return;
    click_earlier_list(self);
    (void)ASK(me, TO_SINK, &how, epochs_read, .node = slice_of(actor_node(me)), .actor = slice_of(actor_name(me)),
              .below = self->current->number);
}

/* ------------------------------------------------------------------------------------------------ those of others */

static void silent_told(struct actor *me, void *context, const struct answer *answer)
{
    struct click_buffer *self = actor_state(me);
    const struct epochs_known *known = answer->message;
    uint32_t adopted = 0;

    (void)context;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &epochs_known_schema)
        return;
    for (int i = 0; i < EARLIER_LIMIT; i++)
        adopted += self->earlier[i] != NULL && self->earlier[i]->is_adopted;
    for (uint32_t i = 0; i < known->epochs.count && adopted < ADOPTED_LIMIT; i++) {
        const struct producer_epoch *row = &known->epochs.at[i];
        struct click_epoch *epoch =
            row->lanes > 0 && row->lanes <= BATCH_LANES_LIMIT ? take(self, row->epoch, (uint32_t)row->lanes) : NULL;

        if (epoch == NULL)
            continue;
        epoch->is_adopted = true;
        adopted++;
    }
}

void click_earlier_beat(struct actor *me, void *context)
{
    struct click_buffer *self = actor_state(me);
    struct sending how = { .then = silent_told };

    (void)context;
    (void)ASK(me, TO_SINK, &how, producer_beat, .node = slice_of(actor_node(me)), .actor = slice_of(actor_name(me)),
              .epoch = self->current->number, .silent_us = self->adopt_after_us);
}

/* ------------------------------------------------------------------------------------------------ their ends */

/* No reply is due that would look for the epoch. */
static bool is_quiet(const struct click_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        if (epoch->lanes[i].is_asked || epoch->lanes[i].writing != 0)
            return false;
    }
    return true;
}

/* All that Redis held of it is counted. It is looked at again as long as its producer is silent. */
static void release(struct click_epoch **adopted)
{
    if ((*adopted)->state == EPOCH_LIVE && !click_epoch_has_pending(*adopted) && is_quiet(*adopted))
        click_epoch_free(adopted);
}

void click_earlier_tick(struct click_buffer *self)
{
    for (int i = 0; i < EARLIER_LIMIT; i++) {
        if (self->earlier[i] == NULL)
            continue;
        click_epoch_tick(self->earlier[i], true);
        if (self->earlier[i]->is_adopted) {
            release(&self->earlier[i]);
            continue;
        }
        click_recovery_tick(self->earlier[i]);
        if (self->earlier[i]->is_drained && self->earlier[i]->state == EPOCH_LIVE && is_quiet(self->earlier[i]))
            click_recovery_remove(&self->earlier[i]);
    }
}
