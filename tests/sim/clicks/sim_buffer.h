/* SPDX-License-Identifier: MIT */
/* sim_buffer -- a click_buffer alone, with a simulated Redis, for tests that are its bridge, its sink and its edge. */
#ifndef TESTS_SIM_CLICKS_SIM_BUFFER_H
#define TESTS_SIM_CLICKS_SIM_BUFFER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/clicks/batch.h"
#include "proto/messages/links.h"
#include "runtime/failpoint.h"
#include "runtime/harness.h"
#include "tests/sim/clicks/sim_redis.h"
#include "tests/testing.h"

extern const struct actor_kind click_buffer_kind;

enum { LANES = 2 };

static struct harness *h;
static struct actor *buffer;
static uint64_t next_epoch = 100;

/* ------------------------------------------------------------------------------------------------ the surroundings */

static void lease(void)
{
    const struct harness_letter *letter = harness_take_type(h, &epoch_lease_schema);

    assert_non_null(letter);
    harness_reply(h, letter, &epoch_leased_schema, &(struct epoch_leased){ .epoch = next_epoch++ });
}

static void start_buffer(uint64_t seed)
{
    h = harness_new(seed);
    buffer = harness_add(h, &click_buffer_kind, "click_buffer",
                         (const char *[]){ "redis=redis://fake", "lanes=2", "journal_segment=64KiB", NULL });
    harness_start(h);
    lease();
    harness_advance(h, 10000);
    assert_true(harness_is_up(buffer));
}

/* As kill -9: nothing is drained, only what is on disk and in Redis is left. */
__attribute__((unused)) static void kill_buffer(void)
{
    harness_destroy(&h);
}

static int set_up(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf build/%1$s && mkdir -p build/%1$s", program_invocation_short_name);
    if (system(command) != 0 || chdir("build") != 0 || chdir(program_invocation_short_name) != 0)
        return 1;
    fake_wipe();
    memset(&server, 0, sizeof server);
    next_epoch = 100;
    start_buffer(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)failpoint_set("click_buffer.journal_write", "off");
    harness_destroy(&h);
    fake_wipe();
    return chdir("../..");
}

/* ------------------------------------------------------------------------------------------------ asking */

static uint64_t commit(const char *code, uint32_t count)
{
    struct click clicks[64];

    for (uint32_t i = 0; i < count; i++)
        clicks[i] = (struct click){ .code = slice_of(code), .time_us = 1700000000000000 };
    return harness_ask(h, buffer, &clicks_commit_schema, &(struct clicks_commit){ .clicks = { clicks, count } });
}

__attribute__((unused)) static struct clicks_committed committed(uint64_t question)
{
    const struct harness_letter *answer = harness_answer(h, question);

    assert_non_null(answer);
    assert_ptr_equal(answer->schema, &clicks_committed_schema);
    return *(const struct clicks_committed *)answer->message;
}

__attribute__((unused)) static bool is_refused(uint64_t question)
{
    const struct harness_letter *answer = harness_answer(h, question);

    assert_non_null(answer);
    return answer->schema == &ask_failed_schema;
}

/* All clicks of the code that the buffer says are pending. */
static uint64_t pending(const char *code, bool *ret_incomplete)
{
    uint64_t question =
        harness_ask(h, buffer, &clicks_pending_read_schema, &(struct clicks_pending_read){ .code = slice_of(code) });
    const struct harness_letter *answer;
    const struct clicks_pending *message;
    uint64_t clicks = 0;

    harness_run(h);
    answer = harness_answer(h, question);
    assert_non_null(answer);
    message = answer->message;
    for (uint32_t i = 0; i < message->windows.count; i++)
        clicks += message->windows.at[i].clicks;
    if (ret_incomplete != NULL)
        *ret_incomplete = message->incomplete;
    return clicks;
}

/* The last seq of a lane's stream, whose entries must follow each other without a gap from `first` on. */
__attribute__((unused)) static uint64_t stream_end(uint64_t epoch, uint32_t lane, uint64_t first)
{
    struct lane_key key = lane_stream_key(epoch, lane);
    uint64_t next = first;

    for (uint32_t i = 0; i < server.row_count; i++) {
        struct batch_span span;

        if (strcmp(server.rows[i].key, key.text) != 0)
            continue;
        assert_true(batch_check(server.rows[i].value, &span));
        assert_int_equal(span.epoch, epoch);
        assert_int_equal(span.lane, lane);
        assert_int_equal(span.first_seq, next);
        assert_int_equal(batch_last_seq(&span), server.rows[i].number);
        next = batch_last_seq(&span) + 1;
    }
    return next - 1;
}

__attribute__((unused)) static uint64_t streams_hold(uint64_t epoch)
{
    uint64_t clicks = 0;

    for (uint32_t lane = 0; lane < LANES; lane++)
        clicks += stream_end(epoch, lane, 1);
    return clicks;
}

/* Says to the buffer what bridge and sink would, of every window told. */
__attribute__((unused)) static uint32_t publish_and_count(bool with_marks)
{
    const struct harness_letter *letter;
    struct lane_position ends[64];
    uint32_t count = 0;

    while ((letter = harness_take_type(h, &windows_sealed_schema)) != NULL) {
        const struct windows_sealed *sealed = letter->message;

        for (uint32_t i = 0; i < sealed->windows.count && count < 64; i++)
            ends[count++] = (struct lane_position){ sealed->windows.at[i].epoch, sealed->windows.at[i].lane,
                                                    sealed->windows.at[i].last_seq };
    }
    harness_tell(h, buffer, &clicks_published_schema, &(struct clicks_published){ .ends = { ends, count } });
    if (with_marks)
        harness_tell(h, buffer, &marks_moved_schema, &(struct marks_moved){ .marks = { ends, count } });
    harness_advance(h, 500000);
    return count;
}

#endif
