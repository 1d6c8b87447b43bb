/* SPDX-License-Identifier: MIT */
/*
 * postgres_ledger -- what ingestion reads from Postgres and writes to it: marks, holes, offsets and counts.
 *
 * Ownership is the fence. Taking a partition over writes the taker's token beside its offset; every later transaction
 * locks these rows first and goes on only if all of them still carry the token. A worker that was stopped, cut off or
 * believed dead finds another's token and has no effect, however late its transaction arrives.
 */
#ifndef ACTORS_CLICKS_POSTGRES_LEDGER_H
#define ACTORS_CLICKS_POSTGRES_LEDGER_H

#include "actors/clicks/ingestion.h"
#include "actors/io/postgres.h"

enum ledger_outcome {
    LEDGER_DONE,
    LEDGER_LOST,   /* another worker owns a partition now */
    LEDGER_FAILED, /* nothing happened */
    LEDGER_UNKNOWN /* the commit's answer was lost: read back what happened */
};

/* `detail` is one sentence, valid until the handler returns. */
typedef void ledger_handler(struct actor *me, void *context, enum ledger_outcome outcome, const char *detail);

/* Takes the partitions over for `owner` and tells `ingestion` (which must be empty) all that Postgres knows of them.
 * Partitions that nobody has read yet start at 0. */
void postgres_ledger_load(struct postgres *postgres,
                          struct ingestion *ingestion,
                          const int32_t *partitions,
                          uint32_t count,
                          int64_t owner,
                          ledger_handler *then,
                          void *context);

/* One transaction: check the owner, add the counts, move marks, holes and offsets. The flush stays the caller's and
 * must live until the handler comes. `ret_unknown_codes` gets the clicks of codes that are not in the table. */
void postgres_ledger_store(struct postgres *postgres,
                           const struct ingestion_flush *flush,
                           int64_t owner,
                           uint64_t *ret_unknown_clicks,
                           ledger_handler *then,
                           void *context);

#endif
