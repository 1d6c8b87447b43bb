/* SPDX-License-Identifier: MIT */
/*
 * kafka_bridge -- carries sealed windows from Redis to Kafka, about a second after their clicks.
 *
 * Promise: a window is said to be published only when Kafka has acknowledged every batch of it, and only then are its
 * entries removed from the stream. Within a partition a lane's clicks stand in the order of their seqs. What cannot be
 * delivered stays in Redis and is tried again from the window's start, for as long as it takes.
 *
 * It keeps nothing that matters: the click buffer says again several times a second what is not published, so a
 * restarted bridge hears of it, and finds in the stream what is left to do. A window whose entries are gone from a
 * stream that has been further already was published before. A stream that has not been as far has lost its tail: the
 * click buffer sends it again from its journal, and until then the window waits.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/bridge_lane.h"
#include "actors/clicks/click_run.h"
#include "actors/clicks/lane_keys.h"
#include "actors/io/kafka_producer.h"
#include "actors/io/redis.h"
#include "actors/ops/health.h"
#include "runtime/actor.h"
#include "runtime/failpoint.h"

enum { TO_BUFFER };

enum {
    LANES_LIMIT = 8192, /* of all epochs at work */
    TICK_US = 50 * 1000,
    LATE_US = 700 * 1000, /* a window that takes longer: Kafka is away */
    RETRY_PAUSE_US = 500 * 1000,
    FORGET_US = 60ull * 1000 * 1000, /* a lane that nobody has spoken of for so long is over */
    ENDS_LIMIT = 1024                /* of one clicks_published */
};

struct kafka_bridge {
    const char *redis_uri;      /* option */
    const char *kafka_uri;      /* option */
    const char *topic;          /* option */
    uint64_t bytes_limit;       /* option: under way to Kafka */
    uint64_t delivery_limit_us; /* option */

    struct redis *redis;                    /* owned */
    struct kafka_producer *producer;        /* owned */
    struct bridge_lane *lanes[LANES_LIMIT]; /* owned, in the order of their epochs and numbers */
    uint32_t lane_count;
    struct lane_position ends[ENDS_LIMIT]; /* to be told at the end of the turn */
    uint32_t end_count;

    counter records_total;
    counter bytes_total;
    counter windows_total;
    counter retries_total;
    counter gaps_total;
    gauge windows_waiting;
    gauge records_under_way;
    struct histogram publish_us;
    struct histogram delivery_us;
};

static void work(struct actor *me, struct bridge_lane *lane);

/* ------------------------------------------------------------------------------------------------ lanes */

static uint32_t place_of(const struct kafka_bridge *self, uint64_t epoch, uint32_t number)
{
    uint32_t low = 0;
    uint32_t high = self->lane_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct bridge_lane *lane = self->lanes[middle];

        if (lane->epoch < epoch || (lane->epoch == epoch && lane->lane < number))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The lane, made at first hearing; NULL when there are too many. */
static struct bridge_lane *lane_of(struct kafka_bridge *self, uint64_t epoch, uint32_t number)
{
    uint32_t place = place_of(self, epoch, number);
    struct bridge_lane *lane;

    if (place < self->lane_count && self->lanes[place]->epoch == epoch && self->lanes[place]->lane == number)
        return self->lanes[place];
    if (self->lane_count == LANES_LIMIT)
        return NULL;
    lane = calloc(1, sizeof *lane);
    assert(lane != NULL);
    lane->epoch = epoch;
    lane->lane = number;
    memmove(&self->lanes[place + 1], &self->lanes[place], (self->lane_count - place) * sizeof(struct bridge_lane *));
    self->lanes[place] = lane;
    self->lane_count++;
    return lane;
}

static bool is_over(const struct bridge_lane *lane, uint64_t now_us)
{
    return now_us > lane->heard_us + FORGET_US && lane->under_way == 0 && !lane->is_reading;
}

static void forget_lanes(struct kafka_bridge *self, uint64_t now_us)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < self->lane_count; i++) {
        if (!is_over(self->lanes[i], now_us)) {
            self->lanes[kept++] = self->lanes[i];
            continue;
        }
        bridge_lane_free(self->lanes[i]);
        free(self->lanes[i]);
    }
    self->lane_count = kept;
}

/* ------------------------------------------------------------------------------------------------ telling */

static void tell_ends(struct actor *me)
{
    struct kafka_bridge *self = actor_state(me);

    if (self->end_count > 0)
        (void)TELL(me, TO_BUFFER, clicks_published, .ends = { self->ends, self->end_count });
    self->end_count = 0;
}

static void say_published(struct actor *me, const struct bridge_lane *lane)
{
    struct kafka_bridge *self = actor_state(me);

    if (self->end_count == ENDS_LIMIT)
        tell_ends(me);
    self->ends[self->end_count++] =
        (struct lane_position){ .epoch = lane->epoch, .lane = lane->lane, .seq = lane->published };
}

/* ------------------------------------------------------------------------------------------------ to Kafka */

/* The window's entries have done their part. That nothing waits for the answer is safe: what is left over is removed
 * with the next window, and its seqs tell that it was published. */
static void publish_done(struct actor *me, struct bridge_lane *lane)
{
    struct kafka_bridge *self = actor_state(me);
    uint64_t end = bridge_lane_finish(lane);
    struct lane_key key = lane_stream_key(lane->epoch, lane->lane);
    struct lane_key from = lane_entry_id(end + 1);

    counter_add(&self->windows_total, 1);
    counter_add(&self->gaps_total, lane->gaps);
    if (lane->gaps > 0)
        actor_log(me, LOG_ERROR, "the stream of lane %" PRIu32 " lacked %" PRIu64 " clicks; they will show as a hole",
                  lane->lane, lane->gaps);
    lane->gaps = 0;
    histogram_observe_us(&self->publish_us, actor_now_us(me) - lane->started_us);
    (void)failpoint("kafka_bridge.before_trim");
    REDIS(self->redis, NULL, NULL, SLICE("XTRIM"), slice_of(key.text), SLICE("MINID"), SLICE("="), slice_of(from.text));
    (void)failpoint("kafka_bridge.after_trim");
    say_published(me, lane);
}

static void delivered(struct actor *me, void *context, const struct kafka_delivery *delivery)
{
    struct kafka_bridge *self = actor_state(me);
    struct bridge_lane *lane = context;

    assert(lane->under_way > 0);
    lane->under_way--;
    if (delivery->outcome != OUTCOME_DONE || failpoint("kafka_bridge.delivery")) {
        if (!lane->has_failed)
            actor_log(me, LOG_WARN, "a run of clicks was not delivered, it will be sent again: %s", delivery->detail);
        lane->has_failed = true;
        lane->not_before_us = actor_now_us(me) + RETRY_PAUSE_US;
        counter_add(&self->retries_total, 1);
    } else {
        histogram_observe_us(&self->delivery_us, delivery->waiting_us);
    }
    (void)failpoint("kafka_bridge.delivered");
    work(me, lane);
}

/* Sends the run that has been joined, once the one before it has arrived: if a later run arrived and an earlier one did
 * not, the window's end would stand in Kafka behind a hole, Postgres' mark would pass clicks that are not counted, and
 * after a crash nobody would send them again. False when it has to wait. */
static bool send_run(struct actor *me, struct bridge_lane *lane)
{
    struct kafka_bridge *self = actor_state(me);
    struct click_run_key name = { .epoch = lane->epoch, .lane = lane->lane, .window_end = lane->windows[0].last_seq };
    struct buffer key = { 0 };

    if (lane->run.size == 0)
        return true;
    if (lane->under_way > 0 || !kafka_producer_has_room(self->producer, lane->run.size + sizeof name))
        return false;
    click_run_encode_key(&name, &key);
    (void)failpoint("kafka_bridge.before_send");
    kafka_producer_send(self->producer,
                        &(struct kafka_record){ .partition = (int32_t)lane->lane,
                                                .key = buffer_slice(&key),
                                                .value = buffer_slice(&lane->run) },
                        delivered, lane);
    buffer_free(&key);
    counter_add(&self->records_total, 1);
    counter_add(&self->bytes_total, lane->run.size);
    lane->under_way++;
    buffer_clear(&lane->run, 2 * CLICK_RUN_BYTES);
    return true;
}

/* ------------------------------------------------------------------------------------------------ from Redis */

/* An entry of a stream is { id, { "b", batch } }. Stops before a batch that has to wait for room. */
static void take_entries(struct actor *me, struct bridge_lane *lane, const struct redis_reply *entries)
{
    for (uint32_t i = 0; i < redis_reply_count(entries); i++) {
        const struct redis_reply *entry = redis_reply_at(entries, i);
        struct slice batch = redis_reply_text(redis_reply_at(redis_reply_at(entry, 1), 1));
        enum bridge_take took;
        uint64_t seq;
        uint64_t part;

        if (!lane_parse_pair(redis_reply_text(redis_reply_at(entry, 0)), &seq, &part))
            continue;
        took = bridge_lane_take(lane, seq, batch);
        if (took == BRIDGE_RUN_IS_FULL && send_run(me, lane))
            took = bridge_lane_take(lane, seq, batch);
        if (took == BRIDGE_RUN_IS_FULL)
            return;
    }
}

static uint64_t last_generated(const struct redis_reply *reply)
{
    for (uint32_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
        uint64_t last;
        uint64_t part;

        if (slice_is(redis_reply_text(redis_reply_at(reply, i)), "last-generated-id") &&
            lane_parse_pair(redis_reply_text(redis_reply_at(reply, i + 1)), &last, &part))
            return last;
    }
    return 0;
}

/* The stream has no more of the window. Has it had it? */
static void stream_told(struct actor *me, void *context, const struct redis_result *result)
{
    struct bridge_lane *lane = context;

    lane->is_reading = false;
    if (result->outcome == OUTCOME_DONE && lane->is_started &&
        last_generated(result->reply) >= lane->windows[0].last_seq)
        lane->is_read = true;
    else
        lane->not_before_us = actor_now_us(me) + RETRY_PAUSE_US;
    if (result->outcome != OUTCOME_DONE && strstr(result->detail, "no such key") == NULL &&
        result->outcome != OUTCOME_NOT_SENT)
        actor_log(me, LOG_WARN, "a stream of clicks could not be looked at: %s", result->detail);
    work(me, lane);
}

static void entries_came(struct actor *me, void *context, const struct redis_result *result)
{
    struct kafka_bridge *self = actor_state(me);
    struct bridge_lane *lane = context;
    struct lane_key key = lane_stream_key(lane->epoch, lane->lane);

    lane->is_reading = false;
    if (result->outcome != OUTCOME_DONE || failpoint("kafka_bridge.read")) {
        lane->not_before_us = actor_now_us(me) + RETRY_PAUSE_US;
        return; /* from where it stands */
    }
    if (!lane->is_started || lane->has_failed)
        return;
    if (redis_reply_count(result->reply) == 0) {
        lane->is_reading = true;
        REDIS(self->redis, stream_told, lane, SLICE("XINFO"), SLICE("STREAM"), slice_of(key.text));
        return;
    }
    take_entries(me, lane, result->reply);
    work(me, lane);
}

static void read_more(struct actor *me, struct bridge_lane *lane)
{
    struct kafka_bridge *self = actor_state(me);
    struct lane_key key = lane_stream_key(lane->epoch, lane->lane);
    struct lane_key from = lane_entry_id(lane->position + 1);
    struct lane_key to = lane_entry_id(lane->windows[0].last_seq);

    lane->is_reading = true;
    REDIS(self->redis, entries_came, lane, SLICE("XRANGE"), slice_of(key.text), slice_of(from.text), slice_of(to.text),
          SLICE("COUNT"), SLICE("32"));
}

/* ------------------------------------------------------------------------------------------------ one lane's work */

/* Does whatever can be done now. Called after everything that may have changed something, and by the tick. */
static void work(struct actor *me, struct bridge_lane *lane)
{
    struct kafka_bridge *self = actor_state(me);
    uint64_t now_us = actor_now_us(me);

    while (lane->window_count > 0 && !lane->is_reading && now_us >= lane->not_before_us) {
        if (lane->has_failed && lane->under_way > 0)
            return;
        if (!lane->is_started || lane->has_failed) {
            if (!lane->is_started)
                lane->started_us = now_us;
            bridge_lane_begin(lane);
        }
        if (bridge_lane_is_complete(lane)) {
            if (!send_run(me, lane) || !bridge_lane_is_done(lane))
                return; /* a report or the tick goes on */
            publish_done(me, lane);
            continue;
        }
        if (lane->under_way > 0 && lane->run.size > 0)
            return; /* the next run waits for the report of this one */
        if (redis_generation(self->redis) == 0 ||
            !kafka_producer_has_room(self->producer, lane->run.size + 2 * CLICK_RUN_BYTES))
            return;
        read_more(me, lane);
    }
}

/* ------------------------------------------------------------------------------------------------ messages */

static void on_sealed(struct actor *me, const struct windows_sealed *message)
{
    struct kafka_bridge *self = actor_state(me);

    for (uint32_t i = 0; i < message->windows.count; i++) {
        const struct lane_window *window = &message->windows.at[i];
        struct bridge_lane *lane =
            window->lane < BATCH_LANES_LIMIT ? lane_of(self, window->epoch, (uint32_t)window->lane) : NULL;

        if (lane == NULL)
            continue;
        lane->heard_us = actor_now_us(me);
        if (bridge_lane_hear(lane, window->first_seq, window->last_seq))
            say_published(me, lane);
        else
            work(me, lane);
    }
}

static void tick(struct actor *me, void *context)
{
    struct kafka_bridge *self = actor_state(me);
    uint64_t now_us = actor_now_us(me);
    uint64_t waiting = 0;
    bool is_late = kafka_producer_is_away(self->producer);

    (void)context;
    for (uint32_t i = 0; i < self->lane_count; i++) {
        struct bridge_lane *lane = self->lanes[i];

        work(me, lane);
        waiting += lane->window_count;
        is_late = is_late || lane->has_failed || (lane->under_way > 0 && now_us > lane->started_us + LATE_US);
    }
    forget_lanes(self, now_us);
    gauge_set(&self->windows_waiting, (int64_t)waiting);
    gauge_set(&self->records_under_way, kafka_producer_under_way(self->producer));
    actor_dependency(me, "kafka", is_late ? "backlog" : "normal");
    actor_dependency(me, "redis", redis_generation(self->redis) != 0 ? "normal" : "waiting");
}

static void turn_end(struct actor *me)
{
    struct kafka_bridge *self = actor_state(me);

    tell_ends(me);
    if (self->redis != NULL)
        redis_flush(self->redis);
}

/* ------------------------------------------------------------------------------------------------ life */

static void start(struct actor *me)
{
    struct kafka_bridge *self = actor_state(me);
    char why[256];

    self->redis = redis_open(
        me, &(struct redis_options){ .name = "redis", .uri = self->redis_uri, .primary_only = true }, why, sizeof why);
    if (self->redis != NULL)
        self->producer = kafka_producer_open(me,
                                             &(struct kafka_producer_options){
                                                 .name = "kafka",
                                                 .uri = self->kafka_uri,
                                                 .topic = self->topic,
                                                 .bytes_limit = self->bytes_limit,
                                                 .delivery_limit_us = self->delivery_limit_us,
                                             },
                                             why, sizeof why);
    if (self->producer == NULL) {
        actor_fail(me, "%s", why);
        return;
    }
    (void)actor_every(me, TICK_US, tick, NULL);
}

static void stop(struct actor *me)
{
    struct kafka_bridge *self = actor_state(me);

    kafka_producer_close(&self->producer);
    redis_close(&self->redis);
    for (uint32_t i = 0; i < self->lane_count; i++) {
        bridge_lane_free(self->lanes[i]);
        free(self->lanes[i]);
    }
}

#define AT(field) offsetof(struct kafka_bridge, field)

static const struct option options[] = {
    { .name = "redis", .type = OPTION_STORE, .offset = AT(redis_uri), .help = "the Redis that clicks wait in" },
    { .name = "kafka", .type = OPTION_STORE, .offset = AT(kafka_uri), .help = "the Kafka that they go to" },
    { .name = "topic",
      .type = OPTION_TEXT,
      .offset = AT(topic),
      .default_text = "click_events",
      .help = "their topic" },
    { .name = "bytes_limit",
      .type = OPTION_BYTES,
      .offset = AT(bytes_limit),
      .default_text = "16MiB",
      .minimum = 1024 * 1024,
      .help = "bytes under way to Kafka; more wait in Redis" },
    { .name = "delivery_limit",
      .type = OPTION_DURATION,
      .offset = AT(delivery_limit_us),
      .default_text = "10s",
      .minimum = 1000 * 1000,
      .help = "how long Kafka may take for a record before it is sent again" },
};

#define COUNTER(field, text)                                                                                           \
    {                                                                                                                  \
        .name = #field, .type = METRIC_COUNTER, .offset = AT(field), .help = text                                      \
    }
#define GAUGE(field, text)                                                                                             \
    {                                                                                                                  \
        .name = #field, .type = METRIC_GAUGE, .offset = AT(field), .help = text                                        \
    }

static const struct metric metrics[] = {
    COUNTER(records_total, "records sent"),
    COUNTER(bytes_total, "bytes of their values"),
    COUNTER(windows_total, "windows published"),
    COUNTER(retries_total, "records that were not delivered at first"),
    COUNTER(gaps_total, "clicks that a stream lacked"),
    GAUGE(windows_waiting, "sealed windows that are not published yet"),
    GAUGE(records_under_way, "records that Kafka has not acknowledged"),
    { .name = "publish_us",
      .type = METRIC_HISTOGRAM_US,
      .offset = AT(publish_us),
      .help = "time from a window's beginning to its last acknowledgement" },
    { .name = "delivery_us",
      .type = METRIC_HISTOGRAM_US,
      .offset = AT(delivery_us),
      .help = "time that Kafka took to acknowledge a record" },
};

static const struct outlet outlets[] = {
    [TO_BUFFER] = { .name = "buffer",
                    .to = "click_buffer",
                    .doc = "hears what is published",
                    .pick = PICK_SAME_NODE,
                    .overload = OVERLOAD_DROP_OLDEST },
};

static const struct handler handlers[] = { TOLD(windows_sealed, on_sealed), ASKED(health_read, health_on_read) };

const struct actor_kind kafka_bridge_kind = {
    .name = "kafka_bridge",
    .doc = "carries sealed clicks from Redis to Kafka",
    .state_size = sizeof(struct kafka_bridge),
    .start = start,
    .stop = stop,
    .turn_end = turn_end,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};
