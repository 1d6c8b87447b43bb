/* SPDX-License-Identifier: MIT */
/*
 * kafka_consumer -- see kafka_consumer.h.
 *
 * Where each partition is to be read next is kept here, not in librdkafka: a pause takes its assignment away (the
 * membership goes on) and a resume assigns again from our positions. librdkafka's own pause keeps what it had fetched
 * ahead in an unclear state (in 2.0 offsets can be skipped), and messages are taken one by one, because its batch call
 * counts differently.
 *
 * As a member of a group the actor's name is the member's fixed name (static membership): after a crash it gets its
 * partitions back at once, without a new distribution; and a second one with the same name is shut out.
 */
#include "actors/io/kafka_consumer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/kafka_handle.h"

enum {
    DEFAULT_FETCH_BYTES = 16 << 20,
    LEAST_FETCH_BYTES = 1 << 20,
    TURN_BYTES_LIMIT = 8 << 20,  /* handed to the actor at once */
    MESSAGE_MAX_BYTES = 1 << 20, /* librdkafka wants room for its message.max.bytes, a million */
    /* A broker that comes back after a crash may shut its own members out: soon again. Two of the same name that shut
     * each other out: ever more slowly. */
    REMAKE_MIN_US = 250 * 1000,
    REMAKE_MAX_US = 8 * 1000 * 1000,
    HEALTHY_US = 60 * 1000 * 1000
};

struct kafka_consumer {
    struct actor *me;
    struct kafka_consumer_options options;
    char *topic;
    char *group; /* NULL: none */
    char brokers[KAFKA_BROKERS_SIZE];
    struct kafka_handle *handle; /* NULL while it cannot be made */
    uint64_t assignments;        /* how many there were */
    uint64_t assignment;         /* the present one; 0: none */
    bool is_started;             /* positions were given */
    bool is_paused;
    struct kafka_position positions[KAFKA_PARTITIONS_LIMIT]; /* of the assignment, the next to read */
    uint32_t count;
    rd_kafka_message_t *held[KAFKA_TURN_RECORDS_LIMIT]; /* to be handed over together */
    struct kafka_message messages[KAFKA_TURN_RECORDS_LIMIT];
    uint32_t held_count;
    size_t held_bytes;
    uint64_t remake_timer;
    uint64_t remake_pause_us; /* before the next */
    uint64_t made_at_us;
    char broken[256]; /* why the handle is to be replaced; empty: it is fine */
    bool is_fenced;   /* broken because a younger handle has its name */
    struct breaker breaker;
};

/* ------------------------------------------------------------------------------------------------ positions */

static struct kafka_position *position_of(struct kafka_consumer *consumer, int32_t partition)
{
    for (uint32_t i = 0; i < consumer->count; i++) {
        if (consumer->positions[i].partition == partition)
            return &consumer->positions[i];
    }
    return NULL;
}

static rd_kafka_topic_partition_list_t *
list_of(const struct kafka_consumer *consumer, const struct kafka_position *positions, uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

    for (uint32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, consumer->topic, positions[i].partition)->offset = positions[i].offset;
    return list;
}

/* Has librdkafka read from our positions, or nothing. */
static void assign(struct kafka_consumer *consumer)
{
    bool is_reading = consumer->is_started && !consumer->is_paused;
    rd_kafka_topic_partition_list_t *list = list_of(consumer, consumer->positions, is_reading ? consumer->count : 0);
    rd_kafka_resp_err_t failure = rd_kafka_assign(consumer->handle->rk, list);

    if (failure != RD_KAFKA_RESP_ERR_NO_ERROR)
        actor_log(consumer->me, LOG_WARN, "%s: Kafka refuses the assignment: %s", consumer->options.name,
                  rd_kafka_err2str(failure));
    rd_kafka_topic_partition_list_destroy(list);
}

/* ------------------------------------------------------------------------------------------------ handing over */

static void hand_over(struct kafka_consumer *consumer)
{
    uint32_t count = consumer->held_count;

    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const rd_kafka_message_t *message = consumer->held[i];
        rd_kafka_timestamp_type_t type;
        int64_t wall_ms = rd_kafka_message_timestamp(message, &type);

        consumer->messages[i] = (struct kafka_message){
            .partition = message->partition,
            .offset = message->offset,
            .wall_us = wall_ms > 0 ? (uint64_t)wall_ms * 1000 : 0,
            .key = { .at = message->key, .size = message->key_len },
            .value = { .at = message->payload, .size = message->len },
        };
    }
    consumer->held_count = 0;
    consumer->held_bytes = 0;
    consumer->options.on_messages(consumer->me, consumer->options.context, consumer->messages, count);
    for (uint32_t i = 0; i < count; i++)
        rd_kafka_message_destroy(consumer->held[i]);
}

static void drop_held(struct kafka_consumer *consumer)
{
    for (uint32_t i = 0; i < consumer->held_count; i++)
        rd_kafka_message_destroy(consumer->held[i]);
    consumer->held_count = 0;
    consumer->held_bytes = 0;
}

static void hold(struct kafka_consumer *consumer, rd_kafka_message_t *message)
{
    struct kafka_position *position = position_of(consumer, message->partition);

    if (position == NULL || consumer->is_paused || !consumer->is_started) {
        rd_kafka_message_destroy(message); /* it was on its way when that changed, and will be read again */
        return;
    }
    position->offset = message->offset + 1;
    consumer->held[consumer->held_count++] = message;
    consumer->held_bytes += message->key_len + message->len;
}

static void take_end(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    struct kafka_position *position = position_of(consumer, message->partition);

    hand_over(consumer);
    if (position == NULL || consumer->is_paused || !consumer->is_started)
        return;
    position->offset = message->offset;
    if (consumer->options.on_end != NULL)
        consumer->options.on_end(consumer->me, consumer->options.context, message->partition, message->offset);
}

/* ------------------------------------------------------------------------------------------------ the group */

static void take_assignment(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *partitions)
{
    int32_t numbers[KAFKA_PARTITIONS_LIMIT];

    consumer->count = 0;
    for (int i = 0; i < partitions->cnt && consumer->count < KAFKA_PARTITIONS_LIMIT; i++) {
        numbers[consumer->count] = partitions->elems[i].partition;
        consumer->positions[consumer->count++] =
            (struct kafka_position){ .partition = partitions->elems[i].partition, .offset = KAFKA_OFFSET_COMMITTED };
    }
    consumer->assignment = ++consumer->assignments;
    consumer->is_started = false;
    consumer->is_paused = false;
    breaker_succeeded(&consumer->breaker);
    assign(consumer); /* nothing yet: it completes the group's round while the actor looks for its offsets */
    consumer->options.on_assigned(consumer->me, consumer->options.context, consumer->assignment, numbers,
                                  consumer->count);
}

static void forget_assignment(struct kafka_consumer *consumer)
{
    bool was_assigned = consumer->assignment != 0;

    drop_held(consumer);
    consumer->assignment = 0;
    consumer->count = 0;
    consumer->is_started = false;
    if (was_assigned && consumer->group != NULL && consumer->options.on_revoked != NULL)
        consumer->options.on_revoked(consumer->me, consumer->options.context);
}

/* Called from within rd_kafka_consumer_poll on the actor's thread, or from the thread that takes the handle down. */
static void
rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_handle *handle = opaque;
    struct kafka_consumer *consumer = handle->owner;

    if (consumer == NULL) {
        rd_kafka_assign(rk, NULL);
    } else if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        hand_over(consumer);
        take_assignment(consumer, partitions);
    } else {
        forget_assignment(consumer);
        rd_kafka_assign(rk, NULL);
    }
}

/* ------------------------------------------------------------------------------------------------ events */

static void break_handle(struct kafka_consumer *consumer, rd_kafka_resp_err_t error, const char *why)
{
    consumer->is_fenced = consumer->is_fenced || error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    if (consumer->broken[0] == '\0')
        snprintf(consumer->broken, sizeof(consumer->broken), "Kafka's consumer failed for good: %s", why);
}

static void failed(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
    struct kafka_handle *handle = opaque;
    struct kafka_consumer *consumer = handle->owner;
    char why[192];

    if (consumer == NULL)
        return;
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        break_handle(consumer, rd_kafka_fatal_error(rk, why, sizeof(why)), why);
    } else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        breaker_failed(&consumer->breaker, actor_now_us(consumer->me), actor_random(consumer->me), reason);
        actor_log(consumer->me, LOG_WARN, "%s: %s", consumer->options.name, reason);
    } else {
        actor_log(consumer->me, LOG_DEBUG, "%s: %s", consumer->options.name, reason);
    }
}

static int told_statistics(rd_kafka_t *rk, char *json, size_t size, void *opaque)
{
    struct kafka_handle *handle = opaque;
    struct kafka_consumer *consumer = handle->owner;

    (void)rk;
    (void)size;
    if (consumer != NULL && consumer->breaker.state != BREAKER_CLOSED && kafka_statistics_say_up(json))
        breaker_succeeded(&consumer->breaker);
    return 0; /* librdkafka frees it */
}

static void take_one(struct kafka_consumer *consumer, rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        hold(consumer, message);
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        take_end(consumer, message);
    else if (message->err == RD_KAFKA_RESP_ERR__FATAL || message->err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        break_handle(consumer, message->err, rd_kafka_message_errstr(message));
    else
        actor_log(consumer->me, LOG_WARN, "%s: reading from Kafka: %s", consumer->options.name,
                  rd_kafka_message_errstr(message));
    rd_kafka_message_destroy(message);
}

static void remake(struct actor *me, void *context);

static void plan_remake(struct kafka_consumer *consumer)
{
    uint64_t pause_us = consumer->remake_pause_us;

    if (pause_us < REMAKE_MIN_US || actor_now_us(consumer->me) - consumer->made_at_us >= HEALTHY_US)
        pause_us = REMAKE_MIN_US;
    consumer->remake_pause_us = pause_us * 2 < REMAKE_MAX_US ? pause_us * 2 : REMAKE_MAX_US;
    consumer->remake_timer = actor_after(consumer->me, pause_us, remake, consumer);
}

static bool serve(void *owner, struct kafka_handle *handle)
{
    struct kafka_consumer *consumer = owner;
    bool has_more = true;

    for (uint32_t i = 0; i < KAFKA_TURN_RECORDS_LIMIT && consumer->held_bytes < TURN_BYTES_LIMIT && has_more; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(handle->rk, 0);

        if (message != NULL)
            take_one(consumer, message);
        else
            has_more = false;
    }
    hand_over(consumer);
    if (consumer->broken[0] == '\0')
        return has_more;
    if (consumer->remake_timer == 0) {
        /* A member's name is its worker's: who is fenced has a younger start beside it, as after a pause. */
        actor_log(consumer->me, consumer->is_fenced ? LOG_INFO : LOG_ERROR, "%s: %s", consumer->options.name,
                  consumer->broken);
        plan_remake(consumer);
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------ the handle */

static rd_kafka_conf_t *configure(const struct kafka_consumer *consumer)
{
    char member[160];
    char fetch[24];
    char fetch_all[24];
    char queued[24];
    const struct kafka_setting settings[] = {
        /* Without a group nothing is subscribed or committed: the name is only what librdkafka wants to see. */
        { "group.id", consumer->group != NULL ? consumer->group : "shunt-no-group" },
        { consumer->group != NULL ? "group.instance.id" : "client.id", member },
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "auto.offset.reset", "earliest" }, /* what retention took away shows as a gap in the data */
        { "enable.partition.eof", consumer->options.on_end != NULL ? "true" : "false" },
        { "session.timeout.ms", "6000" }, /* the least that brokers allow by default */
        { "heartbeat.interval.ms", "1500" },
        { "fetch.message.max.bytes", fetch },
        { "fetch.max.bytes", fetch_all },
        { "fetch.error.backoff.ms", "100" },
        { "fetch.wait.max.ms", "250" },       /* a partition that joins waits for the answer under way */
        { "queued.min.messages", "1000000" }, /* bytes are the limit, not messages */
        { "queued.max.messages.kbytes", queued },
        { NULL, NULL },
    };
    size_t bytes = consumer->options.fetch_limit;
    rd_kafka_conf_t *conf;

    snprintf(member, sizeof(member), "%s.%s.%s", actor_node(consumer->me), actor_name(consumer->me), consumer->topic);
    /* A partition that finds the queue full is looked at again only up to a second later; so one answer must be well
     * below what the queue takes. A record larger than its share comes all the same: brokers send at least one. */
    snprintf(fetch, sizeof(fetch), "%zu", bytes / 16);
    snprintf(fetch_all, sizeof(fetch_all), "%zu", bytes / 4 < MESSAGE_MAX_BYTES ? MESSAGE_MAX_BYTES : bytes / 4);
    snprintf(queued, sizeof(queued), "%zu", bytes / 1024);
    conf = kafka_conf(consumer->brokers, settings);
    rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
    rd_kafka_conf_set_error_cb(conf, failed);
    rd_kafka_conf_set_stats_cb(conf, told_statistics);
    return conf;
}

static bool make_handle(struct kafka_consumer *consumer, char *why, size_t room)
{
    rd_kafka_resp_err_t failure;
    struct kafka_handle *handle =
        kafka_handle_create(consumer->me, RD_KAFKA_CONSUMER, configure(consumer), consumer, serve, why, room);

    consumer->handle = handle;
    consumer->made_at_us = actor_now_us(consumer->me);
    if (handle == NULL)
        return false;
    failure = rd_kafka_poll_set_consumer(handle->rk);
    if (failure == RD_KAFKA_RESP_ERR_NO_ERROR && consumer->group != NULL) {
        rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);

        rd_kafka_topic_partition_list_add(topics, consumer->topic, RD_KAFKA_PARTITION_UA);
        failure = rd_kafka_subscribe(handle->rk, topics);
        rd_kafka_topic_partition_list_destroy(topics);
    }
    if (failure == RD_KAFKA_RESP_ERR_NO_ERROR && kafka_handle_watch(handle, rd_kafka_queue_get_consumer(handle->rk)))
        return true;
    snprintf(why, room, "librdkafka cannot be set up: %s", rd_kafka_err2str(failure));
    return false;
}

/* Starts over with a new handle; a consumer without a group goes on from where it was. */
static void remake(struct actor *me, void *context)
{
    struct kafka_consumer *consumer = context;
    char why[256];

    consumer->remake_timer = 0;
    consumer->broken[0] = consumer->is_fenced = 0;
    kafka_handle_destroy(&consumer->handle);
    if (consumer->group != NULL)
        forget_assignment(consumer);
    if (make_handle(consumer, why, sizeof(why))) {
        if (consumer->group == NULL && consumer->is_started)
            assign(consumer);
        return;
    }
    actor_log(me, LOG_ERROR, "%s: %s", consumer->options.name, why);
    kafka_handle_destroy(&consumer->handle);
    plan_remake(consumer);
}

/* ------------------------------------------------------------------------------------------------ public */

struct kafka_consumer *
kafka_consumer_open(struct actor *me, const struct kafka_consumer_options *options, char *why, size_t room)
{
    struct kafka_consumer *consumer = calloc(1, sizeof(*consumer));
    size_t fetch_limit = options->fetch_limit != 0 ? options->fetch_limit : DEFAULT_FETCH_BYTES;

    assert(consumer != NULL);
    consumer->me = me;
    consumer->options = *options;
    consumer->options.uri = NULL; /* all three are the caller's */
    consumer->options.topic = NULL;
    consumer->options.group = NULL;
    consumer->options.fetch_limit = fetch_limit > LEAST_FETCH_BYTES ? fetch_limit : LEAST_FETCH_BYTES;
    consumer->topic = strdup(options->topic);
    consumer->group = options->group != NULL ? strdup(options->group) : NULL;
    breaker_init(&consumer->breaker, 1, KAFKA_PAUSE_MIN_US, KAFKA_PAUSE_MAX_US);
    actor_show_breaker(me, options->name, &consumer->breaker);
    if (!kafka_brokers(options->uri, consumer->brokers, why, room) || !make_handle(consumer, why, room))
        kafka_consumer_close(&consumer);
    return consumer;
}

void kafka_consumer_close(struct kafka_consumer **closed)
{
    struct kafka_consumer *consumer = *closed;

    *closed = NULL;
    if (consumer == NULL)
        return;
    actor_show_breaker(consumer->me, consumer->options.name, NULL);
    drop_held(consumer);
    kafka_handle_destroy(&consumer->handle);
    actor_cancel_timer(consumer->me, &consumer->remake_timer);
    free(consumer->topic);
    free(consumer->group);
    free(consumer);
}

bool kafka_consumer_start(struct kafka_consumer *consumer,
                          uint64_t assignment,
                          const struct kafka_position *positions,
                          uint32_t count)
{
    if (consumer->group != NULL && (assignment == 0 || assignment != consumer->assignment))
        return false;
    assert(count <= KAFKA_PARTITIONS_LIMIT);
    if (consumer->group == NULL) {
        consumer->count = count;
        memcpy(consumer->positions, positions, count * sizeof(*positions));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct kafka_position *position = position_of(consumer, positions[i].partition);

        if (position != NULL)
            position->offset = positions[i].offset;
    }
    drop_held(consumer);
    consumer->is_started = true;
    consumer->is_paused = false;
    if (consumer->handle != NULL)
        assign(consumer);
    return true;
}

static void set_paused(struct kafka_consumer *consumer, bool is_paused)
{
    if (consumer->is_paused == is_paused || !consumer->is_started)
        return;
    consumer->is_paused = is_paused;
    if (consumer->handle != NULL)
        assign(consumer);
}

void kafka_consumer_pause(struct kafka_consumer *consumer)
{
    set_paused(consumer, true);
}

void kafka_consumer_resume(struct kafka_consumer *consumer)
{
    set_paused(consumer, false);
}

void kafka_consumer_commit(struct kafka_consumer *consumer,
                           uint64_t assignment,
                           const struct kafka_position *positions,
                           uint32_t count)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t failure;

    if (consumer->handle == NULL || count == 0 || (consumer->group != NULL && assignment != consumer->assignment))
        return;
    /* librdkafka would keep it for later, when we may have joined anew: under its old name the broker then takes it for
     * somebody else's and shuts us out for good. */
    if (consumer->breaker.state != BREAKER_CLOSED)
        return;
    list = list_of(consumer, positions, count);
    failure = rd_kafka_commit(consumer->handle->rk, list, 1);
    if (failure != RD_KAFKA_RESP_ERR_NO_ERROR)
        actor_log(consumer->me, LOG_WARN, "%s: committing offsets to Kafka: %s", consumer->options.name,
                  rd_kafka_err2str(failure));
    rd_kafka_topic_partition_list_destroy(list);
}

uint32_t kafka_consumer_lag(const struct kafka_consumer *consumer, struct kafka_lag *lags, uint32_t room)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < consumer->count && count < room && consumer->handle != NULL; i++)
        count += kafka_lag_of(consumer->handle, consumer->topic, &consumer->positions[i], &lags[count]);
    return count;
}
