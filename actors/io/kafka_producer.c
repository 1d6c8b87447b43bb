/* SPDX-License-Identifier: MIT */
/*
 * kafka_producer -- see kafka_producer.h.
 *
 * Each record's `opaque` in librdkafka is our note of who wants to know; the notes stand in a list as well, for the day
 * when the handle is replaced and its reports do not come any more.
 */
#include "actors/io/kafka_producer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "actors/io/kafka_handle.h"
#include "actors/io/or_default.h"

enum {
    DEFAULT_RECORDS = 16384,
    DEFAULT_BYTES = 16 << 20,
    DEFAULT_LINGER_US = 5000,
    DEFAULT_DELIVERY_LIMIT_US = 30 * 1000 * 1000,
    EVENTS_PER_TURN = 64, /* each may hold a whole batch of reports */
    REMAKE_PAUSE_US = 1000 * 1000
};

struct note { /* of one record under way */
    TAILQ_ENTRY(note) link;
    kafka_delivery_handler *then;
    void *context;
    size_t bytes;
    int32_t partition;
    uint64_t sent_at_us;
    enum outcome refusal; /* of one that was not accepted */
};
TAILQ_HEAD(notes, note);

struct kafka_producer {
    struct actor *me;
    struct kafka_producer_options options;
    char *topic;
    char brokers[KAFKA_BROKERS_SIZE];
    struct kafka_handle *handle; /* NULL while it cannot be made */
    rd_kafka_topic_t *rkt;
    struct notes under_way;
    uint32_t count;
    size_t bytes;
    struct notes refused; /* to be told in the turn timer */
    uint64_t turn_timer;
    uint64_t remake_timer;
    char broken[256]; /* why the handle is to be replaced; empty: it is fine */
    struct breaker breaker;
};

static void turn(struct actor *me, void *context);

/* ------------------------------------------------------------------------------------------------ reports */

static void fail(struct kafka_producer *producer, const char *why)
{
    breaker_failed(&producer->breaker, actor_now_us(producer->me), actor_random(producer->me), why);
}

static void
report(struct kafka_producer *producer, struct note *note, enum outcome outcome, int64_t offset, const char *detail)
{
    const struct kafka_delivery delivery = {
        .outcome = outcome,
        .detail = detail,
        .partition = note->partition,
        .offset = offset,
        .waiting_us = actor_now_us(producer->me) - note->sent_at_us,
    };

    if (note->then != NULL)
        note->then(producer->me, note->context, &delivery);
    free(note);
}

static struct note *take(struct kafka_producer *producer, struct note *note)
{
    TAILQ_REMOVE(&producer->under_way, note, link);
    producer->count--;
    producer->bytes -= note->bytes;
    return note;
}

static enum outcome outcome_of(const rd_kafka_message_t *message)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return OUTCOME_DONE;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return OUTCOME_REJECTED;
    default:
        break;
    }
    switch (rd_kafka_message_status(message)) {
    case RD_KAFKA_MSG_STATUS_PERSISTED:
        return OUTCOME_DONE;
    case RD_KAFKA_MSG_STATUS_NOT_PERSISTED:
        return OUTCOME_NOT_SENT;
    default:
        return OUTCOME_UNKNOWN;
    }
}

static void take_reports(struct kafka_producer *producer, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        enum outcome outcome = outcome_of(message);

        if (outcome == OUTCOME_DONE)
            breaker_succeeded(&producer->breaker);
        else if (outcome != OUTCOME_REJECTED)
            fail(producer, rd_kafka_err2str(message->err));
        report(producer, take(producer, message->_private), outcome, message->offset,
               outcome == OUTCOME_DONE ? "" : rd_kafka_err2str(message->err));
    }
}

static void arm_turn(struct kafka_producer *producer)
{
    if (producer->turn_timer == 0)
        producer->turn_timer = actor_after(producer->me, 0, turn, producer);
}

static void take_error(struct kafka_producer *producer, rd_kafka_event_t *event)
{
    char why[192];

    switch (rd_kafka_event_error(event)) {
    case RD_KAFKA_RESP_ERR__FATAL:
        rd_kafka_fatal_error(producer->handle->rk, why, sizeof(why));
        snprintf(producer->broken, sizeof(producer->broken), "Kafka's producer failed for good: %s", why);
        arm_turn(producer);
        break;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        fail(producer, rd_kafka_event_error_string(event));
        actor_log(producer->me, LOG_WARN, "%s: %s", producer->options.name, rd_kafka_event_error_string(event));
        break;
    default: /* one broker among others, or what librdkafka mends by itself */
        actor_log(producer->me, LOG_DEBUG, "%s: %s", producer->options.name, rd_kafka_event_error_string(event));
    }
}

static bool serve(void *owner, struct kafka_handle *handle)
{
    struct kafka_producer *producer = owner;

    for (int i = 0; i < EVENTS_PER_TURN; i++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(handle->queue, 0);

        if (event == NULL)
            return false;
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR:
            take_reports(producer, event);
            break;
        case RD_KAFKA_EVENT_ERROR:
            take_error(producer, event);
            break;
        case RD_KAFKA_EVENT_STATS:
            if (producer->breaker.state != BREAKER_CLOSED && kafka_statistics_say_up(rd_kafka_event_stats(event)))
                breaker_succeeded(&producer->breaker);
            break;
        default:
            break;
        }
        rd_kafka_event_destroy(event);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ the handle */

static bool make_handle(struct kafka_producer *producer, char *why, size_t room)
{
    char records[24];
    char kibibytes[24];
    char linger[24];
    char limit[24];
    const struct kafka_setting settings[] = {
        { "enable.idempotence", "true" }, /* implies acks=all and order with retries */
        { "compression.codec", "lz4" },
        { "linger.ms", linger },
        { "message.timeout.ms", limit },
        { "queue.buffering.max.messages", records },
        { "queue.buffering.max.kbytes", kibibytes },
        { NULL, NULL },
    };
    rd_kafka_conf_t *conf;

    snprintf(records, sizeof(records), "%u", producer->options.records_limit);
    /* Our own limit is the one that counts; librdkafka's leaves room for what it adds to each record. */
    snprintf(kibibytes, sizeof(kibibytes), "%zu", producer->options.bytes_limit / 1024 * 2 + 1024);
    snprintf(linger, sizeof(linger), "%g", (double)producer->options.linger_us / 1000);
    snprintf(limit, sizeof(limit), "%llu", (unsigned long long)producer->options.delivery_limit_us / 1000);
    conf = kafka_conf(producer->brokers, settings);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
    producer->handle = kafka_handle_create(producer->me, RD_KAFKA_PRODUCER, conf, producer, serve, why, room);
    if (producer->handle == NULL)
        return false;
    producer->rkt = rd_kafka_topic_new(producer->handle->rk, producer->topic, NULL);
    if (producer->rkt != NULL && kafka_handle_watch(producer->handle, rd_kafka_queue_get_main(producer->handle->rk)))
        return true;
    snprintf(why, room, "librdkafka cannot be set up: %s", rd_kafka_err2str(rd_kafka_last_error()));
    return false;
}

static void drop_handle(struct kafka_producer *producer)
{
    if (producer->rkt != NULL)
        rd_kafka_topic_destroy(producer->rkt);
    producer->rkt = NULL;
    kafka_handle_destroy(&producer->handle);
}

static void remake(struct actor *me, void *context)
{
    struct kafka_producer *producer = context;
    char why[256];

    producer->remake_timer = 0;
    if (make_handle(producer, why, sizeof(why)))
        return;
    actor_log(me, LOG_ERROR, "%s: %s", producer->options.name, why);
    drop_handle(producer);
    producer->remake_timer = actor_after(me, REMAKE_PAUSE_US, remake, producer);
}

static void replace(struct kafka_producer *producer)
{
    struct notes lost = TAILQ_HEAD_INITIALIZER(lost);
    struct note *note;
    char why[sizeof(producer->broken)];

    memcpy(why, producer->broken, sizeof(why));
    producer->broken[0] = '\0';
    actor_log(producer->me, LOG_ERROR, "%s: %s", producer->options.name, why);
    drop_handle(producer);
    TAILQ_CONCAT(&lost, &producer->under_way, link);
    producer->count = 0;
    producer->bytes = 0;
    remake(producer->me, producer);
    while ((note = TAILQ_FIRST(&lost)) != NULL) {
        TAILQ_REMOVE(&lost, note, link);
        report(producer, note, OUTCOME_UNKNOWN, -1, why);
    }
    if (producer->options.on_reset != NULL)
        producer->options.on_reset(producer->me, producer->options.context, why);
}

/* ------------------------------------------------------------------------------------------------ sending */

static const char *why_refused(const struct kafka_producer *producer, enum outcome outcome)
{
    if (outcome == OUTCOME_OVERLOADED)
        return "Too many records for Kafka are under way";
    if (outcome == OUTCOME_REJECTED)
        return "The record is too large for Kafka, or its partition does not exist";
    return producer->breaker.reason[0] != '\0' ? producer->breaker.reason : "Kafka is away";
}

/* Those that handlers add meanwhile wait for the next turn. */
static void turn(struct actor *me, void *context)
{
    struct kafka_producer *producer = context;
    struct notes refused = TAILQ_HEAD_INITIALIZER(refused);
    struct note *note;

    (void)me;
    producer->turn_timer = 0;
    if (producer->broken[0] != '\0')
        replace(producer);
    TAILQ_CONCAT(&refused, &producer->refused, link);
    while ((note = TAILQ_FIRST(&refused)) != NULL) {
        TAILQ_REMOVE(&refused, note, link);
        report(producer, note, note->refusal, -1, why_refused(producer, note->refusal));
    }
}

static void refuse(struct kafka_producer *producer, struct note *note, enum outcome outcome)
{
    note->refusal = outcome;
    TAILQ_INSERT_TAIL(&producer->refused, note, link);
    arm_turn(producer);
}

static rd_kafka_headers_t *headers_of(const struct kafka_record *record)
{
    rd_kafka_headers_t *headers;

    assert(record->header_count <= KAFKA_HEADERS_LIMIT);
    if (record->header_count == 0)
        return NULL;
    headers = rd_kafka_headers_new(record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++)
        rd_kafka_header_add(headers, record->headers[i].name, -1, record->headers[i].value.at,
                            (ssize_t)record->headers[i].value.size);
    return headers;
}

static enum outcome outcome_of_sending(struct kafka_producer *producer, rd_kafka_resp_err_t failure)
{
    switch (failure) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return OUTCOME_DONE;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return OUTCOME_OVERLOADED;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return OUTCOME_REJECTED;
    default:
        fail(producer, rd_kafka_err2str(failure));
        return OUTCOME_NOT_SENT;
    }
}

static enum outcome produce(struct kafka_producer *producer, const struct kafka_record *record, struct note *note)
{
    rd_kafka_headers_t *headers = headers_of(record);
    rd_kafka_vu_t parts[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = producer->rkt },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)record->key.at, record->key.size } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *)record->value.at, record->value.size } },
        { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = note },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
    };
    size_t count = sizeof(parts) / sizeof(parts[0]) - (headers == NULL ? 1 : 0);
    rd_kafka_error_t *error = rd_kafka_produceva(producer->handle->rk, parts, count);
    rd_kafka_resp_err_t failure = error != NULL ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;

    if (error != NULL && headers != NULL)
        rd_kafka_headers_destroy(headers); /* otherwise they are librdkafka's */
    rd_kafka_error_destroy(error);
    return outcome_of_sending(producer, failure);
}

static size_t size_of(const struct kafka_record *record)
{
    size_t bytes = record->key.size + record->value.size;

    for (uint32_t i = 0; i < record->header_count; i++)
        bytes += strlen(record->headers[i].name) + record->headers[i].value.size;
    return bytes;
}

void kafka_producer_send(struct kafka_producer *producer,
                         const struct kafka_record *record,
                         kafka_delivery_handler *then,
                         void *context)
{
    struct note *note = malloc(sizeof(*note));
    enum outcome outcome;

    assert(note != NULL);
    *note = (struct note){ .then = then,
                           .context = context,
                           .bytes = size_of(record),
                           .partition = record->partition,
                           .sent_at_us = actor_now_us(producer->me) };
    if (note->bytes > KAFKA_RECORD_LIMIT || record->partition < 0)
        outcome = OUTCOME_REJECTED;
    else if (producer->count >= producer->options.records_limit ||
             producer->bytes + note->bytes > producer->options.bytes_limit)
        outcome = OUTCOME_OVERLOADED;
    else if (producer->handle == NULL || producer->broken[0] != '\0' ||
             !breaker_allows(&producer->breaker, actor_now_us(producer->me)))
        outcome = OUTCOME_NOT_SENT;
    else
        outcome = produce(producer, record, note);
    if (outcome != OUTCOME_DONE) {
        refuse(producer, note, outcome);
        return;
    }
    TAILQ_INSERT_TAIL(&producer->under_way, note, link);
    producer->count++;
    producer->bytes += note->bytes;
}

bool kafka_producer_has_room(const struct kafka_producer *producer, size_t bytes)
{
    return producer->count < producer->options.records_limit &&
           producer->bytes + bytes <= producer->options.bytes_limit;
}

bool kafka_producer_is_away(const struct kafka_producer *producer)
{
    return producer->breaker.state != BREAKER_CLOSED;
}

uint32_t kafka_producer_under_way(const struct kafka_producer *producer)
{
    return producer->count;
}

/* ------------------------------------------------------------------------------------------------ life */

struct kafka_producer *
kafka_producer_open(struct actor *me, const struct kafka_producer_options *options, char *why, size_t room)
{
    struct kafka_producer *producer = calloc(1, sizeof(*producer));

    assert(producer != NULL);
    producer->me = me;
    producer->options = *options;
    producer->options.uri = NULL; /* both are the caller's */
    producer->options.topic = NULL;
    producer->options.records_limit = (uint32_t)or_default(options->records_limit, DEFAULT_RECORDS);
    producer->options.bytes_limit = or_default(options->bytes_limit, DEFAULT_BYTES);
    producer->options.linger_us = or_default(options->linger_us, DEFAULT_LINGER_US);
    producer->options.delivery_limit_us = or_default(options->delivery_limit_us, DEFAULT_DELIVERY_LIMIT_US);
    producer->topic = strdup(options->topic);
    TAILQ_INIT(&producer->under_way);
    TAILQ_INIT(&producer->refused);
    /* A threshold of one: without a broker nothing may be let through but a probe. */
    breaker_init(&producer->breaker, 1, KAFKA_PAUSE_MIN_US, KAFKA_PAUSE_MAX_US);
    actor_show_breaker(me, options->name, &producer->breaker);
    if (!kafka_brokers(options->uri, producer->brokers, why, room) || !make_handle(producer, why, room))
        kafka_producer_close(&producer);
    return producer;
}

static void free_notes(struct notes *notes)
{
    struct note *note;

    while ((note = TAILQ_FIRST(notes)) != NULL) {
        TAILQ_REMOVE(notes, note, link);
        free(note);
    }
}

void kafka_producer_close(struct kafka_producer **closed)
{
    struct kafka_producer *producer = *closed;

    *closed = NULL;
    if (producer == NULL)
        return;
    actor_show_breaker(producer->me, producer->options.name, NULL);
    drop_handle(producer);
    actor_cancel_timer(producer->me, &producer->turn_timer);
    actor_cancel_timer(producer->me, &producer->remake_timer);
    free_notes(&producer->under_way);
    free_notes(&producer->refused);
    free(producer->topic);
    free(producer);
}
