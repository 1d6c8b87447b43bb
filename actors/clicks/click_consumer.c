/* SPDX-License-Identifier: MIT */
#include "actors/clicks/click_consumer.h"

enum { RETRY_US = 1000 * 1000 };

static void ask(struct actor *me, void *context);

static void topic_is_there(struct actor *me, void *context, const struct kafka_topic_result *result)
{
    struct click_consumer *self = context;
    char why[256];

    self->request = NULL;
    if (result->outcome != OUTCOME_DONE) {
        actor_dependency(me, self->options.name, "away");
        actor_after(me, RETRY_US, ask, self);
        return;
    }
    actor_dependency(me, self->options.name, "normal");
    self->consumer = kafka_consumer_open(me, &self->options, why, sizeof why);
    if (self->consumer == NULL)
        actor_fail(me, "%s", why);
}

static void ask(struct actor *me, void *context)
{
    struct click_consumer *self = context;

    self->request = kafka_topic_ensure(
        me,
        &(struct kafka_topic){ .uri = self->options.uri, .name = self->options.topic, .partitions = self->partitions },
        topic_is_there, self);
    if (self->request == NULL)
        actor_fail(me, "%s is no address of Kafka; it looks like kafka://host:9092", self->options.uri);
}

void click_consumer_open(struct click_consumer *self,
                         struct actor *me,
                         const struct kafka_consumer_options *options,
                         uint32_t partitions)
{
    *self = (struct click_consumer){ .actor = me, .options = *options, .partitions = partitions };
    ask(me, self);
}

void click_consumer_close(struct click_consumer *self)
{
    kafka_topic_cancel(&self->request);
    kafka_consumer_close(&self->consumer);
}

void click_consumer_pause(struct click_consumer *self)
{
    if (self->consumer != NULL)
        kafka_consumer_pause(self->consumer);
}

void click_consumer_resume(struct click_consumer *self)
{
    if (self->consumer != NULL)
        kafka_consumer_resume(self->consumer);
}
