/* SPDX-License-Identifier: MIT */
/* fake_redis -- see the header. */
#include "tests/actor/fakes/fake_redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/actor.h"

enum { CONNECTIONS_LIMIT = 16, COMMANDS_LIMIT = 256, ITEMS_LIMIT = 32 };

struct redis_reply {
    enum redis_type type;
    int64_t integer;
    struct slice text;
    const struct redis_reply *items[ITEMS_LIMIT];
    uint32_t count;
};

struct command {
    char *text;
    redis_handler *then;
    void *context;
};

struct redis {
    struct actor *me;
    struct redis_options options;
    uint64_t generation; /* of the present connection; 0: none */
    uint64_t generations;
    struct command commands[COMMANDS_LIMIT];
    uint32_t count;
};

static struct redis *connections[CONNECTIONS_LIMIT];
static const struct redis_reply nil;

static struct redis *find(const char *name)
{
    for (int i = 0; i < CONNECTIONS_LIMIT; i++)
        if (connections[i] != NULL && strcmp(connections[i]->options.name, name) == 0)
            return connections[i];
    return NULL;
}

/* ---- what the adapter offers */

enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    return reply->type;
}

int64_t redis_reply_integer(const struct redis_reply *reply)
{
    if (reply->type != REDIS_TEXT)
        return reply->type == REDIS_INTEGER ? reply->integer : 0;
    return strtoll(reply->text.at, NULL, 10);
}

struct slice redis_reply_text(const struct redis_reply *reply)
{
    return reply->text;
}

uint32_t redis_reply_count(const struct redis_reply *reply)
{
    return reply->count;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, uint32_t index)
{
    return index < reply->count ? reply->items[index] : &nil;
}

struct redis *redis_open(struct actor *me, const struct redis_options *options, char *why, size_t room)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    int place = 0;

    (void)why;
    (void)room;
    assert(redis != NULL);
    while (connections[place] != NULL)
        place++;
    assert(place < CONNECTIONS_LIMIT);
    redis->me = me;
    redis->options = *options;
    connections[place] = redis;
    return redis;
}

void redis_close(struct redis **redis)
{
    for (int i = 0; i < CONNECTIONS_LIMIT; i++)
        if (connections[i] == *redis)
            connections[i] = NULL;
    for (uint32_t i = 0; *redis != NULL && i < (*redis)->count; i++)
        free((*redis)->commands[i].text);
    free(*redis);
    *redis = NULL;
}

uint64_t redis_generation(const struct redis *redis)
{
    return redis->generation;
}

uint32_t redis_under_way(const struct redis *redis)
{
    return redis->count;
}

void redis_flush(struct redis *redis)
{
    (void)redis;
}

static char *join(const struct slice *arguments, uint32_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    for (uint32_t i = 0; i < count; i++)
        fprintf(out, "%s%.*s", i > 0 ? " " : "", (int)arguments[i].size, arguments[i].at);
    fclose(out);
    return text;
}

/* There is no fake for a command without a connection: our actors look before they send. */
void redis_command(struct redis *redis,
                   const struct slice *arguments,
                   uint32_t count,
                   uint64_t deadline_us,
                   redis_handler *then,
                   void *context)
{
    (void)deadline_us;
    assert(redis->generation != 0 && redis->count < COMMANDS_LIMIT);
    redis->commands[redis->count++] =
        (struct command){ .text = join(arguments, count), .then = then, .context = context };
}

/* ---- what the test says: it happens in the actor's next turn, as it would with a real connection */

enum event_kind { EVENT_ANSWER, EVENT_CONNECTED, EVENT_LOST };

struct event {
    enum event_kind kind;
    struct redis *redis;
    struct command command;
    enum outcome outcome;
    struct redis_reply *reply; /* owned; NULL: nil */
    uint64_t generation;
};

static void free_reply(const struct redis_reply *reply)
{
    for (uint32_t i = 0; i < reply->count; i++)
        free_reply(reply->items[i]);
    free((void *)reply);
}

static bool is_open(const struct redis *redis)
{
    for (int i = 0; i < CONNECTIONS_LIMIT; i++)
        if (connections[i] == redis)
            return true;
    return false;
}

static void happen(struct actor *me, void *context)
{
    struct event *event = context;
    const struct redis_options *options = is_open(event->redis) ? &event->redis->options : NULL;
    struct redis_result result = { .outcome = event->outcome,
                                   .reply = event->reply != NULL ? event->reply : &nil,
                                   .detail = "as the test says" };

    if (options != NULL && event->kind == EVENT_ANSWER && event->command.then != NULL)
        event->command.then(me, event->command.context, &result);
    if (options != NULL && event->kind == EVENT_CONNECTED && options->on_connected != NULL)
        options->on_connected(me, options->context, event->generation);
    if (options != NULL && event->kind == EVENT_LOST && options->on_lost != NULL)
        options->on_lost(me, options->context, event->generation, "as the test says");
    if (event->reply != NULL)
        free_reply(event->reply);
    free(event->command.text);
    free(event);
}

static void let_happen(struct event event)
{
    struct event *copy = malloc(sizeof(*copy));

    assert(copy != NULL);
    *copy = event;
    (void)actor_after(event.redis->me, 0, happen, copy);
}

static void answer(const char *name, enum outcome outcome, struct redis_reply *reply)
{
    struct redis *redis = find(name);

    assert(redis != NULL && redis->count > 0);
    let_happen((struct event){
        .kind = EVENT_ANSWER, .redis = redis, .command = redis->commands[0], .outcome = outcome, .reply = reply });
    redis->count--;
    memmove(redis->commands, redis->commands + 1, redis->count * sizeof(redis->commands[0]));
}

static struct redis_reply *new_reply(enum redis_type type)
{
    struct redis_reply *reply = calloc(1, sizeof(*reply));

    assert(reply != NULL);
    reply->type = type;
    return reply;
}

const char *fake_redis_next(const char *name)
{
    struct redis *redis = find(name);

    return redis != NULL && redis->count > 0 ? redis->commands[0].text : NULL;
}

bool fake_redis_next_is(const char *name, const char *beginning)
{
    const char *next = fake_redis_next(name);

    return next != NULL && strncmp(next, beginning, strlen(beginning)) == 0;
}

uint32_t fake_redis_waiting(const char *name)
{
    return find(name) != NULL ? find(name)->count : 0;
}

void fake_redis_answer_text(const char *name, const char *text)
{
    struct redis_reply *reply = new_reply(REDIS_TEXT);

    reply->text = slice_of(text);
    answer(name, OUTCOME_DONE, reply);
}

void fake_redis_answer_nil(const char *name)
{
    answer(name, OUTCOME_DONE, NULL);
}

void fake_redis_answer_integer(const char *name, int64_t integer)
{
    struct redis_reply *reply = new_reply(REDIS_INTEGER);

    reply->integer = integer;
    answer(name, OUTCOME_DONE, reply);
}

void fake_redis_answer_ok(const char *name)
{
    fake_redis_answer_text(name, "OK");
}

static struct slice blob;

void fake_redis_blob(struct slice bytes)
{
    blob = bytes;
}

/* Builds one array from the items up to its ")" or the end. */
static struct redis_reply *build(const char *const **items)
{
    struct redis_reply *array = new_reply(REDIS_ARRAY);

    for (; **items != NULL && strcmp(**items, ")") != 0; (*items)++) {
        struct redis_reply *item;

        assert(array->count < ITEMS_LIMIT);
        if (strcmp(**items, "(") == 0) {
            (*items)++;
            item = build(items);
        } else {
            item = new_reply(REDIS_TEXT);
            item->text = strcmp(**items, "blob") == 0 ? blob : slice_of(**items + 2);
        }
        array->items[array->count++] = item;
    }
    return array;
}

void fake_redis_answer_array(const char *name, const char *const *items)
{
    answer(name, OUTCOME_DONE, build(&items));
}

void fake_redis_fail(const char *name, enum outcome outcome)
{
    answer(name, outcome, NULL);
}

void fake_redis_connect(const char *name)
{
    struct redis *redis = find(name);

    assert(redis != NULL && redis->generation == 0);
    redis->generation = ++redis->generations;
    let_happen((struct event){ .kind = EVENT_CONNECTED, .redis = redis, .generation = redis->generation });
}

void fake_redis_lose(const char *name)
{
    struct redis *redis = find(name);
    uint64_t generation;

    assert(redis != NULL && redis->generation != 0);
    generation = redis->generation;
    redis->generation = 0;
    while (redis->count > 0)
        answer(name, OUTCOME_UNKNOWN, NULL);
    let_happen((struct event){ .kind = EVENT_LOST, .redis = redis, .generation = generation });
}
