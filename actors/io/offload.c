/* SPDX-License-Identifier: MIT */
/*
 * offload -- see offload.h.
 *
 * Two parties hold the task: the thread and the actor. Whoever comes second frees it; the lock decides who that is, and
 * keeps the thread from waking an actor that has just cancelled.
 */
#include "actors/io/offload.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/actor.h"

/* How many threads are at work in this process. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t is_over; /* one of them is */
    unsigned count;
} at_work = { .lock = PTHREAD_MUTEX_INITIALIZER, .is_over = PTHREAD_COND_INITIALIZER };

/* Enough for a resolver or librdkafka's calls, little enough not to matter. */
enum { STACK_BYTES = 512 * 1024 };

struct offload {
    struct offload_task task;
    void *context;
    struct actor *me;
    struct waker *waker;
    pthread_mutex_t lock;
    bool is_finished; /* the thread has let go */
    bool is_left;     /* the actor has let go */
};

static void destroy(struct offload *offload)
{
    if (offload->task.discard != NULL)
        offload->task.discard(offload->context);
    pthread_mutex_destroy(&offload->lock);
    free(offload);
}

static void count_at_work(int change)
{
    pthread_mutex_lock(&at_work.lock);
    at_work.count += (unsigned)change;
    pthread_cond_broadcast(&at_work.is_over);
    pthread_mutex_unlock(&at_work.lock);
}

static void *run(void *argument)
{
    struct offload *offload = argument;
    bool is_last;

    offload->task.work(offload->context);
    pthread_mutex_lock(&offload->lock);
    offload->is_finished = true;
    is_last = offload->is_left;
    if (!is_last)
        actor_wake(offload->waker);
    pthread_mutex_unlock(&offload->lock);
    if (is_last)
        destroy(offload);
    count_at_work(-1);
    return NULL;
}

static bool start_thread(struct offload *offload)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    int failure;

    /* Signals are the main thread's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    count_at_work(1);
    failure = pthread_create(&thread, &attributes, run, offload);
    if (failure != 0)
        count_at_work(-1);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure == 0;
}

static struct offload *create(struct actor *me, const struct offload_task *task, void *context)
{
    struct offload *offload = calloc(1, sizeof(*offload));

    if (offload == NULL)
        return NULL;
    offload->task = *task;
    offload->context = context;
    offload->me = me;
    pthread_mutex_init(&offload->lock, NULL);
    return offload;
}

/* A waker may be used anew with a wake of its earlier life still pending: so a call alone says nothing. */
static void woken(struct actor *me, void *context)
{
    struct offload *offload = context;
    bool is_finished;

    pthread_mutex_lock(&offload->lock);
    is_finished = offload->is_finished;
    assert(!offload->is_left);
    pthread_mutex_unlock(&offload->lock);
    if (!is_finished)
        return;
    actor_waker_close(me, &offload->waker);
    if (offload->task.done != NULL)
        offload->task.done(me, offload->context);
    destroy(offload);
}

static void abandon(struct offload *offload)
{
    pthread_mutex_destroy(&offload->lock);
    free(offload);
}

struct offload *offload_start(struct actor *me, const struct offload_task *task, void *context)
{
    struct offload *offload = create(me, task, context);

    if (offload == NULL)
        return NULL;
    offload->waker = actor_waker(me, woken, offload);
    if (offload->waker != NULL && start_thread(offload))
        return offload;
    actor_waker_close(me, &offload->waker);
    abandon(offload);
    return NULL;
}

void offload_cancel(struct offload **which)
{
    struct offload *offload = *which;
    bool is_last;

    *which = NULL;
    if (offload == NULL)
        return;
    pthread_mutex_lock(&offload->lock);
    actor_waker_close(offload->me, &offload->waker);
    offload->is_left = true;
    is_last = offload->is_finished;
    pthread_mutex_unlock(&offload->lock);
    if (is_last)
        destroy(offload);
}

void offload_forget(const struct offload_task *task, void *context)
{
    struct offload *offload = create(NULL, task, context);

    if (offload != NULL) {
        offload->is_left = true;
        if (start_thread(offload))
            return;
        abandon(offload);
    }
    task->work(context);
    if (task->discard != NULL)
        task->discard(context);
}

bool offload_settle(uint64_t limit_us)
{
    struct timespec end;
    bool is_settled;
    int failure = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += (long)(limit_us % 1000000) * 1000;
    end.tv_sec += (time_t)(limit_us / 1000000) + end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&at_work.lock);
    while (at_work.count > 0 && failure == 0)
        failure = pthread_cond_clockwait(&at_work.is_over, &at_work.lock, CLOCK_MONOTONIC, &end);
    is_settled = at_work.count == 0;
    pthread_mutex_unlock(&at_work.lock);
    return is_settled;
}
