/* SPDX-License-Identifier: MIT */
#include "runtime/cell/reactor.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/cell/cell.h"
#include "runtime/cell/remote.h"
#include "runtime/cell/report.h"
#include "runtime/cell/watch.h"

void reactor_init(struct reactor *reactor, struct node *node, const char *name, bool has_epoll)
{
    *reactor = (struct reactor){ .node = node, .epoll_fd = -1 };
    slice_copy(slice_of(name), reactor->name, sizeof reactor->name);
    timer_heap_init(&reactor->timers);
    reactor->arena.limit = DECODED_LIMIT;
    for (uint64_t i = 0; i < 4; i++)
        reactor->random_state[i] = XXH3_64bits_withSeed(name, strlen(name), node->seed + i) | 1;
    reactor->now_us = node->clock->monotonic_us(node->clock->context);
    reactor->wall_us = node->clock->wall_us(node->clock->context);
    if (!has_epoll)
        return;
    reactor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    reactor->commands = channel_new();
    assert(reactor->epoll_fd >= 0);

    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    int result = epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, channel_fd(reactor->commands), &event);

    assert(result == 0);
}

void reactor_free(struct reactor *reactor)
{
    watch_free_retired(reactor);
    timer_heap_free(&reactor->timers);
    arena_free(&reactor->arena);
    channel_destroy(&reactor->commands);
    if (reactor->epoll_fd >= 0)
        close(reactor->epoll_fd);
    free(reactor->actors);
    reactor->actors = NULL;
}

void reactor_add(struct reactor *reactor, struct actor *actor)
{
    reactor->actors = realloc(reactor->actors, (reactor->actor_count + 1) * sizeof(struct actor *));
    assert(reactor->actors != NULL);
    reactor->actors[reactor->actor_count++] = actor;
}

/* xoshiro256** by Blackman and Vigna, https://prng.di.unimi.it: small, quick, good enough for jitter and load
 * spreading. */
uint64_t reactor_random(struct reactor *reactor)
{
    uint64_t *s = reactor->random_state;
    uint64_t five = s[1] * 5;
    uint64_t result = (five << 7 | five >> 57) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

void reactor_busy(struct reactor *reactor, const struct actor *actor, const char *with)
{
    atomic_store_explicit(&reactor->busy_actor, actor != NULL ? actor->name : NULL, memory_order_relaxed);
    atomic_store_explicit(&reactor->busy_with, with, memory_order_relaxed);
    counter_add(&reactor->steps, 1);
}

/* ------------------------------------------------------------------------------------------------ commands */

static enum node_change change_of(enum notice_type command)
{
    return command == COMMAND_NODE_UP        ? NODE_IS_UP
           : command == COMMAND_NODE_LEAVING ? NODE_IS_LEAVING
           : command == COMMAND_NODE_SILENT  ? NODE_SILENT
                                             : NODE_ENDED;
}

static void tell_all(struct reactor *reactor, const struct notice *command)
{
    for (size_t i = 0; i < reactor->actor_count; i++) {
        if (command->type == COMMAND_REPORT)
            report_send(reactor->actors[i], command->number);
        else if (command->type == COMMAND_KEYS)
            remote_keys_changed(reactor->actors[i]);
        else
            cell_node_changed(reactor->actors[i], command->text, change_of(command->type));
    }
    if (command->type == COMMAND_REPORT)
        channel_send(reactor->node->events, &(struct notice){ .type = EVENT_REPORT, .number = command->number });
}

static void suspend(struct actor *cell, bool is_suspended)
{
    if (is_suspended && cell->life == CELL_UP)
        cell->life = CELL_SUSPENDED;
    else if (!is_suspended && cell->life == CELL_SUSPENDED)
        cell->life = CELL_UP;
}

/* Actors that still run are stopped, so that what they hold is given back by those who know how. */
static void end_all(struct reactor *reactor)
{
    reactor->is_ending = true;
    for (size_t i = reactor->actor_count; i-- > 0;) {
        if (reactor->actors[i]->state != NULL)
            cell_stop(reactor->actors[i]);
    }
}

static void obey(struct reactor *reactor, const struct notice *command)
{
    struct actor *cell = command->actor;

    if (cell != NULL)
        cell->had_event = true;
    switch (command->type) {
    case COMMAND_START:
        cell_start(cell);
        break;
    case COMMAND_STOP:
        cell_stop(cell);
        break;
    case COMMAND_DRAIN:
        cell_drain(cell);
        break;
    case COMMAND_FAIL:
        cell_fail(cell, command->text);
        break;
    case COMMAND_SUSPEND:
    case COMMAND_RESUME:
        suspend(cell, command->type == COMMAND_SUSPEND);
        break;
    case COMMAND_SETTING:
        cell_set_option(cell, command->text, command->value);
        break;
    case COMMAND_NODE_DOWN:
    case COMMAND_NODE_UP:
    case COMMAND_NODE_SILENT:
    case COMMAND_KEYS:
    case COMMAND_NODE_LEAVING:
    case COMMAND_REPORT:
        tell_all(reactor, command);
        break;
    case COMMAND_END:
        end_all(reactor);
        break;
    default:
        assert(!"an event is no command");
    }
}

static void obey_all(struct reactor *reactor)
{
    struct notice command;

    while (reactor->commands != NULL && channel_take(reactor->commands, &command))
        obey(reactor, &command);
}

/* ------------------------------------------------------------------------------------------------ a turn */

static struct actor *waiting_actor(struct reactor *reactor)
{
    for (size_t i = 0; i < reactor->actor_count; i++) {
        struct actor *cell = reactor->actors[i];

        if (cell->kind->wait != NULL && cell->state != NULL && cell->life != CELL_FAILED)
            return cell;
    }
    return NULL;
}

static uint64_t time_to_wait(const struct reactor *reactor, uint64_t most_us)
{
    uint64_t due_us = timer_next_due_us(&reactor->timers);

    for (size_t i = 0; i < reactor->actor_count; i++) {
        if (cell_has_letters(reactor->actors[i]) || reactor->actors[i]->dirty != NULL)
            return 0;
        if (reactor->actors[i]->tick_at_us < due_us)
            due_us = reactor->actors[i]->tick_at_us;
    }

    uint64_t now_us = reactor->node->clock->monotonic_us(reactor->node->clock->context);

    if (due_us <= now_us)
        return 0;
    return due_us - now_us < most_us ? due_us - now_us : most_us;
}

static void look_at_clock(struct reactor *reactor)
{
    const struct clock_source *clock = reactor->node->clock;

    reactor->now_us = clock->monotonic_us(clock->context);
    reactor->wall_us = clock->wall_us(clock->context);
}

/* Takes in what the kernel has for us; sleeps when nothing is to be done. Returns whether anything came. */
static bool take_events(struct reactor *reactor, uint64_t wait_us)
{
    struct epoll_event events[EVENTS_PER_TURN];
    struct actor *with_loop = waiting_actor(reactor);
    int timeout_ms = (int)((wait_us + 999) / 1000);

    if (with_loop != NULL) { /* what runs in there counts as one step: it comes back at least every SLEEP_LIMIT_US */
        with_loop->trace = (struct trace){ 0 };
        reactor_busy(reactor, with_loop, "its own loop");
        with_loop->kind->wait(with_loop, reactor->epoll_fd, wait_us);
        with_loop->had_event = true;
        timeout_ms = 0;
    }

    atomic_store_explicit(&reactor->is_busy, timeout_ms == 0, memory_order_relaxed);

    int count = epoll_wait(reactor->epoll_fd, events, EVENTS_PER_TURN, timeout_ms);

    look_at_clock(reactor);
    reactor_busy(reactor, NULL, "its turn");
    atomic_store_explicit(&reactor->is_busy, true, memory_order_relaxed);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            obey_all(reactor);
        else
            watch_fire(reactor, events[i].data.ptr, events[i].events);
    }
    if (with_loop != NULL)
        cell_after_callback(with_loop);
    return count > 0 || with_loop != NULL;
}

static bool run_timers(struct reactor *reactor)
{
    struct timer timer;
    bool ran = false;

    /* As many as there are now: one that sets itself again for now gets its next turn in the next turn. */
    for (uint32_t left = reactor->timers.size; left > 0 && timer_take_due(&reactor->timers, reactor->now_us, &timer);
         left--) {
        struct actor *cell = timer.owner;

        cell->had_event = true;
        cell->trace = (struct trace){ 0 };
        reactor_busy(reactor, cell, "timer");
        timer.call(cell, timer.context);
        cell_after_callback(cell);
        ran = true;
    }
    return ran;
}

static bool has_local_letters(const struct reactor *reactor)
{
    for (size_t i = 0; i < reactor->actor_count; i++) {
        if (reactor->actors[i]->inbox != NULL && cell_has_letters(reactor->actors[i]))
            return true;
    }
    return false;
}

/* What actors of this thread say to each other is handled within the turn, before the kernel is asked again; a bounded
 * number of rounds, so that two that never stop talking do not keep the others from theirs. */
static bool handle_letters(struct reactor *reactor)
{
    bool did = false;
    int round = 0;

    do {
        for (size_t i = 0; i < reactor->actor_count; i++)
            did |= cell_handle_letters(reactor->actors[i], LETTERS_PER_TURN);
        for (size_t i = 0; i < reactor->actor_count; i++)
            cell_end_turn(reactor->actors[i]);
    } while (++round < ROUNDS_PER_TURN && has_local_letters(reactor));
    return did;
}

bool reactor_turn(struct reactor *reactor, uint64_t wait_us)
{
    bool did = false;

    if (reactor->epoll_fd >= 0)
        did = take_events(reactor, time_to_wait(reactor, wait_us));
    else
        look_at_clock(reactor);
    did |= run_timers(reactor);
    did |= handle_letters(reactor);
    watch_free_retired(reactor);
    return did;
}

void reactor_run(struct reactor *reactor)
{
    while (!reactor->is_ending)
        reactor_turn(reactor, SLEEP_LIMIT_US);
}

static void *run_thread(void *reactor)
{
    reactor_run(reactor);
    return NULL;
}

void reactor_start_thread(struct reactor *reactor)
{
    char name[16];
    int result = pthread_create(&reactor->thread, NULL, run_thread, reactor);

    assert(result == 0);
    slice_copy(slice_of(reactor->name), name, sizeof name);
    pthread_setname_np(reactor->thread, name);
}
