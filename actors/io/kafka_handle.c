/* SPDX-License-Identifier: MIT */
/* kafka_handle -- see kafka_handle.h. */
#include "actors/io/kafka_handle.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "actors/io/kafka_consumer.h"
#include "actors/io/offload.h"
#include "actors/io/uri.h"

enum { KAFKA_PORT = 9092 };

bool kafka_brokers(const char *text, char brokers[KAFKA_BROKERS_SIZE], char *why, size_t room)
{
    struct uri uri;
    size_t size = 0;

    if (!uri_parse(text, KAFKA_PORT, &uri, why, room))
        return false;
    if (strcmp(uri.scheme, "kafka") != 0) {
        snprintf(why, room, "the address of Kafka begins with %s://; expected kafka://", uri.scheme);
        return false;
    }
    for (uint32_t i = 0; i < uri.host_count; i++) {
        bool is_v6 = strchr(uri.hosts[i].name, ':') != NULL;

        size += (size_t)snprintf(brokers + size, KAFKA_BROKERS_SIZE - size, "%s%s%s%s:%u", i > 0 ? "," : "",
                                 is_v6 ? "[" : "", uri.hosts[i].name, is_v6 ? "]" : "", uri.hosts[i].port);
        if (size >= KAFKA_BROKERS_SIZE) {
            snprintf(why, room, "the address of Kafka is longer than %d bytes", KAFKA_BROKERS_SIZE);
            return false;
        }
    }
    return true;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "librdkafka refuses %s = %s: %s\n", name, value, why);
        assert(!"a setting of ours is wrong");
    }
}

rd_kafka_conf_t *kafka_conf(const char *brokers, const struct kafka_setting *settings)
{
    static const struct kafka_setting common[] = {
        { "socket.nagle.disable", "true" },
        { "socket.keepalive.enable", "true" },
        { "socket.timeout.ms", "10000" },
        { "socket.connection.setup.timeout.ms", "5000" },
        { "reconnect.backoff.ms", "50" },
        { "reconnect.backoff.max.ms", "1000" },            /* back within a second or two, whatever happens */
        { "topic.metadata.refresh.interval.ms", "10000" }, /* a topic made after us is found within that time */
        { "allow.auto.create.topics", "false" },
        { "statistics.interval.ms", "1000" }, /* is a broker connected? also one poll a second, whatever happens */
        { "log_level", "3" },
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    set(conf, "bootstrap.servers", brokers);
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        set(conf, common[i].name, common[i].value);
    for (; settings->name != NULL; settings++)
        set(conf, settings->name, settings->value);
    rd_kafka_conf_set_log_cb(conf, NULL); /* its threads may not log for us; errors come as events */
    return conf;
}

struct kafka_handle *kafka_handle_create(struct actor *me,
                                         rd_kafka_type_t type,
                                         rd_kafka_conf_t *conf,
                                         void *owner,
                                         kafka_serve *serve,
                                         char *why,
                                         size_t room)
{
    struct kafka_handle *handle = calloc(1, sizeof(*handle));

    assert(handle != NULL);
    handle->me = me;
    handle->owner = owner;
    handle->serve = serve;
    handle->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rd_kafka_conf_set_opaque(conf, handle);
    if (handle->wake_fd >= 0)
        handle->rk = rd_kafka_new(type, conf, why, room);
    else
        snprintf(why, room, "there is no file descriptor left");
    if (handle->rk != NULL)
        return handle;
    rd_kafka_conf_destroy(conf);
    if (handle->wake_fd >= 0)
        close(handle->wake_fd);
    free(handle);
    return NULL;
}

static void wake(const struct kafka_handle *handle)
{
    uint64_t one = 1;
    ssize_t written = write(handle->wake_fd, &one, sizeof(one));

    (void)written; /* it fails only when it is readable already */
}

/* librdkafka wakes us only when the queue was empty before, so what is left over must wake us again. */
static void readable(struct actor *me, void *context, int fd, unsigned events)
{
    struct kafka_handle *handle = context;
    uint64_t count;
    ssize_t size = read(fd, &count, sizeof(count));

    (void)me;
    (void)events;
    (void)size; /* nothing there is no harm */
    if (handle->serve(handle->owner, handle))
        wake(handle);
}

bool kafka_handle_watch(struct kafka_handle *handle, rd_kafka_queue_t *queue)
{
    static const uint64_t one = 1;

    handle->queue = queue;
    handle->watch = actor_watch(handle->me, handle->wake_fd, WATCH_READ, readable, handle);
    if (handle->watch == NULL)
        return false;
    rd_kafka_queue_io_event_enable(queue, handle->wake_fd, &one, sizeof(one));
    wake(handle); /* for what came before */
    return true;
}

static void take_down(void *context)
{
    struct kafka_handle *handle = context;

    if (rd_kafka_type(handle->rk) == RD_KAFKA_CONSUMER)
        rd_kafka_consumer_close(handle->rk); /* so that others get the partitions at once */
    else
        rd_kafka_purge(handle->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    if (handle->queue != NULL) {
        rd_kafka_queue_io_event_enable(handle->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(handle->queue);
    }
    rd_kafka_destroy(handle->rk);
    close(handle->wake_fd);
}

void kafka_handle_destroy(struct kafka_handle **which)
{
    static const struct offload_task task = { .work = take_down, .discard = free };
    struct kafka_handle *handle = *which;

    *which = NULL;
    if (handle == NULL)
        return;
    actor_unwatch(handle->me, &handle->watch);
    handle->owner = NULL;
    offload_forget(&task, handle);
}

bool kafka_lag_of(const struct kafka_handle *handle,
                  const char *topic,
                  const struct kafka_position *position,
                  struct kafka_lag *ret_lag)
{
    int64_t first;
    int64_t end;

    if (position->offset < 0 ||
        rd_kafka_get_watermark_offsets(handle->rk, topic, position->partition, &first, &end) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        end < 0)
        return false;
    ret_lag->partition = position->partition;
    ret_lag->records = end > position->offset ? end - position->offset : 0;
    return true;
}

/* A broker's state is written in capitals, all others are not: STATISTICS.md of librdkafka. */
bool kafka_statistics_say_up(const char *json)
{
    return strstr(json, "\"state\":\"UP\"") != NULL;
}
