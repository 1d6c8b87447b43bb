/* SPDX-License-Identifier: MIT */
/*
 * kafka: producer and consumer against librdkafka's own mock broker. What matters most: each record ends exactly once
 * with the truth about itself, and whatever the consumer is told to do, no offset is skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "actors/io/kafka_consumer.h"
#include "actors/io/kafka_handle.h"
#include "actors/io/kafka_producer.h"
#include "tests/actor/support/io_stage.h"

enum { PARTITIONS = 3, RECORDS = 900 };

struct fixture {
    struct io_stage stage;
    rd_kafka_t *rk; /* carries the mock broker */
    rd_kafka_mock_cluster_t *cluster;
    char uri[200];
    struct kafka_producer *producer;
    struct kafka_consumer *consumer;
    bool is_inside; /* a call of ours: no handler may come */

    uint32_t outcomes[OUTCOME_UNKNOWN + 1];
    uint32_t reported;
    uint32_t awaited;
    int64_t last_offset[PARTITIONS];

    uint64_t assignment;
    uint32_t assigned;
    uint32_t revoked;
    int64_t next[PARTITIONS]; /* offset that must come next */
    uint32_t received;
    uint32_t pause_every; /* records; 0: never */
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    rd_kafka_conf_t *conf;
    char why[200];

    *state = fixture;
    io_stage_open(&fixture->stage);
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    fixture->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(fixture->rk);
    fixture->cluster = rd_kafka_mock_cluster_new(fixture->rk, 1);
    assert_int_equal(rd_kafka_mock_topic_create(fixture->cluster, "clicks", PARTITIONS, 1), 0);
    snprintf(fixture->uri, sizeof(fixture->uri), "kafka://%s", rd_kafka_mock_cluster_bootstraps(fixture->cluster));
    for (int i = 0; i < PARTITIONS; i++)
        fixture->last_offset[i] = -1;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    kafka_producer_close(&fixture->producer);
    kafka_consumer_close(&fixture->consumer);
    io_stage_close(&fixture->stage);
    rd_kafka_mock_cluster_destroy(fixture->cluster);
    rd_kafka_destroy(fixture->rk);
    free(fixture);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ producing */

static void delivered(struct actor *me, void *context, const struct kafka_delivery *delivery)
{
    struct fixture *fixture = context;

    (void)me;
    assert_false(fixture->is_inside);
    fixture->reported++;
    fixture->outcomes[delivery->outcome]++;
    if (delivery->outcome != OUTCOME_DONE)
        return;
    assert_int_equal(delivery->offset, fixture->last_offset[delivery->partition] + 1); /* in order, no repeats */
    fixture->last_offset[delivery->partition] = delivery->offset;
}

static void open_producer(struct fixture *fixture, struct kafka_producer_options options)
{
    char why[200] = "";

    options.name = "kafka";
    options.uri = fixture->uri;
    options.topic = "clicks";
    fixture->producer = kafka_producer_open(fixture->stage.actor, &options, why, sizeof(why));
    assert_string_equal(why, "");
}

static void produce(struct fixture *fixture, int32_t partition, struct slice value)
{
    const struct kafka_header header = { .name = "epoch", .value = SLICE("7") };
    const struct kafka_record record = {
        .partition = partition, .key = SLICE("key"), .value = value, .headers = &header, .header_count = 1
    };

    fixture->is_inside = true;
    kafka_producer_send(fixture->producer, &record, delivered, fixture);
    fixture->is_inside = false;
}

static bool are_reported(void *context)
{
    const struct fixture *fixture = context;

    return fixture->reported >= fixture->awaited;
}

static void until_reported(struct fixture *fixture, uint32_t count)
{
    fixture->awaited = count;
    io_stage_until(&fixture->stage, are_reported, fixture);
    assert_int_equal(fixture->reported, count);
}

static void fill_topic(struct fixture *fixture)
{
    open_producer(fixture, (struct kafka_producer_options){ 0 });
    for (uint32_t i = 0; i < RECORDS; i++)
        produce(fixture, (int32_t)(i % PARTITIONS), SLICE("value"));
    until_reported(fixture, RECORDS);
    assert_int_equal(fixture->outcomes[OUTCOME_DONE], RECORDS);
    kafka_producer_close(&fixture->producer);
}

static void delivers_in_order(void **state)
{
    struct fixture *fixture = *state;

    fill_topic(fixture);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(fixture->last_offset[i], RECORDS / PARTITIONS - 1);
}

static void keeps_order_through_passing_errors(void **state)
{
    struct fixture *fixture = *state;

    open_producer(fixture, (struct kafka_producer_options){ 0 });
    produce(fixture, 0, SLICE("first"));
    until_reported(fixture, 1);
    rd_kafka_mock_push_request_errors(fixture->cluster, 0 /* Produce */, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR__TRANSPORT);
    for (int i = 0; i < 50; i++)
        produce(fixture, 0, SLICE("again"));
    until_reported(fixture, 51);
    assert_int_equal(fixture->outcomes[OUTCOME_DONE], 51);
    assert_int_equal(fixture->last_offset[0], 50);
}

static void refuses_beyond_its_limits(void **state)
{
    static char large[KAFKA_RECORD_LIMIT + 1];
    struct fixture *fixture = *state;

    open_producer(fixture, (struct kafka_producer_options){ .records_limit = 2, .bytes_limit = 4096 });
    assert_true(kafka_producer_has_room(fixture->producer, 4096));
    assert_false(kafka_producer_has_room(fixture->producer, 4097));
    produce(fixture, 0, (struct slice){ .at = large, .size = sizeof(large) });
    produce(fixture, -1, SLICE("no partition"));
    produce(fixture, 0, (struct slice){ .at = large, .size = 4096 });
    produce(fixture, 0, SLICE("a"));
    produce(fixture, 0, SLICE("b"));
    assert_false(kafka_producer_has_room(fixture->producer, 1));
    produce(fixture, 0, SLICE("c"));
    until_reported(fixture, 6);
    assert_int_equal(fixture->outcomes[OUTCOME_REJECTED], 2);
    assert_int_equal(fixture->outcomes[OUTCOME_OVERLOADED], 2);
    assert_int_equal(fixture->outcomes[OUTCOME_DONE], 2);
    assert_int_equal(kafka_producer_under_way(fixture->producer), 0);
}

static void gives_a_record_up_while_the_broker_is_away(void **state)
{
    struct fixture *fixture = *state;

    open_producer(fixture, (struct kafka_producer_options){ .delivery_limit_us = 1000 * 1000 });
    produce(fixture, 0, SLICE("a"));
    until_reported(fixture, 1);
    rd_kafka_mock_broker_set_down(fixture->cluster, 1);
    produce(fixture, 0, SLICE("b"));
    until_reported(fixture, 2);
    assert_int_equal(fixture->outcomes[OUTCOME_DONE], 1);
    assert_int_equal(fixture->outcomes[OUTCOME_NOT_SENT], 1);
    produce(fixture, 0, SLICE("c")); /* the breaker is open: at once */
    until_reported(fixture, 3);
    assert_int_equal(fixture->outcomes[OUTCOME_NOT_SENT], 2);
}

/* ------------------------------------------------------------------------------------------------ consuming */

static void assigned(struct actor *me, void *context, uint64_t assignment, const int32_t *partitions, uint32_t count)
{
    struct fixture *fixture = context;

    (void)me;
    (void)partitions;
    assert_int_equal(count, PARTITIONS);
    fixture->assignment = assignment;
    fixture->assigned++;
}

static void revoked(struct actor *me, void *context)
{
    struct fixture *fixture = context;

    (void)me;
    fixture->revoked++;
    fixture->assignment = 0;
}

static void came(struct actor *me, void *context, const struct kafka_message *messages, uint32_t count)
{
    struct fixture *fixture = context;

    (void)me;
    assert_false(fixture->is_inside);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(messages[i].offset, fixture->next[messages[i].partition]);
        assert_true(slice_is(messages[i].key, "key") && slice_is(messages[i].value, "value"));
        fixture->next[messages[i].partition]++;
    }
    if (fixture->pause_every > 0 &&
        fixture->received / fixture->pause_every != (fixture->received + count) / fixture->pause_every)
        kafka_consumer_pause(fixture->consumer);
    fixture->received += count;
}

static void open_consumer(struct fixture *fixture, const char *group)
{
    char why[200] = "";

    fixture->consumer = kafka_consumer_open(fixture->stage.actor,
                                            &(struct kafka_consumer_options){ .name = "kafka",
                                                                              .uri = fixture->uri,
                                                                              .topic = "clicks",
                                                                              .group = group,
                                                                              .on_assigned = assigned,
                                                                              .on_revoked = revoked,
                                                                              .on_messages = came,
                                                                              .context = fixture },
                                            why, sizeof(why));
    assert_string_equal(why, "");
}

static void start_at(struct fixture *fixture, int64_t offset)
{
    struct kafka_position positions[PARTITIONS];

    for (int i = 0; i < PARTITIONS; i++) {
        positions[i] = (struct kafka_position){ .partition = i, .offset = offset };
        fixture->next[i] = offset;
    }
    fixture->received = 0;
    assert_true(kafka_consumer_start(fixture->consumer, fixture->assignment, positions, PARTITIONS));
}

static bool is_assigned(void *context)
{
    return ((const struct fixture *)context)->assignment != 0;
}

static bool have_come(void *context)
{
    const struct fixture *fixture = context;

    if (fixture->pause_every > 0)
        kafka_consumer_resume(fixture->consumer);
    return fixture->received >= fixture->awaited;
}

static void until_received(struct fixture *fixture, uint32_t count)
{
    fixture->awaited = count;
    io_stage_until(&fixture->stage, have_come, fixture);
}

static void reads_from_where_it_is_told(void **state)
{
    struct fixture *fixture = *state;

    fill_topic(fixture);
    open_consumer(fixture, "sinks");
    io_stage_until(&fixture->stage, is_assigned, fixture);
    start_at(fixture, 100);
    until_received(fixture, RECORDS - PARTITIONS * 100);
    assert_int_equal(fixture->received, RECORDS - PARTITIONS * 100);
    assert_int_equal(fixture->assigned, 1);
}

static void skips_nothing_when_paused_and_sent_back(void **state)
{
    struct fixture *fixture = *state;

    fill_topic(fixture);
    open_consumer(fixture, "sinks");
    io_stage_until(&fixture->stage, is_assigned, fixture);
    for (uint32_t round = 0; round < 12; round++) {
        fixture->pause_every = round % 3 == 0 ? 0 : 40 * round;
        start_at(fixture, round % 2 == 0 ? 0 : 10 * round);
        until_received(fixture, 50 + 30 * round);
    }
    fixture->pause_every = 0;
    start_at(fixture, 0);
    until_received(fixture, RECORDS);
    assert_int_equal(fixture->received, RECORDS);
}

static void ignores_answers_to_an_assignment_that_is_over(void **state)
{
    struct fixture *fixture = *state;
    const struct kafka_position position = { .partition = 0, .offset = 0 };

    open_consumer(fixture, "sinks");
    assert_false(kafka_consumer_start(fixture->consumer, 0, &position, 1));
    assert_false(kafka_consumer_start(fixture->consumer, 1, &position, 1));
    io_stage_until(&fixture->stage, is_assigned, fixture);
    assert_false(kafka_consumer_start(fixture->consumer, fixture->assignment + 1, &position, 1));
    assert_true(kafka_consumer_start(fixture->consumer, fixture->assignment, &position, 1));
}

static void reads_without_a_group(void **state)
{
    struct fixture *fixture = *state;
    const struct kafka_position position = { .partition = 1, .offset = 250 };

    fill_topic(fixture);
    open_consumer(fixture, NULL);
    fixture->next[1] = 250;
    assert_true(kafka_consumer_start(fixture->consumer, 0, &position, 1));
    until_received(fixture, RECORDS / PARTITIONS - 250);
    assert_int_equal(fixture->received, RECORDS / PARTITIONS - 250);
}

/* ------------------------------------------------------------------------------------------------ the small things */

static void makes_the_list_of_brokers(void **state)
{
    char brokers[KAFKA_BROKERS_SIZE];
    char why[200] = "";

    (void)state;
    assert_true(kafka_brokers("kafka://a,[::1]:7,b:8", brokers, why, sizeof(why)));
    assert_string_equal(brokers, "a:9092,[::1]:7,b:8");
    assert_false(kafka_brokers("redis://a", brokers, why, sizeof(why)));
    assert_non_null(strstr(why, "kafka://"));
}

static void reads_the_state_of_brokers(void **state)
{
    (void)state;
    assert_true(kafka_statistics_say_up("{\"brokers\":{\"a\":{\"state\":\"DOWN\"},\"b\":{\"state\":\"UP\"}}}"));
    assert_false(kafka_statistics_say_up("{\"brokers\":{\"a\":{\"state\":\"DOWN\"}},\"cgrp\":{\"state\":\"up\"}}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivers_in_order),
        TEST(keeps_order_through_passing_errors),
        TEST(refuses_beyond_its_limits),
        TEST(gives_a_record_up_while_the_broker_is_away),
        TEST(reads_from_where_it_is_told),
        TEST(skips_nothing_when_paused_and_sent_back),
        TEST(ignores_answers_to_an_assignment_that_is_over),
        TEST(reads_without_a_group),
        cmocka_unit_test(makes_the_list_of_brokers),
        cmocka_unit_test(reads_the_state_of_brokers),
    };

#ifdef __SANITIZE_THREAD__
    print_message("Not under ThreadSanitizer: librdkafka is not instrumented, and its locks are unknown to it.\n");
    return 0;
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
