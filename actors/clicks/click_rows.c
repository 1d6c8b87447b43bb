/* SPDX-License-Identifier: MIT */
#include "actors/clicks/click_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "actors/clicks/click_run.h"
#include "actors/clicks/lane_ledger.h"
#include "proto/agent_class.h"

struct record {
    struct record *next;
    int32_t partition;
    int64_t offset;
    struct click_run_key key;
    uint64_t first_seq; /* of its first batch: the lowest in it */
    size_t size;
    char value[];
};

struct known_lane {
    uint64_t epoch;
    uint32_t lane;
    uint64_t from;             /* nothing is known of clicks before this one */
    struct lane_ledger ledger; /* what is in ClickHouse, or in the insert under way */
};

struct click_rows {
    struct record *first;
    struct record **last;
    uint32_t records;
    size_t bytes;
    struct known_lane *lanes;
    uint32_t lane_count;
};

/* ------------------------------------------------------------------------------------------------ life */

struct click_rows *click_rows_new(void)
{
    struct click_rows *rows = calloc(1, sizeof *rows);

    assert(rows != NULL);
    rows->last = &rows->first;
    return rows;
}

void click_rows_destroy(struct click_rows **rows)
{
    if (*rows == NULL)
        return;
    click_rows_reset(*rows);
    free((*rows)->lanes);
    free(*rows);
    *rows = NULL;
}

static void drop_first(struct click_rows *rows)
{
    struct record *record = rows->first;

    rows->first = record->next;
    if (rows->first == NULL)
        rows->last = &rows->first;
    rows->records--;
    rows->bytes -= record->size;
    free(record);
}

void click_rows_reset(struct click_rows *rows)
{
    while (rows->first != NULL)
        drop_first(rows);
    click_rows_doubt(rows);
}

void click_rows_doubt(struct click_rows *rows)
{
    for (uint32_t i = 0; i < rows->lane_count; i++)
        lane_ledger_free(&rows->lanes[i].ledger);
    rows->lane_count = 0;
}

/* ------------------------------------------------------------------------------------------------ records and lanes */

static struct known_lane *find_lane(const struct click_rows *rows, uint64_t epoch, uint32_t lane)
{
    for (uint32_t i = rows->lane_count; i-- > 0;) {
        if (rows->lanes[i].epoch == epoch && rows->lanes[i].lane == lane)
            return &rows->lanes[i];
    }
    return NULL;
}

static void forget_lane(struct click_rows *rows, struct known_lane *lane)
{
    lane_ledger_free(&lane->ledger);
    *lane = rows->lanes[--rows->lane_count];
}

/* Behind all others when the value cannot be read: it has no click to put in. */
static uint64_t first_seq_in(struct slice value)
{
    struct slice batch;
    struct batch_span span;

    return click_run_next(&value, &batch) && batch_check(batch, &span) ? span.first_seq : UINT64_MAX;
}

bool click_rows_take(struct click_rows *rows, int32_t partition, int64_t offset, struct slice key, struct slice value)
{
    struct record *record = malloc(sizeof *record + value.size);
    struct known_lane *lane;

    assert(record != NULL);
    *record = (struct record){
        .partition = partition, .offset = offset, .first_seq = first_seq_in(value), .size = value.size
    };
    if (!click_run_decode_key(key, &record->key)) {
        free(record);
        return false;
    }
    lane = find_lane(rows, record->key.epoch, record->key.lane);
    if (lane != NULL && record->first_seq < lane->from)
        forget_lane(rows, lane);
    if (value.size > 0)
        memcpy(record->value, value.at, value.size);
    *rows->last = record;
    rows->last = &record->next;
    rows->records++;
    rows->bytes += value.size;
    return true;
}

size_t click_rows_bytes(const struct click_rows *rows)
{
    return rows->bytes;
}

uint32_t click_rows_records(const struct click_rows *rows)
{
    return rows->records;
}

/* The row of `lanes` for the record's lane, NULL when there is none. */
static struct click_lane *find_listed(struct click_lane *lanes, uint32_t count, const struct click_run_key *key)
{
    for (uint32_t i = count; i-- > 0;) {
        if (lanes[i].epoch == key->epoch && lanes[i].lane == key->lane)
            return &lanes[i];
    }
    return NULL;
}

uint32_t click_rows_unknown_lanes(const struct click_rows *rows, struct click_lane *lanes)
{
    uint32_t count = 0;

    for (const struct record *record = rows->first; record != NULL; record = record->next) {
        struct click_lane *listed = find_listed(lanes, count, &record->key);

        if (listed != NULL && record->first_seq < listed->first_seq)
            listed->first_seq = record->first_seq;
        if (listed != NULL || find_lane(rows, record->key.epoch, record->key.lane) != NULL ||
            count == CLICK_ROWS_LANES_PER_QUESTION)
            continue;
        lanes[count++] =
            (struct click_lane){ .epoch = record->key.epoch, .lane = record->key.lane, .first_seq = record->first_seq };
    }
    return count;
}

void click_rows_know(struct click_rows *rows, const struct click_lane *asked, uint64_t highest_seq, uint64_t count)
{
    struct known_lane *known = find_lane(rows, asked->epoch, asked->lane);

    if (known == NULL) {
        rows->lanes = realloc(rows->lanes, (rows->lane_count + 1) * sizeof *rows->lanes);
        assert(rows->lanes != NULL);
        known = &rows->lanes[rows->lane_count++];
        *known = (struct known_lane){ .epoch = asked->epoch, .lane = asked->lane, .from = asked->first_seq };
    }
    if (highest_seq <= known->ledger.position)
        return;
    known->ledger.position = highest_seq;
    if (highest_seq >= asked->first_seq && count < highest_seq - asked->first_seq + 1)
        lane_ledger_miss(&known->ledger, (struct seq_range){ asked->first_seq, highest_seq });
}

/* ------------------------------------------------------------------------------------------------ an insert */

struct block {
    struct rowbinary *out;
    uint32_t limit;
    uint32_t count;
    int month; /* years * 12 + months of its first row; -1: none yet */
};

static int month_of(uint64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    return utc.tm_year * 12 + utc.tm_mon;
}

/* The columns in the order of the table; see topology/migrations/clickhouse. */
void click_rows_write(struct rowbinary *out, const struct click *click, uint64_t epoch, uint32_t lane, uint64_t seq)
{
    rowbinary_add_text(out, click->code);
    rowbinary_add_u32(out, (uint32_t)(click->time_us / 1000000));
    rowbinary_add_u32(out, (uint32_t)(click->time_us % 1000000));
    rowbinary_add_u64(out, epoch);
    rowbinary_add_u16(out, (uint16_t)lane);
    rowbinary_add_u64(out, seq);
    rowbinary_add_text(out, click->referrer_host);
    rowbinary_add_text(out, slice_of(agent_class_name(click->agent_class)));
    rowbinary_add_text(out, click->country);
    rowbinary_add_u8(out, click->is_bot ? 1 : 0);
}

static bool fits(const struct block *block, const struct click *click)
{
    return block->count < block->limit && (block->month < 0 || block->month == month_of(click->time_us));
}

/* False when the block is full before the batch is at its end; what was not added is not in the ledger either. */
static bool add_batch(struct block *block, struct known_lane *lane, struct slice bytes)
{
    struct batch_reader batch;
    struct click click;
    struct seq_range fresh;

    if (!batch_open(&batch, bytes))
        return true; /* the Postgres side counts and reports it */
    for (uint64_t seq = batch.span.first_seq; batch_next(&batch, &click); seq++) {
        uint64_t first = seq;

        if (seq <= lane->ledger.position && lane->ledger.missing_count == 0)
            continue;
        if (!fits(block, &click))
            return false;
        if (!lane_ledger_take(&lane->ledger, &first, seq, &fresh))
            continue;
        block->month = block->month < 0 ? month_of(click.time_us) : block->month;
        click_rows_write(block->out, &click, batch.span.epoch, batch.span.lane, seq);
        block->count++;
    }
    return true;
}

static bool add_record(struct click_rows *rows, struct block *block, const struct record *record)
{
    struct known_lane *lane = find_lane(rows, record->key.epoch, record->key.lane);
    struct slice value = { .at = record->value, .size = record->size };
    struct slice batch;

    assert(lane != NULL);
    while (click_run_next(&value, &batch)) {
        if (!add_batch(block, lane, batch))
            return false;
    }
    return true;
}

uint32_t click_rows_build(struct click_rows *rows, uint32_t limit, struct rowbinary *out, uint32_t *ret_row_count)
{
    struct block block = { .out = out, .limit = limit, .month = -1 };
    uint32_t whole = 0;

    for (const struct record *record = rows->first; record != NULL; record = record->next) {
        if (!add_record(rows, &block, record))
            break;
        whole++;
    }
    *ret_row_count = block.count;
    return whole;
}

static void note_offset(struct click_offset *offsets, uint32_t *count, uint32_t room, const struct record *record)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (offsets[i].partition == record->partition) {
            offsets[i].next = record->offset + 1;
            return;
        }
    }
    assert(*count < room);
    offsets[(*count)++] = (struct click_offset){ .partition = record->partition, .next = record->offset + 1 };
}

uint32_t click_rows_done(struct click_rows *rows, uint32_t records, struct click_offset *offsets, uint32_t room)
{
    uint32_t count = 0;

    assert(records <= rows->records);
    while (records-- > 0) {
        note_offset(offsets, &count, room, rows->first);
        drop_first(rows);
    }
    return count;
}
