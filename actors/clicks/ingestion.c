/* SPDX-License-Identifier: MIT */
/* ingestion -- see the header. */
#include "actors/clicks/ingestion.h"

#include <assert.h>
#include <stdlib.h>

#include "actors/clicks/click_run.h"

enum { KEEP_BYTES = 1024 * 1024 };

struct lane {
    uint64_t epoch;
    uint32_t number;
    struct lane_ledger ledger;
    uint64_t flushed;         /* the mark as of the last flush */
    uint64_t cut;             /* the end of the last complete window */
    uint64_t open_end;        /* where the window in `open` will end; 0: nothing is open */
    int64_t open_offset;      /* of the first record of it */
    struct code_counts open;  /* clicks behind `cut` */
    uint64_t flushed_changes; /* of the ledger, as of the last flush */
};

struct partition {
    uint32_t number;
    int64_t flushed; /* offset as of the last flush */
    int64_t next;
    struct lane *lanes; /* ascending epochs */
    uint32_t lane_count;
    uint32_t lane_room;
};

struct ingestion {
    struct partition *partitions; /* in the order of assignment */
    uint32_t partition_count;
    struct code_counts ready;
};

/* ------------------------------------------------------------------------------------------------ life */

struct ingestion *ingestion_new(void)
{
    struct ingestion *ingestion = calloc(1, sizeof *ingestion);

    assert(ingestion != NULL);
    return ingestion;
}

static void free_partition(struct partition *partition)
{
    for (uint32_t i = 0; i < partition->lane_count; i++) {
        lane_ledger_free(&partition->lanes[i].ledger);
        code_counts_free(&partition->lanes[i].open);
    }
    free(partition->lanes);
}

void ingestion_reset(struct ingestion *ingestion)
{
    for (uint32_t i = 0; i < ingestion->partition_count; i++)
        free_partition(&ingestion->partitions[i]);
    free(ingestion->partitions);
    ingestion->partitions = NULL;
    ingestion->partition_count = 0;
    code_counts_clear(&ingestion->ready, KEEP_BYTES);
}

void ingestion_destroy(struct ingestion **ingestion)
{
    if (*ingestion == NULL)
        return;
    ingestion_reset(*ingestion);
    code_counts_free(&(*ingestion)->ready);
    free(*ingestion);
    *ingestion = NULL;
}

/* ------------------------------------------------------------------------------------------------ finding */

static struct partition *find_partition(const struct ingestion *ingestion, uint32_t number)
{
    for (uint32_t i = 0; i < ingestion->partition_count; i++) {
        if (ingestion->partitions[i].number == number)
            return &ingestion->partitions[i];
    }
    return NULL;
}

/* Where the epoch's lane is, or would be. */
static uint32_t lane_index(const struct partition *partition, uint64_t epoch)
{
    uint32_t low = 0;
    uint32_t high = partition->lane_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (partition->lanes[middle].epoch < epoch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct lane *lane_of(struct partition *partition, uint64_t epoch)
{
    uint32_t index = lane_index(partition, epoch);

    if (index < partition->lane_count && partition->lanes[index].epoch == epoch)
        return &partition->lanes[index];
    if (partition->lane_count == partition->lane_room) {
        partition->lane_room = partition->lane_room == 0 ? 8 : partition->lane_room * 2;
        partition->lanes = realloc(partition->lanes, partition->lane_room * sizeof *partition->lanes);
        assert(partition->lanes != NULL);
    }
    memmove(&partition->lanes[index + 1], &partition->lanes[index],
            (partition->lane_count - index) * sizeof *partition->lanes);
    partition->lane_count++;
    partition->lanes[index] = (struct lane){ .epoch = epoch, .number = partition->number };
    return &partition->lanes[index];
}

/* ------------------------------------------------------------------------------------------------ what is known */

void ingestion_assign(struct ingestion *ingestion, uint32_t partition, int64_t offset)
{
    assert(find_partition(ingestion, partition) == NULL);
    ingestion->partitions =
        realloc(ingestion->partitions, (ingestion->partition_count + 1) * sizeof *ingestion->partitions);
    assert(ingestion->partitions != NULL);
    ingestion->partitions[ingestion->partition_count++] =
        (struct partition){ .number = partition, .flushed = offset, .next = offset };
}

void ingestion_know_mark(struct ingestion *ingestion, uint64_t epoch, uint32_t lane, uint64_t mark)
{
    struct partition *partition = find_partition(ingestion, lane);
    struct lane *known;

    assert(partition != NULL);
    known = lane_of(partition, epoch);
    known->ledger.position = mark;
    known->flushed = mark;
    known->cut = mark;
}

void ingestion_know_hole(struct ingestion *ingestion, uint64_t epoch, uint32_t lane, struct seq_range hole)
{
    struct partition *partition = find_partition(ingestion, lane);
    struct lane *known;

    assert(partition != NULL);
    known = lane_of(partition, epoch);
    if (hole.first == 0 || hole.first > hole.last || hole.last > known->ledger.position)
        return; /* a row that cannot be: what it says is not missing below the mark */
    lane_ledger_miss(&known->ledger, hole);
    known->flushed_changes = known->ledger.changes;
}

/* ------------------------------------------------------------------------------------------------ records */

/* Adds the clicks of a batch whose seqs are within `fresh`. False when the batch cannot be read to its end. */
static bool count_clicks(struct batch_reader batch, struct seq_range fresh, struct code_counts *into)
{
    uint64_t seq = batch.span.first_seq;
    struct slice code;

    for (; batch_next_code(&batch, &code); seq++) {
        if (seq >= fresh.first && seq <= fresh.last)
            code_counts_add(into, code, 1);
    }
    return batch_is_whole(&batch);
}

/* The window is over: all behind it belongs to the next. */
static void cut_window(struct ingestion *ingestion, struct lane *lane)
{
    if (lane->ledger.position < lane->open_end) { /* its rest has not come; should it yet, it is taken as a hole's */
        uint64_t first = lane->ledger.position + 1;

        lane->ledger.position = lane->open_end;
        lane_ledger_miss(&lane->ledger, (struct seq_range){ first, lane->open_end });
    }
    code_counts_merge(&ingestion->ready, &lane->open);
    code_counts_clear(&lane->open, KEEP_BYTES);
    lane->cut = lane->open_end;
    lane->open_end = 0;
}

static void open_window(struct lane *lane, uint64_t window_end, int64_t offset)
{
    if (lane->open_end == 0)
        lane->open_offset = offset;
    if (window_end > lane->open_end)
        lane->open_end = window_end;
}

/* Takes one batch. Returns how many of its clicks are new. */
static uint64_t take_batch(struct ingestion *ingestion,
                           struct lane *lane,
                           const struct batch_reader *batch,
                           const struct click_run_key *key,
                           int64_t offset)
{
    uint64_t first = batch->span.first_seq;
    uint64_t taken = 0;
    struct seq_range fresh;

    while (lane_ledger_take(&lane->ledger, &first, batch_last_seq(&batch->span), &fresh)) {
        bool below = fresh.last <= lane->cut;

        if (!below)
            open_window(lane, key->window_end, offset);
        (void)count_clicks(*batch, fresh, below ? &ingestion->ready : &lane->open); /* was checked whole before */
        taken += fresh.last - fresh.first + 1;
    }
    return taken;
}

static bool belongs(const struct batch_span *span, const struct click_run_key *key)
{
    return span->epoch == key->epoch && span->lane == key->lane && batch_last_seq(span) <= key->window_end;
}

static enum ingestion_verdict take_run(
    struct ingestion *ingestion, struct lane *lane, struct slice value, const struct click_run_key *key, int64_t offset)
{
    struct slice bytes;
    uint64_t taken = 0;

    while (click_run_next(&value, &bytes)) {
        struct batch_reader batch;
        struct batch_span span;

        if (!batch_check(bytes, &span) || !belongs(&span, key) || !batch_open(&batch, bytes))
            return INGESTION_BROKEN;
        taken += take_batch(ingestion, lane, &batch, key, offset);
    }
    if (value.size > 0)
        return INGESTION_BROKEN;
    return taken > 0 ? INGESTION_TAKEN : INGESTION_REPEAT;
}

enum ingestion_verdict ingestion_take(struct ingestion *ingestion, const struct ingestion_record *record)
{
    struct partition *partition = find_partition(ingestion, record->partition);
    struct click_run_key key;
    struct lane *lane;
    enum ingestion_verdict verdict;

    if (partition == NULL)
        return INGESTION_NOT_OURS;
    if (record->offset >= partition->next)
        partition->next = record->offset + 1;
    if (!click_run_decode_key(record->key, &key))
        return INGESTION_BROKEN;
    if (key.lane != record->partition)
        return INGESTION_NOT_OURS;
    lane = lane_of(partition, key.epoch);
    if (lane->open_end != 0 && key.window_end > lane->open_end)
        cut_window(ingestion, lane); /* the next window has begun: no more comes of the one before */
    verdict = take_run(ingestion, lane, record->value, &key, record->offset);
    if (lane->open_end != 0 && lane->ledger.position >= lane->open_end)
        cut_window(ingestion, lane);
    return verdict;
}

/* ------------------------------------------------------------------------------------------------ flushing */

/* Where a restart has to go on: before the first record of any window that is not complete. */
static int64_t resume_offset(const struct partition *partition)
{
    int64_t offset = partition->next;

    for (uint32_t i = 0; i < partition->lane_count; i++) {
        if (partition->lanes[i].open_end != 0 && partition->lanes[i].open_offset < offset)
            offset = partition->lanes[i].open_offset;
    }
    return offset;
}

static bool holes_changed(const struct lane *lane)
{
    return lane->ledger.changes != lane->flushed_changes;
}

bool ingestion_is_ready(const struct ingestion *ingestion)
{
    if (ingestion->ready.count > 0)
        return true;
    for (uint32_t i = 0; i < ingestion->partition_count; i++) {
        for (uint32_t j = 0; j < ingestion->partitions[i].lane_count; j++) {
            if (ingestion->partitions[i].lanes[j].cut != ingestion->partitions[i].lanes[j].flushed)
                return true;
        }
    }
    return false;
}

bool ingestion_has_moved(const struct ingestion *ingestion)
{
    for (uint32_t i = 0; i < ingestion->partition_count; i++) {
        if (resume_offset(&ingestion->partitions[i]) != ingestion->partitions[i].flushed)
            return true;
    }
    return false;
}

static uint32_t count_lanes(const struct ingestion *ingestion, uint32_t *ret_holes)
{
    uint32_t lanes = 0;

    *ret_holes = 0;
    for (uint32_t i = 0; i < ingestion->partition_count; i++) {
        lanes += ingestion->partitions[i].lane_count;
        for (uint32_t j = 0; j < ingestion->partitions[i].lane_count; j++)
            *ret_holes += ingestion->partitions[i].lanes[j].ledger.missing_count;
    }
    return lanes;
}

static void flush_holes(struct lane *lane, struct ingestion_flush *flush)
{
    struct ingestion_lane_holes *row = &flush->hole_lanes[flush->hole_lane_count++];

    *row = (struct ingestion_lane_holes){ .epoch = lane->epoch, .lane = lane->number, .first_hole = flush->hole_count };
    for (uint32_t i = 0; i < lane->ledger.missing_count && lane->ledger.missing[i].last <= lane->cut; i++)
        flush->holes[flush->hole_count++] = lane->ledger.missing[i];
    row->hole_count = flush->hole_count - row->first_hole;
    lane->flushed_changes = lane->ledger.changes;
    if (row->hole_count < lane->ledger.missing_count)
        lane->flushed_changes--; /* the others belong to a later mark: look again */
}

static void flush_lane(struct lane *lane, struct ingestion_flush *flush)
{
    if (lane->cut != lane->flushed) {
        flush->marks[flush->mark_count++] = (struct ingestion_mark){
            .epoch = lane->epoch, .lane = lane->number, .from = lane->flushed, .to = lane->cut
        };
        lane->flushed = lane->cut;
    }
    if (holes_changed(lane))
        flush_holes(lane, flush);
}

void ingestion_flush_take(struct ingestion *ingestion, struct ingestion_flush *ret_flush)
{
    uint32_t holes;
    uint32_t lanes = count_lanes(ingestion, &holes);
    struct ingestion_flush flush = { .counts = ingestion->ready };

    ingestion->ready = (struct code_counts){ 0 };
    flush.marks = calloc(lanes + 1, sizeof *flush.marks);
    flush.hole_lanes = calloc(lanes + 1, sizeof *flush.hole_lanes);
    flush.holes = calloc(holes + 1, sizeof *flush.holes);
    flush.offsets = calloc(ingestion->partition_count + 1, sizeof *flush.offsets);
    assert(flush.marks != NULL && flush.hole_lanes != NULL && flush.holes != NULL && flush.offsets != NULL);
    for (uint32_t i = 0; i < ingestion->partition_count; i++) {
        struct partition *partition = &ingestion->partitions[i];
        int64_t offset = resume_offset(partition);

        for (uint32_t j = 0; j < partition->lane_count; j++)
            flush_lane(&partition->lanes[j], &flush);
        flush.offsets[flush.offset_count++] =
            (struct ingestion_offset){ .partition = partition->number, .from = partition->flushed, .to = offset };
        partition->flushed = offset;
    }
    *ret_flush = flush;
}

void ingestion_flush_free(struct ingestion_flush *flush)
{
    code_counts_free(&flush->counts);
    free(flush->marks);
    free(flush->hole_lanes);
    free(flush->holes);
    free(flush->offsets);
    *flush = (struct ingestion_flush){ 0 };
}

void ingestion_measure(const struct ingestion *ingestion, struct ingestion_figures *ret_figures)
{
    struct ingestion_figures figures = { .ready_clicks = ingestion->ready.clicks, .codes = ingestion->ready.count };

    for (uint32_t i = 0; i < ingestion->partition_count; i++) {
        for (uint32_t j = 0; j < ingestion->partitions[i].lane_count; j++) {
            const struct lane *lane = &ingestion->partitions[i].lanes[j];

            figures.open_clicks += lane->open.clicks;
            figures.codes += lane->open.count;
            figures.missing_clicks += lane_ledger_missing(&lane->ledger);
        }
    }
    *ret_figures = figures;
}
