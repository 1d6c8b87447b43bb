/* SPDX-License-Identifier: MIT */
/*
 * links -- makes short links, says where they point, counts their clicks and changes them.
 *
 * Stateless but for what it has in hand (codes, ids, copies under way): any links actor answers for any link, so any of
 * them may be lost. The rows are in Postgres, the copies in Redis. Each thing it does is a file of its own: shorten.c,
 * resolve.c, stats.c, edit.c; this one is the kind: what it can be told, its settings, its figures, its life.
 *
 * It also keeps the feed of its edits alive: a beat every 500 ms tells each edge which number was the last, so that
 * silence means trouble and not peace.
 */
#include <stdarg.h>
#include <stdio.h>

#include "actors/links/links_state.h"
#include "actors/ops/health.h"

enum {
    BEAT_US = 500 * 1000,
    LOOK_US = 200 * 1000,
    START_LOOK_US = 10 * 1000,       /* while it waits for what it needs: turns of a start have no turn_end */
    START_PATIENCE_US = 8000 * 1000, /* then it is up with what it has, and says so to whoever asks */
    REASON_BYTES = 512
};

/* ------------------------------------------------------------------------------------------------ words */

void links_refuse(
    struct actor *me, struct question question, uint64_t status, const char *pointer, const char *format, ...)
{
    char detail[REASON_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    ANSWER(me, question, link_refused, .status = status, .pointer = slice_of(pointer), .detail = slice_of(detail));
}

void links_refuse_for_now(struct actor *me, struct question question)
{
    ANSWER(me, question, link_refused, .status = 503,
           .detail = SLICE("The database cannot be reached at the moment; nothing was changed as far as is known. Try "
                           "again shortly."),
           .retry_after_s = LINKS_RETRY_AFTER_S);
}

/* ------------------------------------------------------------------------------------------------ news */

/* A peer's edit. One's own comes back too, and was obeyed already. */
static void on_changed(struct actor *me, const struct link_changed *message)
{
    struct links *self = actor_state(me);

    if (message->feed != self->feed)
        link_cache_note_change(self->cache, message->code, message->version);
}

static void beat(struct actor *me, void *context)
{
    struct links *self = actor_state(me);

    (void)context;
    (void)TELL(me, OUT_BEATS, feed_beat, .feed = self->feed, .number = self->feed_number);
}

/* ------------------------------------------------------------------------------------------------ life */

static void be_up(struct actor *me)
{
    struct links *self = actor_state(me);

    self->is_up = true;
    actor_cancel_timer(me, &self->start_timer);
    actor_started(me);
}

static void be_up_when_possible(struct actor *me, void *context)
{
    struct links *self = actor_state(me);

    (void)context;
    supply_refill(&self->supply, me);
    if (self->is_up || !supply_has_codes(&self->supply) || !supply_has_ids(&self->supply) ||
        !database_is_there(self->database))
        return;
    be_up(me);
}

static void out_of_patience(struct actor *me, void *context)
{
    struct links *self = actor_state(me);

    (void)context;
    if (self->is_up)
        return;
    actor_log(me, LOG_WARN, "up without all it needs: database %s, codes %s, row ids %s", database_mode(self->database),
              supply_has_codes(&self->supply) ? "in hand" : "none", supply_has_ids(&self->supply) ? "in hand" : "none");
    be_up(me);
}

static void look(struct actor *me, void *context)
{
    struct links *self = actor_state(me);

    (void)context;
    supply_refill(&self->supply, me);
    shorten_refuse_overdue(me);
    deferred_look(me);
}

/* The public place of the platform itself and what else leads to it. */
static const char *read_rules(struct actor *me)
{
    struct links *self = actor_state(me);
    const char *url = actor_topology(me, "platform/url");
    struct url_rules rules;
    const char *mistake;
    char own[1024];
    int size = snprintf(own, sizeof(own), "%s %s", url != NULL ? url : "", self->own_hosts);

    if (size < 0 || (size_t)size >= sizeof(own))
        return "links.own_hosts is too long; at most 900 bytes.";
    mistake = url_rules_init(&rules, slice_of(self->schemes), slice_of(own), self->targets == 1);
    if (mistake == NULL)
        self->rules = rules;
    return mistake;
}

static bool open_stores(struct actor *me, char *why, size_t room)
{
    struct links *self = actor_state(me);

    self->database = database_open(
        me, &(struct database_options){ .uri = self->postgres_uri, .replica_uri = self->postgres_replica_uri }, why,
        room);
    if (self->database == NULL)
        return false;
    self->postgres = database_primary(self->database);
    self->cache = link_cache_open(me,
                                  &(struct link_cache_options){ .uri = self->redis_uri,
                                                                .replica_uri = self->replica_uri,
                                                                .postgres = self->postgres,
                                                                .ttl_us = &self->cache_ttl_us,
                                                                .filled = &self->cache_filled_total,
                                                                .dropped = &self->cache_dropped_total },
                                  why, room);
    return self->cache != NULL;
}

static void start(struct actor *me)
{
    struct links *self = actor_state(me);
    const char *mistake = read_rules(me);
    char why[256];

    if (mistake != NULL || !open_stores(me, why, sizeof(why))) {
        actor_fail(me, "%s", mistake != NULL ? mistake : why);
        return;
    }
    self->feed = actor_incarnation(me);
    self->supply.codes_outlet = OUT_CODES;
    self->supply.ids_outlet = OUT_IDS;
    resolve_open(me);
    shorten_open(me);
    deferred_open(me);
    stats_open(me);
    edit_open(me);
    custom_codes_open(me);
    (void)actor_every(me, BEAT_US, beat, NULL);
    (void)actor_every(me, LOOK_US, look, NULL);
    (void)actor_after(me, START_PATIENCE_US, out_of_patience, NULL);
    self->start_timer = actor_every(me, START_LOOK_US, be_up_when_possible, NULL);
    supply_refill(&self->supply, me);
}

/* The stores first: what is under way there points into the rest. */
static void stop(struct actor *me)
{
    struct links *self = actor_state(me);

    database_close(&self->database);
    self->postgres = NULL;
    link_cache_close(&self->cache);
    resolve_close(self);
    deferred_close(self);
    shorten_close(self);
    stats_close(self);
    edit_close(self);
    custom_codes_close(self);
}

static void turn_end(struct actor *me)
{
    struct links *self = actor_state(me);

    if (self->edit == NULL)
        return; /* the start failed */
    resolve_turn_end(me);
    shorten_turn_end(me);
    supply_refill(&self->supply, me);
    link_cache_flush(self->cache);
}

static void option_changed(struct actor *me, const char *option)
{
    const char *mistake = read_rules(me);

    if (mistake != NULL)
        actor_log(me, LOG_ERROR, "the setting links.%s cannot be used; the rules for URLs stay as they were: %s",
                  option, mistake);
}

/* ------------------------------------------------------------------------------------------------ tables */

static const char *const target_choices[] = { "any", "public", NULL };

static const struct option options[] = {
    { .name = "postgres",
      .type = OPTION_STORE,
      .offset = offsetof(struct links, postgres_uri),
      .help = "the store that has the links" },
    { .name = "postgres_replica",
      .type = OPTION_STORE,
      .offset = offsetof(struct links, postgres_replica_uri),
      .default_text = "",
      .help = "a replica of it, which is read from while the primary is away; empty: none" },
    { .name = "redis",
      .type = OPTION_STORE,
      .offset = offsetof(struct links, redis_uri),
      .help = "the store that has the copies" },
    { .name = "redis_replica",
      .type = OPTION_STORE,
      .offset = offsetof(struct links, replica_uri),
      .default_text = "",
      .help = "a replica of it, which answers while the primary is away; empty: none" },
    { .name = "schemes",
      .type = OPTION_TEXT,
      .offset = offsetof(struct links, schemes),
      .default_text = "http https",
      .help = "URL schemes that a link may point to, separated by blanks",
      .live = true },
    { .name = "own_hosts",
      .type = OPTION_TEXT,
      .offset = offsetof(struct links, own_hosts),
      .default_text = "",
      .help = "other hosts or host:port under which this platform answers; links to them would be loops",
      .live = true },
    { .name = "targets",
      .type = OPTION_CHOICE,
      .offset = offsetof(struct links, targets),
      .default_text = "any",
      .choices = target_choices,
      .help = "public: links may not point to private addresses, single-label hosts and the like",
      .live = true },
    { .name = "cache_ttl",
      .type = OPTION_DURATION,
      .offset = offsetof(struct links, cache_ttl_us),
      .default_text = "1h",
      .help = "how long a copy in Redis may live",
      .minimum = 1000 * 1000,
      .maximum = UINT64_C(7) * 24 * 3600 * 1000 * 1000,
      .live = true },
    { .name = "deferred_limit",
      .type = OPTION_NUMBER,
      .offset = offsetof(struct links, deferred_limit),
      .default_text = "10k",
      .help = "links that may wait in Redis for the database at most, all links actors together; 0: none is accepted",
      .maximum = 1000 * 1000,
      .live = true },
};

static const struct outlet outlets[] = {
    [OUT_CODES] = { .name = "codes", .to = "keygen", .doc = "short codes in blocks", .pick = PICK_ROUND_ROBIN },
    [OUT_IDS] = { .name = "ids", .to = "id_allocator", .doc = "row ids in blocks", .pick = PICK_ROUND_ROBIN },
    [OUT_BUFFERS] = { .name = "buffers",
                      .to = "click_buffer",
                      .doc = "clicks of a code on their way",
                      .pick = PICK_EACH,
                      .optional = true },
    [OUT_EDGES] = { .name = "edges",
                    .to = "edge",
                    .doc = "the feed of edits",
                    .pick = PICK_EACH,
                    .delivery = DELIVERY_ACKNOWLEDGED,
                    .optional = true },
    [OUT_PEERS] = { .name = "peers",
                    .to = "links",
                    .doc = "edits, for whoever can still reach Redis",
                    .pick = PICK_EACH,
                    .delivery = DELIVERY_ACKNOWLEDGED,
                    .optional = true },
    [OUT_BEATS] = { .name = "beats",
                    .to = "edge",
                    .doc = "that the feed of edits is alive, and its last number",
                    .pick = PICK_EACH,
                    .overload = OVERLOAD_DROP_NEWEST,
                    .optional = true },
};

#define COUNTER(field, text)                                                                                           \
    {                                                                                                                  \
#        field, METRIC_COUNTER, offsetof(struct links, field), text, NULL                                              \
    }
#define RESOLVED(state, text, label)                                                                                   \
    {                                                                                                                  \
        "resolved_total", METRIC_COUNTER, offsetof(struct links, resolved_total[state]), text, label                   \
    }
#define TOOK(field, text)                                                                                              \
    {                                                                                                                  \
#        field, METRIC_HISTOGRAM_US, offsetof(struct links, field), text, NULL                                         \
    }

static const struct metric metrics[] = {
    RESOLVED(LINK_UNKNOWN, "codes looked up, by what they are", "state=\"unknown\""),
    RESOLVED(LINK_LIVE, "codes looked up, by what they are", "state=\"live\""),
    RESOLVED(LINK_GONE, "codes looked up, by what they are", "state=\"gone\""),
    COUNTER(cache_hits_total, "lookups answered from Redis"),
    COUNTER(cache_misses_total, "lookups that Redis had no trusted copy for"),
    COUNTER(cache_filled_total, "copies written to Redis"),
    COUNTER(cache_dropped_total, "copies dropped from Redis because their link had changed unseen"),
    COUNTER(resolve_statements_total, "statements that looked codes up in Postgres"),
    COUNTER(resolve_failures_total, "lookups that neither store could answer, or that were too many"),
    COUNTER(created_total, "links made"),
    COUNTER(create_statements_total, "transactions that made links"),
    COUNTER(create_refused_total, "links not made because something needed was away"),
    COUNTER(deferred_total, "links accepted to be made when the database is back"),
    COUNTER(deferred_made_total, "of those, made by this actor"),
    COUNTER(deferred_failed_total, "of those, refused after all"),
    COUNTER(code_conflicts_total, "links whose code was taken"),
    COUNTER(unknown_outcomes_total, "transactions whose answer was lost"),
    COUNTER(edited_total, "links changed"),
    COUNTER(stats_total, "rows read with their clicks"),
    COUNTER(stats_incomplete_total, "of those, with a count that is a lower bound"),
    TOOK(resolve_us, "time of a lookup"),
    TOOK(shorten_us, "time to make a link"),
    TOOK(stats_us, "time to read a row with its clicks"),
    TOOK(edit_us, "time to change a link"),
};

static const struct handler handlers[] = {
    ASKED(link_resolve, resolve_on_ask),    ASKED(link_shorten, shorten_on_ask),
    ASKED(link_read, stats_on_ask),         ASKED(link_edit, edit_on_ask),
    ASKED(health_read, health_on_read),     TOLD(link_changed, on_changed),
    ASKED(deferred_read, deferred_on_read), ASKED(custom_codes_read, custom_codes_on_ask),
};

const struct actor_kind links_kind = {
    .name = "links",
    .doc = "makes, resolves, counts and changes short links",
    .state_size = sizeof(struct links),
    .start = start,
    .starts_slowly = true,
    .stop = stop,
    .turn_end = turn_end,
    .option_changed = option_changed,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};
