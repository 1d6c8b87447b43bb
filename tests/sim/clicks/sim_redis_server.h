/* SPDX-License-Identifier: MIT */
/*
 * sim_redis_server -- a model of Redis with exactly the commands that clicks need. Part of sim_redis.h.
 */
#ifndef TESTS_SIM_CLICKS_SIM_REDIS_SERVER_H
#define TESTS_SIM_CLICKS_SIM_REDIS_SERVER_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/clicks/lane_keys.h"
#include "actors/io/redis.h"
#include "runtime/actor.h"

enum { FAKE_ITEMS_LIMIT = 64, FAKE_ROWS_LIMIT = 65536 };

/* ------------------------------------------------------------------------------------------------ replies */

struct redis_reply {
    enum redis_type type;
    int64_t integer;
    char *text;
    size_t size;
    struct redis_reply **items;
    uint32_t count;
};

static const struct redis_reply nil_reply = { .type = REDIS_NIL };

static struct redis_reply *new_reply(enum redis_type type)
{
    struct redis_reply *reply = calloc(1, sizeof *reply);

    reply->type = type;
    return reply;
}

static struct redis_reply *text_reply(enum redis_type type, const void *bytes, size_t size)
{
    struct redis_reply *reply = new_reply(type);

    reply->text = malloc(size + 1);
    memcpy(reply->text, bytes, size);
    reply->text[size] = '\0';
    reply->size = size;
    return reply;
}

static struct redis_reply *string_reply(const char *text)
{
    return text_reply(REDIS_TEXT, text, strlen(text));
}

static void add_item(struct redis_reply *array, struct redis_reply *item)
{
    array->items = realloc(array->items, (array->count + 1) * sizeof(struct redis_reply *));
    array->items[array->count++] = item;
}

static void free_reply(struct redis_reply *reply)
{
    if (reply == NULL)
        return;
    for (uint32_t i = 0; i < reply->count; i++)
        free_reply(reply->items[i]);
    free(reply->items);
    free(reply->text);
    free(reply);
}

enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    return reply->type;
}

int64_t redis_reply_integer(const struct redis_reply *reply)
{
    if (reply->type == REDIS_TEXT)
        return strtoll(reply->text, NULL, 10);
    return reply->type == REDIS_INTEGER ? reply->integer : 0;
}

struct slice redis_reply_text(const struct redis_reply *reply)
{
    return (struct slice){ reply->text, reply->size };
}

uint32_t redis_reply_count(const struct redis_reply *reply)
{
    return reply->count;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, uint32_t index)
{
    return index < reply->count ? reply->items[index] : &nil_reply;
}

/* ------------------------------------------------------------------------------------------------ the server */

/* One row of whatever: an entry of a stream (number = seq), a member of a registry, a field of a hash. */
struct fake_row {
    char key[LANE_KEY_ROOM];
    char field[LANE_KEY_ROOM];
    uint64_t number;
    struct slice value; /* owned */
};

struct fake_last { /* of a stream: survives its entries */
    char key[LANE_KEY_ROOM];
    uint64_t seq;
};

static struct fake_server {
    struct fake_row rows[FAKE_ROWS_LIMIT];
    uint32_t row_count;
    struct fake_last lasts[1024];
    uint32_t last_count;
    const char *refuses; /* an error for every write; NULL: none */
    bool is_down;        /* no connection can be had */
    bool is_hung;        /* takes commands and does not answer, until it is down */
    uint32_t drop_after; /* this many commands from now the connection is cut; 0: never */
    bool drop_executes;  /* ... and whether the command that was cut off still took effect */
    uint64_t starts;     /* of the server's process: no connection survives one */
} server;

static struct fake_last *fake_last_of(const char *key, bool make)
{
    for (uint32_t i = 0; i < server.last_count; i++) {
        if (strcmp(server.lasts[i].key, key) == 0)
            return &server.lasts[i];
    }
    if (!make)
        return NULL;
    assert(server.last_count < 1024);
    (void)snprintf(server.lasts[server.last_count].key, LANE_KEY_ROOM, "%s", key);
    server.lasts[server.last_count].seq = 0;
    return &server.lasts[server.last_count++];
}

static void fake_remove(uint32_t index)
{
    free((char *)(uintptr_t)server.rows[index].value.at);
    server.row_count--;
    memmove(&server.rows[index], &server.rows[index + 1], (server.row_count - index) * sizeof server.rows[0]);
}

static void fake_add(const char *key, const char *field, uint64_t number, struct slice value)
{
    struct fake_row *row = &server.rows[server.row_count++];
    char *copy = malloc(value.size + 1);

    assert(server.row_count < FAKE_ROWS_LIMIT);
    memcpy(copy, value.at, value.size);
    (void)snprintf(row->key, sizeof row->key, "%s", key);
    (void)snprintf(row->field, sizeof row->field, "%s", field);
    row->number = number;
    row->value = (struct slice){ copy, value.size };
}

static void fake_wipe(void)
{
    while (server.row_count > 0)
        fake_remove(server.row_count - 1);
    server.last_count = 0;
}

__attribute__((unused)) static uint32_t fake_count(const char *key)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < server.row_count; i++)
        count += strcmp(server.rows[i].key, key) == 0;
    return count;
}

/* The server forgets its newest stream entries of a lane, as after kill -9 in the middle of a slow sync. */
__attribute__((unused)) static void fake_lose_tail(const char *key, uint64_t above)
{
    struct fake_last *last = fake_last_of(key, true);

    for (uint32_t i = server.row_count; i-- > 0;) {
        if (strcmp(server.rows[i].key, key) == 0 && server.rows[i].number > above)
            fake_remove(i);
    }
    if (last->seq > above)
        last->seq = above;
}

/* ------------------------------------------------------------------------------------------------ commands */

struct fake_command {
    char *items[FAKE_ITEMS_LIMIT * 32];
    size_t sizes[FAKE_ITEMS_LIMIT * 32];
    uint32_t count;
    redis_handler *then;
    void *context;
    struct fake_command *next;
};

static struct redis_reply *error_reply(const char *text)
{
    return text_reply(REDIS_ERROR, text, strlen(text));
}

static struct redis_reply *entry_reply(const struct fake_row *row)
{
    struct redis_reply *entry = new_reply(REDIS_ARRAY);
    struct redis_reply *fields = new_reply(REDIS_ARRAY);

    add_item(entry, string_reply(lane_entry_id(row->number).text));
    add_item(fields, string_reply("b"));
    add_item(fields, text_reply(REDIS_TEXT, row->value.at, row->value.size));
    add_item(entry, fields);
    return entry;
}

static struct redis_reply *fake_range(const char *key, uint64_t from, uint64_t to, uint64_t most)
{
    struct redis_reply *reply = new_reply(REDIS_ARRAY);

    for (uint32_t i = 0; i < server.row_count && reply->count < most; i++) {
        const struct fake_row *row = &server.rows[i];

        if (strcmp(row->key, key) == 0 && row->number >= from && row->number <= to)
            add_item(reply, entry_reply(row));
    }
    return reply;
}

static struct redis_reply *fake_xadd(const struct fake_command *c)
{
    uint64_t seq = strtoull(c->items[2], NULL, 10);
    struct fake_last *last = fake_last_of(c->items[1], true);

    if (seq <= last->seq)
        return error_reply("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    last->seq = seq;
    fake_add(c->items[1], "", seq, (struct slice){ c->items[4], c->sizes[4] });
    return string_reply(c->items[2]);
}

static struct redis_reply *fake_xinfo(const struct fake_command *c)
{
    struct fake_last *last = fake_last_of(c->items[2], false);
    struct redis_reply *reply;

    if (last == NULL)
        return error_reply("ERR no such key");
    reply = new_reply(REDIS_ARRAY);
    add_item(reply, string_reply("length"));
    add_item(reply, string_reply("0"));
    add_item(reply, string_reply("last-generated-id"));
    add_item(reply, string_reply(lane_entry_id(last->seq).text));
    return reply;
}

static struct redis_reply *fake_set(const char *key, const char *field, uint64_t number, struct slice value)
{
    for (uint32_t i = 0; i < server.row_count; i++) {
        if (strcmp(server.rows[i].key, key) == 0 && strcmp(server.rows[i].field, field) == 0) {
            fake_remove(i);
            break;
        }
    }
    fake_add(key, field, number, value);
    return new_reply(REDIS_INTEGER);
}

static void fake_drop(const char *key, uint64_t below)
{
    for (uint32_t i = server.row_count; i-- > 0;) {
        if (strcmp(server.rows[i].key, key) == 0 && server.rows[i].number < below)
            fake_remove(i);
    }
}

/* lane_forget_script */
static struct redis_reply *fake_forget(const struct fake_command *c)
{
    uint64_t mark = strcmp(c->items[4], "+inf") == 0 ? UINT64_MAX : strtoull(c->items[4], NULL, 10);

    for (uint32_t i = server.row_count; i-- > 0;) {
        char hash[2 * LANE_KEY_ROOM];

        if (i >= server.row_count || strcmp(server.rows[i].key, c->items[3]) != 0 || server.rows[i].number > mark)
            continue;
        (void)snprintf(hash, sizeof hash, "%s:%s", server.rows[i].key, server.rows[i].field);
        fake_remove(i);
        fake_drop(hash, UINT64_MAX);
        i = server.row_count;
    }
    return new_reply(REDIS_INTEGER);
}

/* lane_read_script */
static struct redis_reply *fake_read(const struct fake_command *c)
{
    struct redis_reply *reply = new_reply(REDIS_ARRAY);
    struct redis_reply *windows = new_reply(REDIS_ARRAY);
    uint64_t last = 0;

    for (uint32_t i = 0; i < server.row_count; i++) {
        char hash[2 * LANE_KEY_ROOM];
        uint64_t clicks = 0;
        char number[24];

        if (strcmp(server.rows[i].key, c->items[3]) != 0)
            continue;
        (void)snprintf(hash, sizeof hash, "%s:%s", c->items[3], server.rows[i].field);
        for (uint32_t j = 0; j < server.row_count; j++) {
            if (strcmp(server.rows[j].key, hash) == 0 && strcmp(server.rows[j].field, c->items[5]) == 0)
                clicks = strtoull(server.rows[j].value.at, NULL, 10);
        }
        (void)snprintf(number, sizeof number, "%lu", (unsigned long)clicks);
        add_item(windows, string_reply(server.rows[i].field));
        add_item(windows, string_reply(number));
        last = server.rows[i].number > last ? server.rows[i].number : last;
    }
    add_item(reply, windows);
    add_item(reply, fake_range(c->items[4], last + 1, UINT64_MAX, UINT64_MAX));
    return reply;
}

static struct redis_reply *fake_hset(const struct fake_command *c)
{
    for (uint32_t i = 2; i + 1 < c->count; i += 2)
        free_reply(fake_set(c->items[1], c->items[i], 0, (struct slice){ c->items[i + 1], c->sizes[i + 1] + 1 }));
    return new_reply(REDIS_INTEGER);
}

static bool fake_is(const struct fake_command *c, const char *name)
{
    return strcmp(c->items[0], name) == 0;
}

static struct redis_reply *fake_execute(const struct fake_command *c)
{
    bool reads = fake_is(c, "XINFO") || fake_is(c, "XRANGE");

    if (server.refuses != NULL && !reads)
        return error_reply(server.refuses);
    if (fake_is(c, "XADD"))
        return fake_xadd(c);
    if (fake_is(c, "XINFO"))
        return fake_xinfo(c);
    if (fake_is(c, "XRANGE"))
        return fake_range(c->items[1], strtoull(c->items[2], NULL, 10), strtoull(c->items[3], NULL, 10),
                          strtoull(c->items[5], NULL, 10));
    if (fake_is(c, "XTRIM")) {
        fake_drop(c->items[1], strtoull(c->items[4], NULL, 10));
        return new_reply(REDIS_INTEGER);
    }
    if (fake_is(c, "HSET"))
        return fake_hset(c);
    if (fake_is(c, "ZADD"))
        return fake_set(c->items[1], c->items[3], strtoull(c->items[2], NULL, 10), (struct slice){ "", 0 });
    if (fake_is(c, "EVAL"))
        return strcmp(c->items[1], lane_read_script) == 0 ? fake_read(c) : fake_forget(c);
    assert(fake_is(c, "DEL"));
    for (uint32_t i = 1; i < c->count; i++) {
        struct fake_last *last = fake_last_of(c->items[i], false);

        fake_drop(c->items[i], UINT64_MAX);
        if (last != NULL)
            *last = server.lasts[--server.last_count];
    }
    return new_reply(REDIS_INTEGER);
}

#endif
