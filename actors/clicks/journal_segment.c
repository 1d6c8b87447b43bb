/* SPDX-License-Identifier: MIT */
/* journal_segment -- see the header. */
#include "actors/clicks/journal_segment.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "actors/clicks/crc32c.h"

enum { READ_AHEAD = 256 * 1024 };

static uint32_t get_u32(const char *at)
{
    uint32_t number;

    memcpy(&number, at, sizeof number);
    return le32toh(number);
}

static uint64_t get_u64(const char *at)
{
    uint64_t number;

    memcpy(&number, at, sizeof number);
    return le64toh(number);
}

static void put_u32(char *at, uint32_t number)
{
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static void put_u64(char *at, uint64_t number)
{
    number = htole64(number);
    memcpy(at, &number, sizeof number);
}

void journal_encode_seal(uint32_t lane, uint64_t first_seq, uint64_t last_seq, char *to)
{
    put_u32(to, lane);
    put_u64(to + 4, first_seq);
    put_u64(to + 12, last_seq);
}

/* ------------------------------------------------------------------------------------------------ writing */

int journal_segment_append(struct journal_segment *segment,
                           enum journal_kind kind,
                           struct slice body,
                           bool *ret_is_spoiled)
{
    char head[JOURNAL_RECORD_HEAD];
    struct iovec parts[2] = { { .iov_base = head, .iov_len = sizeof head },
                              { .iov_base = (void *)(uintptr_t)body.at, .iov_len = body.size } };
    size_t size = sizeof head + body.size;
    ssize_t written;
    int error;

    assert(body.size <= BATCH_BYTES_LIMIT);
    head[8] = (char)kind;
    put_u32(head, (uint32_t)body.size);
    put_u32(head + 4, crc32c(crc32c(0, head + 8, 1), body.at, body.size));
    do
        written = pwritev(segment->fd, parts, 2, (off_t)segment->size);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)size) {
        segment->size += size;
        return 0;
    }
    error = written < 0 ? errno : ENOSPC; /* a short write to a file: there was no room for the rest */
    *ret_is_spoiled = written > 0 && ftruncate(segment->fd, (off_t)segment->size) != 0;
    return error;
}

/* ------------------------------------------------------------------------------------------------ reading */

/* `size` bytes from `offset`, or NULL when the segment does not have them. */
static const char *
look(const struct journal_segment *segment, uint64_t offset, size_t size, struct journal_window *window)
{
    size_t want = size < READ_AHEAD ? READ_AHEAD : size;

    if (offset + size > segment->size)
        return NULL;
    if (window->segment == segment->number && offset >= window->offset &&
        offset + size <= window->offset + window->memory.size)
        return window->memory.at + (offset - window->offset);
    if (want > segment->size - offset)
        want = (size_t)(segment->size - offset);
    window->segment = segment->number;
    window->offset = offset;
    window->memory.size = 0;
    buffer_reserve(&window->memory, want);
    while (window->memory.size < want) {
        ssize_t got = pread(segment->fd, window->memory.at + window->memory.size, want - window->memory.size,
                            (off_t)(offset + window->memory.size));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        window->memory.size += (size_t)got;
    }
    return window->memory.size >= size ? window->memory.at : NULL;
}

static bool decode_seal(struct slice body, struct journal_record *record)
{
    if (body.size != JOURNAL_SEAL_SIZE)
        return false;
    record->span = (struct batch_span){ .lane = get_u32(body.at), .first_seq = get_u64(body.at + 4) };
    record->last_seq = get_u64(body.at + 12);
    return record->span.first_seq > 0 && record->last_seq >= record->span.first_seq;
}

static bool decode_batch(struct slice body, struct journal_record *record)
{
    if (!batch_check(body, &record->span))
        return false;
    record->last_seq = batch_last_seq(&record->span);
    record->bytes = body;
    return true;
}

static bool decode(const char *head, struct slice body, struct journal_record *record)
{
    if (crc32c(crc32c(0, head + 8, 1), body.at, body.size) != get_u32(head + 4))
        return false;
    *record = (struct journal_record){ .kind = (enum journal_kind)head[8] };
    if (record->kind == JOURNAL_BATCH)
        return decode_batch(body, record);
    return record->kind == JOURNAL_SEAL && decode_seal(body, record);
}

enum journal_found journal_segment_read(const struct journal_segment *segment,
                                        uint64_t offset,
                                        struct journal_window *window,
                                        struct journal_record *ret_record,
                                        uint64_t *ret_size)
{
    const char *head;
    uint64_t size;

    if (offset >= segment->size)
        return JOURNAL_AT_END;
    head = look(segment, offset, JOURNAL_RECORD_HEAD, window);
    if (head == NULL || get_u32(head) > BATCH_BYTES_LIMIT)
        return JOURNAL_TORN;
    size = JOURNAL_RECORD_HEAD + get_u32(head);
    head = look(segment, offset, size, window);
    if (head == NULL ||
        !decode(head, (struct slice){ head + JOURNAL_RECORD_HEAD, size - JOURNAL_RECORD_HEAD }, ret_record))
        return JOURNAL_TORN;
    *ret_size = size;
    return JOURNAL_FOUND;
}
