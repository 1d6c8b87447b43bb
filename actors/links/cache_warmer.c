/* SPDX-License-Identifier: MIT */
/*
 * cache_warmer -- keeps copies of the most-clicked links in Redis: at the start, on a schedule, and whenever Redis is
 * new.
 *
 * It only ever puts a copy where there is none (SET NX), so it can neither bring an old row back over an edit's
 * tombstone nor disturb anybody. When it is away, links are as fast as before once each was asked for; so it may fail
 * at any time.
 *
 * The hottest links are found by `heat`, which an index has (see topology/migrations/README.md), a few more than
 * wanted, and then put in order by their clicks.
 */
#include <inttypes.h>
#include <stdio.h>

#include "actors/io/postgres.h"
#include "actors/io/redis.h"
#include "actors/links/link_copy.h"
#include "runtime/actor.h"

enum {
    READ_LIMIT_US = 10 * 1000 * 1000,
    RETRY_US = 1000 * 1000, /* after a round that did not succeed */
    AGE_LIMIT_US =
        5 * 1000 * 1000, /* rows that were read longer ago are not put anywhere: an edit may be over already */
    LINKS_LIMIT = 50 * 1000
};

struct cache_warmer {
    const char *postgres_uri; /* options */
    const char *redis_uri;
    uint64_t links;
    uint64_t period_us;
    uint64_t ttl_us;

    struct postgres *postgres; /* owned */
    struct redis *redis;       /* owned */
    uint64_t round_timer;
    bool reading;
    bool again;       /* Redis is new: one more round when this one is over */
    uint64_t read_us; /* when this round's rows were asked for */

    counter rounds_total;
    counter failures_total;
    counter warmed_total;
    counter present_total;
    struct histogram round_us;
};

/* $1: how many. Links that are withdrawn or over are no use to anybody. */
static const struct postgres_statement read_hottest = {
    .sql = "SELECT short_code, coalesce(location, original_url), version::int8, expires_at FROM "
           "(SELECT * FROM urls WHERE heat > 0 ORDER BY heat DESC LIMIT 4 * $1::int8) AS hot "
           "WHERE NOT withdrawn AND (expires_at IS NULL OR expires_at > now()) ORDER BY clicks DESC LIMIT $1::int8"
};

static void begin_round(struct actor *me, void *context);

static void next_round_in(struct actor *me, uint64_t delay_us)
{
    struct cache_warmer *self = actor_state(me);

    actor_cancel_timer(me, &self->round_timer);
    self->round_timer = actor_after(me, delay_us, begin_round, NULL);
}

static void put(struct actor *me, void *context, const struct redis_result *result)
{
    struct cache_warmer *self = actor_state(me);

    (void)context;
    if (result->outcome == OUTCOME_DONE)
        counter_add(redis_reply_type(result->reply) == REDIS_NIL ? &self->present_total : &self->warmed_total, 1);
}

static void put_row(struct actor *me, const struct postgres_rows *rows, uint32_t row)
{
    struct cache_warmer *self = actor_state(me);
    struct link_copy copy = { .version = (uint64_t)postgres_integer_at(rows, row, 2),
                              .expires_us = postgres_timestamp_at(rows, row, 3),
                              .location = postgres_text_at(rows, row, 1) };
    uint64_t life_us = self->ttl_us;
    uint64_t wall_us = actor_wall_us(me);
    char key[LINK_KEY_ROOM];
    char value[LINK_COPY_ROOM];
    char life[24];

    if (copy.expires_us != 0 && copy.expires_us <= wall_us)
        return;
    if (copy.expires_us != 0 && copy.expires_us - wall_us < life_us)
        life_us = copy.expires_us - wall_us;
    (void)snprintf(life, sizeof(life), "%" PRIu64, life_us / 1000 + 1);
    REDIS(self->redis, put, NULL, SLICE("SET"), link_copy_key(postgres_text_at(rows, row, 0), key),
          link_copy_format(&copy, value), SLICE("NX"), SLICE("PX"), slice_of(life));
}

static void hottest_read(struct actor *me, void *context, const struct postgres_result *result)
{
    struct cache_warmer *self = actor_state(me);
    bool good = result->outcome == OUTCOME_DONE && actor_now_us(me) - self->read_us < AGE_LIMIT_US &&
                redis_generation(self->redis) != 0;

    (void)context;
    self->reading = false;
    if (good) {
        for (uint32_t i = 0; i < postgres_row_count(result->rows[0]); i++)
            put_row(me, result->rows[0], i);
        counter_add(&self->rounds_total, 1);
        histogram_observe_us(&self->round_us, actor_now_us(me) - self->read_us);
    } else {
        counter_add(&self->failures_total, 1);
        if (result->outcome != OUTCOME_DONE)
            actor_log(me, LOG_WARN, "the hottest links could not be read: %s", result->detail);
    }
    next_round_in(me, self->again ? 0 : good ? self->period_us : RETRY_US);
    self->again = false;
}

static void begin_round(struct actor *me, void *context)
{
    struct cache_warmer *self = actor_state(me);
    struct postgres_call call = POSTGRES_CALL(&read_hottest, postgres_int8((int64_t)self->links));

    (void)context;
    self->round_timer = 0;
    if (self->reading || redis_generation(self->redis) == 0 || !postgres_is_connected(self->postgres))
        return; /* whichever is away begins a round when it is back */
    self->reading = true;
    self->read_us = actor_now_us(me);
    postgres_run(self->postgres, &call, 1, READ_LIMIT_US, hottest_read, NULL);
}

static void store_came(struct actor *me)
{
    struct cache_warmer *self = actor_state(me);

    if (self->reading)
        self->again = true;
    else
        next_round_in(me, 0);
}

static void redis_connected(struct actor *me, void *context, uint64_t generation)
{
    (void)context;
    (void)generation;
    actor_dependency(me, "redis", "normal");
    store_came(me);
}

static void redis_lost(struct actor *me, void *context, uint64_t generation, const char *why)
{
    (void)context;
    (void)generation;
    (void)why;
    actor_dependency(me, "redis", "away");
}

static void postgres_changed(struct actor *me, void *context, bool connected)
{
    (void)context;
    actor_dependency(me, "postgres", connected ? "normal" : "away");
    if (connected)
        store_came(me);
}

static void start(struct actor *me)
{
    struct cache_warmer *self = actor_state(me);
    char why[256];

    self->postgres = postgres_open(
        me,
        &(struct postgres_options){
            .name = "postgres", .uri = self->postgres_uri, .connections = 1, .on_state = postgres_changed },
        why, sizeof(why));
    if (self->postgres != NULL)
        self->redis = redis_open(me,
                                 &(struct redis_options){ .name = "redis",
                                                          .uri = self->redis_uri,
                                                          .primary_only = true,
                                                          .on_connected = redis_connected,
                                                          .on_lost = redis_lost },
                                 why, sizeof(why));
    if (self->redis == NULL)
        actor_fail(me, "%s", why);
}

static void stop(struct actor *me)
{
    struct cache_warmer *self = actor_state(me);

    postgres_close(&self->postgres);
    redis_close(&self->redis);
}

static void turn_end(struct actor *me)
{
    struct cache_warmer *self = actor_state(me);

    if (self->redis != NULL)
        redis_flush(self->redis);
}

static void option_changed(struct actor *me, const char *option)
{
    (void)option;
    store_came(me);
}

static const struct option options[] = {
    { .name = "postgres",
      .type = OPTION_STORE,
      .offset = offsetof(struct cache_warmer, postgres_uri),
      .help = "the store that has the links" },
    { .name = "redis",
      .type = OPTION_STORE,
      .offset = offsetof(struct cache_warmer, redis_uri),
      .help = "the store that has the copies" },
    { .name = "links",
      .type = OPTION_NUMBER,
      .offset = offsetof(struct cache_warmer, links),
      .default_text = "5000",
      .help = "how many of the most-clicked links are kept in Redis",
      .minimum = 1,
      .maximum = LINKS_LIMIT,
      .live = true },
    { .name = "period",
      .type = OPTION_DURATION,
      .offset = offsetof(struct cache_warmer, period_us),
      .default_text = "30s",
      .help = "from the end of a round to the next",
      .minimum = 1000 * 1000,
      .maximum = UINT64_C(86400) * 1000 * 1000,
      .live = true },
    { .name = "ttl",
      .type = OPTION_DURATION,
      .offset = offsetof(struct cache_warmer, ttl_us),
      .default_text = "1h",
      .help = "how long a copy may live; not longer than links.cache_ttl",
      .minimum = 1000 * 1000,
      .maximum = UINT64_C(7) * 86400 * 1000 * 1000,
      .live = true },
};

static const struct metric metrics[] = {
    { "rounds_total", METRIC_COUNTER, offsetof(struct cache_warmer, rounds_total), "rounds that went through", NULL },
    { "failures_total", METRIC_COUNTER, offsetof(struct cache_warmer, failures_total), "rounds that did not", NULL },
    { "warmed_total", METRIC_COUNTER, offsetof(struct cache_warmer, warmed_total), "copies put into Redis", NULL },
    { "present_total", METRIC_COUNTER, offsetof(struct cache_warmer, present_total), "copies that were there already",
      NULL },
    { "round_us", METRIC_HISTOGRAM_US, offsetof(struct cache_warmer, round_us), "time to read the hottest links",
      NULL },
};

const struct actor_kind cache_warmer_kind = {
    .name = "cache_warmer",
    .doc = "keeps the most-clicked links in Redis",
    .state_size = sizeof(struct cache_warmer),
    .start = start,
    .stop = stop,
    .turn_end = turn_end,
    .option_changed = option_changed,
    TABLE(option, options),
    TABLE(metric, metrics),
};
