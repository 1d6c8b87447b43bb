/* SPDX-License-Identifier: MIT */
/* actor -- what an actor's code calls; each function is a thin door to cell, post, timer and peer. */
#include "runtime/actor.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/cell/post.h"

enum {
    DEADLINE_DEFAULT_US = 2 * 1000 * 1000,
    FAIR_LEAD = 64 /* letters */
};

/* ------------------------------------------------------------------------------------------------ life */

void *actor_state(const struct actor *me)
{
    return me->state;
}

const char *actor_name(const struct actor *me)
{
    return me->name;
}

const char *actor_node(const struct actor *me)
{
    return me->reactor->node->name;
}

uint64_t actor_incarnation(const struct actor *me)
{
    return me->incarnation;
}

bool actor_is_draining(const struct actor *me)
{
    return me->life == CELL_DRAINING;
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

const char *actor_folder(struct actor *me)
{
    char parent[ADDRESS_LIMIT];

    if (me->folder[0] != '\0')
        return me->folder;
    snprintf(parent, sizeof parent, "nodes/%s", me->reactor->node->name);
    snprintf(me->folder, sizeof me->folder, "nodes/%s", me->address);
    if (make_folder("nodes") && make_folder(parent) && make_folder(me->folder))
        return me->folder;
    actor_fail(me, "cannot make the folder %s: %s; check the data folder's owner and free space", me->folder,
               strerror(errno));
    me->folder[0] = '\0';
    return NULL;
}

void actor_fail(struct actor *me, const char *format, ...)
{
    va_list arguments;

    if (me->has_failed)
        return; /* the first reason is the one that matters */
    va_start(arguments, format);
    vsnprintf(me->reason, sizeof me->reason, format, arguments);
    va_end(arguments);
    me->has_failed = true;
}

/* The value that the first actor of a kind was given, or its kind's default. */
static const char *kind_option(const struct topology *topology, const char *kind, const char *option)
{
    for (size_t n = 0; n < topology->node_count; n++)
        for (size_t i = 0; i < topology->nodes[n].actor_count; i++)
            if (strcmp(topology->nodes[n].actors[i].kind->name, kind) == 0)
                return topology_option(&topology->nodes[n].actors[i], option);
    return NULL;
}

const char *actor_topology(const struct actor *me, const char *path)
{
    const struct topology *topology = me->reactor->node->topology;
    char store[64];
    char property[64];

    if (topology == NULL)
        return NULL;
    if (strcmp(path, "platform/url") == 0)
        return topology->url;
    if (strcmp(path, "platform/name") == 0)
        return topology->name;
    if (sscanf(path, "kinds/%63[^/]/%63[^/]", store, property) == 2)
        return kind_option(topology, store, property);
    if (sscanf(path, "stores/%63[^/]/%63[^/]", store, property) != 2)
        return NULL;

    const struct topology_store *found = topology_find_store(topology, store);

    if (found == NULL)
        return NULL;
    if (strcmp(property, "uri") == 0)
        return found->uri;
    if (strcmp(property, "name") == 0)
        return found->name;
    if (strcmp(property, "kind") == 0)
        return found->kind;
    for (size_t i = 0; i < found->property_count; i++) {
        if (strcmp(found->properties[i].name, property) == 0)
            return found->properties[i].value;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ picking */

static uint64_t load_of(const struct peer *peer)
{
    uint64_t load = peer->asks_open + peer_waiting(peer) + peer_under_way(peer);

    return load + (peer_is_away(peer) ? (uint64_t)1 << 32 : 0);
}

/* One turn is one parcel: while a receiver's is open it is picked again, until others have FAIR_LEAD letters less to
 * do. A parcel costs more than the letters in it: two wake-ups and two system calls on either side. */
static uint32_t pick_least(const struct wired_outlet *outlet, uint32_t avoid)
{
    uint32_t best = UINT32_MAX;
    uint64_t best_load = UINT64_MAX;

    for (uint32_t i = 0; i < outlet->count; i++) {
        uint32_t candidate = (outlet->next + i) % outlet->count;
        const struct peer *peer = outlet->receivers[candidate];
        uint64_t load = load_of(peer) + (peer->out.size > 0 ? 0 : FAIR_LEAD);

        if (candidate + 1 == avoid && outlet->count > 1)
            continue;
        if (best == UINT32_MAX || load < best_load) {
            best = candidate;
            best_load = load;
        }
    }
    return best;
}

static uint32_t pick_next(const struct wired_outlet *outlet, uint32_t avoid)
{
    for (uint32_t i = 0; i < outlet->count; i++) {
        uint32_t candidate = (outlet->next + i) % outlet->count;

        if (!peer_is_away(outlet->receivers[candidate]) && (candidate + 1 != avoid || outlet->count == 1))
            return candidate;
    }
    return avoid == outlet->next + 1 ? (outlet->next + 1) % outlet->count : outlet->next;
}

/* Rendezvous hashing (Thaler and Ravishankar 1998): when a receiver goes, only its keys move. */
static uint32_t pick_by_key(const struct wired_outlet *outlet, uint64_t key)
{
    uint32_t best = 0;
    uint64_t best_score = 0;

    for (uint32_t i = 0; i < outlet->count; i++) {
        const char *address = outlet->receivers[i]->address;
        uint64_t score = XXH3_64bits_withSeed(address, strlen(address), key);

        if (!peer_is_away(outlet->receivers[i]) && score >= best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

static uint32_t pick_same_node(const struct actor *me, const struct wired_outlet *outlet, uint32_t avoid)
{
    for (uint32_t i = 0; i < outlet->count; i++) {
        if (address_on_node(outlet->receivers[i]->address, me->reactor->node->name))
            return i;
    }
    return pick_next(outlet, avoid);
}

static uint32_t pick(struct actor *me, struct wired_outlet *outlet, const struct sending *how)
{
    uint32_t picked;

    switch (outlet->route.pick) {
    case PICK_LEAST_OUTSTANDING:
        picked = pick_least(outlet, how->avoid);
        break;
    case PICK_BY_KEY:
        picked = pick_by_key(outlet, how->key);
        break;
    case PICK_SAME_NODE:
        picked = pick_same_node(me, outlet, how->avoid);
        break;
    default:
        picked = pick_next(outlet, how->avoid);
        break;
    }
    outlet->next = (picked + 1) % outlet->count;
    return picked;
}

/* ------------------------------------------------------------------------------------------------ telling and asking
 */

static struct wired_outlet *outlet_of(struct actor *me, uint32_t outlet)
{
    assert(outlet < me->kind->outlet_count);
    return &me->outlets[outlet];
}

bool actor_tell(struct actor *me, uint32_t index, const struct message_schema *schema, const void *message)
{
    struct wired_outlet *outlet = outlet_of(me, index);
    struct envelope envelope = { .kind = LETTER_TELL, .trace = me->trace };
    bool accepted = true;

    if (outlet->count == 0)
        return me->kind->outlets[index].optional;
    if (outlet->route.pick != PICK_EACH) {
        uint32_t picked = pick(me, outlet, &(struct sending){ 0 });

        return post_letter(me, outlet->receivers[picked], &envelope, outlet, schema, message) != PEER_REFUSED;
    }
    for (uint32_t i = 0; i < outlet->count; i++)
        accepted &= post_letter(me, outlet->receivers[i], &envelope, outlet, schema, message) != PEER_REFUSED;
    return accepted;
}

static uint64_t later(const struct actor *me, uint64_t delay_us)
{
    return delay_us < UINT64_MAX - me->reactor->now_us ? me->reactor->now_us + delay_us : UINT64_MAX;
}

static void deadline_passed(struct actor *me, void *context)
{
    struct ask *ask = ask_find(&me->asks, (uint64_t)(uintptr_t)context);

    if (ask != NULL)
        post_fail_ask(me, ask, ask->peer != NULL ? ASK_TIMED_OUT : ask->outcome);
}

static uint64_t deadline_of(const struct sending *how)
{
    return how->deadline_us > 0 ? how->deadline_us : DEADLINE_DEFAULT_US;
}

/* Opens the book's entry; a NULL peer means that it has failed already with `outcome`, which the timer says at once. */
static struct ask *
open_ask(struct actor *me, const struct sending *how, struct peer *peer, enum ask_outcome outcome, uint64_t *ret_number)
{
    struct ask *ask = ask_open(&me->asks, ret_number);

    assert(ask != NULL); /* there is as much room again for asks that fail at once as for all others */
    ask->peer = peer;
    ask->then = how->then;
    ask->context = how->context;
    ask->outcome = outcome;
    ask->trace = trace_is_set(&how->trace) ? how->trace : me->trace;
    ask->timer =
        timer_set(&me->reactor->timers, (struct timer){ .due_us = later(me, peer != NULL ? deadline_of(how) : 0),
                                                        .owner = me,
                                                        .call = deadline_passed,
                                                        .context = (void *)(uintptr_t)*ret_number });
    return ask;
}

static uint64_t fail_at_once(struct actor *me, const struct sending *how, uint32_t receiver, enum ask_outcome outcome)
{
    uint64_t number;

    open_ask(me, how, NULL, outcome, &number)->receiver = receiver;
    return number;
}

uint64_t post_ask(struct actor *me,
                  struct peer *peer,
                  const struct wired_outlet *outlet,
                  uint32_t receiver,
                  const struct sending *how,
                  const struct message_schema *schema,
                  const void *message)
{
    struct envelope envelope = { .kind = LETTER_ASK, .deadline_us = deadline_of(how) };
    struct ask *ask;

    if (me->asks.open >= ASKS_LIMIT)
        return fail_at_once(me, how, receiver, ASK_OVERLOADED);
    if (peer->is_silent && !how->anyway)
        return fail_at_once(me, how, receiver, ASK_TARGET_DIED);
    ask = open_ask(me, how, peer, ASK_ANSWERED, &envelope.correlation);
    ask->receiver = receiver;
    envelope.trace = ask->trace;
    peer->asks_open++;
    if (post_letter(me, peer, &envelope, outlet, schema, message) == PEER_TAKEN)
        return envelope.correlation;
    actor_cancel_ask(me, envelope.correlation);
    return fail_at_once(me, how, receiver, ASK_OVERLOADED);
}

uint64_t actor_ask(struct actor *me,
                   uint32_t index,
                   const struct sending *how,
                   const struct message_schema *schema,
                   const void *message)
{
    struct wired_outlet *outlet = outlet_of(me, index);

    if (outlet->count == 0)
        return fail_at_once(me, how, 0, ASK_NO_TARGET);
    assert(how->only <= outlet->count);
    uint32_t receiver = how->only > 0 ? how->only - 1 : pick(me, outlet, how);

    return post_ask(me, outlet->receivers[receiver], outlet, receiver, how, schema, message);
}

uint32_t actor_ask_each(struct actor *me,
                        uint32_t index,
                        const struct sending *how,
                        const struct message_schema *schema,
                        const void *message)
{
    struct wired_outlet *outlet = outlet_of(me, index);

    for (uint32_t i = 0; i < outlet->count; i++)
        post_ask(me, outlet->receivers[i], outlet, i, how, schema, message);
    return outlet->count;
}

void actor_cancel_ask(struct actor *me, uint64_t number)
{
    struct ask *ask = ask_find(&me->asks, number);

    if (ask == NULL)
        return;
    if (ask->peer != NULL)
        ask->peer->asks_open--;
    timer_cancel(&me->reactor->timers, ask->timer);
    ask_close(&me->asks, ask);
}

uint32_t actor_receivers(const struct actor *me, uint32_t outlet)
{
    assert(outlet < me->kind->outlet_count);
    return me->outlets[outlet].count;
}

const char *actor_receiver_name(const struct actor *me, uint32_t outlet, uint32_t receiver)
{
    assert(receiver < actor_receivers(me, outlet));
    return me->outlets[outlet].receivers[receiver]->address;
}

bool actor_receiver_is_up(const struct actor *me, uint32_t outlet, uint32_t receiver)
{
    assert(receiver < actor_receivers(me, outlet));
    return !peer_is_away(me->outlets[outlet].receivers[receiver]);
}

uint32_t actor_credit(const struct actor *me, uint32_t outlet)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t i = 0; i < actor_receivers(me, outlet); i++) {
        uint32_t room = peer_room(me->outlets[outlet].receivers[i]);

        least = room < least ? room : least;
    }
    return least;
}

/* ------------------------------------------------------------------------------------------------ answering */

void actor_answer(struct actor *me, struct question question, const struct message_schema *schema, const void *message)
{
    struct question_entry *entry = question_find(&me->questions, question);

    assert(entry != NULL); /* a question is answered once */

    struct envelope envelope = { .kind = LETTER_ANSWER, .correlation = entry->correlation, .trace = entry->trace };

    if (entry->trace.is_recorded)
        cell_span(me, &entry->trace, SPAN_ASK, entry->began_us, entry->name, entry->peer->address);
    post_letter(me, entry->peer, &envelope, NULL, schema, message);
    post_close_question(me, entry);
}

void actor_refuse(struct actor *me, struct question question, const char *format, ...)
{
    char detail[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    ANSWER(me, question, ask_failed, .reason = ASK_FAILED, .detail = slice_of(detail));
}

bool actor_is_waiting(const struct actor *me, struct question question)
{
    const struct question_entry *entry = question_find(&me->questions, question);

    return entry != NULL && me->reactor->now_us < entry->expires_us;
}

/* ------------------------------------------------------------------------------------------------ time */

uint64_t actor_now_us(const struct actor *me)
{
    return me->reactor->now_us;
}

uint64_t actor_wall_us(const struct actor *me)
{
    return me->reactor->wall_us;
}

uint64_t actor_random(struct actor *me)
{
    return reactor_random(me->reactor);
}

uint64_t actor_after(struct actor *me, uint64_t delay_us, timer_handler *handler, void *context)
{
    return timer_set(&me->reactor->timers,
                     (struct timer){ .due_us = later(me, delay_us), .owner = me, .call = handler, .context = context });
}

uint64_t actor_every(struct actor *me, uint64_t period_us, timer_handler *handler, void *context)
{
    assert(period_us > 0);
    return timer_set(
        &me->reactor->timers,
        (struct timer){
            .due_us = later(me, period_us), .period_us = period_us, .owner = me, .call = handler, .context = context });
}

void actor_cancel_timer(struct actor *me, uint64_t *timer)
{
    timer_cancel(&me->reactor->timers, *timer);
    *timer = 0;
}
