/* SPDX-License-Identifier: MIT */
/* monitor -- see monitor.h and actor.h. */
#include "runtime/cell/monitor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/cell/channel.h"
#include "runtime/cell/post.h"

enum {
    FIRST_ANSWER_US = 5 * 1000 * 1000, /* a supervisor that does not answer by then is not there */
    ANSWER_US = 30 * 1000 * 1000,      /* it answers well before, see supervisor_watch.c */
    RETRY_US = 500 * 1000
};

struct monitor {
    struct monitor *next;
    uint64_t number;
    uint64_t ask; /* under way; 0: none */
    uint64_t life;
    bool is_link;
    down_handler *handler;
    void *context;
    char address[ADDRESS_LIMIT + 1];
};

static struct monitor **find(struct actor *me, uint64_t number)
{
    struct monitor **link = &me->monitors;

    while (*link != NULL && (*link)->number != number)
        link = &(*link)->next;
    return link;
}

/* "NODE/supervisor" */
static void supervisor_of_address(const char *address, char supervisor[ADDRESS_LIMIT + 1])
{
    snprintf(supervisor, ADDRESS_LIMIT + 1, "%.*s/supervisor", (int)strcspn(address, "/"), address);
}

static void fire(struct actor *me, uint64_t number, const char *reason)
{
    struct monitor **link = find(me, number);
    struct monitor *gone = *link;

    assert(gone != NULL);
    *link = gone->next;
    if (gone->is_link)
        actor_fail(me, "%s, which it is linked to, is down: %s", gone->address, reason);
    else
        gone->handler(me, gone->context, &(struct down){ .address = gone->address, .reason = reason });
    free(gone);
}

static void begin(struct actor *me, void *number);

static void answered(struct actor *me, void *number, const struct answer *answer)
{
    struct monitor *monitor = *find(me, (uint64_t)(uintptr_t)number);
    const struct actor_life *life = answer->schema == &actor_life_schema ? answer->message : NULL;
    char reason[256];

    assert(monitor != NULL); /* one that is given up cancels its ask */
    monitor->ask = 0;
    if (answer->outcome == ASK_ANSWERED && life != NULL && !life->is_down) {
        monitor->life = life->life;
        begin(me, number);
    } else if (answer->outcome == ASK_ANSWERED && life != NULL) {
        slice_copy(life->reason, reason, sizeof reason);
        fire(me, monitor->number, reason);
    } else if (answer->outcome == ASK_TIMED_OUT && monitor->life != 0) {
        begin(me, number); /* a letter was lost */
    } else if (answer->outcome == ASK_OVERLOADED) {
        actor_after(me, RETRY_US, begin, number);
    } else {
        fire(me, monitor->number, answer->detail);
    }
}

/* Asks, and asks again. A timer's handler too: the monitor may be gone by then. */
static void begin(struct actor *me, void *number)
{
    struct monitor *monitor = *find(me, (uint64_t)(uintptr_t)number);
    char supervisor[ADDRESS_LIMIT + 1];
    struct peer *peer;

    if (monitor == NULL || monitor->ask != 0)
        return;
    supervisor_of_address(monitor->address, supervisor);
    peer = cell_peer(me, supervisor);
    if (peer == NULL) {
        fire(me, monitor->number, "there are too many strangers to speak with its node");
        return;
    }

    const struct sending how = { .deadline_us = monitor->life == 0 ? FIRST_ANSWER_US : ANSWER_US,
                                 .then = answered,
                                 .context = number };
    const struct actor_watch watch = { .actor = slice_of(strchr(monitor->address, '/') + 1), .life = monitor->life };

    monitor->ask = post_ask(me, peer, NULL, 0, &how, &actor_watch_schema, &watch);
}

/* The node's supervisor makes sure of the other node from now on. */
static void announce(struct actor *me, const char *address)
{
    struct notice event = { .type = EVENT_WATCHING, .actor = me };

    if (me->reactor->node->events == NULL)
        return;
    snprintf(event.text, sizeof event.text, "%.*s", (int)strcspn(address, "/"), address);
    channel_send(me->reactor->node->events, &event);
}

static uint64_t add(struct actor *me, const char *address, down_handler *handler, void *context)
{
    struct monitor *monitor;
    size_t open = 0;

    assert(address_is_valid(slice_of(address)));
    for (monitor = me->monitors; monitor != NULL; monitor = monitor->next)
        open++;
    if (open >= MONITORS_LIMIT)
        return 0;
    monitor = calloc(1, sizeof *monitor);
    assert(monitor != NULL);
    monitor->number = ++me->monitor_numbers;
    monitor->handler = handler;
    monitor->context = context;
    monitor->is_link = handler == NULL;
    slice_copy(slice_of(address), monitor->address, sizeof monitor->address);
    monitor->next = me->monitors;
    me->monitors = monitor;
    announce(me, address);
    actor_after(me, 0, begin, (void *)(uintptr_t)monitor->number);
    return monitor->number;
}

uint64_t actor_monitor(struct actor *me, const char *address, down_handler *handler, void *context)
{
    assert(handler != NULL);
    return add(me, address, handler, context);
}

void actor_demonitor(struct actor *me, uint64_t number)
{
    struct monitor **link = find(me, number);
    struct monitor *gone = *link;

    if (gone == NULL)
        return;
    if (gone->ask != 0)
        actor_cancel_ask(me, gone->ask);
    *link = gone->next;
    free(gone);
}

void actor_link(struct actor *me, const char *address)
{
    char supervisor[ADDRESS_LIMIT + 1];
    struct peer *peer;

    if (add(me, address, NULL, NULL) == 0) {
        actor_fail(me, "it cannot be linked to %s: it watches %d others already", address, MONITORS_LIMIT);
        return;
    }
    supervisor_of_address(address, supervisor);
    peer = cell_peer(me, supervisor);
    if (peer == NULL) /* the monitor says so */
        return;

    const struct sending how = { .deadline_us = FIRST_ANSWER_US };
    const struct actor_join join = { .actor = slice_of(strchr(address, '/') + 1), .with = slice_of(me->address) };

    post_ask(me, peer, NULL, 0, &how, &actor_join_schema, &join);
}

void monitor_forget_all(struct actor *cell)
{
    while (cell->monitors != NULL) {
        struct monitor *gone = cell->monitors;

        cell->monitors = gone->next;
        free(gone); /* its ask and its timer go with the actor's */
    }
}
