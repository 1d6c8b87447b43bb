/* SPDX-License-Identifier: MIT */
#include "runtime/cell/watch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/cell/cell.h"

struct watch {
    struct actor *actor;
    struct watch *next;
    struct watch **link;    /* what points here, in the actor's list */
    watch_handler *handler; /* NULL: a mailbox, whose flag is the context; or retired */
    void *context;
    int fd;
    bool is_retired;
};

static uint32_t to_epoll(unsigned events)
{
    return ((events & WATCH_READ) != 0 ? EPOLLIN : 0u) | ((events & WATCH_WRITE) != 0 ? EPOLLOUT : 0u);
}

static unsigned from_epoll(uint32_t events)
{
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        return WATCH_READ | WATCH_WRITE;
    return ((events & EPOLLIN) != 0 ? WATCH_READ : 0u) | ((events & EPOLLOUT) != 0 ? WATCH_WRITE : 0u);
}

static struct watch *add(struct actor *actor, int fd, uint32_t epoll_events, watch_handler *handler, void *context)
{
    struct watch *watch = calloc(1, sizeof *watch);
    struct epoll_event event = { .events = epoll_events, .data.ptr = watch };

    assert(watch != NULL);
    *watch = (struct watch){ .actor = actor, .handler = handler, .context = context, .fd = fd };
    if (epoll_ctl(actor->reactor->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(watch);
        return NULL;
    }
    return watch;
}

struct watch *actor_watch(struct actor *me, int fd, unsigned events, watch_handler *handler, void *context)
{
    struct watch *watch = add(me, fd, to_epoll(events), handler, context);

    if (watch == NULL)
        return NULL;
    watch->next = me->watches;
    watch->link = &me->watches;
    if (me->watches != NULL)
        me->watches->link = &watch->next;
    me->watches = watch;
    return watch;
}

struct watch *watch_socket(struct actor *actor, void *socket, bool *is_ready)
{
    int fd;
    size_t size = sizeof fd;
    int result = zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    struct watch *watch;

    assert(result == 0);
    /* Edge-triggered: while the actor is down or suspended nothing is taken out, and the thread must sleep all the
     * same. No edge is missed, because the socket counts as ready until a receive has found it empty. */
    watch = add(actor, fd, EPOLLIN | EPOLLET, NULL, is_ready);
    assert(watch != NULL);
    *is_ready = true;
    return watch;
}

void actor_watch_change(struct actor *me, struct watch *watch, unsigned events)
{
    struct epoll_event event = { .events = to_epoll(events), .data.ptr = watch };
    int result = epoll_ctl(me->reactor->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);

    assert(result == 0);
}

void actor_unwatch(struct actor *me, struct watch **watch)
{
    struct watch *gone = *watch;

    if (gone == NULL)
        return;
    epoll_ctl(me->reactor->epoll_fd, EPOLL_CTL_DEL, gone->fd, NULL);
    *gone->link = gone->next;
    if (gone->next != NULL)
        gone->next->link = gone->link;
    gone->is_retired = true;
    gone->next = me->reactor->retired;
    me->reactor->retired = gone;
    *watch = NULL;
}

void watch_remove_all(struct actor *actor)
{
    while (actor->watches != NULL) {
        struct watch *watch = actor->watches;

        actor_unwatch(actor, &watch);
    }
}

void watch_free_retired(struct reactor *reactor)
{
    while (reactor->retired != NULL) {
        struct watch *watch = reactor->retired;

        reactor->retired = watch->next;
        free(watch);
    }
}

void watch_fire(struct reactor *reactor, void *fired, uint32_t epoll_events)
{
    struct watch *watch = fired;

    if (watch->is_retired)
        return;
    if (watch->handler == NULL) {
        *(bool *)watch->context = true;
        return;
    }
    watch->actor->had_event = true;
    watch->actor->trace = (struct trace){ 0 };
    reactor_busy(reactor, watch->actor, "event");
    watch->handler(watch->actor, watch->context, watch->fd, from_epoll(epoll_events));
    cell_after_callback(watch->actor);
}

/* ------------------------------------------------------------------------------------------------ wakers */

/* Tokens are never given back to the heap but kept for the next use: a library's thread that wakes a moment after the
 * close then does no harm but one needless call. */
struct waker {
    struct waker *next; /* in the list of spare ones */
    int fd;
    _Atomic bool is_pending;
    struct watch *watch;
    wake_handler *handler;
    void *context;
};

static struct waker *spare_wakers;
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;

static struct waker *take_spare(void)
{
    pthread_mutex_lock(&spare_lock);
    struct waker *waker = spare_wakers;

    if (waker != NULL)
        spare_wakers = waker->next;
    pthread_mutex_unlock(&spare_lock);
    return waker;
}

static void woken(struct actor *me, void *context, int fd, unsigned events)
{
    struct waker *waker = context;
    eventfd_t count;

    (void)events;
    eventfd_read(fd, &count);
    atomic_store(&waker->is_pending, false);
    waker->handler(me, waker->context);
}

struct waker *actor_waker(struct actor *me, wake_handler *handler, void *context)
{
    struct waker *waker = take_spare();

    if (waker == NULL) {
        waker = calloc(1, sizeof *waker);
        assert(waker != NULL);
        waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert(waker->fd >= 0);
    }
    waker->handler = handler;
    waker->context = context;
    waker->watch = actor_watch(me, waker->fd, WATCH_READ, woken, waker);
    assert(waker->watch != NULL);
    return waker;
}

void actor_wake(struct waker *waker)
{
    if (!atomic_exchange(&waker->is_pending, true))
        eventfd_write(waker->fd, 1);
}

void actor_waker_close(struct actor *me, struct waker **waker)
{
    if (*waker == NULL)
        return;
    actor_unwatch(me, &(*waker)->watch);
    pthread_mutex_lock(&spare_lock);
    (*waker)->next = spare_wakers;
    spare_wakers = *waker;
    pthread_mutex_unlock(&spare_lock);
    *waker = NULL;
}
