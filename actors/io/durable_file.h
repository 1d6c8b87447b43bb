/* SPDX-License-Identifier: MIT */
/*
 * durable_file -- a small text on disk that is either the old one or the new one, whatever happens, and is known to be
 * there.
 *
 * Each write goes to a file beside it, is synced, takes the old one's place, and the folder is synced too. Syncing can
 * take a second on a busy disk and an actor must not wait for it, so a thread of its own does it; the actor hears of it
 * in its loop. When several texts are handed in meanwhile, only the last is written. A checksum tells a damaged file
 * from a good one.
 */
#ifndef ACTORS_IO_DURABLE_FILE_H
#define ACTORS_IO_DURABLE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

struct actor;
struct durable_file;

enum { DURABLE_FILE_LIMIT_BYTES = 1024 * 1024 };

/* All writes up to and with `number` are settled: durable when `error` is NULL, else a sentence (valid until the call
 * returns). Comes on the actor's thread, never from inside durable_file_write. */
typedef void durable_file_handler(struct actor *me, void *context, uint64_t number, const char *error);

/* Opens FOLDER/NAME and reads what is there. NULL with a sentence in `why` when the folder cannot be used. */
struct durable_file *durable_file_open(struct actor *me,
                                       const char *folder,
                                       const char *name,
                                       durable_file_handler *on_written,
                                       void *context,
                                       char *why,
                                       size_t room);
/* Waits for the write under way. Accepts NULL in *file; sets it to NULL. */
void durable_file_close(struct durable_file **file);

/* What was there when it was opened; false when there was none or it was damaged. Valid until the close. */
bool durable_file_was_there(const struct durable_file *file, struct slice *ret_text);

/* Replaces the text, at most DURABLE_FILE_LIMIT_BYTES; copied. Returns the write's number: 1, 2, 3 ... */
uint64_t durable_file_write(struct durable_file *file, struct slice text);

#endif
