/* SPDX-License-Identifier: MIT */
/*
 * journal_segment -- one file of a journal: whole records one behind the other.
 *
 * See journal.h for the format. Used by journal.c only.
 */
#ifndef ACTORS_CLICKS_JOURNAL_SEGMENT_H
#define ACTORS_CLICKS_JOURNAL_SEGMENT_H

#include "actors/clicks/journal.h"
#include "proto/buffer.h"

enum { JOURNAL_RECORD_HEAD = 9, JOURNAL_SEAL_SIZE = 20, JOURNAL_FOLDER_ROOM = 400, JOURNAL_PATH_ROOM = 480 };

struct journal_segment {
    uint32_t number;
    int fd;              /* -1 while it is neither written nor read */
    uint64_t size;       /* bytes: of whole records in a segment of our own; of the file in one that was left to us */
    bool is_read;        /* its last_seqs are complete: a cursor has been at its end, or it is our own */
    uint64_t *last_seqs; /* per lane, the highest in it; 0 for none; owned */
};

/* Appends one record by one write. Returns 0 or an errno, in which case the file is as it was. When it cannot be
 * brought back to what it was, *ret_is_spoiled is set: no record may follow in this segment. */
int journal_segment_append(struct journal_segment *segment,
                           enum journal_kind kind,
                           struct slice body,
                           bool *ret_is_spoiled);

/* The part of a segment that is in memory, so that small records do not cost a system call each. */
struct journal_window {
    struct buffer memory;
    uint32_t segment; /* number; 0: nothing */
    uint64_t offset;  /* of memory's first byte */
};

enum journal_found { JOURNAL_FOUND, JOURNAL_AT_END, JOURNAL_TORN };
/* Reads the record at `offset` and says how long it is. Its bytes are in `window`, until the next call. */
enum journal_found journal_segment_read(const struct journal_segment *segment,
                                        uint64_t offset,
                                        struct journal_window *window,
                                        struct journal_record *ret_record,
                                        uint64_t *ret_size);
void journal_encode_seal(uint32_t lane, uint64_t first_seq, uint64_t last_seq, char *to);

#endif
