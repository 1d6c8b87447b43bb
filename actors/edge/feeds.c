/* SPDX-License-Identifier: MIT */
/*
 * feeds -- see feeds.h. There are as many feeds as application nodes, and two letters a second of each: a plain array
 * will do.
 */
#include "actors/edge/feeds.h"

#include <assert.h>
#include <stddef.h>

static struct feed *find(struct feeds *feeds, uint64_t name)
{
    uint32_t i;

    for (i = 0; i < feeds->count; i++)
        if (feeds->feeds[i].name == name)
            return &feeds->feeds[i];
    return NULL;
}

static void drop(struct feeds *feeds, uint32_t at)
{
    feeds->feeds[at] = feeds->feeds[--feeds->count];
}

/* Adds a feed that was not known; in place of the most silent one when there are too many. */
static void add(struct feeds *feeds, uint64_t name, uint64_t number, uint64_t now_us)
{
    uint32_t i, oldest = 0;

    if (feeds->count == FEEDS_LIMIT) {
        for (i = 1; i < feeds->count; i++)
            if (feeds->feeds[i].heard_us < feeds->feeds[oldest].heard_us)
                oldest = i;
        drop(feeds, oldest);
    }
    feeds->feeds[feeds->count++] = (struct feed){ .name = name, .number = number, .heard_us = now_us };
}

/* `missed`: a change that we should have had before this letter is not here. */
static enum feeds_doubt hear(struct feed *feed, bool missed, uint64_t number, uint64_t lease_us, uint64_t now_us)
{
    /* We may have been asleep ourselves: then what was sent meanwhile comes now, but copies were in use without it. */
    bool was_late = now_us - feed->heard_us > lease_us;

    feed->heard_us = now_us;
    if (number > feed->number)
        feed->number = number;
    if (missed)
        return FEEDS_GAP;
    return was_late ? FEEDS_LATE : FEEDS_FINE;
}

enum feeds_doubt feeds_change(struct feeds *feeds, uint64_t name, uint64_t number, uint64_t now_us)
{
    struct feed *feed = find(feeds, name);

    if (feed == NULL) {
        add(feeds, name, number, now_us);
        return FEEDS_NEW;
    }
    return hear(feed, number > feed->number + 1, number, feeds->lease_us, now_us);
}

enum feeds_doubt feeds_beat(struct feeds *feeds, uint64_t name, uint64_t number, uint64_t now_us)
{
    struct feed *feed = find(feeds, name);

    if (feed == NULL) {
        add(feeds, name, number, now_us);
        return FEEDS_NEW;
    }
    return hear(feed, number > feed->number, number, feeds->lease_us, now_us);
}

enum feeds_doubt feeds_check(struct feeds *feeds, uint64_t now_us)
{
    enum feeds_doubt doubt = FEEDS_FINE;
    uint32_t i = 0;

    while (i < feeds->count) {
        if (now_us - feeds->feeds[i].heard_us > feeds->lease_us) {
            drop(feeds, i);
            doubt = FEEDS_LATE;
        } else {
            i++;
        }
    }
    return doubt;
}

bool feeds_are_enough(const struct feeds *feeds, uint32_t publishers)
{
    return feeds->count >= publishers;
}
