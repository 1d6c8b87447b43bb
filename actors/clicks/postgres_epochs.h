/* SPDX-License-Identifier: MIT */
/*
 * postgres_epochs -- answers click buffers what Postgres knows of their producer epochs, and notes the end of one.
 *
 * An epoch is drained when every click that it ever issued is below its lane's mark: only then do readers stop looking
 * for its clicks in Redis and may its keys and journal go. So it is checked and noted in one statement. Ranges that are
 * missing below the mark do not keep an epoch: whoever asks has nothing left that could fill them.
 */
#ifndef ACTORS_CLICKS_POSTGRES_EPOCHS_H
#define ACTORS_CLICKS_POSTGRES_EPOCHS_H

#include "actors/io/postgres.h"
#include "proto/messages/clicks.h"
#include "runtime/actor.h"

/* Each answers the question later, exactly once. */
void postgres_epochs_read(struct actor *me,
                          struct postgres *postgres,
                          const struct epochs_read *message,
                          struct question question);
void postgres_epochs_drained(struct actor *me,
                             struct postgres *postgres,
                             const struct epoch_drained *message,
                             struct question question);
void postgres_epochs_beat(struct actor *me,
                          struct postgres *postgres,
                          const struct producer_beat *message,
                          struct question question);

#endif
