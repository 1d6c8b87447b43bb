/* SPDX-License-Identifier: MIT */
/* link_cache -- see the header. */
#include "actors/links/link_cache.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/actor.h"

enum {
    READ_LIMIT_US = 300 * 1000, /* a cache that takes longer is slower than what it spares */
    BURY_LIMIT_US = 250 * 1000,
    CHECK_PAUSE_US = 200 * 1000, /* between two attempts to read the changes */
    CHECK_ROWS = 1000,           /* changes per page */
    LOOKUPS_LIMIT = 8192         /* GETs under way; beyond, a lookup is a miss */
};

/* Changes of the last $1 microseconds, by code; $2 is the last code of the page before. */
static const struct postgres_statement read_changes = {
    .sql = "SELECT short_code, max(version)::int8 FROM link_changes "
           "WHERE changed_at > now() - $1::int8 * interval '1 microsecond' AND short_code > $2::text "
           "GROUP BY short_code ORDER BY short_code LIMIT 1000"
};

/* KEYS[1] the copy, ARGV[1] a version: drops the copy if it is older. Tombstones stay. */
static const char drop_script[] = "local copy = redis.call('GET', KEYS[1]) "
                                  "if not copy or string.sub(copy, 1, 1) == '!' then return 0 end "
                                  "local version = tonumber(string.match(copy, '^(%d+) ')) "
                                  "if version and version >= tonumber(ARGV[1]) then return 0 end "
                                  "return redis.call('DEL', KEYS[1])";

/* KEYS[1] the copy, ARGV: version, new copy, its life in ms, own tombstone. Somebody else's tombstone stays, and so
 * does what is newer. */
static const char replace_script[] = "local copy = redis.call('GET', KEYS[1]) "
                                     "if copy and copy ~= ARGV[4] then "
                                     "if string.sub(copy, 1, 1) == '!' then return 0 end "
                                     "local version = tonumber(string.match(copy, '^(%d+) ')) "
                                     "if version and version >= tonumber(ARGV[1]) then return 0 end "
                                     "end "
                                     "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) "
                                     "return 1";

/* A server that holds copies, and since when changes may be missing there. */
struct source {
    struct redis *redis; /* owned; NULL: there is none */
    bool is_clean;       /* no change can be missing */
    uint64_t
        dirty_from_us; /* unless clean: the first moment in doubt, on the actor's clock; 0: all that a copy can live */
    uint64_t doubts;   /* how often it became dirty: an answer from before does not make it clean */
};

struct lookup { /* a GET under way, or the next free one */
    struct lookup *next_free;
    struct link_cache *cache;
    const struct source *source;
    link_cache_handler *then;
    void *context;
    char code[CODE_LIMIT_BYTES];
    uint8_t size;
};

struct link_cache {
    struct actor *me;
    struct link_cache_options options;
    struct source primary;
    struct source replica;
    struct lookup lookups[LOOKUPS_LIMIT];
    uint32_t lookups_touched; /* those below were used once; above, the memory is not even there yet */
    struct lookup *free_lookups;

    uint64_t check_timer;     /* 0: none is due */
    struct source *checking;  /* NULL: no check is under way */
    uint64_t checking_doubts; /* `doubts` when it began */
    uint32_t drops_due;       /* its drops that Redis has not answered */
    bool check_failed;
    char last_code[CODE_LIMIT_BYTES + 1]; /* of the page before */

    struct changed_links changed;
};

/* ------------------------------------------------------------------------------------------------ who answers */

static bool is_connected(const struct source *source)
{
    return source->redis != NULL && redis_generation(source->redis) != 0;
}

static struct source *reader(struct link_cache *cache)
{
    if (is_connected(&cache->primary))
        return &cache->primary;
    if (is_connected(&cache->replica) && changed_links_are_complete(&cache->changed, actor_now_us(cache->me)))
        return &cache->replica;
    return NULL;
}

const char *link_cache_mode(struct link_cache *cache)
{
    struct source *from = reader(cache);

    if (from == NULL || !from->is_clean)
        return "postgres-only";
    return from == &cache->primary ? "normal" : "replica";
}

struct redis *link_cache_primary(struct link_cache *cache)
{
    return cache->primary.redis;
}

static void show_mode(struct link_cache *cache)
{
    actor_dependency(cache->me, "redis", link_cache_mode(cache));
    if (cache->replica.redis != NULL)
        actor_dependency(cache->me, "redis-replica", is_connected(&cache->replica) ? "normal" : "away");
}

/* ------------------------------------------------------------------------------------------------ doubt and trust */

static void check(struct actor *me, void *context);

static void check_soon(struct link_cache *cache, uint64_t pause_us)
{
    if (cache->checking == NULL && cache->check_timer == 0)
        cache->check_timer = actor_after(cache->me, pause_us, check, cache);
}

/* From now on the source is not read until the changes since `from_us` are known to be out of it. */
static void doubt(struct link_cache *cache, struct source *source, uint64_t from_us)
{
    if (source->is_clean || from_us < source->dirty_from_us)
        source->dirty_from_us = from_us;
    source->is_clean = false;
    source->doubts++;
    show_mode(cache);
    check_soon(cache, 0);
}

static void finish_check(struct link_cache *cache)
{
    struct source *source = cache->checking;

    if (cache->drops_due > 0)
        return;
    cache->checking = NULL;
    if (cache->check_failed || cache->checking_doubts != source->doubts) {
        check_soon(cache, CHECK_PAUSE_US);
        return;
    }
    source->is_clean = true;
    show_mode(cache);
    check_soon(cache, 0); /* the other source may have become the one to read meanwhile */
}

static void dropped(struct actor *me, void *context, const struct redis_result *result)
{
    struct link_cache *cache = context;

    (void)me;
    cache->drops_due--;
    cache->check_failed |= result->outcome != OUTCOME_DONE;
    counter_add(cache->options.dropped, (uint64_t)redis_reply_integer(result->reply));
    finish_check(cache);
}

static void drop_older(struct link_cache *cache, struct slice code, uint64_t version, redis_handler *then)
{
    char room[LINK_KEY_ROOM];
    char number[24];

    (void)snprintf(number, sizeof(number), "%" PRIu64, version);
    REDIS(cache->primary.redis, then, cache, SLICE("EVAL"), slice_of(drop_script), SLICE("1"),
          link_copy_key(code, room), slice_of(number));
}

static void remember(struct link_cache *cache, struct slice code, uint64_t version)
{
    uint64_t now_us = actor_now_us(cache->me);

    changed_links_note(&cache->changed, code, version, now_us, now_us + *cache->options.ttl_us + LINK_CACHE_MARGIN_US);
}

static void read_page(struct link_cache *cache);

static void page_read(struct actor *me, void *context, const struct postgres_result *result)
{
    struct link_cache *cache = context;
    uint32_t count = result->outcome == OUTCOME_DONE ? postgres_row_count(result->rows[0]) : 0;

    (void)me;
    cache->check_failed |= result->outcome != OUTCOME_DONE;
    for (uint32_t i = 0; i < count; i++) {
        struct slice code = postgres_text_at(result->rows[0], i, 0);
        uint64_t version = (uint64_t)postgres_integer_at(result->rows[0], i, 1);

        (void)slice_copy(code, cache->last_code, sizeof(cache->last_code));
        remember(cache, code, version);
        if (cache->checking == &cache->primary) {
            cache->drops_due++;
            drop_older(cache, code, version, dropped);
        }
    }
    if (count == CHECK_ROWS)
        read_page(cache);
    else
        finish_check(cache);
}

static void read_page(struct link_cache *cache)
{
    const struct source *source = cache->checking;
    uint64_t span_us = actor_now_us(cache->me) - source->dirty_from_us;
    struct postgres_call call;

    if (source->dirty_from_us == 0 || span_us > *cache->options.ttl_us)
        span_us = *cache->options.ttl_us; /* no copy is older */
    call = POSTGRES_CALL(&read_changes, postgres_int8((int64_t)(span_us + LINK_CACHE_MARGIN_US)),
                         postgres_text(slice_of(cache->last_code)));
    postgres_run(cache->options.postgres, &call, 1, 0, page_read, cache);
}

static void check(struct actor *me, void *context)
{
    struct link_cache *cache = context;
    struct source *source = reader(cache);

    (void)me;
    cache->check_timer = 0;
    if (source == NULL || source->is_clean)
        return; /* nothing to trust, or nothing in doubt; a new connection will ask again */
    cache->checking = source;
    cache->checking_doubts = source->doubts;
    cache->check_failed = false;
    cache->last_code[0] = '\0';
    read_page(cache);
}

static void primary_connected(struct actor *me, void *context, uint64_t generation)
{
    struct link_cache *cache = context;

    (void)me;
    (void)generation;
    doubt(cache, &cache->primary, cache->primary.dirty_from_us);
}

/* The replica takes over. It had the primary's changes but for a lag that the margin covers. */
static void primary_lost(struct actor *me, void *context, uint64_t generation, const char *why)
{
    struct link_cache *cache = context;

    (void)generation;
    (void)why;
    if (cache->primary.is_clean)
        doubt(cache, &cache->primary, actor_now_us(me));
    doubt(cache, &cache->replica, is_connected(&cache->replica) ? actor_now_us(me) : 0);
}

static void replica_connected(struct actor *me, void *context, uint64_t generation)
{
    struct link_cache *cache = context;

    (void)me;
    (void)generation;
    doubt(cache, &cache->replica, 0);
}

static void replica_lost(struct actor *me, void *context, uint64_t generation, const char *why)
{
    replica_connected(me, context, generation);
    (void)why;
}

/* ------------------------------------------------------------------------------------------------ reading */

static struct lookup *take_lookup(struct link_cache *cache)
{
    struct lookup *lookup = cache->free_lookups;

    if (lookup != NULL)
        cache->free_lookups = lookup->next_free;
    else if (cache->lookups_touched < LOOKUPS_LIMIT)
        lookup = &cache->lookups[cache->lookups_touched++];
    return lookup;
}

static bool is_believed(const struct lookup *lookup, const struct redis_result *result, struct link_copy *ret_copy)
{
    if (result->outcome != OUTCOME_DONE || redis_reply_type(result->reply) != REDIS_TEXT || !lookup->source->is_clean)
        return false;
    return link_copy_parse(redis_reply_text(result->reply), ret_copy) == LINK_COPY_ROW &&
           changed_links_allow(&lookup->cache->changed, (struct slice){ .at = lookup->code, .size = lookup->size },
                               ret_copy->version);
}

static void got(struct actor *me, void *context, const struct redis_result *result)
{
    struct lookup *lookup = context;
    struct link_cache *cache = lookup->cache;
    struct link_copy copy;

    lookup->then(me, lookup->context, is_believed(lookup, result, &copy) ? &copy : NULL);
    lookup->next_free = cache->free_lookups;
    cache->free_lookups = lookup;
}

bool link_cache_get(struct link_cache *cache, struct slice code, link_cache_handler *then, void *context)
{
    struct source *from = reader(cache);
    struct lookup *lookup = from != NULL && from->is_clean ? take_lookup(cache) : NULL;
    char room[LINK_KEY_ROOM];

    assert(code.size <= CODE_LIMIT_BYTES);
    if (lookup == NULL)
        return false;
    *lookup =
        (struct lookup){ .cache = cache, .source = from, .then = then, .context = context, .size = (uint8_t)code.size };
    memcpy(lookup->code, code.at, code.size);
    redis_command(from->redis, (const struct slice[]){ SLICE("GET"), link_copy_key(code, room) }, 2, READ_LIMIT_US, got,
                  lookup);
    return true;
}

bool link_cache_allows(const struct link_cache *cache, struct slice code, uint64_t version)
{
    return changed_links_are_complete(&cache->changed, actor_now_us(cache->me)) &&
           changed_links_allow(&cache->changed, code, version);
}

/* ------------------------------------------------------------------------------------------------ writing */

/* Milliseconds that a copy may live: not longer than the link itself. 0: not at all. */
static uint64_t life_ms(const struct link_cache *cache, const struct link_copy *copy)
{
    uint64_t life_us = *cache->options.ttl_us;
    uint64_t wall_us = actor_wall_us(cache->me);

    if (copy->expires_us > wall_us && copy->expires_us - wall_us < life_us)
        life_us = copy->expires_us - wall_us;
    return life_us / 1000;
}

void link_cache_fill(struct link_cache *cache, struct slice code, const struct link_copy *copy, uint64_t read_us)
{
    char key[LINK_KEY_ROOM];
    char value[LINK_COPY_ROOM];
    char life[24];
    uint64_t ms = life_ms(cache, copy);

    if (!is_connected(&cache->primary) || ms == 0 || actor_now_us(cache->me) - read_us > LINK_CACHE_FILL_LIMIT_US ||
        !changed_links_allow(&cache->changed, code, copy->version))
        return;
    (void)snprintf(life, sizeof(life), "%" PRIu64, ms);
    counter_add(cache->options.filled, 1);
    REDIS(cache->primary.redis, NULL, NULL, SLICE("SET"), link_copy_key(code, key), link_copy_format(copy, value),
          SLICE("NX"), SLICE("PX"), slice_of(life));
}

bool link_cache_bury(
    struct link_cache *cache, struct slice code, struct slice token, redis_handler *then, void *context)
{
    char key[LINK_KEY_ROOM];
    char life[24];

    if (!is_connected(&cache->primary))
        return false;
    (void)snprintf(life, sizeof(life), "%d", LINK_CACHE_TOMBSTONE_S);
    redis_command(cache->primary.redis,
                  (const struct slice[]){ SLICE("SET"), link_copy_key(code, key), token, SLICE("EX"), slice_of(life) },
                  5, BURY_LIMIT_US, then, context);
    return true;
}

/* Redis did not take what must be there or away: its copies are in doubt until the change has been read and dropped. */
static void replaced(struct actor *me, void *context, const struct redis_result *result)
{
    struct link_cache *cache = context;

    if (result->outcome != OUTCOME_DONE)
        doubt(cache, &cache->primary, actor_now_us(me));
}

void link_cache_replace(struct link_cache *cache, struct slice code, struct slice token, const struct link_copy *copy)
{
    char key[LINK_KEY_ROOM];
    char value[LINK_COPY_ROOM];
    char life[24];
    char version[24];
    uint64_t ms = life_ms(cache, copy);

    remember(cache, code, copy->version);
    if (!is_connected(&cache->primary))
        return; /* the new connection will be in doubt and find the change */
    (void)snprintf(life, sizeof(life), "%" PRIu64, ms > 0 ? ms : 1);
    (void)snprintf(version, sizeof(version), "%" PRIu64, copy->version);
    REDIS(cache->primary.redis, replaced, cache, SLICE("EVAL"), slice_of(replace_script), SLICE("1"),
          link_copy_key(code, key), slice_of(version), link_copy_format(copy, value), slice_of(life), token);
}

void link_cache_note_change(struct link_cache *cache, struct slice code, uint64_t version)
{
    remember(cache, code, version);
    if (is_connected(&cache->primary) && code_rules_is_code(code))
        drop_older(cache, code, version, replaced);
}

/* ------------------------------------------------------------------------------------------------ life */

struct link_cache *link_cache_open(struct actor *me, const struct link_cache_options *options, char *why, size_t room)
{
    struct link_cache *cache = calloc(1, sizeof(*cache));
    bool has_replica = options->replica_uri[0] != '\0';

    assert(cache != NULL);
    cache->me = me;
    cache->options = *options;
    cache->primary.redis = redis_open(me,
                                      &(struct redis_options){ .name = "redis",
                                                               .uri = options->uri,
                                                               .beats = true,
                                                               .primary_only = true,
                                                               .on_connected = primary_connected,
                                                               .on_lost = primary_lost,
                                                               .context = cache },
                                      why, room);
    if (cache->primary.redis != NULL && has_replica)
        cache->replica.redis = redis_open(me,
                                          &(struct redis_options){ .name = "redis-replica",
                                                                   .uri = options->replica_uri,
                                                                   .beats = true,
                                                                   .on_connected = replica_connected,
                                                                   .on_lost = replica_lost,
                                                                   .context = cache },
                                          why, room);
    if (cache->primary.redis == NULL || (has_replica && cache->replica.redis == NULL))
        link_cache_close(&cache);
    return cache;
}

void link_cache_close(struct link_cache **cache_at)
{
    struct link_cache *cache = *cache_at;

    if (cache == NULL)
        return;
    *cache_at = NULL;
    redis_close(&cache->primary.redis);
    redis_close(&cache->replica.redis);
    actor_cancel_timer(cache->me, &cache->check_timer);
    free(cache);
}

void link_cache_flush(struct link_cache *cache)
{
    redis_flush(cache->primary.redis);
    if (cache->replica.redis != NULL)
        redis_flush(cache->replica.redis);
}
