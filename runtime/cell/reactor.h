/* SPDX-License-Identifier: MIT */
/*
 * reactor -- one thread's loop: waits, then runs what is ready, in turns.
 *
 * A turn: commands of the supervisor, foreign file descriptors, timers that are due, letters (a bounded number for each
 * actor, so that none starves another), then each actor's `turn_end`, then all that was sent leaves, one parcel for
 * each receiver. The loop sleeps only when nothing is left to do.
 */
#ifndef RUNTIME_CELL_REACTOR_H
#define RUNTIME_CELL_REACTOR_H

#include <pthread.h>

#include "proto/arena.h"
#include "runtime/cell/channel.h"
#include "runtime/cell/node.h"
#include "runtime/cell/timer.h"

enum {
    LETTERS_PER_TURN = 1024,          /* of one actor */
    DECODED_LIMIT = 16 * 1024 * 1024, /* bytes that one letter may take when decoded */
    SLEEP_LIMIT_US = 1000 * 1000,     /* so that a thread's tick is never older */
    EVENTS_PER_TURN = 64,
    ROUNDS_PER_TURN = 16 /* of letters between actors of one thread */
};

struct reactor {
    struct node *node;
    char name[48];         /* of the thread, for logs and debuggers */
    struct actor **actors; /* that run here; the reactor does not own them */
    size_t actor_count;
    struct channel *commands; /* NULL in a test: the caller drives */
    struct timer_heap timers;
    struct arena arena;    /* of the letter being handled */
    struct watch *retired; /* unwatched in this turn: events of theirs may still be in hand */
    int epoll_fd;          /* -1 in a test */
    uint64_t now_us;
    uint64_t wall_us;
    uint64_t random_state[4];
    bool is_ending;
    pthread_t thread;

    /* read by the supervisor to find hangs */
    _Atomic bool is_busy;            /* false: waiting for something to do */
    _Atomic uint64_t steps;          /* callbacks begun: as long as it rises, the thread is alive */
    _Atomic(const char *) busy_with; /* the message or "timer", "event" ...; a literal or a schema's name */
    _Atomic(const char *) busy_actor;
    uint64_t seen_steps;  /* the supervisor's own: at its last look */
    uint64_t still_looks; /* the supervisor's own: looks in a row at which it was busy with the same step */
};

void reactor_init(struct reactor *reactor, struct node *node, const char *name, bool has_epoll);
void reactor_free(struct reactor *reactor);
/* Before the thread starts. */
void reactor_add(struct reactor *reactor, struct actor *actor);
/* Starts a thread that runs the loop until COMMAND_END. */
void reactor_start_thread(struct reactor *reactor);
void reactor_run(struct reactor *reactor); /* the same on the caller's thread */
/* One turn; waits at most `wait_us` for something to do. Returns whether it did anything. */
bool reactor_turn(struct reactor *reactor, uint64_t wait_us);
uint64_t reactor_random(struct reactor *reactor);
/* Marks what the thread begins now, for hang detection. */
void reactor_busy(struct reactor *reactor, const struct actor *actor, const char *with);

#endif
