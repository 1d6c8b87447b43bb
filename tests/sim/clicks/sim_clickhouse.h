/* SPDX-License-Identifier: MIT */
/*
 * sim_clickhouse -- the table of clicks, and a sink that fills it from sim_kafka's logs by the real click_rows: inserts
 * that happen, do not, or do without anybody hearing of it; a consumer group whose offsets may lag; restarts.
 */
#ifndef TESTS_SIM_CLICKS_SIM_CLICKHOUSE_H
#define TESTS_SIM_CLICKS_SIM_CLICKHOUSE_H

#include "actors/clicks/click_rows.h"
#include "tests/sim/clicks/sim_identities.h"

static struct sim_clickhouse {
    uint8_t table[SIM_EPOCHS][SIM_PARTITIONS][SIM_SEQS + 1]; /* 1 + index of the code, 0: no row */
    int64_t offsets[SIM_PARTITIONS];                         /* the group's */
    int64_t next[SIM_PARTITIONS];
    struct click_rows *rows;
    struct rowbinary block;
} clickhouse;

/* Another worker, or the same one after a rebalance. */
static void sim_clickhouse_restart(void)
{
    if (clickhouse.rows == NULL)
        clickhouse.rows = click_rows_new();
    click_rows_reset(clickhouse.rows);
    memcpy(clickhouse.next, clickhouse.offsets, sizeof clickhouse.next);
}

static void sim_clickhouse_clear(void)
{
    memset(clickhouse.table, 0, sizeof clickhouse.table);
    memset(clickhouse.offsets, 0, sizeof clickhouse.offsets);
    sim_clickhouse_restart();
}

static void sim_clickhouse_free(void)
{
    click_rows_destroy(&clickhouse.rows);
    rowbinary_destroy(&clickhouse.block);
}

static void sim_clickhouse_read(uint32_t most)
{
    for (int32_t partition = 0; partition < SIM_PARTITIONS; partition++) {
        for (uint32_t i = 0; i < most && clickhouse.next[partition] < kafka.count[partition]; i++) {
            const struct sim_record *record = sim_kafka_read((uint32_t)partition, clickhouse.next[partition]);

            assert_true(
                click_rows_take(clickhouse.rows, partition, clickhouse.next[partition]++, record->key, record->value));
        }
    }
}

/* Answers as the server would: the lane's highest seq, and how many it has from the first on that waits. */
static void sim_clickhouse_tell(void)
{
    struct click_lane lanes[CLICK_ROWS_LANES_PER_QUESTION];
    uint32_t count = click_rows_unknown_lanes(clickhouse.rows, lanes);

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *seqs = clickhouse.table[lanes[i].epoch - SIM_FIRST_EPOCH][lanes[i].lane];
        uint64_t highest = 0;
        uint64_t there = 0;

        for (uint64_t seq = 1; seq <= SIM_SEQS; seq++) {
            if (seqs[seq] != 0) {
                highest = seq;
                there += seq >= lanes[i].first_seq;
            }
        }
        click_rows_know(clickhouse.rows, &lanes[i], highest, there);
    }
}

static void sim_clickhouse_apply(void)
{
    struct slice rows = rowbinary_slice(&clickhouse.block);

    while (rows.size > 0) {
        struct slice code;
        struct slice text;
        uint32_t time;
        uint64_t epoch;
        uint16_t lane;
        uint64_t seq;
        uint8_t is_bot;
        uint8_t *row;

        assert_true(rowbinary_take_text(&rows, &code) && rowbinary_take_u32(&rows, &time) &&
                    rowbinary_take_u32(&rows, &time) && rowbinary_take_u64(&rows, &epoch) &&
                    rowbinary_take_u16(&rows, &lane) && rowbinary_take_u64(&rows, &seq) &&
                    rowbinary_take_text(&rows, &text) && rowbinary_take_text(&rows, &text) &&
                    rowbinary_take_text(&rows, &text) && rowbinary_take_u8(&rows, &is_bot));
        row = &clickhouse.table[epoch - SIM_FIRST_EPOCH][lane][seq];
        for (uint8_t i = 0; i < SIM_CODES; i++) {
            if (slice_is(code, sim_codes[i]))
                *row = (uint8_t)(i + 1);
        }
    }
}

static void sim_clickhouse_insert(enum sim_end end, uint32_t limit)
{
    struct click_offset offsets[SIM_PARTITIONS];
    uint32_t rows;
    uint32_t records;
    uint32_t count;

    sim_clickhouse_tell();
    rowbinary_clear(&clickhouse.block);
    records = click_rows_build(clickhouse.rows, limit, &clickhouse.block, &rows);
    if (end != SIM_ROLLED_BACK)
        sim_clickhouse_apply();
    if (end != SIM_COMMITTED) {
        click_rows_doubt(clickhouse.rows);
        return;
    }
    count = click_rows_done(clickhouse.rows, records, offsets, SIM_PARTITIONS);
    for (uint32_t i = 0; i < count; i++)
        clickhouse.offsets[offsets[i].partition] = offsets[i].next;
}

#endif
