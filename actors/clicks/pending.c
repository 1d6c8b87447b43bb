/* SPDX-License-Identifier: MIT */
/* pending -- see the header. All pieces of a lane are put in order once, at the end, and walked from the mark on. */
#include "actors/clicks/pending.h"

#include <assert.h>
#include <stdlib.h>

#include "actors/clicks/batch.h"
#include "actors/clicks/code_counts.h"

/* A run of a lane's seqs and the clicks of the code in it; of a batch also where exactly they are. */
struct piece {
    uint64_t epoch;
    uint32_t lane;
    bool is_click; /* a single click from a batch: exact */
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t clicks;
};

struct lane_mark {
    uint64_t epoch;
    uint32_t lane;
    uint64_t mark;
};

struct pending {
    char code[CODE_SIZE_LIMIT + 1];
    size_t code_size;
    struct piece *pieces;
    size_t piece_count;
    size_t piece_room;
    struct lane_mark *covered; /* mark unused */
    size_t covered_count;
    size_t covered_room;
    struct lane_mark *marks;
    size_t mark_count;
    size_t mark_room;
};

struct pending *pending_new(struct slice code)
{
    struct pending *pending = calloc(1, sizeof *pending);

    assert(pending != NULL);
    slice_copy(code, pending->code, sizeof pending->code);
    pending->code_size = strlen(pending->code);
    return pending;
}

void pending_destroy(struct pending **pending)
{
    if (*pending == NULL)
        return;
    free((*pending)->pieces);
    free((*pending)->covered);
    free((*pending)->marks);
    free(*pending);
    *pending = NULL;
}

/* Room for one more behind `count` items of `size` bytes. */
static void *room_for_one(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room == 0 ? 16 : *room * 2;
    items = realloc(items, *room * size);
    assert(items != NULL);
    return items;
}

void pending_cover(struct pending *pending, uint64_t epoch, uint32_t lane)
{
    pending->covered =
        room_for_one(pending->covered, pending->covered_count, &pending->covered_room, sizeof *pending->covered);
    pending->covered[pending->covered_count++] = (struct lane_mark){ .epoch = epoch, .lane = lane };
}

bool pending_is_covered(const struct pending *pending, uint64_t epoch, uint32_t lane)
{
    for (size_t i = 0; i < pending->covered_count; i++) {
        if (pending->covered[i].epoch == epoch && pending->covered[i].lane == lane)
            return true;
    }
    return false;
}

void pending_set_mark(struct pending *pending, uint64_t epoch, uint32_t lane, uint64_t mark)
{
    pending->marks = room_for_one(pending->marks, pending->mark_count, &pending->mark_room, sizeof *pending->marks);
    pending->marks[pending->mark_count++] = (struct lane_mark){ .epoch = epoch, .lane = lane, .mark = mark };
}

static void add_piece(struct pending *pending, struct piece piece)
{
    pending->pieces =
        room_for_one(pending->pieces, pending->piece_count, &pending->piece_room, sizeof *pending->pieces);
    pending->pieces[pending->piece_count++] = piece;
}

void pending_add_window(struct pending *pending, const struct click_window *window)
{
    if (window->first_seq == 0 || window->last_seq < window->first_seq || window->lane >= BATCH_LANES_LIMIT)
        return;
    add_piece(pending, (struct piece){ .epoch = window->epoch,
                                       .lane = (uint32_t)window->lane,
                                       .first_seq = window->first_seq,
                                       .last_seq = window->last_seq,
                                       .clicks = window->clicks });
}

bool pending_add_batch(struct pending *pending, struct slice bytes)
{
    struct slice code = { .at = pending->code, .size = pending->code_size };
    struct batch_reader batch;
    struct click click;

    if (!batch_open(&batch, bytes))
        return false;
    for (uint64_t seq = batch.span.first_seq; batch_next(&batch, &click); seq++) {
        if (slice_equal(click.code, code))
            add_piece(pending, (struct piece){ .epoch = batch.span.epoch,
                                               .lane = batch.span.lane,
                                               .is_click = true,
                                               .first_seq = seq,
                                               .last_seq = seq,
                                               .clicks = 1 });
    }
    return batch_is_whole(&batch);
}

/* By lane; within a lane by start, and of those that start together the longest first: it says the most. */
static int by_place(const void *left, const void *right)
{
    const struct piece *a = left;
    const struct piece *b = right;

    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    if (a->first_seq != b->first_seq)
        return a->first_seq < b->first_seq ? -1 : 1;
    if (a->last_seq != b->last_seq)
        return a->last_seq > b->last_seq ? -1 : 1;
    return 0;
}

static uint64_t mark_of(const struct pending *pending, uint64_t epoch, uint32_t lane)
{
    for (size_t i = 0; i < pending->mark_count; i++) {
        if (pending->marks[i].epoch == epoch && pending->marks[i].lane == lane)
            return pending->marks[i].mark;
    }
    return 0;
}

/* Adds one lane's pieces. `seen` rises from the mark: whatever starts behind it is new as a whole; whatever ends at or
 * before it has been counted; a window across it cannot be split, but the clicks of its batches can. */
static void sum_lane(const struct piece *pieces, size_t count, uint64_t mark, struct pending_total *total)
{
    uint64_t seen = mark;

    for (size_t i = 0; i < count; i++) {
        const struct piece *piece = &pieces[i];

        if (piece->last_seq <= seen)
            continue;
        if (piece->first_seq <= seen) {
            if (piece->clicks > 0)
                *total = (struct pending_total){ .clicks = total->clicks,
                                                 .straddles = true,
                                                 .epoch = piece->epoch,
                                                 .lane = piece->lane,
                                                 .first_seq = seen + 1,
                                                 .last_seq = piece->last_seq };
            continue;
        }
        total->clicks += piece->clicks;
        seen = piece->last_seq;
    }
}

struct pending_total pending_sum(struct pending *pending)
{
    struct pending_total total = { 0 };
    size_t start = 0;

    if (pending->piece_count > 0)
        qsort(pending->pieces, pending->piece_count, sizeof *pending->pieces, by_place);
    while (start < pending->piece_count) {
        const struct piece *first = &pending->pieces[start];
        size_t end = start;

        while (end < pending->piece_count && pending->pieces[end].epoch == first->epoch &&
               pending->pieces[end].lane == first->lane)
            end++;
        sum_lane(first, end - start, mark_of(pending, first->epoch, first->lane), &total);
        start = end;
    }
    return total;
}

void pending_drop_window(struct pending *pending, uint64_t epoch, uint32_t lane, uint64_t last_seq)
{
    size_t kept = 0;

    for (size_t i = 0; i < pending->piece_count; i++) {
        struct piece *piece = &pending->pieces[i];
        bool dropped = !piece->is_click && piece->epoch == epoch && piece->lane == lane && piece->last_seq == last_seq;

        if (!dropped)
            pending->pieces[kept++] = *piece;
    }
    pending->piece_count = kept;
}
