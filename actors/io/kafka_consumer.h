/* SPDX-License-Identifier: MIT */
/*
 * kafka_consumer -- reads one topic's partitions, from the offsets that the actor says.
 *
 * As a member of a group: Kafka assigns partitions, the actor answers with the offset of each (from wherever it keeps
 * them, as late as it needs), then records come in batches. Without a group: the actor names partitions and offsets
 * itself. Offsets are never committed unless the actor asks for it. When the actor has enough, it pauses: nothing more
 * comes until it resumes, while the membership stays alive (not polling would end it after Kafka's max.poll.interval).
 *
 * librdkafka's threads speak to the actor through an eventfd only. All of this belongs to the actor's thread.
 */
#ifndef ACTORS_IO_KAFKA_CONSUMER_H
#define ACTORS_IO_KAFKA_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"

struct actor;
struct kafka_consumer;

enum { KAFKA_PARTITIONS_LIMIT = 1024, KAFKA_TURN_RECORDS_LIMIT = 1024 };

/* Offsets with a meaning of their own. */
enum {
    KAFKA_OFFSET_FIRST = -2,
    KAFKA_OFFSET_END = -1,
    KAFKA_OFFSET_COMMITTED = -1000 /* the group's; if none, the first */
};

struct kafka_position {
    int32_t partition;
    int64_t offset; /* the next record to read */
};

/* A record read; its slices are valid until the handler returns. */
struct kafka_message {
    int32_t partition;
    int64_t offset;
    uint64_t wall_us; /* Kafka's timestamp; 0 when it has none */
    struct slice key;
    struct slice value;
};

/* These partitions are ours now (the complete list; it may be empty); nothing is read until kafka_consumer_start names
 * `assignment`. Not for consumers without a group. */
typedef void
kafka_assigned_handler(struct actor *me, void *context, uint64_t assignment, const int32_t *partitions, uint32_t count);
/* All partitions are gone, to somebody else perhaps already; forget what was read and not yet stored. */
typedef void kafka_revoked_handler(struct actor *me, void *context);
/* At most KAFKA_TURN_RECORDS_LIMIT records, in order within each partition; never from inside a call of this module.
 * The handler may pause: what follows then comes after the resume. */
typedef void
kafka_messages_handler(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count);
/* The end of a partition, as it is now, is reached: `offset` is the next that will be written. */
typedef void kafka_end_handler(struct actor *me, void *context, int32_t partition, int64_t offset);

struct kafka_consumer_options {
    const char *name;                    /* the dependency's name in status; a literal */
    const char *uri;                     /* kafka://host[:port][,host...] */
    const char *topic;                   /* read during the call */
    const char *group;                   /* NULL: none */
    size_t fetch_limit;                  /* bytes fetched ahead, all partitions together; 0: 16 MiB; at least 1 MiB */
    kafka_assigned_handler *on_assigned; /* with a group */
    kafka_revoked_handler *on_revoked;   /* with a group */
    kafka_messages_handler *on_messages;
    kafka_end_handler *on_end; /* may be NULL */
    void *context;             /* handed to all of them */
};

/* Returns at once; connects on its own. NULL with a sentence in `why` when the address is malformed. */
struct kafka_consumer *
kafka_consumer_open(struct actor *me, const struct kafka_consumer_options *options, char *why, size_t room);
/* Leaves the group in the background; no handler comes any more. Accepts NULL in *closed; sets it to NULL. */
void kafka_consumer_close(struct kafka_consumer **closed);

/* Reads from these positions from now on; again at any time to go back or forward. `assignment` is what on_assigned
 * said: an answer to an assignment that is over is ignored and false returned. Without a group it is 0. Partitions of
 * the assignment that are not named start at KAFKA_OFFSET_COMMITTED. Also ends a pause. */
bool kafka_consumer_start(struct kafka_consumer *consumer,
                          uint64_t assignment,
                          const struct kafka_position *positions,
                          uint32_t count);
void kafka_consumer_pause(struct kafka_consumer *consumer);  /* idempotent */
void kafka_consumer_resume(struct kafka_consumer *consumer); /* idempotent */

/* Commits positions to Kafka, for the group, without waiting; a failure is logged, the next commit covers it.
 * Without a broker nothing is committed. Ignored
 * when `assignment` is over. */
void kafka_consumer_commit(struct kafka_consumer *consumer,
                           uint64_t assignment,
                           const struct kafka_position *positions,
                           uint32_t count);

struct kafka_lag {
    int32_t partition;
    int64_t records; /* not handed over yet, as far as the broker's last answer tells */
};
/* Partitions of which nothing is known yet are left out. At most `room`; returns how many. */
uint32_t kafka_consumer_lag(const struct kafka_consumer *consumer, struct kafka_lag *lags, uint32_t room);

#endif
