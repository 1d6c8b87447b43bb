/* SPDX-License-Identifier: MIT */
/* sim_recount -- the reconciler's arithmetic over the simulated topic and databases: nothing may be off. */
#ifndef TESTS_SIM_CLICKS_SIM_RECOUNT_H
#define TESTS_SIM_CLICKS_SIM_RECOUNT_H

#include "actors/clicks/recount.h"
#include "tests/sim/clicks/sim_clickhouse.h"

/* What the reconciler would find: the topic, read again, against what both databases have. */
static void sim_recount_agrees(uint64_t next_epoch)
{
    struct recount recount = { 0 };
    uint64_t rows[SIM_CODES] = { 0 };

    for (uint64_t epoch = SIM_FIRST_EPOCH; epoch < next_epoch; epoch++) {
        for (uint32_t lane = 0; lane < SIM_PARTITIONS; lane++) {
            uint64_t highest = 0;

            for (uint64_t seq = 1; seq <= SIM_SEQS; seq++) {
                uint8_t code = clickhouse.table[epoch - SIM_FIRST_EPOCH][lane][seq];

                assert_int_equal(code, in_kafka[epoch - SIM_FIRST_EPOCH][lane][seq]);
                highest = code != 0 ? seq : highest;
                if (code != 0)
                    rows[code - 1]++;
            }
            recount_cut(&recount, RECOUNT_POSTGRES, epoch, lane, sim_lane_of(epoch, lane)->mark);
            recount_cut(&recount, RECOUNT_CLICKHOUSE, epoch, lane, highest);
        }
    }
    for (int partition = 0; partition < SIM_PARTITIONS; partition++) {
        recount_offset(&recount, RECOUNT_POSTGRES, partition, database.offsets[partition]);
        recount_offset(&recount, RECOUNT_CLICKHOUSE, partition, clickhouse.offsets[partition]);
        for (uint32_t i = 0; i < kafka.count[partition]; i++)
            recount_take(&recount, partition, i, kafka.log[partition][i].key, kafka.log[partition][i].value);
    }
    for (uint32_t code = 0; code < SIM_CODES; code++) {
        struct slice name = slice_of(sim_codes[code]);

        assert_int_equal(code_counts_of(&recount.counts[RECOUNT_POSTGRES], name), database.clicks[code]);
        assert_int_equal(code_counts_of(&recount.counts[RECOUNT_CLICKHOUSE], name), rows[code]);
        assert_int_equal(rows[code], database.clicks[code]);
    }
    assert_int_equal(recount.passed.count, 0);
    assert_int_equal(recount_absent(&recount, RECOUNT_POSTGRES) + recount_absent(&recount, RECOUNT_CLICKHOUSE), 0);
    recount_free(&recount);
}

#endif
