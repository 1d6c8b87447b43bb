/* SPDX-License-Identifier: MIT */
/*
 * journal -- one producer epoch's batches and seals on this node's own disk.
 *
 * Promise: what journal_append_* has accepted survives the process, whatever happens to it: it is in the kernel, by one
 * write. A background thread calls fdatasync about once a second, so a power cut costs that much at most; the actor
 * never waits for a disk. A torn record (the process or the machine died in the middle of it) ends its segment and
 * harms nothing before or behind it.
 *
 * An epoch has a folder, "EPOCH.LANES/", with segments "00000001.journal", "00000002.journal" ...; a segment is closed
 * when it has grown to its size and removed when everybody is done with all clicks in it. Each record is size of body,
 * u32 | CRC-32C of kind and body, u32 | kind, u8 | body            (little-endian) with a batch's bytes, or a seal
 * (lane u32, first_seq u64, last_seq u64), as body.
 *
 * Errors: a write that fails is taken back (the segment is cut to its last whole record), reported once by its errno's
 * sentence, and tried again with the next append after a second. The own limit is another matter: a journal that is
 * full by `bytes_limit` says so, for then the pipeline behind it is stuck and more clicks must not be accepted.
 */
#ifndef ACTORS_CLICKS_JOURNAL_H
#define ACTORS_CLICKS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/clicks/batch.h"
#include "proto/slice.h"

struct journal;

enum journal_status {
    JOURNAL_OK,
    JOURNAL_FULL,  /* its own limit */
    JOURNAL_FAILED /* the disk's: see journal_trouble */
};

struct journal_options {
    const char *folder; /* of all epochs; made if need be, its parent must exist */
    uint64_t epoch;
    uint32_t lanes;
    uint64_t segment_bytes; /* a segment takes no record more once it has grown to this */
    uint64_t bytes_limit;   /* of all its segments */
};

/* Opens the epoch's journal, a new one or one that an earlier process left. Never fails: a folder that cannot be made
 * or read is JOURNAL_FAILED at the first append. What is there already is known (to journal_last_seq, journal_forget)
 * only once a cursor has read it to its end. Appending never touches a segment that was left: it starts one of its own.
 */
struct journal *journal_open(const struct journal_options *options);
void journal_close(struct journal **journal); /* leaves the files; NULL is fine */
/* Closes it and removes the files and the epoch's folder. */
void journal_remove(struct journal **journal);

enum journal_status
journal_append_batch(struct journal *journal, const struct batch_span *span, struct slice bytes, uint64_t now_us);
enum journal_status
journal_append_seal(struct journal *journal, uint32_t lane, uint64_t first_seq, uint64_t last_seq, uint64_t now_us);
/* Asks the background thread to sync what has been written since the last time. Never waits. */
void journal_sync(struct journal *journal);
/* One sentence: why the last append failed; NULL when it did not. */
const char *journal_trouble(const struct journal *journal);

/* Nobody needs the lane's clicks up to `seq` any more; segments that nobody needs at all are removed. */
void journal_forget(struct journal *journal, uint32_t lane, uint64_t seq);
uint64_t journal_last_seq(const struct journal *journal, uint32_t lane); /* the highest in it ever; 0 for none */
uint64_t journal_bytes(const struct journal *journal);

/* ---- reading, from the oldest segment on, also while it is being written */

struct journal_cursor {
    uint32_t segment; /* number; 0: start with the oldest */
    uint64_t offset;  /* in it */
};

/* A cursor before the first record that says anything of clicks behind `seqs` (one for each lane). */
struct journal_cursor journal_seek(const struct journal *journal, const uint64_t *seqs);

enum journal_kind { JOURNAL_BATCH = 1, JOURNAL_SEAL = 2 };

struct journal_record {
    enum journal_kind kind;
    struct batch_span span; /* of a batch; of a seal: epoch, lane, first_seq, and last_seq below */
    uint64_t last_seq;
    struct slice bytes; /* of a batch; valid until the next call */
};

/* The record at the cursor, which moves behind it. False at the end of what is written. Torn and broken records are
 * passed by, with the rest of their segment; see journal_torn_bytes. */
bool journal_read(struct journal *journal, struct journal_cursor *cursor, struct journal_record *ret_record);
uint64_t journal_torn_bytes(const struct journal *journal);

/* ---- the epochs in a folder */

struct journal_epoch {
    uint64_t epoch;
    uint32_t lanes;
};

/* Lists the epochs that have a journal in `folder`, ascending, into `ret_epochs` (of `room`; if there are more, any of
 * them). Returns how many; 0 also when the folder cannot be read. */
uint32_t journal_list(const char *folder, struct journal_epoch *ret_epochs, uint32_t room);

#endif
