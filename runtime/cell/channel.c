/* SPDX-License-Identifier: MIT */
#include "runtime/cell/channel.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct entry {
    struct entry *next;
    struct notice notice;
};

struct channel {
    pthread_mutex_t lock;
    struct entry *first;
    struct entry **last;
    int fd;
};

struct channel *channel_new(void)
{
    struct channel *channel = calloc(1, sizeof *channel);

    assert(channel != NULL);
    pthread_mutex_init(&channel->lock, NULL);
    channel->last = &channel->first;
    channel->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert(channel->fd >= 0);
    return channel;
}

void channel_destroy(struct channel **channel)
{
    struct notice notice;

    if (*channel == NULL)
        return;
    while (channel_take(*channel, &notice))
        buffer_free(&notice.payload);
    close((*channel)->fd);
    pthread_mutex_destroy(&(*channel)->lock);
    free(*channel);
    *channel = NULL;
}

int channel_fd(const struct channel *channel)
{
    return channel->fd;
}

void channel_send(struct channel *channel, const struct notice *notice)
{
    struct entry *entry = malloc(sizeof *entry);

    assert(entry != NULL);
    entry->next = NULL;
    entry->notice = *notice;
    pthread_mutex_lock(&channel->lock);
    *channel->last = entry;
    channel->last = &entry->next;
    pthread_mutex_unlock(&channel->lock);
    eventfd_write(channel->fd, 1);
}

bool channel_take(struct channel *channel, struct notice *ret_notice)
{
    eventfd_t wakes;

    pthread_mutex_lock(&channel->lock);
    struct entry *entry = channel->first;

    if (entry != NULL) {
        channel->first = entry->next;
        if (channel->first == NULL)
            channel->last = &channel->first;
    } else {
        eventfd_read(channel->fd, &wakes);
    }
    pthread_mutex_unlock(&channel->lock);
    if (entry == NULL)
        return false;
    *ret_notice = entry->notice;
    free(entry);
    return true;
}
