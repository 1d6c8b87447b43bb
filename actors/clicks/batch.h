/* SPDX-License-Identifier: MIT */
/*
 * batch -- the clicks of one turn as bytes: made once, then never changed on their way through journal, Redis and
 * Kafka.
 *
 * A batch is a MessagePack array
 *     [version, epoch, lane, first_seq, count, time_us, [click, click ...]]
 * and a click is an array
 *     [code, time since the batch's time_us in us (may be negative), referrer host, agent class, country, is bot]
 * so click i of a batch has the identity (epoch, lane, first_seq + i), and the bytes alone say so. Values that a reader
 * does not know, behind those it knows, are skipped: both arrays may grow. Around 20 bytes a click.
 *
 * A batch is built before its lane is known (all lanes may be busy), so the clicks are written first, behind room for
 * the head, and the head is written backwards-aligned in front of them when the batch gets its identity.
 */
#ifndef ACTORS_CLICKS_BATCH_H
#define ACTORS_CLICKS_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/messages/clicks.h"
#include "proto/reader.h"

enum {
    BATCH_VERSION = 1,
    BATCH_CLICKS_LIMIT = 16384, /* clicks in one batch */
    BATCH_BYTES_LIMIT =
        768 * 1024,            /* of one encoded batch, so that it fits into one Kafka record; a decoder refuses more */
    BATCH_LANES_LIMIT = 1024,  /* lanes of one epoch */
    REFERRER_SIZE_LIMIT = 253, /* bytes of a host name */
};
/* Epochs and seqs stay below 2^53, so that every reader on the way can hold them exactly. */
static const uint64_t BATCH_SEQ_LIMIT = 1ull << 53;

/* Where in the pipeline's order a batch stands. */
struct batch_span {
    uint64_t epoch;
    uint32_t lane;
    uint32_t count;
    uint64_t first_seq;
};

static inline uint64_t batch_last_seq(const struct batch_span *span)
{
    return span->first_seq + span->count - 1;
}

/* ---- making one */

struct batch_maker {
    struct buffer bytes; /* room for the head, then the clicks */
    struct buffer head;
    uint64_t time_us; /* of the first click */
    uint32_t count;
};

/* Whether all these clicks fit as well. */
bool batch_has_room(const struct batch_maker *maker, const struct click *clicks, uint32_t count);
/* Adds a click. False when its code is not 1 to 20 bytes: such a click cannot be. Other texts are cut to their limits.
 */
bool batch_add(struct batch_maker *maker, const struct click *click);
/* Gives the batch its identity; `span->count` must be maker->count > 0. The bytes stay valid until the next
 * batch_reset. */
struct slice batch_finish(struct batch_maker *maker, const struct batch_span *span);
void batch_reset(struct batch_maker *maker); /* for the next batch; keeps the memory */
void batch_free(struct batch_maker *maker);

/* ---- reading one */

struct batch_reader {
    struct batch_span span;
    uint64_t time_us;
    uint32_t left; /* clicks not read yet */
    struct reader reader;
};

/* Reads the head. False when the bytes are no batch or beyond a limit. Borrows `bytes`. */
bool batch_open(struct batch_reader *batch, struct slice bytes);
/* The next click, pointing into the bytes. False at the end, and when the bytes are broken; batch_is_whole tells which.
 */
bool batch_next(struct batch_reader *batch, struct click *ret_click);
/* The same for whoever only counts: the code alone, several times as fast. Of a batch that was checked before. */
bool batch_next_code(struct batch_reader *batch, struct slice *ret_code);
bool batch_is_whole(const struct batch_reader *batch);
/* Reads it all once and throws it away: whether every click in it can be read. */
bool batch_check(struct slice bytes, struct batch_span *ret_span);

#endif
