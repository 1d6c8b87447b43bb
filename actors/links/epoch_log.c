/* SPDX-License-Identifier: MIT */
/* epoch_log -- see the header. */
#include "actors/links/epoch_log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/io/durable_file.h"
#include "runtime/actor.h"

enum { LINE_BYTES = 2 * EPOCH_NAME_LIMIT + 80, RETRY_US = 1000 * 1000, POSTGRES_LIMIT_US = 2000 * 1000 };

static const struct postgres_statement insert_epoch = {
    .sql = "INSERT INTO producer_epochs (epoch, node, actor, lanes, started_at) "
           "VALUES ($1::int8, $2::text, $3::text, $4::int4, $5::timestamptz) ON CONFLICT (epoch) DO NOTHING"
};

struct entry {
    struct epoch_log *log;
    struct epoch_record record;
    bool used;
    bool in_file;            /* the file has it for good */
    bool sending;            /* the insert is under way */
    uint64_t write;          /* the file's number that has it; 0: from before the start */
    epoch_log_handler *then; /* NULL: nobody waits any more */
    void *context;
};

struct epoch_log {
    struct actor *me;
    struct postgres *postgres;
    struct durable_file *file;
    uint64_t beat; /* timer */
    struct entry entries[EPOCH_RECORDS_LIMIT];
};

/* ------------------------------------------------------------------------------------------------ lines */

size_t epoch_record_format(const struct epoch_record *record, char *line, size_t room)
{
    int size = snprintf(line, room, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s %s\n", record->epoch, record->lanes,
                        record->started_us, record->node, record->actor);

    assert(size > 0 && (size_t)size < room);
    return (size_t)size;
}

bool epoch_record_parse(const char *line, struct epoch_record *ret_record)
{
    struct epoch_record record = { 0 };

    if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %64s %64s", &record.epoch, &record.lanes, &record.started_us,
               record.node, record.actor) != 5)
        return false;
    *ret_record = record;
    return true;
}

/* ------------------------------------------------------------------------------------------------ keeping */

static uint64_t write_file(struct epoch_log *log)
{
    char text[EPOCH_RECORDS_LIMIT * LINE_BYTES];
    size_t size = 0;

    for (uint32_t i = 0; i < EPOCH_RECORDS_LIMIT; i++)
        if (log->entries[i].used)
            size += epoch_record_format(&log->entries[i].record, text + size, sizeof(text) - size);
    return durable_file_write(log->file, (struct slice){ .at = text, .size = size });
}

static void tell(struct entry *entry, bool kept, const char *why)
{
    epoch_log_handler *then = entry->then;

    entry->then = NULL;
    if (then != NULL)
        then(entry->log->me, entry->context, kept, why);
}

static void file_written(struct actor *me, void *context, uint64_t number, const char *error)
{
    struct epoch_log *log = context;

    if (error != NULL)
        actor_log(me, LOG_ERROR, "%s; Postgres alone keeps the epochs until it can", error);
    for (uint32_t i = 0; i < EPOCH_RECORDS_LIMIT; i++) {
        struct entry *entry = &log->entries[i];

        if (!entry->used || entry->in_file || entry->write > number)
            continue;
        entry->in_file = error == NULL;
        if (entry->in_file)
            tell(entry, true, "");
        else if (!entry->sending) {
            entry->used = false; /* refused, so it must not turn up in Postgres later: nobody would ever drain it */
            tell(entry, false, error);
        }
    }
}

static void inserted(struct actor *me, void *context, const struct postgres_result *result)
{
    struct entry *entry = context;

    entry->sending = false;
    if (result->outcome == OUTCOME_DONE) {
        entry->used = false;
        tell(entry, true, "");
        (void)write_file(entry->log);
        return;
    }
    if (result->outcome == OUTCOME_REJECTED)
        actor_log(me, LOG_WARN, "an epoch cannot be recorded in Postgres yet: %s", result->detail);
}

static void send_to_postgres(struct entry *entry)
{
    const struct epoch_record *record = &entry->record;
    struct postgres_call call =
        POSTGRES_CALL(&insert_epoch, postgres_int8((int64_t)record->epoch), postgres_text(slice_of(record->node)),
                      postgres_text(slice_of(record->actor)), postgres_int4((int32_t)record->lanes),
                      postgres_timestamp(record->started_us));

    entry->sending = true;
    postgres_run(entry->log->postgres, &call, 1, POSTGRES_LIMIT_US, inserted, entry);
}

/* What Postgres did not take the first time is sent again. Nobody waits for ever: without a file and without Postgres
 * the asker's own deadline ends it, and the record is kept all the same. */
static void send_again(struct actor *me, void *context)
{
    struct epoch_log *log = context;

    (void)me;
    for (uint32_t i = 0; i < EPOCH_RECORDS_LIMIT; i++)
        if (log->entries[i].used && !log->entries[i].sending && postgres_is_connected(log->postgres))
            send_to_postgres(&log->entries[i]);
}

bool epoch_log_add(struct epoch_log *log, const struct epoch_record *record, epoch_log_handler *then, void *context)
{
    for (uint32_t i = 0; i < EPOCH_RECORDS_LIMIT; i++) {
        struct entry *entry = &log->entries[i];

        if (entry->used)
            continue;
        *entry = (struct entry){ .log = log, .record = *record, .used = true, .then = then, .context = context };
        entry->write = write_file(log);
        if (postgres_is_connected(log->postgres))
            send_to_postgres(entry);
        return true;
    }
    return false;
}

uint32_t epoch_log_waiting(const struct epoch_log *log)
{
    uint32_t waiting = 0;

    for (uint32_t i = 0; i < EPOCH_RECORDS_LIMIT; i++)
        waiting += log->entries[i].used;
    return waiting;
}

/* ------------------------------------------------------------------------------------------------ life */

static void read_entries(struct epoch_log *log, struct slice text)
{
    char line[LINE_BYTES];
    uint32_t count = 0;

    while (text.size > 0 && count < EPOCH_RECORDS_LIMIT) {
        const char *end = memchr(text.at, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.at) : text.size;
        struct entry *entry = &log->entries[count];

        (void)slice_copy((struct slice){ .at = text.at, .size = size }, line, sizeof(line));
        if (epoch_record_parse(line, &entry->record)) {
            entry->log = log;
            entry->used = true;
            entry->in_file = true;
            count++;
        }
        size += end != NULL;
        text = (struct slice){ .at = text.at + size, .size = text.size - size };
    }
}

struct epoch_log *epoch_log_open(struct actor *me, struct postgres *postgres, char *why, size_t room)
{
    struct epoch_log *log = calloc(1, sizeof(*log));
    const char *folder = actor_folder(me);
    struct slice text;

    assert(log != NULL);
    log->me = me;
    log->postgres = postgres;
    if (folder != NULL)
        log->file = durable_file_open(me, folder, "epochs", file_written, log, why, room);
    else
        (void)snprintf(why, room, "The actor's folder cannot be made.");
    if (log->file == NULL) {
        epoch_log_close(&log);
        return NULL;
    }
    if (durable_file_was_there(log->file, &text))
        read_entries(log, text);
    log->beat = actor_every(me, RETRY_US, send_again, log);
    return log;
}

void epoch_log_close(struct epoch_log **log_at)
{
    struct epoch_log *log = *log_at;

    if (log == NULL)
        return;
    *log_at = NULL;
    actor_cancel_timer(log->me, &log->beat);
    durable_file_close(&log->file);
    free(log);
}
