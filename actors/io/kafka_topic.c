/* SPDX-License-Identifier: MIT */
/* kafka_topic -- see kafka_topic.h. Everything between `work` and its end happens on the request's own thread. */
#include "actors/io/kafka_topic.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/io/kafka_handle.h"
#include "actors/io/offload.h"

enum {
    DEFAULT_DEADLINE_US = 15 * 1000 * 1000,
    PARTITIONS_LIMIT = 1024,
    STEP_MS = 2000, /* of one question to the broker */
    PAUSE_MS = 200  /* between questions that found nothing yet */
};

struct kafka_topic_request {
    struct offload *offload;
    struct kafka_topic topic; /* its texts are the next two */
    char *uri;
    char *name;
    char *group;
    bool is_ensure;
    kafka_topic_handler *then;
    void *context;
    uint64_t end_us; /* monotonic */
    rd_kafka_t *rk;
    enum outcome outcome;
    uint32_t partitions;
    struct kafka_extent *extents;
    char detail[300];
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int step_ms(const struct kafka_topic_request *request)
{
    uint64_t now = now_us();
    uint64_t left_ms = request->end_us > now ? (request->end_us - now) / 1000 : 0;

    return left_ms < STEP_MS ? (int)left_ms : STEP_MS;
}

static bool end(struct kafka_topic_request *request, enum outcome outcome, const char *what, const char *why)
{
    request->outcome = outcome;
    snprintf(request->detail, sizeof(request->detail), "%s topic %s: %s", what, request->topic.name, why);
    return false;
}

static bool connect_to(struct kafka_topic_request *request)
{
    const struct kafka_setting settings[] = { { request->group != NULL ? "group.id" : NULL, request->group },
                                              { NULL, NULL } };
    char brokers[KAFKA_BROKERS_SIZE];
    rd_kafka_conf_t *conf;

    if (!kafka_brokers(request->topic.uri, brokers, request->detail, sizeof(request->detail))) {
        request->outcome = OUTCOME_REJECTED;
        return false;
    }
    conf = kafka_conf(brokers, settings);
    request->rk = rd_kafka_new(request->group != NULL ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, request->detail,
                               sizeof(request->detail));
    if (request->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        request->outcome = OUTCOME_NOT_SENT;
    }
    return request->rk != NULL;
}

/* How many partitions the topic has; 0: it is not there, or nobody answers (then *ret_why says so). */
static uint32_t count_partitions(struct kafka_topic_request *request, const char **ret_why)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(request->rk, request->topic.name, NULL);
    rd_kafka_resp_err_t failure = rd_kafka_metadata(request->rk, 0, rkt, &metadata, step_ms(request));
    uint32_t count = 0;

    *ret_why = rd_kafka_err2str(failure);
    if (failure == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (metadata->topic_cnt == 1) {
            count = (uint32_t)metadata->topics[0].partition_cnt;
            *ret_why = rd_kafka_err2str(metadata->topics[0].err);
        }
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(rkt);
    return count;
}

static void pause_between(void)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

    nanosleep(&pause, NULL); /* on the request's own thread, between questions to a broker that is not ready */
}

static bool wait_for_partitions(struct kafka_topic_request *request)
{
    const char *why = "";

    while (step_ms(request) > 0) {
        request->partitions = count_partitions(request, &why);
        if (request->partitions > 0 && request->partitions <= PARTITIONS_LIMIT)
            return true;
        pause_between();
    }
    return end(request, OUTCOME_NOT_SENT, "Kafka did not describe", why);
}

/* What the broker said to the wish to create it; NO_ERROR also when it was there before. */
static rd_kafka_resp_err_t creation_error(rd_kafka_event_t *event)
{
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics;
    size_t count = 0;
    rd_kafka_resp_err_t failure = rd_kafka_event_error(event);

    if (failure != RD_KAFKA_RESP_ERR_NO_ERROR || result == NULL)
        return failure;
    topics = rd_kafka_CreateTopics_result_topics(result, &count);
    failure = count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__FAIL;
    return failure == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? RD_KAFKA_RESP_ERR_NO_ERROR : failure;
}

static rd_kafka_resp_err_t create_once(struct kafka_topic_request *request)
{
    char why[200];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(request->topic.name, (int)request->topic.partitions,
                              request->topic.replication > 0 ? (int)request->topic.replication : -1, why, sizeof(why));
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(request->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(request->rk);
    rd_kafka_event_t *event;
    rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR__INVALID_ARG;

    if (topic != NULL) {
        rd_kafka_AdminOptions_set_request_timeout(options, STEP_MS, why, sizeof(why));
        rd_kafka_CreateTopics(request->rk, &topic, 1, options, queue);
        event = rd_kafka_queue_poll(queue, 2 * STEP_MS);
        failure = event != NULL ? creation_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (event != NULL)
            rd_kafka_event_destroy(event);
        rd_kafka_NewTopic_destroy(topic);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return failure;
}

static bool is_final(rd_kafka_resp_err_t failure)
{
    return failure == RD_KAFKA_RESP_ERR__INVALID_ARG || failure == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS ||
           failure == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR || failure == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
           failure == RD_KAFKA_RESP_ERR_POLICY_VIOLATION || failure == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

static bool ensure(struct kafka_topic_request *request)
{
    rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR__TIMED_OUT;

    while (step_ms(request) > 0) {
        failure = create_once(request);
        if (failure == RD_KAFKA_RESP_ERR_NO_ERROR)
            return wait_for_partitions(request);
        if (is_final(failure))
            return end(request, OUTCOME_REJECTED, "Kafka refused to create", rd_kafka_err2str(failure));
        pause_between();
    }
    return end(request, OUTCOME_UNKNOWN, "Kafka did not create", rd_kafka_err2str(failure));
}

static bool read_group(struct kafka_topic_request *request)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)request->partitions);
    rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR__TIMED_OUT;

    for (uint32_t i = 0; i < request->partitions; i++)
        (void)rd_kafka_topic_partition_list_add(list, request->topic.name, (int32_t)i);
    while (failure != RD_KAFKA_RESP_ERR_NO_ERROR && step_ms(request) > 0)
        failure = rd_kafka_committed(request->rk, list, step_ms(request));
    for (uint32_t i = 0; failure == RD_KAFKA_RESP_ERR_NO_ERROR && i < request->partitions; i++)
        request->extents[i].group = list->elems[i].offset > 0 ? list->elems[i].offset : 0;
    rd_kafka_topic_partition_list_destroy(list);
    return failure == RD_KAFKA_RESP_ERR_NO_ERROR ||
           end(request, OUTCOME_NOT_SENT, "Kafka did not say how far a group has read", rd_kafka_err2str(failure));
}

static bool read_extents(struct kafka_topic_request *request)
{
    if (!wait_for_partitions(request))
        return false;
    request->extents = calloc(request->partitions, sizeof(*request->extents));
    assert(request->extents != NULL);
    for (uint32_t i = 0; i < request->partitions; i++) {
        struct kafka_extent *extent = &request->extents[i];
        rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR__TIMED_OUT;

        extent->partition = (int32_t)i;
        while (failure != RD_KAFKA_RESP_ERR_NO_ERROR && step_ms(request) > 0)
            failure = rd_kafka_query_watermark_offsets(request->rk, request->topic.name, (int32_t)i, &extent->first,
                                                       &extent->end, step_ms(request));
        if (failure != RD_KAFKA_RESP_ERR_NO_ERROR)
            return end(request, OUTCOME_NOT_SENT, "Kafka did not say where the partitions end of",
                       rd_kafka_err2str(failure));
    }
    return request->group == NULL || read_group(request);
}

/* ------------------------------------------------------------------------------------------------ the request */

static void work(void *context)
{
    struct kafka_topic_request *request = context;

    if (connect_to(request) && (request->is_ensure ? ensure(request) : read_extents(request)))
        request->outcome = OUTCOME_DONE;
    if (request->rk != NULL)
        rd_kafka_destroy(request->rk);
}

static void done(struct actor *me, void *context)
{
    struct kafka_topic_request *request = context;
    const struct kafka_topic_result result = { .outcome = request->outcome,
                                               .detail = request->outcome == OUTCOME_DONE ? "" : request->detail,
                                               .partitions = request->partitions,
                                               .extents = request->extents };

    request->then(me, request->context, &result);
}

static void discard(void *context)
{
    struct kafka_topic_request *request = context;

    free(request->uri);
    free(request->name);
    free(request->group);
    free(request->extents);
    free(request);
}

static struct kafka_topic_request *
start(struct actor *me, const struct kafka_topic *topic, bool is_ensure, kafka_topic_handler *then, void *context)
{
    static const struct offload_task task = { .work = work, .done = done, .discard = discard };
    struct kafka_topic_request *request = calloc(1, sizeof(*request));
    struct offload *offload;

    assert(request != NULL);
    request->topic = *topic;
    request->uri = strdup(topic->uri);
    request->name = strdup(topic->name);
    assert(request->uri != NULL && request->name != NULL);
    request->topic.uri = request->uri;
    request->topic.name = request->name;
    if (topic->group != NULL) {
        request->group = strdup(topic->group);
        assert(request->group != NULL);
    }
    request->is_ensure = is_ensure;
    request->then = then;
    request->context = context;
    request->end_us = now_us() + (topic->deadline_us != 0 ? topic->deadline_us : DEFAULT_DEADLINE_US);
    offload = offload_start(me, &task, request);
    if (offload == NULL) {
        discard(request);
        return NULL;
    }
    request->offload = offload; /* only this thread reads it */
    return request;
}

struct kafka_topic_request *
kafka_topic_ensure(struct actor *me, const struct kafka_topic *topic, kafka_topic_handler *then, void *context)
{
    assert(topic->partitions > 0);
    return start(me, topic, true, then, context);
}

struct kafka_topic_request *
kafka_topic_extents(struct actor *me, const struct kafka_topic *topic, kafka_topic_handler *then, void *context)
{
    return start(me, topic, false, then, context);
}

void kafka_topic_cancel(struct kafka_topic_request **which)
{
    struct kafka_topic_request *request = *which;

    *which = NULL;
    if (request != NULL)
        offload_cancel(&request->offload);
}
