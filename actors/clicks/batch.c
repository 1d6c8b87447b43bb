/* SPDX-License-Identifier: MIT */
/* batch -- see the header. */
#include "actors/clicks/batch.h"

#include <assert.h>

#include "actors/clicks/code_counts.h"
#include "proto/writer.h"

enum {
    HEAD_ROOM = 64, /* the head takes 1 + 1 + 9 + 5 + 9 + 5 + 9 + 5 bytes at most */
    HEAD_FIELDS = 7,
    CLICK_FIELDS = 6,
    CLICK_BYTES_LIMIT = 1 + (1 + CODE_SIZE_LIMIT) + 9 + (2 + REFERRER_SIZE_LIMIT) + 9 + 3 + 1,
    COUNTRY_SIZE_LIMIT = 2,
};

/* ------------------------------------------------------------------------------------------------ making */

static struct slice cut(struct slice text, size_t limit)
{
    return (struct slice){ .at = text.at, .size = text.size < limit ? text.size : limit };
}

bool batch_has_room(const struct batch_maker *maker, const struct click *clicks, uint32_t count)
{
    size_t size = maker->bytes.size + HEAD_ROOM + (size_t)count * (CLICK_BYTES_LIMIT - REFERRER_SIZE_LIMIT);

    if (maker->count + count > BATCH_CLICKS_LIMIT)
        return false;
    for (uint32_t i = 0; i < count; i++)
        size += clicks[i].referrer_host.size;
    return size <= BATCH_BYTES_LIMIT;
}

bool batch_add(struct batch_maker *maker, const struct click *click)
{
    struct buffer *out = &maker->bytes;
    char *to;

    if (click->code.size == 0 || click->code.size > CODE_SIZE_LIMIT)
        return false;
    if (maker->count == 0) {
        maker->time_us = click->time_us;
        buffer_reserve(out, HEAD_ROOM);
        out->size = HEAD_ROOM;
    }
    to = buffer_reserve(out, CLICK_BYTES_LIMIT);
    to = writer_put_short_array(to, CLICK_FIELDS);
    to = writer_put_text(to, click->code);
    to = writer_put_signed(to, (int64_t)(click->time_us - maker->time_us));
    to = writer_put_text(to, cut(click->referrer_host, REFERRER_SIZE_LIMIT));
    to = writer_put_unsigned(to, click->agent_class);
    to = writer_put_text(to, cut(click->country, COUNTRY_SIZE_LIMIT));
    to = writer_put_bool(to, click->is_bot);
    out->size = (size_t)(to - out->at);
    maker->count++;
    return true;
}

struct slice batch_finish(struct batch_maker *maker, const struct batch_span *span)
{
    struct buffer *head = &maker->head;
    char *start;

    assert(maker->count > 0 && span->count == maker->count && span->first_seq > 0);
    head->size = 0;
    writer_array(head, HEAD_FIELDS);
    writer_unsigned(head, BATCH_VERSION);
    writer_unsigned(head, span->epoch);
    writer_unsigned(head, span->lane);
    writer_unsigned(head, span->first_seq);
    writer_unsigned(head, span->count);
    writer_unsigned(head, maker->time_us);
    writer_array(head, span->count);
    assert(head->size <= HEAD_ROOM);
    start = maker->bytes.at + HEAD_ROOM - head->size;
    memcpy(start, head->at, head->size);
    return (struct slice){ .at = start, .size = maker->bytes.size - (HEAD_ROOM - head->size) };
}

void batch_reset(struct batch_maker *maker)
{
    buffer_clear(&maker->bytes, 256 * 1024);
    maker->count = 0;
    maker->time_us = 0;
}

void batch_free(struct batch_maker *maker)
{
    buffer_free(&maker->bytes);
    buffer_free(&maker->head);
    *maker = (struct batch_maker){ 0 };
}

/* ------------------------------------------------------------------------------------------------ reading */

/* The span of the head, checked as a whole: what it names must be able to exist. */
static bool span_of(const uint64_t *fields, struct batch_span *ret_span)
{
    uint64_t epoch = fields[1];
    uint64_t lane = fields[2];
    uint64_t first_seq = fields[3];
    uint64_t count = fields[4];

    if (fields[0] != BATCH_VERSION || epoch == 0 || epoch >= BATCH_SEQ_LIMIT || lane >= BATCH_LANES_LIMIT ||
        first_seq == 0 || first_seq >= BATCH_SEQ_LIMIT - BATCH_CLICKS_LIMIT || count == 0 || count > BATCH_CLICKS_LIMIT)
        return false;
    *ret_span =
        (struct batch_span){ .epoch = epoch, .lane = (uint32_t)lane, .first_seq = first_seq, .count = (uint32_t)count };
    return true;
}

bool batch_open(struct batch_reader *batch, struct slice bytes)
{
    uint64_t fields[HEAD_FIELDS - 1] = { 0 };
    uint32_t count;

    if (bytes.size > BATCH_BYTES_LIMIT)
        return false;
    *batch = (struct batch_reader){ .reader = reader_of(bytes) };
    if (!reader_array(&batch->reader, &count) || count < HEAD_FIELDS)
        return false;
    for (size_t i = 0; i < HEAD_FIELDS - 1; i++) {
        if (!reader_unsigned(&batch->reader, &fields[i]))
            return false;
    }
    if (!span_of(fields, &batch->span) || !reader_array(&batch->reader, &count) || count != batch->span.count)
        return false;
    batch->time_us = fields[5];
    batch->left = count;
    return true;
}

static bool read_offset(struct reader *reader, uint64_t base_us, uint64_t *ret_time_us)
{
    struct reader_value value;

    if (!reader_next(reader, &value))
        return false;
    if (value.type == READER_UNSIGNED)
        *ret_time_us = base_us + value.number;
    else if (value.type == READER_NEGATIVE)
        *ret_time_us = base_us + (uint64_t)value.negative;
    else
        return false;
    return true;
}

static bool read_click(struct batch_reader *batch, struct click *click)
{
    struct reader *reader = &batch->reader;
    struct reader_value bot;
    uint32_t fields;

    if (!reader_array(reader, &fields) || fields < CLICK_FIELDS || !reader_text(reader, &click->code) ||
        !read_offset(reader, batch->time_us, &click->time_us) || !reader_text(reader, &click->referrer_host) ||
        !reader_unsigned(reader, &click->agent_class) || !reader_text(reader, &click->country) ||
        !reader_next(reader, &bot) || bot.type != READER_BOOL)
        return false;
    click->is_bot = bot.boolean;
    for (uint32_t i = CLICK_FIELDS; i < fields; i++) {
        if (!reader_skip(reader))
            return false;
    }
    return click->code.size > 0 && click->code.size <= CODE_SIZE_LIMIT &&
           click->referrer_host.size <= REFERRER_SIZE_LIMIT && click->country.size <= COUNTRY_SIZE_LIMIT;
}

bool batch_next(struct batch_reader *batch, struct click *ret_click)
{
    struct click click = { 0 };

    if (batch->left == 0 || batch->reader.failed)
        return false;
    if (!read_click(batch, &click)) {
        batch->reader.failed = true;
        return false;
    }
    batch->left--;
    *ret_click = click;
    return true;
}

/* Where the number or short text at `at` ends, by its head alone; NULL when it is neither, or too long to be seen here.
 */
static const uint8_t *behind(const uint8_t *at, const uint8_t *end)
{
    uint8_t head;

    if (at == NULL || at >= end)
        return NULL;
    head = *at;
    if (head < 0x80 || head >= 0xe0 || head == 0xc2 || head == 0xc3)
        at += 1;
    else if (head >= 0xa0 && head <= 0xbf)
        at += 1 + (head & 0x1f);
    else if (head >= 0xcc && head <= 0xcf)
        at += 1 + (1 << (head - 0xcc));
    else if (head >= 0xd0 && head <= 0xd3)
        at += 1 + (1 << (head - 0xd0));
    else if (head == 0xd9 && end - at > 1)
        at += 2 + at[1];
    else
        return NULL;
    return at <= end ? at : NULL;
}

bool batch_next_code(struct batch_reader *batch, struct slice *ret_code)
{
    const uint8_t *start = batch->reader.at;
    const uint8_t *at = start + 1;
    struct click click;

    if (batch->left > 0 && !batch->reader.failed && reader_left(&batch->reader) > 2 &&
        *start == (0x90 | CLICK_FIELDS) && at[0] > 0xa0 && at[0] <= (0xa0 | CODE_SIZE_LIMIT)) {
        struct slice code = { .at = (const char *)at + 1, .size = at[0] & 0x1f };

        for (int field = 0; field < CLICK_FIELDS; field++)
            at = behind(at, batch->reader.end);
        if (at != NULL) {
            batch->reader.at = at;
            batch->left--;
            *ret_code = code;
            return true;
        }
    }
    if (!batch_next(batch, &click)) /* what a later version may write, and what is broken */
        return false;
    *ret_code = click.code;
    return true;
}

bool batch_is_whole(const struct batch_reader *batch)
{
    return batch->left == 0 && !batch->reader.failed;
}

bool batch_check(struct slice bytes, struct batch_span *ret_span)
{
    struct batch_reader batch;
    struct click click;

    if (!batch_open(&batch, bytes))
        return false;
    while (batch_next(&batch, &click))
        continue;
    if (!batch_is_whole(&batch))
        return false;
    *ret_span = batch.span;
    return true;
}
