/* SPDX-License-Identifier: MIT */
/* postgres_epochs -- see the header. */
#include "actors/clicks/postgres_epochs.h"

#include <assert.h>
#include <stdlib.h>

enum { EPOCHS_LIMIT = 1024 };

static const struct postgres_statement undrained = {
    "SELECT epoch, lanes FROM producer_epochs"
    " WHERE drained_at IS NULL AND node = $1::text AND actor = $2::text AND epoch < $3::int8 ORDER BY epoch LIMIT 1024"
};

/* $2, $3: the last click of each lane. */
static const struct postgres_statement note_drained = {
    "UPDATE producer_epochs SET drained_at = coalesce(drained_at, now()) WHERE epoch = $1::int8 AND NOT EXISTS"
    " (SELECT FROM unnest($2::int8[], $3::int8[]) AS n(lane, seq)"
    "  LEFT JOIN click_marks AS m ON m.epoch = $1::int8 AND m.lane = n.lane"
    "  WHERE m.mark IS NULL OR m.mark < n.seq)"
};

static const struct postgres_statement note_beat = {
    "UPDATE producer_epochs SET seen_at = now() WHERE epoch = $1::int8"
};
/* A producer is alive as long as any of its epochs is. */
static const struct postgres_statement silent = {
    "SELECT p.epoch, p.lanes FROM producer_epochs AS p WHERE p.drained_at IS NULL"
    " AND (p.node, p.actor) <> ($1::text, $2::text) AND NOT EXISTS"
    " (SELECT FROM producer_epochs AS q WHERE q.node = p.node AND q.actor = p.actor"
    "  AND q.seen_at > now() - $3::int8 * interval '1 microsecond') ORDER BY p.epoch LIMIT 16"
};

static struct question *keep(struct question question)
{
    struct question *kept = malloc(sizeof *kept);

    assert(kept != NULL);
    *kept = question;
    return kept;
}

static void epochs_came(struct actor *me, void *context, const struct postgres_result *result)
{
    struct question question = *(struct question *)context;
    struct producer_epoch *epochs;
    struct epochs_known known = { 0 };
    const struct postgres_rows *rows;

    free(context);
    if (result->outcome != OUTCOME_DONE) {
        actor_refuse(me, question, "Postgres does not say: %s", outcome_name(result->outcome));
        return;
    }
    rows = result->rows[result->count - 1];
    known.epochs.count = postgres_row_count(rows);
    assert(known.epochs.count <= EPOCHS_LIMIT);
    epochs = calloc(known.epochs.count + 1, sizeof *epochs);
    assert(epochs != NULL);
    for (uint32_t i = 0; i < known.epochs.count; i++)
        epochs[i] = (struct producer_epoch){ .epoch = (uint64_t)postgres_integer_at(rows, i, 0),
                                             .lanes = (uint64_t)postgres_integer_at(rows, i, 1) };
    known.epochs.at = epochs;
    actor_answer(me, question, &epochs_known_schema, &known);
    free(epochs);
}

void postgres_epochs_read(struct actor *me,
                          struct postgres *postgres,
                          const struct epochs_read *message,
                          struct question question)
{
    const struct postgres_call call =
        POSTGRES_CALL(&undrained, postgres_text(message->node), postgres_text(message->actor),
                      postgres_int8((int64_t)message->below));

    (void)me;
    postgres_run(postgres, &call, 1, 0, epochs_came, keep(question));
}

void postgres_epochs_beat(struct actor *me,
                          struct postgres *postgres,
                          const struct producer_beat *message,
                          struct question question)
{
    const struct postgres_call calls[] = {
        POSTGRES_CALL(&note_beat, postgres_int8((int64_t)message->epoch)),
        POSTGRES_CALL(&silent, postgres_text(message->node), postgres_text(message->actor),
                      postgres_int8((int64_t)message->silent_us)),
    };

    (void)me;
    postgres_run(postgres, calls, 2, 0, epochs_came, keep(question));
}

static void drained_came(struct actor *me, void *context, const struct postgres_result *result)
{
    struct question question = *(struct question *)context;

    free(context);
    if (result->outcome != OUTCOME_DONE)
        actor_refuse(me, question, "Postgres does not say: %s", outcome_name(result->outcome));
    else if (postgres_affected(result->rows[0]) == 0)
        actor_refuse(me, question, "not all clicks of this epoch are counted yet, or it is not recorded");
    else
        ANSWER(me, question, done, .detail = SLICE("drained"));
}

void postgres_epochs_drained(struct actor *me,
                             struct postgres *postgres,
                             const struct epoch_drained *message,
                             struct question question)
{
    struct postgres_array lanes = { 0 };
    struct postgres_array seqs = { 0 };

    postgres_array_of_int8(&lanes);
    postgres_array_of_int8(&seqs);
    for (uint32_t i = 0; i < message->ends.count; i++) {
        postgres_array_add_int8(&lanes, (int64_t)message->ends.at[i].lane);
        postgres_array_add_int8(&seqs, (int64_t)message->ends.at[i].seq);
    }
    {
        const struct postgres_call call = POSTGRES_CALL(&note_drained, postgres_int8((int64_t)message->epoch),
                                                        postgres_array_value(&lanes), postgres_array_value(&seqs));

        (void)me;
        postgres_run(postgres, &call, 1, 0, drained_came, keep(question));
    }
    postgres_array_destroy(&lanes);
    postgres_array_destroy(&seqs);
}
