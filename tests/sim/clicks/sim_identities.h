/* SPDX-License-Identifier: MIT */
/* sim_identities -- which click each identity in sim_kafka's logs is: an identity is one click for ever. */
#ifndef TESTS_SIM_CLICKS_SIM_IDENTITIES_H
#define TESTS_SIM_CLICKS_SIM_IDENTITIES_H

#include "actors/clicks/batch.h"
#include "actors/clicks/click_run.h"
#include "tests/sim/clicks/sim_database.h"
#include "tests/testing.h"

enum { SIM_SEQS = 4096 * 6 }; /* of one lane */

/* What code each identity has in Kafka: 1 + index, 0 for none. */
static uint8_t in_kafka[SIM_EPOCHS][SIM_PARTITIONS][SIM_SEQS + 1];

static void note_batch(struct slice bytes)
{
    struct batch_reader batch;
    struct click one;
    uint64_t seq;

    assert_true(batch_open(&batch, bytes));
    for (seq = batch.span.first_seq; batch_next(&batch, &one); seq++) {
        uint8_t *noted = &in_kafka[batch.span.epoch - SIM_FIRST_EPOCH][batch.span.lane][seq];
        uint8_t code = 0;

        for (uint8_t i = 0; i < SIM_CODES; i++)
            code = slice_is(one.code, sim_codes[i]) ? (uint8_t)(i + 1) : code;
        assert_true(*noted == 0 || *noted == code); /* an identity is one click for ever */
        *noted = code;
    }
}

static void read_identities(void)
{
    memset(in_kafka, 0, sizeof in_kafka);
    for (int partition = 0; partition < SIM_PARTITIONS; partition++) {
        for (uint32_t i = 0; i < kafka.count[partition]; i++) {
            struct slice value = kafka.log[partition][i].value;
            struct slice batch;

            while (click_run_next(&value, &batch))
                note_batch(batch);
        }
    }
}

#endif
