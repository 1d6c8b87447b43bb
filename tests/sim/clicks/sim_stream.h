/* SPDX-License-Identifier: MIT */
/* sim_stream -- what a reader of statistics finds in the simulated Redis of a lane that no click buffer answers for. */
#ifndef TESTS_SIM_CLICKS_SIM_STREAM_H
#define TESTS_SIM_CLICKS_SIM_STREAM_H

#include "actors/clicks/pending.h"
#include "tests/sim/clicks/sim_redis_server.h"

static uint64_t clicks_in_window(const char *registry, const struct fake_row *window, const char *code)
{
    for (uint32_t i = 0; i < server.row_count; i++) {
        const struct fake_row *row = &server.rows[i];
        size_t size = strlen(registry);

        if (strncmp(row->key, registry, size) == 0 && row->key[size] == ':' &&
            strcmp(row->key + size + 1, window->field) == 0 && strcmp(row->field, code) == 0)
            return strtoull(row->value.at, NULL, 10);
    }
    return 0;
}

/* What Redis holds of a lane that the buffer does not answer for: its sealed windows, and the stream beyond them. */
static void read_lane_from_redis(struct pending *pending, uint64_t epoch, uint32_t lane, const char *code)
{
    struct lane_key registry = lane_registry_key(epoch, lane);
    struct lane_key stream = lane_stream_key(epoch, lane);
    uint64_t last = 0;

    for (uint32_t i = 0; i < server.row_count; i++) {
        const struct fake_row *row = &server.rows[i];
        struct click_window window = { .epoch = epoch, .lane = lane };

        if (strcmp(row->key, registry.text) != 0 ||
            !lane_parse_pair(slice_of(row->field), &window.first_seq, &window.last_seq))
            continue;
        window.clicks = clicks_in_window(registry.text, row, code);
        pending_add_window(pending, &window);
        last = window.last_seq > last ? window.last_seq : last;
    }
    for (uint32_t i = 0; i < server.row_count; i++) {
        if (strcmp(server.rows[i].key, stream.text) == 0 && server.rows[i].number > last)
            (void)pending_add_batch(pending, server.rows[i].value);
    }
}

#endif
