/* SPDX-License-Identifier: MIT */
/*
 * sim_database -- what Postgres holds of the clicks, and a sink that fills it from sim_kafka's logs by the real
 * ingestion logic: transactions that commit, do not, or do without anybody hearing of it; restarts at any moment.
 */
#ifndef TESTS_SIM_CLICKS_SIM_DATABASE_H
#define TESTS_SIM_CLICKS_SIM_DATABASE_H

#include "actors/clicks/ingestion.h"
#include "tests/sim/clicks/sim_kafka.h"

enum { SIM_EPOCHS = 128, SIM_FIRST_EPOCH = 100, SIM_CODES = 5, SIM_HOLES = 64 };

static const char *const sim_codes[SIM_CODES] = { "a", "bb", "ccc", "dddd", "eeeee" };

struct sim_lane {
    uint64_t mark;
    struct seq_range holes[SIM_HOLES];
    uint32_t hole_count;
};

static struct sim_database {
    uint64_t clicks[SIM_CODES];
    struct sim_lane lanes[SIM_EPOCHS][SIM_PARTITIONS];
    int64_t offsets[SIM_PARTITIONS];
    bool is_drained[SIM_EPOCHS];
} database;

static struct sim_sink {
    struct ingestion *ingestion;
    int64_t next[SIM_PARTITIONS];
} sink;

static struct sim_lane *sim_lane_of(uint64_t epoch, uint64_t lane)
{
    assert(epoch >= SIM_FIRST_EPOCH && epoch < SIM_FIRST_EPOCH + SIM_EPOCHS && lane < SIM_PARTITIONS);
    return &database.lanes[epoch - SIM_FIRST_EPOCH][lane];
}

/* Forgets everything and reads what the database says. */
static void sim_sink_restart(void)
{
    if (sink.ingestion == NULL)
        sink.ingestion = ingestion_new();
    ingestion_reset(sink.ingestion);
    for (uint32_t partition = 0; partition < SIM_PARTITIONS; partition++) {
        ingestion_assign(sink.ingestion, partition, database.offsets[partition]);
        sink.next[partition] = database.offsets[partition];
        for (uint64_t epoch = 0; epoch < SIM_EPOCHS; epoch++) {
            const struct sim_lane *lane = &database.lanes[epoch][partition];

            if (lane->mark > 0)
                ingestion_know_mark(sink.ingestion, SIM_FIRST_EPOCH + epoch, partition, lane->mark);
            for (uint32_t i = 0; i < lane->hole_count; i++)
                ingestion_know_hole(sink.ingestion, SIM_FIRST_EPOCH + epoch, partition, lane->holes[i]);
        }
    }
}

static void sim_sink_read(uint32_t most)
{
    for (uint32_t partition = 0; partition < SIM_PARTITIONS; partition++) {
        for (uint32_t i = 0; i < most && sink.next[partition] < kafka.count[partition]; i++) {
            const struct sim_record *record = sim_kafka_read(partition, sink.next[partition]);
            enum ingestion_verdict verdict =
                ingestion_take(sink.ingestion, &(struct ingestion_record){ .partition = partition,
                                                                           .offset = sink.next[partition]++,
                                                                           .key = record->key,
                                                                           .value = record->value });

            assert(verdict == INGESTION_TAKEN || verdict == INGESTION_REPEAT);
        }
    }
}

static void sim_commit(const struct ingestion_flush *flush)
{
    for (uint32_t code = 0; code < SIM_CODES; code++)
        database.clicks[code] += code_counts_of(&flush->counts, slice_of(sim_codes[code]));
    for (uint32_t i = 0; i < flush->mark_count; i++)
        sim_lane_of(flush->marks[i].epoch, flush->marks[i].lane)->mark = flush->marks[i].to;
    for (uint32_t i = 0; i < flush->hole_lane_count; i++) {
        const struct ingestion_lane_holes *holes = &flush->hole_lanes[i];
        struct sim_lane *lane = sim_lane_of(holes->epoch, holes->lane);

        assert(holes->hole_count <= SIM_HOLES);
        if (holes->hole_count > 0)
            memcpy(lane->holes, &flush->holes[holes->first_hole], holes->hole_count * sizeof lane->holes[0]);
        lane->hole_count = holes->hole_count;
    }
    for (uint32_t i = 0; i < flush->offset_count; i++)
        database.offsets[flush->offsets[i].partition] = flush->offsets[i].to;
}

enum sim_end { SIM_COMMITTED, SIM_ROLLED_BACK, SIM_COMMITTED_UNHEARD };

static void sim_sink_flush(enum sim_end end)
{
    struct ingestion_flush flush;

    ingestion_flush_take(sink.ingestion, &flush);
    if (end != SIM_ROLLED_BACK)
        sim_commit(&flush);
    ingestion_flush_free(&flush);
    if (end != SIM_COMMITTED)
        sim_sink_restart();
}

#endif
