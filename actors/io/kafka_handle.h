/* SPDX-License-Identifier: MIT */
/*
 * kafka_handle -- what the producer and the consumer share: one librdkafka handle whose events come into the actor's
 * loop, and whose end does not hold the actor up.
 */
#ifndef ACTORS_IO_KAFKA_HANDLE_H
#define ACTORS_IO_KAFKA_HANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "runtime/actor.h"

enum {
    KAFKA_BROKERS_SIZE = 4096, /* of the list host:port,host:port with its end */
    KAFKA_PAUSE_MIN_US = 100 * 1000,
    KAFKA_PAUSE_MAX_US = 1000 * 1000
};

struct kafka_handle;

/* Takes events from the handle's queue, a bounded number; true when there may be more. */
typedef bool kafka_serve(void *owner, struct kafka_handle *handle);

struct kafka_handle {
    struct actor *me;
    void *owner; /* NULL once it is being taken down: then callbacks do nothing */
    kafka_serve *serve;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int wake_fd; /* an eventfd that librdkafka's threads write to */
    struct watch *watch;
};

/* From kafka://host:port,host:port to librdkafka's list. False with a sentence in `why`. */
bool kafka_brokers(const char *uri, char brokers[KAFKA_BROKERS_SIZE], char *why, size_t room);

struct kafka_setting {
    const char *name;
    const char *value;
};
/* A configuration with what all of ours have in common and `settings`, NULL name at the end. They are ours, so one that
 * librdkafka does not know is an assertion failure. */
rd_kafka_conf_t *kafka_conf(const char *brokers, const struct kafka_setting *settings);

/* Makes the handle, taking `conf`. NULL with a sentence in `why`, for want of threads or memory. The caller watches it
 * with kafka_handle_watch once it has chosen its queue. */
struct kafka_handle *kafka_handle_create(struct actor *me,
                                         rd_kafka_type_t type,
                                         rd_kafka_conf_t *conf,
                                         void *owner,
                                         kafka_serve *serve,
                                         char *why,
                                         size_t room);
/* Brings the events of `queue` (taken) into the loop. False when the kernel refuses. */
bool kafka_handle_watch(struct kafka_handle *handle, rd_kafka_queue_t *queue);
/* Takes it down on a thread of its own; no event comes any more. Accepts NULL in *which; sets it to NULL. */
void kafka_handle_destroy(struct kafka_handle **which);

struct kafka_position;
struct kafka_lag;
/* How far a consumer that stands there is behind, from what its handle has heard; does not ask. False: not known. */
bool kafka_lag_of(const struct kafka_handle *handle,
                  const char *topic,
                  const struct kafka_position *position,
                  struct kafka_lag *ret_lag);

/* Whether librdkafka's statistics say that some broker is connected. They come once a second. */
bool kafka_statistics_say_up(const char *json);

#endif
