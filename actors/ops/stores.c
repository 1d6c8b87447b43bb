/* SPDX-License-Identifier: MIT */
/*
 * stores -- asks the stores how they are, and shows it as metrics: memory, connections, sizes, errors.
 *
 * Why not the stores' usual exporters: Debian 12 has them for Redis and Postgres only, each is a process per server
 * with passwords and a listener of its own, and what they say of a healthy server fills pages. Here one thread asks six
 * servers over the adapters that are there anyway, and a figure is a row of store_figures.h. Kafka says little over its
 * own protocol: where each partition begins and ends; what is behind is told by those who read (lag_records).
 *
 * A store that does not answer is `up` 0, and its other figures are gone until it does.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/clickhouse.h"
#include "actors/io/kafka_topic.h"
#include "actors/io/postgres.h"
#include "actors/io/redis.h"
#include "actors/ops/store_figures.h"
#include "runtime/actor.h"

enum { WATCHED_LIMIT = 8, ANSWER_LIMIT_US = 3 * 1000 * 1000 };

struct watched {
    const char *name; /* of the topology, lives for ever */
    const char *kind;
    const char *uri;
    struct redis *redis;           /* owned; one of these three, or none for Kafka */
    struct postgres *postgres;     /* owned */
    struct clickhouse *clickhouse; /* owned */
    struct kafka_topic_request *request;
    bool is_asked;
    uint64_t asked_at_us;
};

struct stores {
    const char *names;  /* option */
    const char *topic;  /* option */
    uint64_t period_us; /* option */

    struct watched watched[WATCHED_LIMIT];
    uint32_t count;
    struct store_figures figures;
};

static const struct postgres_statement ask_postgres = {
    "SELECT word || ':' || number FROM pg_stat_database AS d, LATERAL (VALUES"
    " ('database_bytes', pg_database_size(d.datname)), ('connections', numbackends), ('commits', xact_commit),"
    " ('connection_limit', current_setting('max_connections')::int8), ('rollbacks', xact_rollback),"
    " ('blocks_read', blks_read), ('blocks_hit', blks_hit), ('deadlocks', deadlocks),"
    " ('oldest_transaction', (SELECT coalesce(extract(epoch FROM max(now() - xact_start)), 0)::int8"
    " FROM pg_stat_activity AS a WHERE a.datname = d.datname)),"
    " ('wal', (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"
    " - '0/0'::pg_lsn)::int8)) AS figures (word, number) WHERE d.datname = current_database()"
};

static const char ask_clickhouse[] =
    "SELECT event, toInt64(value) FROM system.events WHERE event IN ('Query', 'InsertedRows', 'MergedRows')"
    " UNION ALL SELECT metric, toInt64(value) FROM system.metrics WHERE metric IN ('MemoryTracking', 'Merge')"
    " UNION ALL SELECT 'parts', toInt64(count()) FROM system.parts WHERE active"
    " UNION ALL SELECT 'part_rows', toInt64(sum(rows)) FROM system.parts WHERE active"
    " UNION ALL SELECT 'part_bytes', toInt64(sum(bytes_on_disk)) FROM system.parts WHERE active"
    " FORMAT TabSeparated";

/* ------------------------------------------------------------------------------------------------ answers */

/* Takes all that is known of a store away: a figure of a server that is gone is no figure. */
static void forget(struct stores *self, const char *store)
{
    char labels[SERIES_LABELS_SIZE];
    size_t size = (size_t)snprintf(labels, sizeof labels, "store=\"%s\"", store);

    for (unsigned i = 0; i < STORE_FIGURE_COUNT; i++) {
        struct series *series = &self->figures.at[i];
        uint32_t kept = 0;

        for (uint32_t k = 0; k < series->count; k++) {
            if (strncmp(series->at[k].labels, labels, size) != 0)
                series->at[kept++] = series->at[k];
        }
        series->count = kept;
    }
}

static void answered(struct actor *me, struct watched *watched, enum outcome outcome)
{
    struct stores *self = actor_state(me);
    bool is_up = outcome == OUTCOME_DONE;

    watched->is_asked = false;
    if (!is_up)
        forget(self, watched->name);
    else
        series_set(&self->figures.at[STORE_ANSWER], (double)(actor_now_us(me) - watched->asked_at_us) / 1e6,
                   "store=\"%s\"", watched->name);
    series_set(&self->figures.at[STORE_UP], is_up, "store=\"%s\"", watched->name);
}

static void redis_answered(struct actor *me, void *context, const struct redis_result *result)
{
    struct stores *self = actor_state(me);
    struct watched *watched = context;

    answered(me, watched, result->outcome);
    if (result->outcome == OUTCOME_DONE)
        store_figures_take(&self->figures, watched->name, redis_reply_text(result->reply), ':');
}

static void postgres_answered(struct actor *me, void *context, const struct postgres_result *result)
{
    struct stores *self = actor_state(me);
    struct watched *watched = context;

    answered(me, watched, result->outcome);
    for (uint32_t i = 0; result->outcome == OUTCOME_DONE && i < postgres_row_count(result->rows[0]); i++)
        store_figures_take(&self->figures, watched->name, postgres_text_at(result->rows[0], i, 0), ':');
}

static void clickhouse_answered(struct actor *me, void *context, const struct clickhouse_result *result)
{
    struct stores *self = actor_state(me);
    struct watched *watched = context;

    answered(me, watched, result->outcome);
    if (result->outcome == OUTCOME_DONE)
        store_figures_take(&self->figures, watched->name, result->body, '\t');
}

static void kafka_answered(struct actor *me, void *context, const struct kafka_topic_result *result)
{
    struct stores *self = actor_state(me);
    struct watched *watched = context;

    watched->request = NULL;
    answered(me, watched, result->outcome);
    for (uint32_t i = 0; result->outcome == OUTCOME_DONE && i < result->partitions; i++) {
        const struct kafka_extent *extent = &result->extents[i];

        series_set(&self->figures.at[STORE_KAFKA_FIRST], (double)extent->first,
                   "store=\"%s\",topic=\"%s\",partition=\"%d\"", watched->name, self->topic, extent->partition);
        series_set(&self->figures.at[STORE_KAFKA_END], (double)extent->end,
                   "store=\"%s\",topic=\"%s\",partition=\"%d\"", watched->name, self->topic, extent->partition);
    }
}

/* ------------------------------------------------------------------------------------------------ asking */

static void ask(struct actor *me, struct watched *watched)
{
    struct stores *self = actor_state(me);
    struct postgres_call call = POSTGRES_CALL_BARE(&ask_postgres);

    if (watched->is_asked)
        return;
    watched->is_asked = true;
    watched->asked_at_us = actor_now_us(me);
    if (watched->redis != NULL) {
        redis_command(watched->redis, (const struct slice[]){ SLICE("INFO") }, 1, ANSWER_LIMIT_US, redis_answered,
                      watched);
    } else if (watched->postgres != NULL) {
        postgres_run(watched->postgres, &call, 1, ANSWER_LIMIT_US, postgres_answered, watched);
    } else if (watched->clickhouse != NULL) {
        struct clickhouse_query query = { .sql = slice_of(ask_clickhouse), .deadline_us = ANSWER_LIMIT_US };

        clickhouse_send(watched->clickhouse, &query, clickhouse_answered, watched);
    } else {
        struct kafka_topic topic = { .uri = watched->uri, .name = self->topic, .deadline_us = ANSWER_LIMIT_US };

        watched->request = kafka_topic_extents(me, &topic, kafka_answered, watched);
        watched->is_asked = watched->request != NULL;
    }
}

static void ask_all(struct actor *me, void *context)
{
    struct stores *self = actor_state(me);

    (void)context;
    for (uint32_t i = 0; i < self->count; i++)
        ask(me, &self->watched[i]);
}

static void turn_end(struct actor *me)
{
    struct stores *self = actor_state(me);

    for (uint32_t i = 0; i < self->count; i++)
        redis_flush(self->watched[i].redis);
}

/* ------------------------------------------------------------------------------------------------ life */

static bool open_store(struct actor *me, struct watched *watched, char *why, size_t room)
{
    if (strcmp(watched->kind, "redis") == 0) {
        watched->redis =
            redis_open(me, &(struct redis_options){ .name = watched->name, .uri = watched->uri }, why, room);
        return watched->redis != NULL;
    }
    if (strcmp(watched->kind, "postgres") == 0) {
        watched->postgres = postgres_open(
            me, &(struct postgres_options){ .name = watched->name, .uri = watched->uri, .connections = 1 }, why, room);
        return watched->postgres != NULL;
    }
    if (strcmp(watched->kind, "clickhouse") == 0) {
        watched->clickhouse =
            clickhouse_open(me, &(struct clickhouse_options){ .name = watched->name, .uri = watched->uri }, why, room);
        return watched->clickhouse != NULL;
    }
    snprintf(why, room, "there is nothing to ask a store of the kind %s (%s)", watched->kind, watched->name);
    return strcmp(watched->kind, "kafka") == 0;
}

static bool watch(struct actor *me, const char *name, char *why, size_t room)
{
    struct stores *self = actor_state(me);
    struct watched *watched = &self->watched[self->count];
    char path[128];

    if (self->count == WATCHED_LIMIT) {
        snprintf(why, room, "%s is one store too many: at most %d; give another actor of this kind the rest", name,
                 WATCHED_LIMIT);
        return false;
    }
    self->count++;
    snprintf(path, sizeof path, "stores/%s/name", name);
    watched->name = actor_topology(me, path);
    snprintf(path, sizeof path, "stores/%s/kind", name);
    watched->kind = actor_topology(me, path);
    snprintf(path, sizeof path, "stores/%s/uri", name);
    watched->uri = actor_topology(me, path);
    if (watched->name == NULL || watched->kind == NULL || watched->uri == NULL) {
        snprintf(why, room, "the topology has no store '%s'; the option `names` lists stores of it", name);
        return false;
    }
    return open_store(me, watched, why, room);
}

static void start(struct actor *me)
{
    struct stores *self = actor_state(me);
    char *names = strdup(self->names);
    char *rest = NULL;
    char why[256] = "";
    bool good = names != NULL;

    for (char *name = strtok_r(names, " ,", &rest); good && name != NULL; name = strtok_r(NULL, " ,", &rest))
        good = watch(me, name, why, sizeof why);
    free(names);
    if (!good) {
        actor_fail(me, "%s", why);
        return;
    }
    actor_after(me, 1, ask_all, NULL);
    actor_every(me, self->period_us, ask_all, NULL);
}

static void stop(struct actor *me)
{
    struct stores *self = actor_state(me);

    for (uint32_t i = 0; i < self->count; i++) {
        redis_close(&self->watched[i].redis);
        postgres_close(&self->watched[i].postgres);
        clickhouse_close(&self->watched[i].clickhouse);
        kafka_topic_cancel(&self->watched[i].request);
    }
}

static const struct option options[] = {
    { "names", OPTION_TEXT, offsetof(struct stores, names), "", "the stores to ask, with blanks between; at most 8" },
    { "topic", OPTION_TEXT, offsetof(struct stores, topic), "click_events", "Kafka's topic to look at" },
    { "period", OPTION_DURATION, offsetof(struct stores, period_us), "10s", "how often they are asked", 100 * 1000 },
};

static const struct metric metrics[] = {
#define FIGURE_METRIC(id, word, metric_name, metric_type, text)                                                        \
    { .name = metric_name,                                                                                             \
      .type = METRIC_##metric_type##_SERIES,                                                                           \
      .offset = offsetof(struct stores, figures.at[STORE_##id]),                                                       \
      .help = text },
    STORE_FIGURES(FIGURE_METRIC)
#undef FIGURE_METRIC
};

const struct actor_kind stores_kind = {
    .name = "stores",
    .doc = "asks the stores how they are, for the metrics",
    .state_size = sizeof(struct stores),
    .start = start,
    .stop = stop,
    .turn_end = turn_end,
    TABLE(option, options),
    TABLE(metric, metrics),
};
