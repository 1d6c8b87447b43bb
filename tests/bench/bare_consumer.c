/* SPDX-License-Identifier: MIT */
/*
 * bare_consumer -- what ingestion is compared with: librdkafka reading a topic from its beginning to its present end,
 * and throwing it away. How many clicks were in it is counted in a second pass, which is not measured.
 *
 * usage: bare_consumer BROKERS TOPIC     prints one line of JSON
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <librdkafka/rdkafka.h>

#include "actors/clicks/click_run.h"

enum { PARTITIONS_LIMIT = 1024, BATCH = 1024, WAIT_MS = 1000, LIMIT_S = 60 };

struct pass {
    uint64_t records, bytes, clicks;
    double cpu_s;
};

static double cpu_s(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static uint64_t clicks_in(const rd_kafka_message_t *message)
{
    struct slice value = { message->payload, message->len };
    struct slice batch;
    uint64_t clicks = 0;

    while (click_run_next(&value, &batch)) {
        struct batch_reader reader;

        if (batch_open(&reader, batch))
            clicks += reader.span.count;
    }
    return clicks;
}

/* All partitions from their beginnings; *ret_left is how many records there are. */
static void assign(rd_kafka_t *consumer, const char *topic, uint64_t *ret_left)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS_LIMIT);
    rd_kafka_resp_err_t error = rd_kafka_metadata(consumer, 0, handle, &metadata, LIMIT_S * 1000);

    assert(error == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1);
    *ret_left = 0;
    for (int32_t i = 0; i < metadata->topics[0].partition_cnt; i++) {
        int64_t first, end;

        error = rd_kafka_query_watermark_offsets(consumer, topic, i, &first, &end, LIMIT_S * 1000);
        assert(error == RD_KAFKA_RESP_ERR_NO_ERROR);
        *ret_left += (uint64_t)(end - first);
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    error = rd_kafka_assign(consumer, list);
    assert(error == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
}

static struct pass read_all(const char *brokers, const char *topic, bool count_clicks)
{
    static rd_kafka_message_t *messages[BATCH];
    struct pass pass = { 0 };
    char why[512];
    uint64_t left;
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();

    rd_kafka_conf_set(configuration, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(configuration, "group.id", "bare-consumer", why, sizeof why);
    rd_kafka_conf_set(configuration, "enable.auto.commit", "false", why, sizeof why);

    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, configuration, why, sizeof why);

    assert(consumer != NULL);
    rd_kafka_poll_set_consumer(consumer);
    assign(consumer, topic, &left);

    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    double start_s = cpu_s();

    while (pass.records < left) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, WAIT_MS, messages, BATCH);

        assert(count >= 0);
        for (ssize_t i = 0; i < count; i++) {
            pass.records += messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
            pass.bytes += messages[i]->len;
            pass.clicks += count_clicks ? clicks_in(messages[i]) : 0;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    pass.cpu_s = cpu_s() - start_s;
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return pass;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bare_consumer BROKERS TOPIC\n");
        return 2;
    }

    struct pass bare = read_all(argv[1], argv[2], false);
    struct pass counted = read_all(argv[1], argv[2], true);

    printf("{\"records\": %ju, \"bytes\": %ju, \"clicks\": %ju, \"cpu_s\": %.6f}\n", (uintmax_t)bare.records,
           (uintmax_t)bare.bytes, (uintmax_t)counted.clicks, bare.cpu_s);
    return 0;
}
