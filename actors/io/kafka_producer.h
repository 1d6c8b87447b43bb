/* SPDX-License-Identifier: MIT */
/*
 * kafka_producer -- sends records to Kafka partitions, in order, each with a report that says whether it is safe there.
 *
 * Idempotent, acks=all, lz4, a small linger: within the life of one handle a partition has no repeats and no
 * reordering. When librdkafka declares its handle broken for good, the producer makes a new one, everything under way
 * ends UNKNOWN, and on_reset says so: the caller starts again from what it knows to be delivered.
 *
 * librdkafka's threads speak to the actor through an eventfd only. All of this belongs to the actor's thread.
 */
#ifndef ACTORS_IO_KAFKA_PRODUCER_H
#define ACTORS_IO_KAFKA_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/io/outcome.h"
#include "proto/slice.h"

struct actor;
struct kafka_producer;

enum { KAFKA_HEADERS_LIMIT = 8, KAFKA_RECORD_LIMIT = 900 * 1024 /* bytes; brokers take 1 MiB by default */ };

struct kafka_header {
    const char *name;
    struct slice value;
};

struct kafka_record {
    int32_t partition; /* explicit: 0, 1, 2 ... */
    struct slice key;
    struct slice value;
    const struct kafka_header *headers;
    uint32_t header_count; /* at most KAFKA_HEADERS_LIMIT */
};

struct kafka_delivery {
    enum outcome
        outcome; /* NOT_SENT: certainly not in the partition; UNKNOWN: may be; REJECTED: too large, no such partition */
    const char *detail; /* one sentence, never NULL */
    int32_t partition;
    int64_t offset;      /* when DONE */
    uint64_t waiting_us; /* since it was handed over */
};

/* Comes exactly once for each record, never from inside kafka_producer_send; not after kafka_producer_close. */
typedef void kafka_delivery_handler(struct actor *me, void *context, const struct kafka_delivery *delivery);
/* The handle was replaced; all that was under way has ended UNKNOWN before this call. */
typedef void kafka_reset_handler(struct actor *me, void *context, const char *why);

struct kafka_producer_options {
    const char *name;              /* the dependency's name in status; a literal */
    const char *uri;               /* kafka://host[:port][,host...] */
    const char *topic;             /* read during the call */
    uint32_t records_limit;        /* under way; 0: 16,384. Beyond: OVERLOADED */
    size_t bytes_limit;            /* under way; 0: 16 MiB. Beyond: OVERLOADED */
    uint64_t linger_us;            /* 0: 5 ms */
    uint64_t delivery_limit_us;    /* a record that is not safe by then has failed; 0: 30 s */
    kafka_reset_handler *on_reset; /* may be NULL */
    void *context;                 /* handed to it */
};

/* Returns at once; connects on its own. NULL with a sentence in `why` when the address is malformed. */
struct kafka_producer *
kafka_producer_open(struct actor *me, const struct kafka_producer_options *options, char *why, size_t room);
/* Drops what is not delivered: handlers still due do not come. Accepts NULL in *closed; sets it to NULL. */
void kafka_producer_close(struct kafka_producer **closed);

/* Copies and queues one record. `then` may be NULL. */
void kafka_producer_send(struct kafka_producer *producer,
                         const struct kafka_record *record,
                         kafka_delivery_handler *then,
                         void *context);
/* Whether a record of `bytes` (key, value and headers) would be accepted now. A caller that asks first never hears
 * OVERLOADED. */
bool kafka_producer_has_room(const struct kafka_producer *producer, size_t bytes);
/* Whether no broker could be reached when one was last tried. A broker that stands still is found only by what it does
 * not deliver. */
bool kafka_producer_is_away(const struct kafka_producer *producer);
uint32_t kafka_producer_under_way(const struct kafka_producer *producer);

#endif
