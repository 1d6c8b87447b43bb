/* SPDX-License-Identifier: MIT */
/*
 * keygen -- gives out short codes that nobody else was given or will be.
 *
 * Numbers are leased in blocks from two independent Redis servers, each of which owns every other block (code_stock),
 * and a keyed permutation makes codes of them (code_permutation). One server is enough to go on.
 *
 * No code twice, ever, although a server may be killed, wiped or restored from an old copy: beside the server's own
 * counter (synced at each step: appendfsync always) the mark of each stripe is kept in a synced file here and in
 * Postgres (high_water), and it travels with each lease: the server first raises its counter to the mark and then takes
 * the lease, in one atomic script, so there is no moment at which a server that forgot could answer. A lease is used
 * only once its mark is durable. What remains if all of it is lost at once (the file, Postgres restored from before the
 * leases, and Redis wiped): codes come again, and the unique index on urls.short_code turns each into one wasted code,
 * never into a link that is given twice.
 *
 * One keygen per pair of servers: a second one would be as safe as the servers' counters alone.
 */
#include <inttypes.h>
#include <stdio.h>

#include "actors/io/postgres.h"
#include "actors/io/redis.h"
#include "actors/links/code_key.h"
#include "actors/links/code_stock.h"
#include "actors/links/high_water.h"
#include "actors/ops/health.h"
#include "runtime/actor.h"

enum {
    WAITING_LIMIT = 256,            /* questions that wait for a lease under way */
    LEASE_LIMIT = 4096,             /* codes per question */
    LOOK_US = 250 * 1000,           /* how often it looks whether a server has come back */
    START_PATIENCE_US = 8000 * 1000 /* then it is up without codes, and says so to whoever asks */
};

struct stripe {
    struct redis *redis; /* owned */
    uint32_t number;     /* 0 or 1 */
    bool leasing;        /* from the command until the mark is durable */
    bool exhausted;      /* all its codes of this length are given */
    uint64_t asked_blocks;
    uint64_t lease_first; /* the lease under way, in blocks */
    uint64_t lease_end;
};

struct waiting {
    struct question question;
    uint32_t count;
};

struct keygen {
    const char *redis_uri[CODE_STRIPES]; /* options */
    const char *postgres_uri;
    const char *code_key;
    uint64_t code_length;
    uint64_t lease_codes;
    uint64_t low_codes;

    struct code_permutation permutation;
    struct code_stock stock;
    struct stripe stripes[CODE_STRIPES];
    struct postgres *postgres; /* owned */
    struct high_water *water;  /* owned */
    struct waiting waiting[WAITING_LIMIT];
    uint32_t waiting_count;
    bool is_up;

    counter codes_total;
    counter leases_total[CODE_STRIPES];
    counter failures_total[CODE_STRIPES];
    counter refused_total;
    gauge codes_left[CODE_STRIPES];
};

static const char *const mark_names[CODE_STRIPES] = { "keygen/0", "keygen/1" };
static const char *const server_names[CODE_STRIPES] = { "keygen-redis-primary", "keygen-redis-secondary" };

static const char counter_key[] = "keygen:blocks";

/* KEYS[1] the counter, ARGV[1] the mark, ARGV[2] how many blocks. Answers the first block after the lease. Numbers go
 * as text: Redis cuts Lua's numbers, and those below 2^53 are whole in Lua. */
static const char lease_script[] = "local given = tonumber(redis.call('GET', KEYS[1]) or '0') "
                                   "local mark = tonumber(ARGV[1]) "
                                   "if given < mark then given = mark end "
                                   "local text = string.format('%.0f', given + tonumber(ARGV[2])) "
                                   "redis.call('SET', KEYS[1], text) "
                                   "return text";

/* ------------------------------------------------------------------------------------------------ giving out */

static void give(struct actor *me, struct question question, uint32_t count)
{
    struct keygen *self = actor_state(me);
    char codes[LEASE_LIMIT * CODE_LENGTH_MAXIMUM];
    uint32_t taken = code_stock_take(&self->stock, count, codes);

    counter_add(&self->codes_total, taken);
    ANSWER(me, question, codes_leased, .codes = { .at = codes, .size = (size_t)taken * self->permutation.length },
           .code_length = self->permutation.length);
}

static bool lease_is_under_way(const struct keygen *self)
{
    return self->stripes[0].leasing || self->stripes[1].leasing || !high_water_is_ready(self->water);
}

static void refuse(struct actor *me, struct question question)
{
    struct keygen *self = actor_state(me);
    bool exhausted = self->stripes[0].exhausted && self->stripes[1].exhausted;

    counter_add(&self->refused_total, 1);
    if (exhausted)
        actor_refuse(me, question, "All codes of %" PRIu32 " characters are given; raise keygen.code_length.",
                     self->permutation.length);
    else
        actor_refuse(me, question, "No server of code blocks can be reached; try again shortly.");
}

/* Gives to those who wait while there are codes; sends them away when none can be on their way. */
static void serve_waiting(struct actor *me)
{
    struct keygen *self = actor_state(me);
    uint32_t served = 0;

    while (served < self->waiting_count) {
        struct waiting *next = &self->waiting[served];

        if (self->stock.ready > 0)
            give(me, next->question, next->count);
        else if (!lease_is_under_way(self))
            refuse(me, next->question);
        else
            break;
        served++;
    }
    self->waiting_count -= served;
    memmove(self->waiting, self->waiting + served, self->waiting_count * sizeof(self->waiting[0]));
}

static void show_stock(struct keygen *self)
{
    for (uint32_t i = 0; i < CODE_STRIPES; i++)
        gauge_set(&self->codes_left[i], (int64_t)code_stock_ready_of(&self->stock, i));
}

/* ------------------------------------------------------------------------------------------------ leasing */

static void lease_where_needed(struct actor *me);

static void be_up(struct actor *me)
{
    struct keygen *self = actor_state(me);

    if (!self->is_up)
        actor_started(me);
    self->is_up = true;
}

static void marked(struct actor *me, void *context, bool durable, const char *why)
{
    struct keygen *self = actor_state(me);
    struct stripe *stripe = context;

    stripe->leasing = false;
    if (!durable || !code_stock_add(&self->stock, stripe->number, stripe->lease_first, stripe->lease_end)) {
        counter_add(&self->failures_total[stripe->number], 1);
        actor_log(me, LOG_ERROR, "a lease of codes is given up, because its mark could not be kept: %s", why);
        return; /* the next look tries again */
    }
    counter_add(&self->leases_total[stripe->number], 1);
    be_up(me);
    serve_waiting(me);
    lease_where_needed(me);
}

static void give_lease_up(struct actor *me, struct stripe *stripe, const char *why)
{
    struct keygen *self = actor_state(me);

    stripe->leasing = false;
    counter_add(&self->failures_total[stripe->number], 1);
    actor_log(me, LOG_WARN, "%s gave no lease of codes: %s", server_names[stripe->number], why);
    serve_waiting(me);
}

static void leased(struct actor *me, void *context, const struct redis_result *result)
{
    struct keygen *self = actor_state(me);
    struct stripe *stripe = context;
    int64_t end = redis_reply_integer(result->reply);

    if (result->outcome != OUTCOME_DONE) {
        give_lease_up(me, stripe, result->detail);
        return;
    }
    if (end < (int64_t)stripe->asked_blocks ||
        (uint64_t)end > code_stock_stripe_blocks(&self->permutation, stripe->number)) {
        stripe->exhausted = true;
        give_lease_up(me, stripe, "its counter is beyond the last code; raise keygen.code_length");
        return;
    }
    stripe->lease_end = (uint64_t)end;
    stripe->lease_first = (uint64_t)end - stripe->asked_blocks;
    if (!high_water_raise(self->water, stripe->number, stripe->lease_end, marked, stripe))
        give_lease_up(me, stripe, "too many marks are being written");
}

static void lease_from(struct actor *me, struct stripe *stripe)
{
    struct keygen *self = actor_state(me);
    char mark[24];
    char blocks[24];

    stripe->asked_blocks = (self->lease_codes + CODE_BLOCK - 1) / CODE_BLOCK;
    stripe->leasing = true;
    (void)snprintf(mark, sizeof(mark), "%" PRIu64, high_water_known(self->water, stripe->number));
    (void)snprintf(blocks, sizeof(blocks), "%" PRIu64, stripe->asked_blocks);
    REDIS(stripe->redis, leased, stripe, SLICE("EVAL"), slice_of(lease_script), SLICE("1"), slice_of(counter_key),
          slice_of(mark), slice_of(blocks));
}

/* Both servers fill the stock at once: neither stripe falls behind, and either alone is enough. */
static void lease_where_needed(struct actor *me)
{
    struct keygen *self = actor_state(me);

    if (!high_water_is_ready(self->water))
        return;
    for (uint32_t i = 0; i < CODE_STRIPES; i++) {
        struct stripe *stripe = &self->stripes[i];

        if (self->stock.ready < self->low_codes && !stripe->leasing && !stripe->exhausted &&
            redis_generation(stripe->redis) != 0)
            lease_from(me, stripe);
    }
}

static void look(struct actor *me, void *context)
{
    (void)context;
    lease_where_needed(me);
    serve_waiting(me);
}

static void on_codes_lease(struct actor *me, const struct codes_lease *message, struct question question)
{
    struct keygen *self = actor_state(me);
    uint32_t count = message->count > LEASE_LIMIT ? LEASE_LIMIT : (uint32_t)message->count;

    if (count == 0)
        actor_refuse(me, question, "A lease of no codes makes no sense; ask for 1 to %d.", LEASE_LIMIT);
    else if (self->stock.ready > 0)
        give(me, question, count);
    else if (self->waiting_count < WAITING_LIMIT)
        self->waiting[self->waiting_count++] = (struct waiting){ .question = question, .count = count };
    else
        refuse(me, question);
    lease_where_needed(me);
    serve_waiting(me);
}

/* ------------------------------------------------------------------------------------------------ life */

static void server_connected(struct actor *me, void *context, uint64_t generation)
{
    struct stripe *stripe = context;

    (void)generation;
    actor_dependency(me, server_names[stripe->number], "normal");
    lease_where_needed(me);
}

static void server_lost(struct actor *me, void *context, uint64_t generation, const char *why)
{
    struct stripe *stripe = context;

    (void)generation;
    (void)why;
    actor_dependency(me, server_names[stripe->number], "away");
}

static void postgres_changed(struct actor *me, void *context, bool connected)
{
    (void)context;
    actor_dependency(me, "postgres", connected ? "normal" : "local-marks");
}

static void marks_known(struct actor *me, void *context)
{
    (void)context;
    lease_where_needed(me);
}

static void out_of_patience(struct actor *me, void *context)
{
    struct keygen *self = actor_state(me);

    (void)context;
    if (!self->is_up)
        actor_log(me, LOG_WARN, "up without codes: no server of code blocks has answered yet");
    be_up(me);
}

static bool open_servers(struct actor *me, char *why, size_t room)
{
    struct keygen *self = actor_state(me);

    for (uint32_t i = 0; i < CODE_STRIPES; i++) {
        struct stripe *stripe = &self->stripes[i];

        stripe->number = i;
        stripe->redis = redis_open(me,
                                   &(struct redis_options){ .name = server_names[i],
                                                            .uri = self->redis_uri[i],
                                                            .beats = true,
                                                            .primary_only = true,
                                                            .on_connected = server_connected,
                                                            .on_lost = server_lost,
                                                            .context = stripe },
                                   why, room);
        if (stripe->redis == NULL)
            return false;
    }
    return true;
}

static void start(struct actor *me)
{
    struct keygen *self = actor_state(me);
    struct keyed_hash_key key;
    char why[CODE_KEY_LIMIT + 256];

    if (!code_key_read(self->code_key, &key, why, sizeof(why))) {
        actor_fail(me, "%s", why);
        return;
    }
    code_permutation_init(&self->permutation, &key, (uint32_t)self->code_length);
    code_stock_init(&self->stock, &self->permutation);
    self->postgres = postgres_open(
        me,
        &(struct postgres_options){
            .name = "postgres", .uri = self->postgres_uri, .connections = 1, .on_state = postgres_changed },
        why, sizeof(why));
    if (self->postgres != NULL)
        self->water = high_water_open(
            me,
            &(struct high_water_options){
                .names = mark_names, .count = CODE_STRIPES, .postgres = self->postgres, .on_ready = marks_known },
            why, sizeof(why));
    if (self->water == NULL || !open_servers(me, why, sizeof(why))) {
        actor_fail(me, "%s", why);
        return;
    }
    (void)actor_every(me, LOOK_US, look, NULL);
    (void)actor_after(me, START_PATIENCE_US, out_of_patience, NULL);
}

static void stop(struct actor *me)
{
    struct keygen *self = actor_state(me);

    for (uint32_t i = 0; i < CODE_STRIPES; i++)
        redis_close(&self->stripes[i].redis);
    postgres_close(&self->postgres);
    high_water_close(&self->water);
}

static void turn_end(struct actor *me)
{
    struct keygen *self = actor_state(me);

    show_stock(self);
    for (uint32_t i = 0; i < CODE_STRIPES; i++)
        if (self->stripes[i].redis != NULL)
            redis_flush(self->stripes[i].redis);
}

static const struct option options[] = {
    { .name = "redis_primary",
      .type = OPTION_STORE,
      .offset = offsetof(struct keygen, redis_uri[0]),
      .help = "the store that owns the even blocks of codes" },
    { .name = "redis_secondary",
      .type = OPTION_STORE,
      .offset = offsetof(struct keygen, redis_uri[1]),
      .help = "the store that owns the odd blocks of codes; never the same server" },
    { .name = "postgres",
      .type = OPTION_STORE,
      .offset = offsetof(struct keygen, postgres_uri),
      .help = "the store that remembers how far codes were given, beside the file here" },
    { .name = "code_key",
      .type = OPTION_TEXT,
      .offset = offsetof(struct keygen, code_key),
      .default_text = "@secrets/code_key",
      .help =
          "the key of the permutation, at least 16 characters; @FILE reads it from a file, which is made if missing. "
          "Never change it: new codes would meet old ones" },
    { .name = "code_length",
      .type = OPTION_NUMBER,
      .offset = offsetof(struct keygen, code_length),
      .default_text = "7",
      .help = "characters of a generated code; may grow, and must not shrink",
      .minimum = 4,
      .maximum = CODE_LENGTH_MAXIMUM },
    { .name = "lease_codes",
      .type = OPTION_NUMBER,
      .offset = offsetof(struct keygen, lease_codes),
      .default_text = "8192",
      .help =
          "codes to lease from a server at a time, rounded up to blocks of 256; what is leased and not used is lost "
          "with a restart",
      .minimum = CODE_BLOCK,
      .maximum = 1000 * 1000,
      .live = true },
    { .name = "low_codes",
      .type = OPTION_NUMBER,
      .offset = offsetof(struct keygen, low_codes),
      .default_text = "8192",
      .help = "lease again when fewer codes than this are ready",
      .minimum = 1,
      .maximum = 1000 * 1000,
      .live = true },
};

static const struct metric metrics[] = {
    { "codes_total", METRIC_COUNTER, offsetof(struct keygen, codes_total), "codes given out", NULL },
    { "leases_total", METRIC_COUNTER, offsetof(struct keygen, leases_total[0]), "leases of blocks", "stripe=\"0\"" },
    { "leases_total", METRIC_COUNTER, offsetof(struct keygen, leases_total[1]), "leases of blocks", "stripe=\"1\"" },
    { "lease_failures_total", METRIC_COUNTER, offsetof(struct keygen, failures_total[0]),
      "leases that a server did not give or whose mark could not be kept", "stripe=\"0\"" },
    { "lease_failures_total", METRIC_COUNTER, offsetof(struct keygen, failures_total[1]),
      "leases that a server did not give or whose mark could not be kept", "stripe=\"1\"" },
    { "refused_total", METRIC_COUNTER, offsetof(struct keygen, refused_total), "questions refused for want of codes",
      NULL },
    { "codes_left", METRIC_GAUGE, offsetof(struct keygen, codes_left[0]), "codes leased and not given out yet",
      "stripe=\"0\"" },
    { "codes_left", METRIC_GAUGE, offsetof(struct keygen, codes_left[1]), "codes leased and not given out yet",
      "stripe=\"1\"" },
};

static const struct handler handlers[] = {
    ASKED(codes_lease, on_codes_lease),
    ASKED(health_read, health_on_read),
};

const struct actor_kind keygen_kind = {
    .name = "keygen",
    .doc = "gives out short codes from blocks leased from two Redis servers",
    .state_size = sizeof(struct keygen),
    .start = start,
    .starts_slowly = true,
    .stop = stop,
    .turn_end = turn_end,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(handler, handlers),
};
