/* SPDX-License-Identifier: MIT */
/* lane_ledger -- see the header. */
#include "actors/clicks/lane_ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Makes the ranges [at, at + removed) of the list into `count` new ones. */
static void
replace(struct lane_ledger *ledger, uint32_t at, uint32_t removed, const struct seq_range *new_ranges, uint32_t count)
{
    uint32_t tail = ledger->missing_count - at - removed;

    ledger->changes++;
    if (ledger->missing_count - removed + count > ledger->missing_room) {
        ledger->missing_room = ledger->missing_room == 0 ? 4 : ledger->missing_room * 2;
        ledger->missing = realloc(ledger->missing, ledger->missing_room * sizeof *ledger->missing);
        assert(ledger->missing != NULL);
    }
    if (tail > 0)
        memmove(&ledger->missing[at + count], &ledger->missing[at + removed], tail * sizeof *ledger->missing);
    if (count > 0)
        memcpy(&ledger->missing[at], new_ranges, count * sizeof *new_ranges);
    ledger->missing_count = at + count + tail;
    if (ledger->missing_count > LANE_LEDGER_MISSING_LIMIT) {
        ledger->given_up += ledger->missing[0].last - ledger->missing[0].first + 1;
        replace(ledger, 0, 1, NULL, 0);
    }
}

/* The first missing range that ends at or behind `seq`. */
static uint32_t find(const struct lane_ledger *ledger, uint64_t seq)
{
    uint32_t low = 0;
    uint32_t high = ledger->missing_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ledger->missing[middle].last < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Takes `fresh` out of the missing range at `index`, which contains it. */
static void fill(struct lane_ledger *ledger, uint32_t index, struct seq_range fresh)
{
    struct seq_range range = ledger->missing[index];
    struct seq_range rest[2];
    uint32_t count = 0;

    if (range.first < fresh.first)
        rest[count++] = (struct seq_range){ range.first, fresh.first - 1 };
    if (fresh.last < range.last)
        rest[count++] = (struct seq_range){ fresh.last + 1, range.last };
    replace(ledger, index, 1, rest, count);
}

static bool take_missing(struct lane_ledger *ledger, uint64_t *first, uint64_t last, struct seq_range *ret_fresh)
{
    uint32_t index = find(ledger, *first);

    if (index == ledger->missing_count || ledger->missing[index].first > last)
        return false;

    struct seq_range range = ledger->missing[index];
    struct seq_range fresh = { .first = range.first > *first ? range.first : *first,
                               .last = range.last < last ? range.last : last };

    assert(fresh.first <= fresh.last); /* what was filled before is missing no more */
    fill(ledger, index, fresh);
    *ret_fresh = fresh;
    *first = fresh.last + 1;
    return true;
}

bool lane_ledger_take(struct lane_ledger *ledger, uint64_t *first, uint64_t last, struct seq_range *ret_fresh)
{
    if (*first <= ledger->position && take_missing(ledger, first, last, ret_fresh))
        return true;
    if (*first <= ledger->position)
        *first = ledger->position + 1;
    if (*first > last)
        return false;
    if (*first > ledger->position + 1)
        replace(ledger, ledger->missing_count, 0, &(struct seq_range){ ledger->position + 1, *first - 1 }, 1);
    *ret_fresh = (struct seq_range){ *first, last };
    ledger->position = last;
    *first = last + 1;
    return true;
}

void lane_ledger_miss(struct lane_ledger *ledger, struct seq_range range)
{
    uint32_t index = find(ledger, range.first > 0 ? range.first - 1 : 0);
    uint32_t overlapped = 0;

    assert(range.first > 0 && range.first <= range.last && range.last <= ledger->position);
    while (index + overlapped < ledger->missing_count && ledger->missing[index + overlapped].first <= range.last + 1) {
        const struct seq_range *other = &ledger->missing[index + overlapped++];

        range.first = other->first < range.first ? other->first : range.first;
        range.last = other->last > range.last ? other->last : range.last;
    }
    replace(ledger, index, overlapped, &range, 1);
}

uint64_t lane_ledger_missing(const struct lane_ledger *ledger)
{
    uint64_t missing = 0;

    for (uint32_t i = 0; i < ledger->missing_count; i++)
        missing += ledger->missing[i].last - ledger->missing[i].first + 1;
    return missing;
}

void lane_ledger_free(struct lane_ledger *ledger)
{
    free(ledger->missing);
    *ledger = (struct lane_ledger){ 0 };
}
