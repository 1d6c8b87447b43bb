/* SPDX-License-Identifier: MIT */
/* windows -- see the header. */
#include "actors/clicks/windows.h"

#include <assert.h>
#include <stdlib.h>

void windows_init(struct windows *windows, uint64_t first_seq)
{
    assert(first_seq > 0);
    *windows = (struct windows){ .open = { .first_seq = first_seq, .last_seq = first_seq - 1 } };
}

void windows_free(struct windows *windows)
{
    for (uint32_t i = 0; i < windows->sealed_count; i++)
        code_counts_free(&windows->sealed[i].counts);
    free(windows->sealed);
    code_counts_free(&windows->open.counts);
    *windows = (struct windows){ 0 };
}

void windows_count(struct windows *windows, struct slice bytes)
{
    struct batch_reader batch;
    struct slice code;

    if (!batch_open(&batch, bytes))
        return;
    assert(batch.span.first_seq > windows->open.last_seq);
    while (batch_next_code(&batch, &code))
        code_counts_add(&windows->open.counts, code, 1);
    windows->open.last_seq = batch_last_seq(&batch.span);
}

bool windows_is_due(const struct windows *windows, uint64_t now_us, uint64_t pace_us, uint64_t clicks_limit)
{
    uint32_t waiting = windows->sealed_count;
    uint64_t slower = waiting < WINDOWS_AT_FULL_PACE ? 1 : 2 + waiting - WINDOWS_AT_FULL_PACE;

    if (window_is_empty(&windows->open))
        return false;
    if (windows->open.counts.clicks >= clicks_limit && waiting < WINDOWS_AT_FULL_PACE)
        return true;
    /* A tick that comes a little early must not cost a whole further one. */
    return now_us + pace_us / 8 >= windows->sealed_at_us + pace_us * slower;
}

void windows_rank(struct code_count *largest, uint32_t *count, const struct code_count *one)
{
    uint32_t at = *count;

    if (at == WINDOW_LARGEST && largest[at - 1].clicks >= one->clicks)
        return;
    at = at == WINDOW_LARGEST ? at - 1 : at;
    for (; at > 0 && largest[at - 1].clicks < one->clicks; at--)
        largest[at] = largest[at - 1];
    largest[at] = *one;
    *count += *count < WINDOW_LARGEST;
}

struct window *windows_seal(struct windows *windows, uint64_t now_us)
{
    assert(!window_is_empty(&windows->open));
    if (windows->sealed_count == windows->sealed_room) {
        windows->sealed_room = windows->sealed_room == 0 ? 8 : windows->sealed_room * 2;
        windows->sealed = realloc(windows->sealed, windows->sealed_room * sizeof *windows->sealed);
        assert(windows->sealed != NULL);
    }

    struct window *sealed = &windows->sealed[windows->sealed_count++];
    uint64_t next = windows->open.last_seq + 1;

    *sealed = windows->open;
    windows->open = (struct window){ .first_seq = next, .last_seq = next - 1 };
    windows->sealed_at_us = now_us;
    for (uint32_t i = 0; i < sealed->counts.count; i++)
        windows_rank(sealed->largest, &sealed->largest_count, &sealed->counts.at[i]);
    return sealed;
}

struct window *windows_unwritten(struct windows *windows)
{
    for (uint32_t i = 0; i < windows->sealed_count; i++) {
        if (!windows->sealed[i].in_redis)
            return &windows->sealed[i];
    }
    return NULL;
}

struct window *windows_ending(struct windows *windows, uint64_t last_seq)
{
    for (uint32_t i = 0; i < windows->sealed_count; i++) {
        if (windows->sealed[i].last_seq == last_seq)
            return &windows->sealed[i];
    }
    return NULL;
}

void windows_doubt(struct windows *windows)
{
    for (uint32_t i = 0; i < windows->sealed_count; i++)
        windows->sealed[i].in_redis = false;
}

void windows_published(struct windows *windows, uint64_t seq)
{
    for (uint32_t i = 0; i < windows->sealed_count && windows->sealed[i].last_seq <= seq; i++)
        windows->sealed[i].is_published = true;
}

uint32_t windows_pass(struct windows *windows, uint64_t mark)
{
    uint32_t passed = 0;

    while (passed < windows->sealed_count && windows->sealed[passed].last_seq <= mark)
        code_counts_free(&windows->sealed[passed++].counts);
    if (passed > 0) {
        windows->sealed_count -= passed;
        memmove(windows->sealed, windows->sealed + passed, windows->sealed_count * sizeof *windows->sealed);
    }
    return passed;
}

size_t windows_bytes(const struct windows *windows)
{
    size_t bytes = code_counts_bytes(&windows->open.counts) + windows->sealed_room * sizeof *windows->sealed;

    for (uint32_t i = 0; i < windows->sealed_count; i++)
        bytes += code_counts_bytes(&windows->sealed[i].counts);
    return bytes;
}
