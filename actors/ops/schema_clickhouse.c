/* SPDX-License-Identifier: MIT */
/*
 * schema_clickhouse -- applies migrations to ClickHouse.
 *
 * There are neither transactions nor locks: each file is one statement that may be repeated, its row in
 * shunt.schema_migrations is written after it, and two who do it at once write the row twice, which does no harm.
 */
#include <inttypes.h>
#include <stdio.h>

#include "actors/ops/schema_state.h"

enum { QUERY_ROOM = 512, QUERY_LIMIT_US = 60 * 1000 * 1000 };

static void clickhouse_failed(struct actor *me, const struct clickhouse_result *result)
{
    struct schema *self = actor_state(me);

    counter_add(&self->failures_total, 1);
    if (result->outcome == OUTCOME_REJECTED)
        schema_fail(me, &self->clicks, "is rejected", result->detail);
    else
        schema_try_again(me, &self->clicks, schema_clickhouse_go_on);
}

static void send_sql(struct actor *me, struct slice sql, clickhouse_handler *then)
{
    struct schema *self = actor_state(me);
    struct clickhouse_query query = { .sql = sql, .deadline_us = QUERY_LIMIT_US };

    clickhouse_send(self->clickhouse, &query, then, NULL);
}

static void one_more(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct schema *self = actor_state(me);
    bool counts = schema_next(&self->clicks)->version != 0;

    (void)context;
    if (result->outcome != OUTCOME_DONE) {
        clickhouse_failed(me, result);
        return;
    }
    counter_add(&self->applied_total, counts);
    self->clicks.applied += counts;
    self->clicks.next++;
    schema_clickhouse_go_on(me, NULL);
}

static void applied_to_clickhouse(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct schema *self = actor_state(me);
    const struct migration *migration = schema_next(&self->clicks);
    char sql[QUERY_ROOM];

    if (result->outcome != OUTCOME_DONE || migration->version == 0) {
        one_more(me, context, result);
        return;
    }
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO shunt.schema_migrations (version, name, checksum, applied_at) "
                   "SELECT %" PRIu32 ", '%s', '%s', now()",
                   migration->version, migration->name, migration->checksum);
    send_sql(me, slice_of(sql), one_more);
}

static void clickhouse_version_read(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct schema *self = actor_state(me);
    const struct migration *migration = schema_next(&self->clicks);
    struct slice body = result->body;

    (void)context;
    while (body.size > 0 && (body.at[body.size - 1] == '\n' || body.at[body.size - 1] == '\r'))
        body.size--;
    if (result->outcome != OUTCOME_DONE)
        clickhouse_failed(me, result);
    else if (body.size == 0)
        send_sql(me, migration->sql, applied_to_clickhouse);
    else if (!slice_is(body, migration->checksum))
        schema_fail_changed(me, &self->clicks);
    else {
        self->clicks.next++;
        schema_clickhouse_go_on(me, NULL);
    }
}

void schema_clickhouse_go_on(struct actor *me, void *context)
{
    struct schema *self = actor_state(me);
    struct schema_target *clicks = &self->clicks;
    const struct migration *migration = &clicks->migrations.at[clicks->next];
    char sql[QUERY_ROOM];

    (void)context;
    if (clicks->next == clicks->migrations.count) {
        schema_finish(me, clicks, &self->clickhouse_version);
        return;
    }
    if (migration->version == 0) {
        send_sql(me, migration->sql, applied_to_clickhouse);
        return;
    }
    (void)snprintf(sql, sizeof(sql), "SELECT checksum FROM shunt.schema_migrations WHERE version = %" PRIu32 " LIMIT 1",
                   migration->version);
    send_sql(me, slice_of(sql), clickhouse_version_read);
}
