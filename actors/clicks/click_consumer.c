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

/* ------------------------------------------------------------------------------------------------ figures */

void click_consumer_read(struct click_consumer *self, const struct kafka_message *messages, uint32_t count)
{
    if (self->waiting_wall_us == 0 && count > 0)
        self->waiting_wall_us = messages[0].wall_us;
}

void click_consumer_storing(struct click_consumer *self)
{
    self->storing_wall_us = self->waiting_wall_us;
    self->waiting_wall_us = 0;
}

void click_consumer_stored(struct click_consumer *self, uint64_t clicks)
{
    uint64_t now_us = actor_wall_us(self->actor);

    if (self->storing_wall_us != 0 && clicks > 0)
        histogram_observe_us(&self->delay_us, now_us > self->storing_wall_us ? now_us - self->storing_wall_us : 0);
    if (clicks > 0)
        histogram_observe_us(&self->stored_clicks, clicks);
    self->storing_wall_us = 0;
}

void click_consumer_forget(struct click_consumer *self)
{
    self->waiting_wall_us = 0;
    self->storing_wall_us = 0;
}

void click_consumer_measure(struct click_consumer *self)
{
    struct kafka_lag lags[SERIES_LIMIT];
    uint32_t count = self->consumer != NULL ? kafka_consumer_lag(self->consumer, lags, SERIES_LIMIT) : 0;

    series_clear(&self->lag_records);
    for (uint32_t i = 0; i < count; i++)
        series_set(&self->lag_records, (double)lags[i].records, "partition=\"%d\"", lags[i].partition);
}
