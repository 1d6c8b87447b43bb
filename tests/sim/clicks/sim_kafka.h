/* SPDX-License-Identifier: MIT */
/*
 * sim_kafka -- the producer adapter for tests in virtual time: a log per partition, and ways to fail. Included by one
 * test file, whose definitions take the place of the adapter's.
 *
 * Two records may change places as long as nobody has read either. Kafka does not do that and the bridge sends a lane's
 * runs one after the other, but a topic that was copied or restored may be so: its clicks come late, and still count.
 */
#ifndef TESTS_SIM_CLICKS_SIM_KAFKA_H
#define TESTS_SIM_CLICKS_SIM_KAFKA_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/kafka_producer.h"
#include "runtime/actor.h"

enum { SIM_PARTITIONS = 2, SIM_LOG_LIMIT = 8192, SIM_KAFKA_DELAY_US = 5000 };

struct sim_record {
    struct slice key;   /* owned */
    struct slice value; /* owned */
};

static struct sim_kafka {
    struct sim_record log[SIM_PARTITIONS][SIM_LOG_LIMIT];
    uint32_t count[SIM_PARTITIONS];
    uint32_t read[SIM_PARTITIONS]; /* so many have been read by somebody */
    bool is_down;                  /* records wait, and fail when their time is over */
    unsigned fails;                /* so many percent of the records are not delivered */
    unsigned loses;                /* so many percent are, but the answer is lost */
    unsigned swaps;                /* so many percent change places with the one before */
    unsigned seed;
} kafka;

struct sim_sending { /* a record under way */
    struct sim_record record;
    int32_t partition;
    uint64_t until_us;
    kafka_delivery_handler *then;
    void *context;
    struct sim_sending *next;
};

struct kafka_producer {
    struct actor *me;
    struct sim_sending *first;
    struct sim_sending *last;
    uint64_t timer;
    uint64_t limit_us;
    uint32_t under_way;
};

static struct slice sim_copy(struct slice bytes)
{
    char *copy = malloc(bytes.size + 1);

    memcpy(copy, bytes.at, bytes.size);
    return (struct slice){ copy, bytes.size };
}

static void sim_free_record(struct sim_record *record)
{
    free((char *)(uintptr_t)record->key.at);
    free((char *)(uintptr_t)record->value.at);
}

static void sim_kafka_clear(void)
{
    for (int partition = 0; partition < SIM_PARTITIONS; partition++) {
        kafka.read[partition] = 0;
        while (kafka.count[partition] > 0)
            sim_free_record(&kafka.log[partition][--kafka.count[partition]]);
    }
}

/* The record at this place is about to be read. */
static const struct sim_record *sim_kafka_read(uint32_t partition, int64_t place)
{
    if (place >= kafka.read[partition])
        kafka.read[partition] = (uint32_t)place + 1;
    return &kafka.log[partition][place];
}

static void sim_append(int32_t partition, struct sim_record record)
{
    struct sim_record *log = kafka.log[partition];
    uint32_t place = kafka.count[partition]++;

    assert(place < SIM_LOG_LIMIT);
    if (place > kafka.read[partition] && (unsigned)rand_r(&kafka.seed) % 100 < kafka.swaps) {
        log[place] = log[place - 1];
        place--;
    }
    log[place] = record;
}

/* Decides what becomes of one record. */
static enum outcome sim_store(struct sim_sending *sending)
{
    unsigned chance = (unsigned)rand_r(&kafka.seed) % 100;

    if (chance < kafka.fails || kafka.is_down) {
        sim_free_record(&sending->record);
        return OUTCOME_NOT_SENT;
    }
    sim_append(sending->partition, sending->record);
    return chance < kafka.fails + kafka.loses ? OUTCOME_UNKNOWN : OUTCOME_DONE;
}

static void sim_deliver(struct actor *me, void *context)
{
    struct kafka_producer *producer = context;
    struct sim_sending *sending = producer->first;

    producer->timer = 0;
    while (sending != NULL && (!kafka.is_down || actor_now_us(me) >= sending->until_us)) {
        struct kafka_delivery delivery = { .detail = "simulated", .partition = sending->partition };

        producer->first = sending->next;
        if (producer->first == NULL)
            producer->last = NULL;
        producer->under_way--;
        delivery.outcome = sim_store(sending);
        if (sending->then != NULL)
            sending->then(me, sending->context, &delivery);
        free(sending);
        sending = producer->first;
    }
    if (producer->first != NULL && producer->timer == 0)
        producer->timer = actor_after(me, 50000, sim_deliver, producer);
}

struct kafka_producer *
kafka_producer_open(struct actor *me, const struct kafka_producer_options *options, char *why, size_t room)
{
    struct kafka_producer *producer = calloc(1, sizeof *producer);

    (void)why;
    (void)room;
    producer->me = me;
    producer->limit_us = options->delivery_limit_us;
    return producer;
}

void kafka_producer_close(struct kafka_producer **producer)
{
    if (*producer == NULL)
        return;
    actor_cancel_timer((*producer)->me, &(*producer)->timer);
    while ((*producer)->first != NULL) {
        struct sim_sending *sending = (*producer)->first;

        (*producer)->first = sending->next;
        sim_free_record(&sending->record);
        free(sending);
    }
    free(*producer);
    *producer = NULL;
}

void kafka_producer_send(struct kafka_producer *producer,
                         const struct kafka_record *record,
                         kafka_delivery_handler *then,
                         void *context)
{
    struct sim_sending *sending = calloc(1, sizeof *sending);

    assert(record->partition >= 0 && record->partition < SIM_PARTITIONS);
    *sending = (struct sim_sending){ .record = { sim_copy(record->key), sim_copy(record->value) },
                                     .partition = record->partition,
                                     .until_us = actor_now_us(producer->me) + producer->limit_us,
                                     .then = then,
                                     .context = context };
    if (producer->last != NULL)
        producer->last->next = sending;
    else
        producer->first = sending;
    producer->last = sending;
    producer->under_way++;
    if (producer->timer == 0)
        producer->timer = actor_after(producer->me, SIM_KAFKA_DELAY_US, sim_deliver, producer);
}

bool kafka_producer_has_room(const struct kafka_producer *producer, size_t bytes)
{
    (void)bytes;
    return producer->under_way < 1000;
}

bool kafka_producer_is_away(const struct kafka_producer *producer)
{
    (void)producer;
    return false;
}

uint32_t kafka_producer_under_way(const struct kafka_producer *producer)
{
    return producer->under_way;
}

#endif
