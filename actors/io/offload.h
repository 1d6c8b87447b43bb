/* SPDX-License-Identifier: MIT */
/*
 * offload -- a blocking call of a foreign library, on a short-lived thread of its own.
 *
 * For what a library can do in no other way (name resolution, taking a Kafka handle down) and what happens rarely. The
 * work sees nothing but its context; the answer comes back into the actor's loop.
 */
#ifndef ACTORS_IO_OFFLOAD_H
#define ACTORS_IO_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct actor;
struct offload;

/* What is to be done, and what its context needs. */
struct offload_task {
    void (*work)(void *context); /* on the thread; may block; must not touch the actor */
    void (*done)(struct actor *me,
                 void *context);    /* in the actor's loop, once; not after offload_cancel. May be NULL */
    void (*discard)(void *context); /* frees the context: after `done`, or after `work` when cancelled; once,
                                       on either thread. May be NULL */
};

/* Starts it; the context belongs to the task from now on. NULL when there is no thread to be had: then nothing was
 * called and the context stays the caller's. The pointer is void once `done` is called. */
struct offload *offload_start(struct actor *me, const struct offload_task *task, void *context);
/* `done` will not come; the thread ends when its work does. Accepts NULL in *which; sets it to NULL. */
void offload_cancel(struct offload **which);

/* The same without an answer, for taking things down: `work` then `discard`, on a thread that nobody waits for. Without
 * a thread to be had both run at once, here. */
void offload_forget(const struct offload_task *task, void *context);

/* Waits until no work of this process is under way, at most limit_us; false when some still is. For the end of a
 * process, when no actor is left that could be kept waiting: what is taken down (a consumer that gives its partitions
 * back) must not be cut short by exit(). */
bool offload_settle(uint64_t limit_us);

#endif
