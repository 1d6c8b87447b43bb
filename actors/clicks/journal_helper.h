/* SPDX-License-Identifier: MIT */
/*
 * journal_helper -- a thread that does what a disk may take long for: fdatasync and unlink.
 *
 * The actor hands over a descriptor or a path and forgets it. The queue is bounded: a sync that finds it full is
 * dropped (the next one covers it), a removal says so and is tried again later. This is the only place where the click
 * pipeline has a thread that is not an actor; it shares the queue with its owner and nothing else.
 */
#ifndef ACTORS_CLICKS_JOURNAL_HELPER_H
#define ACTORS_CLICKS_JOURNAL_HELPER_H

#include <stdbool.h>

struct journal_helper;

/* NULL when no thread can be had. */
struct journal_helper *journal_helper_start(void);
/* Does what is queued, then ends the thread: waits for it. Accepts NULL in *helper; sets it to NULL. */
void journal_helper_stop(struct journal_helper **helper);
/* Syncs `fd`, which is duplicated: the caller may close its own at any time. */
void journal_helper_sync(struct journal_helper *helper, int fd);
/* Removes the file; false when it could not be queued. `path` is copied. */
bool journal_helper_remove(struct journal_helper *helper, const char *path);

#endif
