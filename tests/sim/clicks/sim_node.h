/* SPDX-License-Identifier: MIT */
/*
 * sim_node -- the node that takes clicks, under virtual time: click_buffer and kafka_bridge, those who answer them
 * (id_allocator, postgres_sink), who asks, and what each ask came to. All that leaves it goes into a checksum, the
 * trace.
 */
#ifndef TESTS_SIM_CLICKS_SIM_NODE_H
#define TESTS_SIM_CLICKS_SIM_NODE_H

#include "proto/messages/clicks.h"
#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/sim/clicks/sim_identities.h"

extern const struct actor_kind click_buffer_kind;
extern const struct actor_kind kafka_bridge_kind;

enum { ASKS_LIMIT = 4096, CLICKS_PER_ASK = 6 };

_Static_assert(ASKS_LIMIT *CLICKS_PER_ASK <= SIM_SEQS, "every identity has its place");

struct ask {
    uint64_t question; /* 0: settled */
    uint32_t code;
    uint32_t count;
    bool is_answered;
    struct clicks_committed identity;
};

static struct harness *h;
static struct actor *buffer;
static uint64_t next_epoch;
static unsigned seed;
static struct ask asks[ASKS_LIMIT];
static uint32_t ask_count;
static uint64_t asked[SIM_CODES];
static uint64_t answered[SIM_CODES];

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) over all that happened so far. */
static uint64_t trace;

static void note(uint64_t what)
{
    for (int i = 0; i < 8; i++)
        trace = (trace ^ (what >> (8 * i) & 0xff)) * 0x100000001b3;
}

static unsigned random_below(unsigned limit)
{
    return (unsigned)rand_r(&seed) % limit;
}

/* ------------------------------------------------------------------------------------------------ the node */

/* Plays id_allocator and postgres_sink. */
static void answer_letters(void)
{
    static struct lane_position rows[4096];
    const struct harness_letter *letter;

    while ((letter = harness_take(h)) != NULL) {
        if (letter->schema == &epoch_lease_schema) {
            harness_reply(h, letter, &epoch_leased_schema, &(struct epoch_leased){ .epoch = next_epoch++ });
        } else if (letter->schema == &epochs_read_schema) {
            struct producer_epoch epochs[SIM_EPOCHS];
            struct epochs_known known = { .epochs = { .at = epochs } };

            for (uint64_t epoch = SIM_FIRST_EPOCH; epoch + 1 < next_epoch; epoch++) {
                if (!database.is_drained[epoch - SIM_FIRST_EPOCH])
                    epochs[known.epochs.count++] = (struct producer_epoch){ epoch, SIM_PARTITIONS };
            }
            harness_reply(h, letter, &epochs_known_schema, &known);
        } else if (letter->schema == &marks_read_schema) {
            const struct marks_read *read = letter->message;
            struct marks_moved moved = { .marks = { rows, read->lanes.count } };

            for (uint32_t i = 0; i < read->lanes.count; i++)
                rows[i] = (struct lane_position){ read->lanes.at[i].epoch, read->lanes.at[i].lane,
                                                  sim_lane_of(read->lanes.at[i].epoch, read->lanes.at[i].lane)->mark };
            harness_reply(h, letter, &marks_moved_schema, &moved);
        } else if (letter->schema == &epoch_drained_schema) {
            const struct epoch_drained *drained = letter->message;
            bool all = true;

            for (uint32_t i = 0; i < drained->ends.count; i++)
                all = all && sim_lane_of(drained->epoch, drained->ends.at[i].lane)->mark >= drained->ends.at[i].seq;
            database.is_drained[drained->epoch - SIM_FIRST_EPOCH] |= all;
            if (all)
                harness_reply(h, letter, &done_schema, &(struct done){ 0 });
            else
                harness_reply(h, letter, &ask_failed_schema, &(struct ask_failed){ .reason = ASK_FAILED });
        }
    }
}

static void start_node(void)
{
    h = harness_new(seed);
    buffer = harness_add(h, &click_buffer_kind, "click_buffer",
                         (const char *[]){ "redis=redis://sim", "lanes=2", "journal_segment=64KiB", NULL });
    (void)harness_add(h, &kafka_bridge_kind, "kafka_bridge",
                      (const char *[]){ "redis=redis://sim", "kafka=kafka://sim", "delivery_limit=1s", NULL });
    harness_start(h);
    answer_letters();
    harness_advance(h, 1000);
}

static void settle_asks(void)
{
    for (uint32_t i = 0; i < ask_count; i++) {
        const struct harness_letter *answer = asks[i].question != 0 ? harness_answer(h, asks[i].question) : NULL;

        if (answer == NULL)
            continue;
        asks[i].question = 0;
        asks[i].is_answered = answer->schema == &clicks_committed_schema;
        if (!asks[i].is_answered)
            continue;
        asks[i].identity = *(const struct clicks_committed *)answer->message;
        answered[asks[i].code] += asks[i].count;
        note(asks[i].identity.epoch << 32 | asks[i].identity.lane);
        note(asks[i].identity.first_seq);
    }
}

static void advance(uint64_t by_us)
{
    harness_advance(h, by_us);
    answer_letters();
    settle_asks();
}

/* kill -9: whoever waited for an answer never gets it. */
static void crash_node(void)
{
    settle_asks();
    harness_destroy(&h);
    for (uint32_t i = 0; i < ask_count; i++)
        asks[i].question = 0;
    start_node();
}

static void click(struct slice long_host)
{
    struct ask *ask = &asks[ask_count];
    struct click clicks[CLICKS_PER_ASK];

    if (ask_count == ASKS_LIMIT)
        return;
    *ask = (struct ask){ .code = random_below(SIM_CODES), .count = 1 + random_below(CLICKS_PER_ASK) };
    for (uint32_t i = 0; i < ask->count; i++)
        clicks[i] = (struct click){ .code = slice_of(sim_codes[ask->code]),
                                    .time_us = 1700000000000000,
                                    .referrer_host = long_host };
    ask->question =
        harness_ask(h, buffer, &clicks_commit_schema, &(struct clicks_commit){ .clicks = { clicks, ask->count } });
    asked[ask->code] += ask->count;
    ask_count++;
}

#endif
