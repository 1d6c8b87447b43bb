/* SPDX-License-Identifier: MIT */
/*
 * schema_state -- what the two halves of the schema actor share: how far each store is.
 *
 * The kind is schema.c; schema_postgres.c and schema_clickhouse.c each bring one store up to date.
 */
#ifndef ACTORS_OPS_SCHEMA_STATE_H
#define ACTORS_OPS_SCHEMA_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/clickhouse.h"
#include "actors/io/postgres.h"
#include "actors/ops/migrations.h"
#include "runtime/actor.h"

enum { SCHEMA_MIGRATION_LIMIT_US = 600 * 1000 * 1000 }; /* a migration of a large table takes its time */

struct schema_target {
    const char *name;
    struct migrations migrations; /* owned */
    uint32_t next;                /* index of the migration to apply */
    uint32_t applied;             /* in this life */
    uint64_t pause_us;            /* before the next attempt */
    bool done;
};

struct schema {
    const char *postgres_uri; /* options */
    const char *clickhouse_uri;
    const char *folder;

    struct postgres *postgres;                /* owned */
    struct clickhouse *clickhouse;            /* owned; NULL when there is none */
    struct postgres_transaction *transaction; /* of the migration under way */
    struct schema_target tables;              /* in Postgres */
    struct schema_target clicks;              /* in ClickHouse */
    bool is_up;

    counter applied_total;
    counter failures_total;
    counter tidied_total;
    gauge postgres_version;
    gauge clickhouse_version;
};

/* Applies what is missing, from target->next on; ends with schema_finish, or tries again later by itself. */
void schema_postgres_go_on(struct actor *me, void *context);
void schema_clickhouse_go_on(struct actor *me, void *context);

/* ---- schema.c: for both */
static inline const struct migration *schema_next(const struct schema_target *target)
{
    return &target->migrations.at[target->next];
}
void schema_finish(struct actor *me, struct schema_target *target, gauge *version);
/* The store is away or busy: again, after a pause that grows. */
void schema_try_again(struct actor *me, struct schema_target *target, timer_handler *go_on);
/* A migration that cannot be applied, now or ever. */
void schema_fail(struct actor *me, const struct schema_target *target, const char *what, const char *detail);
void schema_fail_changed(struct actor *me, const struct schema_target *target);

#endif
