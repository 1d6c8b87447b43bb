/* SPDX-License-Identifier: MIT */
/*
 * click_consumer -- a consumer of the clicks' topic that begins once the topic is there.
 *
 * Whoever comes first makes the topic; all others find it. A consumer that subscribes before that would look again only
 * minutes later, so the topic is asked for first, again and again while Kafka is away.
 *
 * It also keeps the figures that every sink has: how far each partition is behind, and how old the oldest click was
 * when it was stored.
 */
#ifndef ACTORS_CLICKS_CLICK_CONSUMER_H
#define ACTORS_CLICKS_CLICK_CONSUMER_H

#include "actors/io/kafka_consumer.h"
#include "actors/io/kafka_topic.h"
#include "runtime/actor.h"

struct click_consumer {
    struct actor *actor;
    struct kafka_consumer_options options; /* texts are borrowed */
    uint32_t partitions;                   /* to make the topic with */
    struct kafka_topic_request *request;
    struct kafka_consumer *consumer; /* NULL until the topic is there */
    uint64_t waiting_wall_us;        /* Kafka's time of the oldest record that waits to be stored; 0: none does */
    uint64_t storing_wall_us;        /* the same, of what is being stored */
    struct series lag_records;
    struct histogram delay_us;
    struct histogram stored_clicks;
};

/* Rows of a sink's metric table; `field` is the consumer in its state. */
#define CLICK_CONSUMER_METRICS(state, field)                                                                           \
    { "lag_records", METRIC_GAUGE_SERIES, offsetof(struct state, field.lag_records),                                   \
      "Records of each partition that were not read yet.", NULL },                                                     \
        { "delay_us", METRIC_HISTOGRAM_US, offsetof(struct state, field.delay_us),                                     \
          "From Kafka's taking the oldest record of a store to the end of that store.", NULL },                        \
    {                                                                                                                  \
        "stored_clicks", METRIC_HISTOGRAM, offsetof(struct state, field.stored_clicks),                                \
            "How many clicks one store held.", NULL                                                                    \
    }

/* Returns at once; fails the actor when the address is malformed. `options` is copied, its texts must live on. */
void click_consumer_open(struct click_consumer *self,
                         struct actor *me,
                         const struct kafka_consumer_options *options,
                         uint32_t partitions);
void click_consumer_close(struct click_consumer *self);

/* Records were read; what was read so far is being stored; that has ended with so many new clicks; what was read is
 * forgotten, and will be read again. */
void click_consumer_read(struct click_consumer *self, const struct kafka_message *messages, uint32_t count);
void click_consumer_storing(struct click_consumer *self);
void click_consumer_stored(struct click_consumer *self, uint64_t clicks);
void click_consumer_forget(struct click_consumer *self);
/* Sets lag_records. */
void click_consumer_measure(struct click_consumer *self);

/* As for kafka_consumer; nothing happens while there is none. */
void click_consumer_pause(struct click_consumer *self);
void click_consumer_resume(struct click_consumer *self);

#endif
