/* SPDX-License-Identifier: MIT */
/*
 * click_consumer -- a consumer of the clicks' topic that begins once the topic is there.
 *
 * Whoever comes first makes the topic; all others find it. A consumer that subscribes before that would look again only
 * minutes later, so the topic is asked for first, again and again while Kafka is away.
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
};

/* Returns at once; fails the actor when the address is malformed. `options` is copied, its texts must live on. */
void click_consumer_open(struct click_consumer *self,
                         struct actor *me,
                         const struct kafka_consumer_options *options,
                         uint32_t partitions);
void click_consumer_close(struct click_consumer *self);

/* As for kafka_consumer; nothing happens while there is none. */
void click_consumer_pause(struct click_consumer *self);
void click_consumer_resume(struct click_consumer *self);

#endif
