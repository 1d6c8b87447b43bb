/* SPDX-License-Identifier: MIT */
/*
 * epoch_log -- which producer epochs were given to whom, in the table producer_epochs, with a file for the time when
 * Postgres is away.
 *
 * Stats must know every epoch whose clicks may still be on their way, so an epoch is given out only once its record is
 * kept for good: in Postgres or in the file. What is in the file alone goes to Postgres as soon as it can, and leaves
 * the file then. All of it belongs to the actor's thread.
 */
#ifndef ACTORS_LINKS_EPOCH_LOG_H
#define ACTORS_LINKS_EPOCH_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/postgres.h"

struct actor;
struct epoch_log;

enum {
    EPOCH_RECORDS_LIMIT = 256, /* not yet in Postgres */
    EPOCH_NAME_LIMIT = 64      /* bytes of a node's and an actor's name */
};

struct epoch_record {
    uint64_t epoch;
    uint64_t lanes;
    uint64_t started_us; /* wall clock */
    char node[EPOCH_NAME_LIMIT + 1];
    char actor[EPOCH_NAME_LIMIT + 1];
};

/* `kept`: for good, in at least one of both places; else `why` says what went wrong. */
typedef void epoch_log_handler(struct actor *me, void *context, bool kept, const char *why);

/* Reads the file "epochs" in the actor's folder. `postgres` is borrowed; close it before this. NULL with a sentence. */
struct epoch_log *epoch_log_open(struct actor *me, struct postgres *postgres, char *why, size_t room);
void epoch_log_close(struct epoch_log **log); /* accepts NULL in *log; sets it to NULL */

/* Keeps a record. False when EPOCH_RECORDS_LIMIT are waiting for Postgres: `then` does not come. */
bool epoch_log_add(struct epoch_log *log, const struct epoch_record *record, epoch_log_handler *then, void *context);
/* Records that only the file has. */
uint32_t epoch_log_waiting(const struct epoch_log *log);

/* One record as a line of the file and back; pure. */
size_t epoch_record_format(const struct epoch_record *record, char *line, size_t room);
bool epoch_record_parse(const char *line, struct epoch_record *ret_record);

#endif
