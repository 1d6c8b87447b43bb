/* SPDX-License-Identifier: MIT */
/*
 * schema -- brings the tables of Postgres and ClickHouse up to what this program expects, and keeps in bounds what
 * grows.
 *
 * Postgres: each migration that the table schema_migrations does not have is applied in a transaction of its own,
 * together with its row there, under a lock that lets one at a time do it; so it may be started anywhere, any number of
 * times, by two at once, and be cut off anywhere. ClickHouse has neither transactions nor locks: there each file is one
 * statement that may be repeated. A file that was applied must not change: its checksum is compared.
 *
 * It is up once Postgres is ready and ClickHouse is too, so that who starts after it finds the tables; but a store that
 * is away does not hold the platform up: after a while it is up all the same and goes on trying. Everybody who needs a
 * table tries again while it is missing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "actors/ops/schema_state.h"

enum { RETRY_US = 250 * 1000, RETRY_MAX_US = 5 * 1000 * 1000, START_PATIENCE_US = 10 * 1000 * 1000 };
#define TIDY_US (UINT64_C(3600) * 1000 * 1000)

/* Longer than any copy of a link can live (links.cache_ttl), and long enough to look into what happened. */
static const struct postgres_statement forget_changes = {
    .sql = "DELETE FROM link_changes WHERE changed_at < now() - interval '30 days'"
};

/* ------------------------------------------------------------------------------------------------ both */

static void be_up_when_ready(struct actor *me)
{
    struct schema *self = actor_state(me);

    if (self->is_up || !self->tables.done || !self->clicks.done)
        return;
    self->is_up = true;
    actor_started(me);
}

static void out_of_patience(struct actor *me, void *context)
{
    struct schema *self = actor_state(me);

    (void)context;
    if (self->is_up)
        return;
    actor_log(me, LOG_WARN, "up before all tables are there: Postgres %s, ClickHouse %s; still trying",
              self->tables.done ? "is ready" : "does not answer", self->clicks.done ? "is ready" : "does not answer");
    self->is_up = true;
    actor_started(me);
}

void schema_finish(struct actor *me, struct schema_target *target, gauge *version)
{
    uint32_t last = target->migrations.at[target->migrations.count - 1].version;

    target->done = true;
    gauge_set(version, last);
    if (target->applied > 0)
        actor_log(me, LOG_INFO, "%u migrations applied to %s, which is at version %u", target->applied, target->name,
                  last);
    be_up_when_ready(me);
}

void schema_try_again(struct actor *me, struct schema_target *target, timer_handler *handler)
{
    (void)actor_after(me, target->pause_us, handler, NULL);
    target->pause_us = target->pause_us * 2 < RETRY_MAX_US ? target->pause_us * 2 : RETRY_MAX_US;
}

void schema_fail(struct actor *me, const struct schema_target *target, const char *what, const char *detail)
{
    const struct migration *migration = schema_next(target);

    actor_fail(me, "The migration %04u_%s of %s %s: %s", migration->version, migration->name, target->name, what,
               detail);
}

void schema_fail_changed(struct actor *me, const struct schema_target *target)
{
    schema_fail(me, target, "was applied before with other contents",
                "restore the file as it was, and put what is new into a file with the next number.");
}

/* ------------------------------------------------------------------------------------------------ life */

static void tidied(struct actor *me, void *context, const struct postgres_result *result)
{
    struct schema *self = actor_state(me);

    (void)context;
    if (result->outcome == OUTCOME_DONE)
        counter_add(&self->tidied_total, postgres_affected(result->rows[0]));
}

static void tidy(struct actor *me, void *context)
{
    struct schema *self = actor_state(me);
    struct postgres_call call = POSTGRES_CALL_BARE(&forget_changes);

    (void)context;
    if (self->tables.done)
        postgres_run(self->postgres, &call, 1, 0, tidied, NULL);
}

/* The folder of a store's migrations, by default below the place where the platform's own files are. */
static bool read_folder(struct actor *me, struct schema_target *target, const char *name, const char *subfolder)
{
    struct schema *self = actor_state(me);
    const char *home = getenv("SHUNT_HOME"); /* set once by the launcher, before any thread */
    char folder[800];
    char why[1024];

    target->name = name;
    target->pause_us = RETRY_US;
    if (self->folder[0] != '\0')
        (void)snprintf(folder, sizeof(folder), "%s/%s", self->folder, subfolder);
    else
        (void)snprintf(folder, sizeof(folder), "%s/topology/migrations/%s", home != NULL ? home : ".", subfolder);
    if (migrations_read(folder, &target->migrations, why, sizeof(why)))
        return true;
    actor_fail(me, "%s", why);
    return false;
}

/* The address without its database, which may not be there yet. */
static struct clickhouse *open_clickhouse(struct actor *me, char *why, size_t room)
{
    struct schema *self = actor_state(me);
    char uri[1024];
    char *path;

    (void)slice_copy(slice_of(self->clickhouse_uri), uri, sizeof(uri));
    path = strstr(uri, "://");
    path = path != NULL ? strchr(path + 3, '/') : NULL;
    if (path != NULL)
        *path = '\0';
    return clickhouse_open(me, &(struct clickhouse_options){ .name = "clickhouse", .uri = uri }, why, room);
}

static void start(struct actor *me)
{
    struct schema *self = actor_state(me);
    char why[256];

    if (!read_folder(me, &self->tables, "Postgres", "postgres") ||
        !read_folder(me, &self->clicks, "ClickHouse", "clickhouse"))
        return;
    self->postgres = postgres_open(me,
                                   &(struct postgres_options){ .name = "postgres",
                                                               .uri = self->postgres_uri,
                                                               .connections = 1,
                                                               .statement_limit_us = SCHEMA_MIGRATION_LIMIT_US },
                                   why, sizeof(why));
    if (self->postgres != NULL && self->clickhouse_uri[0] != '\0')
        self->clickhouse = open_clickhouse(me, why, sizeof(why));
    if (self->postgres == NULL || (self->clickhouse_uri[0] != '\0' && self->clickhouse == NULL)) {
        actor_fail(me, "%s", why);
        return;
    }
    (void)actor_after(me, START_PATIENCE_US, out_of_patience, NULL);
    (void)actor_every(me, TIDY_US, tidy, NULL);
    schema_postgres_go_on(me, NULL);
    if (self->clickhouse != NULL)
        schema_clickhouse_go_on(me, NULL);
    else
        self->clicks.done = true;
}

static void stop(struct actor *me)
{
    struct schema *self = actor_state(me);

    postgres_close(&self->postgres);
    clickhouse_close(&self->clickhouse);
    migrations_free(&self->tables.migrations);
    migrations_free(&self->clicks.migrations);
}

static const struct option options[] = {
    { .name = "postgres",
      .type = OPTION_STORE,
      .offset = offsetof(struct schema, postgres_uri),
      .help = "the store of links and marks" },
    { .name = "clickhouse",
      .type = OPTION_STORE,
      .offset = offsetof(struct schema, clickhouse_uri),
      .default_text = "",
      .help = "the store of single clicks; empty: there is none" },
    { .name = "migrations",
      .type = OPTION_TEXT,
      .offset = offsetof(struct schema, folder),
      .default_text = "",
      .help = "the folder that has postgres/ and clickhouse/; empty: topology/migrations of this installation" },
};

static const struct metric metrics[] = {
    { "migrations_applied_total", METRIC_COUNTER, offsetof(struct schema, applied_total), "migrations applied", NULL },
    { "failures_total", METRIC_COUNTER, offsetof(struct schema, failures_total), "attempts that did not succeed",
      NULL },
    { "rows_tidied_total", METRIC_COUNTER, offsetof(struct schema, tidied_total), "old rows of link_changes removed",
      NULL },
    { "version", METRIC_GAUGE, offsetof(struct schema, postgres_version), "the last migration", "store=\"postgres\"" },
    { "version", METRIC_GAUGE, offsetof(struct schema, clickhouse_version), "the last migration",
      "store=\"clickhouse\"" },
};

const struct actor_kind schema_kind = {
    .name = "schema",
    .doc = "brings the stores' tables up to date and keeps what grows in bounds",
    .state_size = sizeof(struct schema),
    .start = start,
    .starts_slowly = true,
    .stop = stop,
    TABLE(option, options),
    TABLE(metric, metrics),
};
