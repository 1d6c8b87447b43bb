/* SPDX-License-Identifier: MIT */
/* code_record -- see the header. */
#include "actors/links/code_record.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/actor.h"

enum { POSTGRES_LIMIT_US = 2000 * 1000 };

static const struct postgres_statement take_key = {
    .sql = "UPDATE id_leases SET next_value = CASE next_value WHEN 0 THEN $1::int8 ELSE next_value END "
           "WHERE name = 'keygen/key' RETURNING next_value::int8"
};

static const struct postgres_statement read_promised = {
    .sql = "SELECT next_value::int8 FROM id_leases WHERE name = 'keygen/promised'"
};

static const struct postgres_statement write_promised = {
    .sql = "INSERT INTO id_leases (name, next_value) VALUES ('keygen/promised', $1::int8) "
           "ON CONFLICT (name) DO UPDATE SET next_value = excluded.next_value"
};

struct code_record {
    struct actor *me;
    struct postgres *postgres;
    uint64_t fingerprint;
    enum code_record_state state;
    bool asking;
    bool writing;
    uint64_t written;
    code_record_handler *on_ours;
    void *ours_context;
    code_record_handler *then;
    void *then_context;
};

uint64_t code_record_fingerprint(const struct keyed_hash_key *key)
{
    return (keyed_hash_fingerprint(key) >> 12) | 1;
}

struct code_record *code_record_open(struct actor *me,
                                     struct postgres *postgres,
                                     const struct keyed_hash_key *key,
                                     code_record_handler *on_ours,
                                     void *context)
{
    struct code_record *record = calloc(1, sizeof(*record));

    assert(record != NULL);
    *record = (struct code_record){ .me = me,
                                    .postgres = postgres,
                                    .fingerprint = code_record_fingerprint(key),
                                    .on_ours = on_ours,
                                    .ours_context = context };
    return record;
}

void code_record_close(struct code_record **record)
{
    free(*record);
    *record = NULL;
}

enum code_record_state code_record_state(const struct code_record *record)
{
    return record->state;
}

static void heard(struct actor *me, void *context, const struct postgres_result *result)
{
    struct code_record *record = context;
    const struct postgres_rows *promised;

    record->asking = false;
    if (result->outcome != OUTCOME_DONE) {
        if (result->outcome == OUTCOME_REJECTED)
            actor_log(me, LOG_WARN, "Postgres cannot say yet which key the codes are made with: %s", result->detail);
        return;
    }
    if (postgres_row_count(result->rows[0]) == 0) {
        record->state = CODE_RECORD_MISSING;
        actor_log(
            me, LOG_WARN,
            "edges ask the database for every unknown code: id_leases has no row keygen/key, so nobody knows what "
            "codes were made with; migration 0007 says how to begin anew");
        return;
    }
    if ((uint64_t)postgres_integer_at(result->rows[0], 0, 0) != record->fingerprint) {
        record->state = CODE_RECORD_OTHER_KEY;
        actor_log(me, LOG_WARN,
                  "edges ask the database for every unknown code: earlier codes were made with another key; set "
                  "keygen.code_key back to it");
        return;
    }
    record->state = CODE_RECORD_OURS;
    promised = result->rows[1];
    record->on_ours(me, record->ours_context,
                    postgres_row_count(promised) > 0 ? (uint64_t)postgres_integer_at(promised, 0, 0) : 0);
}

void code_record_look(struct code_record *record)
{
    struct postgres_call calls[2];

    if (record->state != CODE_RECORD_UNHEARD || record->asking || !postgres_is_connected(record->postgres))
        return;
    record->asking = true;
    calls[0] = POSTGRES_CALL(&take_key, postgres_int8((int64_t)record->fingerprint));
    calls[1] = POSTGRES_CALL_BARE(&read_promised);
    postgres_run(record->postgres, calls, 2, POSTGRES_LIMIT_US, heard, record);
}

static void kept(struct actor *me, void *context, const struct postgres_result *result)
{
    struct code_record *record = context;

    record->writing = false;
    if (result->outcome == OUTCOME_DONE)
        record->then(me, record->then_context, record->written);
}

void code_record_keep(struct code_record *record, uint64_t promised, code_record_handler *then, void *context)
{
    struct postgres_call call = POSTGRES_CALL(&write_promised, postgres_int8((int64_t)promised));

    if (record->writing || !postgres_is_connected(record->postgres))
        return;
    record->writing = true;
    record->written = promised;
    record->then = then;
    record->then_context = context;
    postgres_run(record->postgres, &call, 1, POSTGRES_LIMIT_US, kept, record);
}
