/* SPDX-License-Identifier: MIT */
/*
 * hot_links -- see hot_links.h.
 *
 * The index is open addressing with linear probing: an array of 32-bit tags, which is all that a miss has to read, and
 * beside it the links. A tag is the code's hash, and says where its search begins. The index is as large as it will
 * ever need to be from the start, at most two thirds full; pages that are not touched cost nothing, and no request ever
 * waits for a rehash. Deletion shifts back what follows, so there are no tombstones.
 */
#include "actors/edge/hot_links.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static_assert(HOT_LOCATION_LIMIT < 1 << 14 && HOT_CODE_LIMIT < 1 << 5, "their sizes fit struct hot_link");

enum { IN_SMALL, IN_MAIN, QUEUES };
enum {
    USES_LIMIT = 3,
    SMALL_SHARE = 10 /* a tenth of the entries */,
    ENTRY_OVERHEAD = 8 + 24 /* malloc; index and ghost, of one and a half places */
};

struct queue {
    struct hot_link *newest, *oldest;
    uint32_t count;
};

struct hot_links {
    uint32_t *tags; /* 0: free */
    struct hot_link **links;
    uint64_t places;
    uint32_t *ghosts; /* tags of links that were evicted after one use, by the same positions */
    struct queue queues[QUEUES];
    uint32_t entries_limit;
    uint64_t bytes_limit;
    uint64_t bytes;
    uint64_t seed;
    uint64_t evicted;
    uint32_t generation;
};

/* ------------------------------------------------------------------------------------------------ one link */

/* The bytes after `text` begin where the structure's padding would be. */
static size_t size_of(size_t code_size, size_t location_size)
{
    return offsetof(struct hot_link, text) + code_size + location_size;
}

struct hot_link *
hot_link_make(enum code_state state, struct slice code, struct slice location, uint64_t version, uint64_t until_us)
{
    struct hot_link *link;

    assert(code.size <= HOT_CODE_LIMIT && location.size <= HOT_LOCATION_LIMIT);
    link = calloc(1, size_of(code.size, location.size));
    assert(link != NULL);
    link->version = version;
    link->until_us = until_us;
    link->references = 1;
    link->location_size = location.size & 0x3fff; /* all of it: see the limit */
    link->code_size = code.size & 0x1f;
    link->state = state;
    if (code.size > 0)
        memcpy(link->text, code.at, code.size);
    if (location.size > 0)
        memcpy(link->text + code.size, location.at, location.size);
    return link;
}

struct hot_link *hot_link_keep(struct hot_link *link)
{
    link->references++;
    return link;
}

void hot_link_release(struct hot_link *link)
{
    if (link == NULL)
        return;
    assert(link->references > 0);
    if (--link->references == 0)
        free(link);
}

static uint64_t cost(const struct hot_link *link)
{
    return size_of(link->code_size, link->location_size) + ENTRY_OVERHEAD;
}

/* ------------------------------------------------------------------------------------------------ the index */

/* Never 0, which marks a free place. */
static uint32_t tag_of(const struct hot_links *table, struct slice code)
{
    return (uint32_t)XXH3_64bits_withSeed(code.at, code.size, table->seed) | 1;
}

/* Lemire, "Fast random integer generation in an interval", 2019: a share of the places without a division. */
static uint64_t home_of(const struct hot_links *table, uint32_t tag)
{
    return tag * table->places >> 32;
}

static uint64_t next_place(const struct hot_links *table, uint64_t at)
{
    return at + 1 < table->places ? at + 1 : 0;
}

/* How far a search that begins at `from` goes to reach `to`. */
static uint64_t distance(const struct hot_links *table, uint64_t from, uint64_t to)
{
    return to >= from ? to - from : to + table->places - from;
}

/* The position of the code, or of the free place where it would go. */
static uint64_t position_of(const struct hot_links *table, struct slice code, uint32_t tag)
{
    uint64_t at = home_of(table, tag);

    while (table->tags[at] != 0) {
        if (table->tags[at] == tag && slice_equal(hot_link_code(table->links[at]), code))
            break;
        at = next_place(table, at);
    }
    return at;
}

static void take_from_index(struct hot_links *table, uint64_t hole)
{
    uint64_t at = hole;

    for (;;) {
        at = next_place(table, at);
        if (table->tags[at] == 0)
            break;
        if (distance(table, home_of(table, table->tags[at]), at) >= distance(table, hole, at)) { /* it may move back */
            table->tags[hole] = table->tags[at];
            table->links[hole] = table->links[at];
            hole = at;
        }
    }
    table->tags[hole] = 0;
    table->links[hole] = NULL;
}

/* ------------------------------------------------------------------------------------------------ the queues */

static void enqueue(struct hot_links *table, struct hot_link *link, uint8_t where)
{
    struct queue *queue = &table->queues[where];

    link->queue = where & 1;
    link->newer = NULL;
    link->older = queue->newest;
    if (queue->newest != NULL)
        queue->newest->newer = link;
    else
        queue->oldest = link;
    queue->newest = link;
    queue->count++;
}

static void dequeue(struct hot_links *table, struct hot_link *link)
{
    struct queue *queue = &table->queues[link->queue];

    if (link->newer != NULL)
        link->newer->older = link->older;
    else
        queue->newest = link->older;
    if (link->older != NULL)
        link->older->newer = link->newer;
    else
        queue->oldest = link->newer;
    queue->count--;
}

static void forget(struct hot_links *table, uint64_t position)
{
    struct hot_link *link = table->links[position];

    take_from_index(table, position);
    dequeue(table, link);
    table->bytes -= cost(link);
    hot_link_release(link);
}

static void evict(struct hot_links *table, struct hot_link *link)
{
    uint32_t tag = tag_of(table, hot_link_code(link));

    table->evicted++;
    if (link->queue == IN_SMALL)
        table->ghosts[home_of(table, tag)] = tag;
    forget(table, position_of(table, hot_link_code(link), tag));
}

/* One step of S3-FIFO: the oldest of a queue goes, or gets a second chance. */
static void make_room_once(struct hot_links *table)
{
    struct queue *small = &table->queues[IN_SMALL];
    struct queue *kept = &table->queues[IN_MAIN];
    bool from_small = kept->count == 0 || small->count > table->entries_limit / SMALL_SHARE;
    struct hot_link *oldest = from_small && small->count > 0 ? small->oldest : kept->oldest;

    if (oldest->queue == IN_SMALL && oldest->uses > 1) {
        dequeue(table, oldest);
        oldest->uses = 0;
        enqueue(table, oldest, IN_MAIN);
    } else if (oldest->queue == IN_MAIN && oldest->uses > 0) {
        dequeue(table, oldest);
        oldest->uses--;
        enqueue(table, oldest, IN_MAIN);
    } else {
        evict(table, oldest);
    }
}

/* ------------------------------------------------------------------------------------------------ the table */

struct hot_links *hot_links_new(uint32_t entries_limit, uint64_t bytes_limit, uint64_t seed)
{
    struct hot_links *table = calloc(1, sizeof(*table));
    uint64_t places = (uint64_t)entries_limit + entries_limit / 2 + 16;

    assert(table != NULL && entries_limit > 0);
    table->places = places;
    table->tags = calloc(places, sizeof(*table->tags));
    table->links = calloc(places, sizeof(struct hot_link *));
    table->ghosts = calloc(places, sizeof(*table->ghosts));
    assert(table->tags != NULL && table->links != NULL && table->ghosts != NULL);
    table->entries_limit = entries_limit;
    table->bytes_limit = bytes_limit;
    table->seed = seed;
    return table;
}

void hot_links_destroy(struct hot_links **table_pointer)
{
    struct hot_links *table = *table_pointer;
    int i;

    if (table == NULL)
        return;
    *table_pointer = NULL;
    for (i = 0; i < QUEUES; i++) {
        struct hot_link *link = table->queues[i].newest;

        while (link != NULL) {
            struct hot_link *older = link->older;

            hot_link_release(link);
            link = older;
        }
    }
    free(table->tags);
    free(table->links);
    free(table->ghosts);
    free(table);
}

struct hot_link *hot_links_get(struct hot_links *table, struct slice code, uint64_t now_us, uint64_t wall_us)
{
    struct hot_link *link = table->links[position_of(table, code, tag_of(table, code))];

    if (link == NULL || link->generation != table->generation)
        return NULL;
    if (link->until_us != 0 && link->until_us <= (link->state == CODE_UNKNOWN ? now_us : wall_us))
        return NULL;
    if (link->uses < USES_LIMIT)
        link->uses++;
    return link;
}

void hot_links_put(struct hot_links *table, struct hot_link *link)
{
    uint32_t tag = tag_of(table, hot_link_code(link));
    uint64_t position = position_of(table, hot_link_code(link), tag);
    uint8_t where = IN_SMALL;

    link->generation = table->generation;
    if (table->links[position] != NULL) {
        const struct hot_link *old = table->links[position];

        if (old->generation == table->generation && old->version > link->version)
            return;
        link->uses = old->uses;
        where = old->queue;
        forget(table, position);
    } else if (table->ghosts[home_of(table, tag)] == tag) {
        where = IN_MAIN;
    }
    if (cost(link) > table->bytes_limit)
        return;
    while (table->queues[IN_SMALL].count + table->queues[IN_MAIN].count >= table->entries_limit ||
           table->bytes + cost(link) > table->bytes_limit)
        make_room_once(table);
    position = position_of(table, hot_link_code(link), tag); /* making room may have moved it */
    table->tags[position] = tag;
    table->links[position] = hot_link_keep(link);
    table->bytes += cost(link);
    enqueue(table, link, where);
}

void hot_links_drop(struct hot_links *table, struct slice code)
{
    uint64_t position = position_of(table, code, tag_of(table, code));

    if (table->links[position] != NULL)
        forget(table, position);
}

void hot_links_distrust(struct hot_links *table)
{
    table->generation++;
}

uint32_t hot_links_generation(const struct hot_links *table)
{
    return table->generation;
}

uint32_t hot_links_count(const struct hot_links *table)
{
    return table->queues[IN_SMALL].count + table->queues[IN_MAIN].count;
}

uint64_t hot_links_bytes(const struct hot_links *table)
{
    return table->bytes;
}

uint64_t hot_links_evicted(const struct hot_links *table)
{
    return table->evicted;
}
