/* SPDX-License-Identifier: MIT */
/*
 * schema_postgres -- applies migrations to Postgres.
 *
 * Each in a transaction of its own with its row in schema_migrations, so that it happened or did not, under a lock that
 * the transaction holds, so that two who start at once do it once. The version is looked up behind the lock.
 */
#include "actors/ops/schema_state.h"

/* The number is an arbitrary one that nobody else uses: "shunt" in ASCII. */
static const struct postgres_statement lock = { .sql = "SELECT pg_advisory_xact_lock(x'7368756e74'::int8)" };

static const struct postgres_statement read_version = {
    .sql = "SELECT checksum FROM schema_migrations WHERE version = $1::int4"
};

/* A file has several statements and a prepared statement has one: so the file travels as a setting of the transaction,
 * and one statement executes what it finds there. */
static const struct postgres_statement bring_sql = { .sql = "SELECT set_config('shunt.migration', $1::text, true)" };
static const struct postgres_statement execute_sql = {
    .sql = "DO $do$ BEGIN EXECUTE current_setting('shunt.migration'); END $do$"
};
static const struct postgres_statement note_version = {
    .sql = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1::int4, $2::text, $3::text)"
};

static void postgres_failed(struct actor *me, const struct postgres_result *result)
{
    struct schema *self = actor_state(me);

    self->transaction = NULL;
    counter_add(&self->failures_total, 1);
    if (result->outcome == OUTCOME_REJECTED)
        schema_fail(me, &self->tables, "is rejected", result->detail);
    else
        schema_try_again(me, &self->tables, schema_postgres_go_on);
}

static void committed(struct actor *me, void *context, const struct postgres_result *result)
{
    struct schema *self = actor_state(me);

    (void)context;
    self->transaction = NULL;
    if (result->outcome != OUTCOME_DONE) {
        postgres_failed(me, result); /* an unknown outcome shows itself when the version is read again */
        return;
    }
    counter_add(&self->applied_total, 1);
    self->tables.applied++;
    self->tables.next++;
    schema_postgres_go_on(me, NULL);
}

static void apply(struct actor *me)
{
    struct schema *self = actor_state(me);
    const struct migration *migration = schema_next(&self->tables);
    struct postgres_transaction *transaction = self->transaction;
    struct postgres_call calls[] = {
        POSTGRES_CALL(&bring_sql, postgres_text(migration->sql)),
        POSTGRES_CALL_BARE(&execute_sql),
        POSTGRES_CALL(&note_version, postgres_int4((int32_t)migration->version),
                      postgres_text(slice_of(migration->name)), postgres_text(slice_of(migration->checksum))),
    };

    self->transaction = NULL;
    postgres_transaction_commit(transaction, calls, 3, committed, NULL);
}

static void version_read(struct actor *me, void *context, const struct postgres_result *result)
{
    struct schema *self = actor_state(me);
    const struct migration *migration = schema_next(&self->tables);

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        postgres_failed(me, result);
        return;
    }
    if (postgres_row_count(result->rows[1]) == 0) {
        apply(me);
        return;
    }
    postgres_transaction_rollback(self->transaction);
    self->transaction = NULL;
    if (!slice_is(postgres_text_at(result->rows[1], 0, 0), migration->checksum)) {
        schema_fail_changed(me, &self->tables);
        return;
    }
    self->tables.next++;
    schema_postgres_go_on(me, NULL);
}

static void first_applied(struct actor *me, void *context, const struct postgres_result *result)
{
    struct schema *self = actor_state(me);

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        postgres_failed(me, result);
        return;
    }
    self->tables.next++;
    schema_postgres_go_on(me, NULL);
}

/* What is safe to repeat, the table of versions above all, before there is one to ask. */
static void apply_first(struct actor *me)
{
    struct schema *self = actor_state(me);
    struct postgres_call calls[] = { POSTGRES_CALL_BARE(&lock),
                                     POSTGRES_CALL(&bring_sql, postgres_text(schema_next(&self->tables)->sql)),
                                     POSTGRES_CALL_BARE(&execute_sql) };

    postgres_run(self->postgres, calls, 3, SCHEMA_MIGRATION_LIMIT_US, first_applied, NULL);
}

void schema_postgres_go_on(struct actor *me, void *context)
{
    struct schema *self = actor_state(me);
    struct schema_target *tables = &self->tables;
    struct postgres_call calls[2];

    (void)context;
    if (tables->next == tables->migrations.count) {
        schema_finish(me, tables, &self->postgres_version);
        return;
    }
    if (schema_next(tables)->version == 0) {
        apply_first(me);
        return;
    }
    calls[0] = POSTGRES_CALL_BARE(&lock);
    calls[1] = POSTGRES_CALL(&read_version, postgres_int4((int32_t)schema_next(tables)->version));
    self->transaction = postgres_begin(self->postgres, SCHEMA_MIGRATION_LIMIT_US);
    postgres_transaction_run(self->transaction, calls, 2, version_read, NULL);
}
