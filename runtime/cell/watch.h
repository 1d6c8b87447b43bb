/* SPDX-License-Identifier: MIT */
/* watch -- foreign file descriptors and wake-ups from other threads in an actor's loop; the inside of actor_watch. */
#ifndef RUNTIME_CELL_WATCH_H
#define RUNTIME_CELL_WATCH_H

#include <stdint.h>

#include "runtime/cell/reactor.h"

/* `watch` is what epoll handed back. */
void watch_fire(struct reactor *reactor, void *watch, uint32_t epoll_events);
void watch_free_retired(struct reactor *reactor);
void watch_remove_all(struct actor *actor); /* its incarnation ends */
/* The actor's mailbox becomes readable through this. */
void watch_mailbox(struct actor *actor);

#endif
