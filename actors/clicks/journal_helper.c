/* SPDX-License-Identifier: MIT */
/* journal_helper -- see the header. */
#include "actors/clicks/journal_helper.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE_LIMIT = 64 };

struct task {
    int fd;     /* to sync and close; -1 for none */
    char *path; /* to remove and free; NULL for none */
};

struct journal_helper {
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct task tasks[QUEUE_LIMIT]; /* a ring */
    unsigned first;
    unsigned count;
    bool is_stopping;
};

static void do_task(struct task *task)
{
    if (task->fd >= 0) {
        (void)fdatasync(task->fd); /* best effort: what it would protect from is a power cut */
        (void)close(task->fd);
    }
    if (task->path != NULL) {
        (void)unlink(task->path);
        free(task->path);
    }
}

static void *run(void *context)
{
    struct journal_helper *helper = context;

    (void)pthread_mutex_lock(&helper->lock);
    for (;;) {
        struct task task;

        while (helper->count == 0 && !helper->is_stopping)
            (void)pthread_cond_wait(&helper->changed, &helper->lock);
        if (helper->count == 0)
            break;
        task = helper->tasks[helper->first];
        helper->first = (helper->first + 1) % QUEUE_LIMIT;
        helper->count--;
        (void)pthread_mutex_unlock(&helper->lock);
        do_task(&task);
        (void)pthread_mutex_lock(&helper->lock);
    }
    (void)pthread_mutex_unlock(&helper->lock);
    return NULL;
}

struct journal_helper *journal_helper_start(void)
{
    struct journal_helper *helper = calloc(1, sizeof *helper);
    sigset_t all;
    sigset_t before;
    int failed;

    assert(helper != NULL);
    (void)pthread_mutex_init(&helper->lock, NULL);
    (void)pthread_cond_init(&helper->changed, NULL);
    (void)sigfillset(&all); /* signals are for the threads that expect them */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&helper->thread, NULL, run, helper);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(helper);
        return NULL;
    }
    return helper;
}

void journal_helper_stop(struct journal_helper **helper)
{
    if (*helper == NULL)
        return;
    (void)pthread_mutex_lock(&(*helper)->lock);
    (*helper)->is_stopping = true;
    (void)pthread_cond_signal(&(*helper)->changed);
    (void)pthread_mutex_unlock(&(*helper)->lock);
    (void)pthread_join((*helper)->thread, NULL);
    (void)pthread_mutex_destroy(&(*helper)->lock);
    (void)pthread_cond_destroy(&(*helper)->changed);
    free(*helper);
    *helper = NULL;
}

static bool push(struct journal_helper *helper, struct task task)
{
    bool fits;

    (void)pthread_mutex_lock(&helper->lock);
    fits = helper->count < QUEUE_LIMIT;
    if (fits) {
        helper->tasks[(helper->first + helper->count) % QUEUE_LIMIT] = task;
        helper->count++;
        (void)pthread_cond_signal(&helper->changed);
    }
    (void)pthread_mutex_unlock(&helper->lock);
    return fits;
}

void journal_helper_sync(struct journal_helper *helper, int fd)
{
    int own = dup(fd);

    if (own >= 0 && !push(helper, (struct task){ .fd = own }))
        (void)close(own);
}

bool journal_helper_remove(struct journal_helper *helper, const char *path)
{
    char *own = strdup(path);

    if (own != NULL && push(helper, (struct task){ .fd = -1, .path = own }))
        return true;
    free(own);
    return false;
}
