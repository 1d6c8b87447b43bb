/* SPDX-License-Identifier: MIT */
#include "runtime/harness.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/catalog.h"
#include "runtime/cell/mailbox.h"
#include "runtime/watch/span.h"

enum { TURNS_LIMIT = 100000, START_TIME_US = 1000 * 1000 };
#define WALL_START_US 1767225600000000u /* 2026-01-01 */
#define OUTSIDE       "test/outside"

struct caught {
    struct caught *next;
    struct harness_letter letter;
    char from[ADDRESS_LIMIT + 1];
    char to[ADDRESS_LIMIT + 1];
    struct buffer bytes; /* that the decoded message points into */
    struct arena arena;
};

struct harness {
    struct node node;
    struct clock_source clock;
    struct reactor reactor;
    uint64_t now_us;
    uint64_t wall_us;
    uint64_t asked;
    struct caught *first; /* not taken yet, oldest first */
    struct caught **last;
    struct caught *taken;   /* the last one taken */
    struct caught *watches; /* questions of monitors, which are open */
};

/* Every harness has its own; this finds it from an actor. */
static struct harness *harness_of(struct actor *actor)
{
    return (struct harness *)actor->reactor->node->clock->context;
}

static uint64_t read_now(void *context)
{
    return ((struct harness *)context)->now_us;
}

static uint64_t read_wall(void *context)
{
    return ((struct harness *)context)->wall_us;
}

struct harness *harness_new(uint64_t seed)
{
    struct harness *h = calloc(1, sizeof *h);

    assert(h != NULL);
    h->now_us = START_TIME_US;
    h->wall_us = WALL_START_US;
    h->clock = (struct clock_source){ .monotonic_us = read_now, .wall_us = read_wall, .context = h };
    h->node =
        (struct node){ .name = "test", .incarnation = 1, .clock = &h->clock, .seed = seed, .log_level = LOG_ERROR + 1 };
    h->node.spans = span_ring_new();
    h->last = &h->first;
    reactor_init(&h->reactor, &h->node, "test", false);
    return h;
}

static void free_caught(struct caught *caught)
{
    if (caught == NULL)
        return;
    buffer_free(&caught->bytes);
    arena_free(&caught->arena);
    free(caught);
}

void harness_destroy(struct harness **harness)
{
    struct harness *h = *harness;

    if (h == NULL)
        return;
    for (size_t i = h->reactor.actor_count; i-- > 0;)
        cell_stop(h->reactor.actors[i]);
    for (size_t i = h->reactor.actor_count; i-- > 0;)
        cell_destroy(&h->reactor.actors[i]);
    while (h->first != NULL) {
        struct caught *caught = h->first;

        h->first = caught->next;
        free_caught(caught);
    }
    while (h->watches != NULL) {
        struct caught *caught = h->watches;

        h->watches = caught->next;
        free_caught(caught);
    }
    free_caught(h->taken);
    reactor_free(&h->reactor);
    span_ring_destroy(&h->node.spans);
    free(h);
    *harness = NULL;
}

/* ------------------------------------------------------------------------------------------------ catching letters */

static void
catch_letter(struct actor *from, const struct peer *to, const struct envelope *envelope, const struct reader *reader)
{
    struct harness *h = harness_of(from);
    struct caught *caught = calloc(1, sizeof *caught);
    const struct message_schema *schema = catalog_find((uint16_t)envelope->type);

    assert(caught != NULL && schema != NULL);
    slice_copy(slice_of(from->address), caught->from, sizeof caught->from);
    slice_copy(slice_of(to->address), caught->to, sizeof caught->to);
    buffer_append(&caught->bytes, reader->at, reader_left(reader));
    caught->arena.limit = DECODED_LIMIT;

    void *message = arena_take(&caught->arena, schema->size > 0 ? schema->size : 1);
    struct reader copy = reader_of(buffer_slice(&caught->bytes));
    bool fits = codec_decode(schema, &copy, &caught->arena, message);

    assert(fits);
    caught->letter = (struct harness_letter){
        .kind = (enum harness_letter_kind)envelope->kind,
        .from = caught->from,
        .to = caught->to,
        .schema = schema,
        .correlation = envelope->correlation,
        .message = message,
    };
    *h->last = caught;
    h->last = &caught->next;
}

static void catch_letters(struct actor *from, struct peer *to, struct slice letters)
{
    struct reader reader = reader_of(letters);
    struct envelope envelope;
    struct reader message;

    while (envelope_next_letter(&reader, &envelope, &message))
        catch_letter(from, to, &envelope, &message);
}

/* Takes one out of the list; the caller's to free. */
static struct caught *unchain(struct harness *h, struct caught **link)
{
    struct caught *caught = *link;

    *link = caught->next;
    if (h->last == &caught->next)
        h->last = link;
    return caught;
}

static bool is_outside(const struct caught *caught)
{
    return strcmp(caught->to, OUTSIDE) == 0;
}

static const struct harness_letter *take(struct harness *h, struct caught **link)
{
    if (*link == NULL)
        return NULL;
    free_caught(h->taken);
    h->taken = unchain(h, link);
    return &h->taken->letter;
}

const struct harness_letter *harness_take(struct harness *h)
{
    struct caught **link = &h->first;

    while (*link != NULL && is_outside(*link))
        link = &(*link)->next;
    return take(h, link);
}

const struct harness_letter *harness_take_type(struct harness *h, const struct message_schema *schema)
{
    struct caught **link = &h->first;

    while (*link != NULL && (is_outside(*link) || (*link)->letter.schema != schema))
        link = &(*link)->next;
    return take(h, link);
}

const struct harness_letter *harness_answer(struct harness *h, uint64_t ask)
{
    struct caught **link = &h->first;

    while (*link != NULL && (!is_outside(*link) || (*link)->letter.correlation != ask))
        link = &(*link)->next;
    return take(h, link);
}

/* ------------------------------------------------------------------------------------------------ actors */

struct actor *
harness_add(struct harness *h, const struct actor_kind *kind, const char *name, const char *const *options)
{
    struct actor *actor = cell_new(&h->reactor, kind, name, NULL);

    assert(actor != NULL);
    actor->undeliverable = catch_letters;
    for (; options != NULL && *options != NULL; options++) {
        const char *equals = strchr(*options, '=');
        char option[64];

        assert(equals != NULL);
        snprintf(option, sizeof option, "%.*s", (int)(equals - *options), *options);
        cell_set_option(actor, option, equals + 1);
    }
    return actor;
}

void harness_receivers(struct harness *h, struct actor *actor, uint32_t outlet, uint32_t count)
{
    char address[ADDRESS_LIMIT + 1];

    (void)h;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(address, sizeof address, "absent/%s-%u", actor->kind->outlets[outlet].to, i);
        cell_add_receiver(actor, outlet, address);
    }
}

static void wire_outlet(struct harness *h, struct actor *actor, uint32_t index)
{
    const char *to = actor->kind->outlets[index].to;
    char absent[ADDRESS_LIMIT + 1];

    if (actor->outlets[index].count > 0)
        return;
    for (size_t i = 0; i < h->reactor.actor_count; i++) {
        if (strcmp(h->reactor.actors[i]->kind->name, to) == 0)
            cell_add_receiver(actor, index, h->reactor.actors[i]->address);
    }
    snprintf(absent, sizeof absent, "absent/%s", to);
    if (actor->outlets[index].count == 0)
        cell_add_receiver(actor, index, absent);
}

void harness_start(struct harness *h)
{
    for (size_t i = 0; i < h->reactor.actor_count; i++) {
        for (uint32_t outlet = 0; outlet < h->reactor.actors[i]->kind->outlet_count; outlet++)
            wire_outlet(h, h->reactor.actors[i], outlet);
    }
    for (size_t i = 0; i < h->reactor.actor_count; i++) {
        h->reactor.actors[i]->had_event = true;
        cell_start(h->reactor.actors[i]);
    }
    harness_run(h);
}

void harness_drain(struct harness *h, struct actor *actor)
{
    cell_drain(actor);
    reactor_turn(&h->reactor, 0); /* at whose end it is seen that nothing is left to do */
    harness_run(h);
}

void harness_stop(struct harness *h, struct actor *actor)
{
    cell_stop(actor);
    harness_run(h);
}

bool harness_is_up(const struct actor *actor)
{
    return actor->life == CELL_UP;
}

const char *harness_failure(const struct actor *actor)
{
    return actor->reason;
}

void harness_set_option(struct harness *h, struct actor *actor, const char *option, const char *text)
{
    actor->had_event = true;
    cell_set_option(actor, option, text);
    harness_run(h);
}

/* ------------------------------------------------------------------------------------------------ letters to them */

static struct actor *find_actor(struct harness *h, const char *address)
{
    for (size_t i = 0; i < h->reactor.actor_count; i++) {
        if (strcmp(h->reactor.actors[i]->address, address) == 0)
            return h->reactor.actors[i];
    }
    return NULL;
}

static void deliver(struct harness *h,
                    struct actor *to,
                    const char *from,
                    struct envelope envelope,
                    const struct message_schema *schema,
                    const void *message)
{
    struct buffer letter = { 0 };

    envelope.type = schema->id;

    size_t start = envelope_begin_letter(&letter, &envelope);

    codec_encode(schema, message, &letter);
    envelope_end_letter(&letter, start);
    mailbox_put_test(to, from, buffer_slice(&letter));
    buffer_free(&letter);
    harness_run(h);
}

void harness_tell(struct harness *h, struct actor *to, const struct message_schema *schema, const void *message)
{
    deliver(h, to, OUTSIDE, (struct envelope){ .kind = LETTER_TELL }, schema, message);
}

uint64_t harness_ask(struct harness *h, struct actor *to, const struct message_schema *schema, const void *message)
{
    uint64_t number = ++h->asked;

    deliver(h, to, OUTSIDE, (struct envelope){ .kind = LETTER_ASK, .correlation = number, .deadline_us = UINT32_MAX },
            schema, message);
    return number;
}

void harness_reply(struct harness *h,
                   const struct harness_letter *ask,
                   const struct message_schema *schema,
                   const void *message)
{
    char from[ADDRESS_LIMIT + 1];
    struct actor *to = find_actor(h, ask->from);
    struct envelope envelope = { .kind = LETTER_ANSWER, .correlation = ask->correlation };

    assert(ask->kind == HARNESS_ASK && to != NULL);
    slice_copy(slice_of(ask->to), from, sizeof from);
    deliver(h, to, from, envelope, schema, message);
}

/* ------------------------------------------------------------------------------------------------ time */

static bool has_work(const struct harness *h)
{
    for (size_t i = 0; i < h->reactor.actor_count; i++) {
        const struct actor *actor = h->reactor.actors[i];

        if (cell_has_letters(actor) || actor->had_event || actor->dirty != NULL)
            return true;
    }
    return timer_next_due_us(&h->reactor.timers) <= h->now_us;
}

static void run_turns(struct harness *h)
{
    uint32_t turns = 0;

    while (has_work(h)) {
        reactor_turn(&h->reactor, 0);
        assert(++turns < TURNS_LIMIT);
    }
}

/* ------------------------------------------------------------------------------------------------ monitors */

/* There is no supervisor in a test: the harness says what one would. */
static bool is_for_supervisor(const struct caught *caught)
{
    return caught->letter.kind == HARNESS_ASK &&
           (caught->letter.schema == &actor_watch_schema || caught->letter.schema == &actor_join_schema);
}

/* Whom a monitor's question is about: the node is the supervisor's. */
static bool is_about(const struct caught *watch, const char *address)
{
    const struct actor_watch *asked = watch->letter.message;
    size_t node = strcspn(watch->to, "/");

    return strncmp(address, watch->to, node) == 0 && address[node] == '/' && slice_is(asked->actor, address + node + 1);
}

static void answer_watch(struct harness *h, struct caught *watch, const char *reason)
{
    harness_reply(h, &watch->letter, &actor_life_schema,
                  &(struct actor_life){ .life = reason == NULL ? 1 : 0,
                                        .is_down = reason != NULL,
                                        .reason = slice_of(reason != NULL ? reason : "") });
    free_caught(watch);
}

void harness_down(struct harness *h, const char *address, const char *reason)
{
    for (struct caught **link = &h->watches; *link != NULL;) {
        struct caught *watch = *link;

        if (!is_about(watch, address)) {
            link = &watch->next;
            continue;
        }
        *link = watch->next;
        answer_watch(h, watch, reason);
        link = &h->watches; /* who heard it may have asked again */
    }
}

static void take_question(struct harness *h, struct caught *caught)
{
    if (caught->letter.schema == &actor_join_schema) {
        harness_reply(h, &caught->letter, &done_schema, &(struct done){ .detail = SLICE("linked") });
        free_caught(caught);
    } else if (((const struct actor_watch *)caught->letter.message)->life == 0) {
        answer_watch(h, caught, NULL);
    } else {
        caught->next = h->watches;
        h->watches = caught;
    }
}

/* Returns whether there was anything to say. */
static bool play_supervisor(struct harness *h)
{
    for (struct caught **link = &h->first; *link != NULL; link = &(*link)->next) {
        if (is_for_supervisor(*link)) {
            take_question(h, unchain(h, link));
            return true;
        }
    }
    for (struct caught *watch = h->watches; watch != NULL; watch = watch->next) {
        for (size_t i = 0; i < h->reactor.actor_count; i++) {
            const struct actor *actor = h->reactor.actors[i];

            if ((actor->life == CELL_FAILED || actor->life == CELL_STOPPED) && is_about(watch, actor->address)) {
                harness_down(h, actor->address, actor->life == CELL_FAILED ? actor->reason : "it was stopped");
                return true;
            }
        }
    }
    return false;
}

void harness_run(struct harness *h)
{
    do
        run_turns(h);
    while (play_supervisor(h));
}

void harness_advance(struct harness *h, uint64_t by_us)
{
    uint64_t until_us = h->now_us + by_us;

    for (;;) {
        uint64_t due_us = timer_next_due_us(&h->reactor.timers);
        uint64_t next_us = due_us < until_us ? due_us : until_us;

        if (next_us > h->now_us) {
            h->wall_us += next_us - h->now_us;
            h->now_us = next_us;
        }
        harness_run(h);
        if (h->now_us >= until_us)
            return;
    }
}

uint64_t harness_now_us(const struct harness *h)
{
    return h->now_us;
}

void harness_step_wall(struct harness *h, int64_t by_us)
{
    h->wall_us = (uint64_t)((int64_t)h->wall_us + by_us);
}

void harness_leaves(struct harness *h, const char *node)
{
    for (size_t i = 0; i < h->reactor.actor_count; i++)
        cell_node_changed(h->reactor.actors[i], node, NODE_IS_LEAVING);
    harness_run(h);
}

void harness_node(struct harness *h, const char *node, bool is_up)
{
    for (size_t i = 0; i < h->reactor.actor_count; i++)
        cell_node_changed(h->reactor.actors[i], node, is_up ? NODE_IS_UP : NODE_ENDED);
    harness_run(h);
}
