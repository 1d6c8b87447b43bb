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
/* A ZeroMQ socket of the actor's: *is_ready, true from now on, becomes so again when there is something to receive. The
 * caller's to free, when the thread has ended. */
struct watch *watch_socket(struct actor *actor, void *socket, bool *is_ready);

#endif
