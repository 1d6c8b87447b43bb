/* SPDX-License-Identifier: MIT */
/*
 * kafka_topic -- what is asked of Kafka about a topic as such: make it, and where do its partitions begin and end?
 *
 * librdkafka 2.0 answers some of these only to a caller that blocks, so each request runs on a short-lived thread with
 * a handle of its own. They are rare: at start, and by the reconciler.
 */
#ifndef ACTORS_IO_KAFKA_TOPIC_H
#define ACTORS_IO_KAFKA_TOPIC_H

#include <stddef.h>
#include <stdint.h>

#include "actors/io/outcome.h"

struct actor;
struct kafka_topic_request;

struct kafka_extent { /* of one partition */
    int32_t partition;
    int64_t first; /* offset of the oldest record still there */
    int64_t end;   /* offset of the next one to be written */
    int64_t group; /* where the topic's `group` goes on; 0 when it has committed nothing */
};

struct kafka_topic_result {
    enum outcome outcome;
    const char *detail;                 /* one sentence, never NULL */
    uint32_t partitions;                /* that the topic has, when DONE */
    const struct kafka_extent *extents; /* of kafka_topic_extents, when DONE: one for each partition */
};

/* Comes exactly once, never from inside the call; not after kafka_topic_cancel. The request is then void. */
typedef void kafka_topic_handler(struct actor *me, void *context, const struct kafka_topic_result *result);

struct kafka_topic {
    const char *uri; /* kafka://host[:port][,host...]; copied */
    const char *name;
    const char *group;    /* a consumer group whose offsets are wanted with the extents; NULL: none */
    uint32_t partitions;  /* to make; at least 1 */
    uint32_t replication; /* 0: the broker's default */
    uint64_t deadline_us; /* from now; 0: 15 s */
};

/* Makes the topic if it is not there, and says how many partitions it has (which may be other than asked: then it was
 * there before). Must be cancelled when the actor stops before the answer. */
struct kafka_topic_request *
kafka_topic_ensure(struct actor *me, const struct kafka_topic *topic, kafka_topic_handler *then, void *context);
/* Where each partition begins and ends now. Must be cancelled when the actor stops before the answer. */
struct kafka_topic_request *
kafka_topic_extents(struct actor *me, const struct kafka_topic *topic, kafka_topic_handler *then, void *context);
/* `then` will not come. Accepts NULL in *which; sets it to NULL. */
void kafka_topic_cancel(struct kafka_topic_request **which);

#endif
