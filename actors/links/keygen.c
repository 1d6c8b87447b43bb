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
 *
 * It also tells edges which codes nobody was given, so that they need not ask (code_promise has the argument). A lease
 * that would break such a promise is held until the promise is over. That the key is still the one that the codes in
 * the database were made with is on record there (code_record); with another, nothing is promised.
 */
#include "actors/links/code_key.h"
#include "actors/links/keygen_state.h"
#include "actors/ops/health.h"

enum {
    LOOK_US = 250 * 1000,           /* how often it looks whether a server has come back */
    START_PATIENCE_US = 8000 * 1000 /* then it is up without codes, and says so to whoever asks */
};

static const char *const mark_names[CODE_STRIPES] = { "keygen/0", "keygen/1" };
const char *const keygen_server_names[CODE_STRIPES] = { "keygen-redis-primary", "keygen-redis-secondary" };

static void show_stock(struct keygen *self)
{
    for (uint32_t i = 0; i < CODE_STRIPES; i++)
        gauge_set(&self->codes_left[i], (int64_t)code_stock_ready_of(&self->stock, i));
}

void keygen_be_up(struct actor *me)
{
    struct keygen *self = actor_state(me);

    if (!self->is_up)
        actor_started(me);
    self->is_up = true;
}

static void look(struct actor *me, void *context)
{
    struct keygen *self = actor_state(me);

    (void)context;
    code_record_look(self->record);
    keygen_keep_promised(me);
    keygen_put_held_into_stock(me);
    keygen_lease_where_needed(me);
    keygen_serve_waiting(me);
}

/* ------------------------------------------------------------------------------------------------ life */

static void server_connected(struct actor *me, void *context, uint64_t generation)
{
    struct stripe *stripe = context;

    (void)generation;
    actor_dependency(me, keygen_server_names[stripe->number], "normal");
    keygen_lease_where_needed(me);
}

static void server_lost(struct actor *me, void *context, uint64_t generation, const char *why)
{
    struct stripe *stripe = context;

    (void)generation;
    (void)why;
    actor_dependency(me, keygen_server_names[stripe->number], "away");
}

static void postgres_changed(struct actor *me, void *context, bool connected)
{
    (void)context;
    actor_dependency(me, "postgres", connected ? "normal" : "local-marks");
}

static void marks_known(struct actor *me, void *context)
{
    struct keygen *self = actor_state(me);

    (void)context;
    code_record_look(self->record);
    keygen_lease_where_needed(me);
}

static void out_of_patience(struct actor *me, void *context)
{
    struct keygen *self = actor_state(me);

    (void)context;
    if (!self->is_up)
        actor_log(me, LOG_WARN, "up without codes: no server of code blocks has answered yet");
    keygen_be_up(me);
}

static bool open_servers(struct actor *me, char *why, size_t room)
{
    struct keygen *self = actor_state(me);

    for (uint32_t i = 0; i < CODE_STRIPES; i++) {
        struct stripe *stripe = &self->stripes[i];

        stripe->number = i;
        stripe->redis = redis_open(me,
                                   &(struct redis_options){ .name = keygen_server_names[i],
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
    code_promise_start(&self->promise, actor_now_us(me));
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
    if (self->water != NULL)
        self->record = code_record_open(me, self->postgres, &key, keygen_promised_heard, NULL);
    if (self->record == NULL || !open_servers(me, why, sizeof(why))) {
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
    code_record_close(&self->record);
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
    { "leases_held_total", METRIC_COUNTER, offsetof(struct keygen, held_total),
      "leases that had to wait because edges were told that no such code exists yet", NULL },
    { "promised", METRIC_GAUGE, offsetof(struct keygen, promised),
      "the number from which on no code exists, as edges were told last; 0: they were told nothing", NULL },
    { "codes_left", METRIC_GAUGE, offsetof(struct keygen, codes_left[0]), "codes leased and not given out yet",
      "stripe=\"0\"" },
    { "codes_left", METRIC_GAUGE, offsetof(struct keygen, codes_left[1]), "codes leased and not given out yet",
      "stripe=\"1\"" },
};

static const struct handler handlers[] = {
    ASKED(codes_lease, keygen_on_lease),
    ASKED(codes_promise, keygen_on_promise),
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
