/* SPDX-License-Identifier: MIT */
/* journal -- see the header. */
#include "actors/clicks/journal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/clicks/journal_helper.h"
#include "actors/clicks/journal_segment.h"

enum { TRY_AGAIN_US = 1000000, TROUBLE_ROOM = 640 };

struct journal {
    char folder[JOURNAL_FOLDER_ROOM]; /* of all epochs */
    uint64_t epoch;
    uint32_t lanes;
    uint64_t segment_bytes;
    uint64_t bytes_limit;
    struct journal_segment *segments; /* ascending numbers; the last is being written if `is_writing` */
    uint32_t segment_count;
    bool is_writing;
    uint32_t next_number;
    uint64_t bytes;
    uint64_t torn_bytes;
    uint64_t *needed;    /* per lane: clicks up to here are not needed any more; owned */
    uint64_t *last_seqs; /* per lane; owned */
    uint64_t synced;     /* of the segment being written: bytes handed to the helper */
    char trouble[TROUBLE_ROOM];
    uint64_t try_again_us; /* 0: no trouble */
    struct journal_window window;
    struct journal_helper *helper;
};

/* ------------------------------------------------------------------------------------------------ paths */

static void epoch_path(const struct journal *journal, char *path)
{
    (void)snprintf(path, JOURNAL_PATH_ROOM, "%s/%" PRIu64 ".%" PRIu32, journal->folder, journal->epoch, journal->lanes);
}

static void segment_path(const struct journal *journal, uint32_t number, char *path)
{
    (void)snprintf(path, JOURNAL_PATH_ROOM, "%s/%" PRIu64 ".%" PRIu32 "/%08" PRIu32 ".journal", journal->folder,
                   journal->epoch, journal->lanes, number);
}

static enum journal_status trouble(struct journal *journal, int error, const char *path, uint64_t now_us)
{
    (void)snprintf(journal->trouble, sizeof journal->trouble, "%s: %s", path, strerror(error));
    journal->try_again_us = now_us + TRY_AGAIN_US;
    return JOURNAL_FAILED;
}

/* ------------------------------------------------------------------------------------------------ segments */

static struct journal_segment *add_segment(struct journal *journal, uint32_t number, int fd)
{
    struct journal_segment *segment;

    journal->segments = realloc(journal->segments, (journal->segment_count + 1) * sizeof *journal->segments);
    assert(journal->segments != NULL);
    segment = &journal->segments[journal->segment_count++];
    *segment = (struct journal_segment){ .number = number, .fd = fd };
    segment->last_seqs = calloc(journal->lanes, sizeof *segment->last_seqs);
    assert(segment->last_seqs != NULL);
    if (number >= journal->next_number)
        journal->next_number = number + 1;
    return segment;
}

static void drop_segment(struct journal *journal, uint32_t index)
{
    struct journal_segment *segment = &journal->segments[index];

    if (segment->fd >= 0)
        (void)close(segment->fd);
    free(segment->last_seqs);
    journal->segment_count--;
    memmove(segment, segment + 1, (journal->segment_count - index) * sizeof *segment);
}

/* Opens the file of a segment that is not open. Returns 0 or an errno. */
static int open_segment(struct journal *journal, struct journal_segment *segment)
{
    char path[JOURNAL_PATH_ROOM];

    if (segment->fd >= 0)
        return 0;
    segment_path(journal, segment->number, path);
    segment->fd = open(path, O_RDWR | O_CLOEXEC);
    return segment->fd >= 0 ? 0 : errno;
}

/* Starts a new segment, to be written. */
static enum journal_status next_segment(struct journal *journal, uint64_t now_us)
{
    char path[JOURNAL_PATH_ROOM];
    struct journal_segment *segment;
    int fd;

    epoch_path(journal, path);
    (void)mkdir(journal->folder, 0700);
    (void)mkdir(path, 0700); /* if it is there, good; if it cannot be, the open says why */
    segment_path(journal, journal->next_number, path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return trouble(journal, errno, path, now_us);
    journal_sync(journal);
    if (journal->is_writing) {
        (void)close(journal->segments[journal->segment_count - 1].fd);
        journal->segments[journal->segment_count - 1].fd = -1;
    }
    segment = add_segment(journal, journal->next_number, fd);
    segment->is_read = true;
    journal->is_writing = true;
    journal->synced = 0;
    return JOURNAL_OK;
}

/* ------------------------------------------------------------------------------------------------ life */

static int by_number(const void *left, const void *right)
{
    const struct journal_segment *a = left;
    const struct journal_segment *b = right;

    return a->number < b->number ? -1 : a->number > b->number;
}

/* Notes the segments that an earlier process left. */
static void find_segments(struct journal *journal)
{
    char path[JOURNAL_PATH_ROOM];
    struct dirent *entry;
    DIR *folder;

    epoch_path(journal, path);
    folder = opendir(path);
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        struct stat status;
        uint32_t number;
        int end = 0;

        if (sscanf(entry->d_name, "%8" SCNu32 ".journal%n", &number, &end) != 1 || end == 0 || number == 0 ||
            entry->d_name[end] != '\0' || fstatat(dirfd(folder), entry->d_name, &status, 0) != 0)
            continue;
        add_segment(journal, number, -1)->size = (uint64_t)status.st_size;
        journal->bytes += (uint64_t)status.st_size;
    }
    (void)closedir(folder);
    if (journal->segment_count > 0)
        qsort(journal->segments, journal->segment_count, sizeof *journal->segments, by_number);
}

struct journal *journal_open(const struct journal_options *options)
{
    struct journal *journal = calloc(1, sizeof *journal);

    assert(journal != NULL && options->lanes > 0 && options->lanes <= BATCH_LANES_LIMIT);
    assert(strlen(options->folder) < JOURNAL_FOLDER_ROOM);
    (void)snprintf(journal->folder, sizeof journal->folder, "%s", options->folder);
    journal->epoch = options->epoch;
    journal->lanes = options->lanes;
    journal->segment_bytes = options->segment_bytes;
    journal->bytes_limit = options->bytes_limit;
    journal->next_number = 1;
    journal->needed = calloc(journal->lanes, sizeof *journal->needed);
    journal->last_seqs = calloc(journal->lanes, sizeof *journal->last_seqs);
    assert(journal->needed != NULL && journal->last_seqs != NULL);
    journal->helper = journal_helper_start();
    find_segments(journal);
    return journal;
}

void journal_close(struct journal **journal)
{
    struct journal *closing = *journal;

    if (closing == NULL)
        return;
    journal_sync(closing);
    journal_helper_stop(&closing->helper);
    while (closing->segment_count > 0)
        drop_segment(closing, closing->segment_count - 1);
    free(closing->segments);
    free(closing->needed);
    free(closing->last_seqs);
    buffer_free(&closing->window.memory);
    free(closing);
    *journal = NULL;
}

void journal_remove(struct journal **journal)
{
    char path[JOURNAL_PATH_ROOM];

    for (uint32_t i = 0; i < (*journal)->segment_count; i++) {
        segment_path(*journal, (*journal)->segments[i].number, path);
        (void)unlink(path);
    }
    epoch_path(*journal, path);
    journal_close(journal);
    (void)rmdir(path);
}

/* ------------------------------------------------------------------------------------------------ writing */

static enum journal_status append(struct journal *journal, enum journal_kind kind, struct slice body, uint64_t now_us)
{
    struct journal_segment *segment = journal->is_writing ? &journal->segments[journal->segment_count - 1] : NULL;
    char path[JOURNAL_PATH_ROOM];
    bool is_spoiled = false;
    int error;

    if (now_us < journal->try_again_us)
        return JOURNAL_FAILED;
    if (journal->bytes + body.size > journal->bytes_limit)
        return JOURNAL_FULL;
    if (segment == NULL || segment->size >= journal->segment_bytes) {
        if (next_segment(journal, now_us) != JOURNAL_OK)
            return JOURNAL_FAILED;
        segment = &journal->segments[journal->segment_count - 1];
    }
    error = journal_segment_append(segment, kind, body, &is_spoiled);
    if (is_spoiled)
        journal->is_writing = false; /* what it has whole can be read; the rest goes into the next */
    if (error != 0) {
        segment_path(journal, segment->number, path);
        return trouble(journal, error, path, now_us);
    }
    journal->bytes += JOURNAL_RECORD_HEAD + body.size;
    journal->try_again_us = 0;
    return JOURNAL_OK;
}

enum journal_status
journal_append_batch(struct journal *journal, const struct batch_span *span, struct slice bytes, uint64_t now_us)
{
    enum journal_status status = append(journal, JOURNAL_BATCH, bytes, now_us);

    assert(span->lane < journal->lanes);
    if (status == JOURNAL_OK) {
        journal->segments[journal->segment_count - 1].last_seqs[span->lane] = batch_last_seq(span);
        journal->last_seqs[span->lane] = batch_last_seq(span);
    }
    return status;
}

enum journal_status
journal_append_seal(struct journal *journal, uint32_t lane, uint64_t first_seq, uint64_t last_seq, uint64_t now_us)
{
    char body[JOURNAL_SEAL_SIZE];
    enum journal_status status;

    assert(lane < journal->lanes);
    journal_encode_seal(lane, first_seq, last_seq, body);
    status = append(journal, JOURNAL_SEAL, (struct slice){ .at = body, .size = sizeof body }, now_us);
    if (status == JOURNAL_OK && journal->segments[journal->segment_count - 1].last_seqs[lane] < last_seq)
        journal->segments[journal->segment_count - 1].last_seqs[lane] = last_seq; /* needed as long as its clicks */
    return status;
}

void journal_sync(struct journal *journal)
{
    struct journal_segment *segment = journal->is_writing ? &journal->segments[journal->segment_count - 1] : NULL;

    if (segment == NULL || segment->size == journal->synced || journal->helper == NULL)
        return;
    journal_helper_sync(journal->helper, segment->fd);
    journal->synced = segment->size;
}

const char *journal_trouble(const struct journal *journal)
{
    return journal->try_again_us != 0 ? journal->trouble : NULL;
}

/* ------------------------------------------------------------------------------------------------ forgetting */

static bool is_needed(const struct journal *journal, uint32_t index)
{
    const struct journal_segment *segment = &journal->segments[index];

    if (!segment->is_read || (journal->is_writing && index + 1 == journal->segment_count))
        return true;
    for (uint32_t lane = 0; lane < journal->lanes; lane++) {
        if (segment->last_seqs[lane] > journal->needed[lane])
            return true;
    }
    return false;
}

/* From the oldest on, so that a seal never outlives the batches before it. */
void journal_forget(struct journal *journal, uint32_t lane, uint64_t seq)
{
    char path[JOURNAL_PATH_ROOM];

    assert(lane < journal->lanes);
    if (seq <= journal->needed[lane])
        return;
    journal->needed[lane] = seq;
    while (journal->segment_count > 0 && !is_needed(journal, 0)) {
        segment_path(journal, journal->segments[0].number, path);
        if (journal->helper == NULL || !journal_helper_remove(journal->helper, path))
            return; /* with the next call */
        journal->bytes -= journal->segments[0].size;
        drop_segment(journal, 0);
    }
}

uint64_t journal_last_seq(const struct journal *journal, uint32_t lane)
{
    assert(lane < journal->lanes);
    return journal->last_seqs[lane];
}

uint64_t journal_bytes(const struct journal *journal)
{
    return journal->bytes;
}

uint64_t journal_torn_bytes(const struct journal *journal)
{
    return journal->torn_bytes;
}

/* ------------------------------------------------------------------------------------------------ reading */

/* The segment that the cursor is in, or the next one that is left. */
static struct journal_segment *segment_at(struct journal *journal, struct journal_cursor *cursor)
{
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        struct journal_segment *segment = &journal->segments[i];

        if (segment->number < cursor->segment)
            continue;
        if (segment->number > cursor->segment)
            *cursor = (struct journal_cursor){ .segment = segment->number };
        return segment;
    }
    return NULL;
}

struct journal_cursor journal_seek(const struct journal *journal, const uint64_t *seqs)
{
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct journal_segment *segment = &journal->segments[i];

        for (uint32_t lane = 0; lane < journal->lanes; lane++) {
            if (!segment->is_read || segment->last_seqs[lane] > seqs[lane])
                return (struct journal_cursor){ .segment = segment->number };
        }
    }
    return (struct journal_cursor){ .segment = journal->next_number };
}

static bool belongs(const struct journal *journal, const struct journal_record *record)
{
    return record->span.lane < journal->lanes &&
           (record->kind != JOURNAL_BATCH || record->span.epoch == journal->epoch);
}

static void note(struct journal *journal, struct journal_segment *segment, const struct journal_record *record)
{
    uint32_t lane = record->span.lane;

    if (segment->is_read)
        return;
    if (segment->last_seqs[lane] < record->last_seq)
        segment->last_seqs[lane] = record->last_seq;
    if (journal->last_seqs[lane] < record->last_seq)
        journal->last_seqs[lane] = record->last_seq;
}

/* Goes on to the segment behind this one. False when there is none: the cursor stays where more may be written. */
static bool step(struct journal *journal, struct journal_segment *segment, struct journal_cursor *cursor)
{
    segment->is_read = true;
    if (segment == &journal->segments[journal->segment_count - 1])
        return false;
    if (segment->fd >= 0)
        (void)close(segment->fd);
    segment->fd = -1;
    *cursor = (struct journal_cursor){ .segment = segment->number + 1 };
    return true;
}

bool journal_read(struct journal *journal, struct journal_cursor *cursor, struct journal_record *ret_record)
{
    struct journal_segment *segment;
    struct journal_record record;
    uint64_t size;

    while ((segment = segment_at(journal, cursor)) != NULL) {
        enum journal_found found =
            open_segment(journal, segment) != 0
                ? JOURNAL_TORN
                : journal_segment_read(segment, cursor->offset, &journal->window, &record, &size);

        if (found == JOURNAL_FOUND && belongs(journal, &record)) {
            note(journal, segment, &record);
            record.span.epoch = journal->epoch;
            cursor->offset += size;
            *ret_record = record;
            return true;
        }
        if (found != JOURNAL_AT_END && !segment->is_read)
            journal->torn_bytes += segment->size - cursor->offset;
        cursor->offset = segment->size;
        if (!step(journal, segment, cursor))
            return false;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------ epochs */

static int by_epoch(const void *left, const void *right)
{
    uint64_t a = ((const struct journal_epoch *)left)->epoch;
    uint64_t b = ((const struct journal_epoch *)right)->epoch;

    return a < b ? -1 : a > b;
}

uint32_t journal_list(const char *folder, struct journal_epoch *ret_epochs, uint32_t room)
{
    DIR *open_folder = opendir(folder);
    struct dirent *entry;
    uint32_t count = 0;

    if (open_folder == NULL)
        return 0;
    while (count < room && (entry = readdir(open_folder)) != NULL) {
        struct journal_epoch epoch;
        int end = 0;

        if (sscanf(entry->d_name, "%16" SCNu64 ".%4" SCNu32 "%n", &epoch.epoch, &epoch.lanes, &end) == 2 &&
            entry->d_name[end] == '\0' && epoch.epoch > 0 && epoch.lanes > 0 && epoch.lanes <= BATCH_LANES_LIMIT)
            ret_epochs[count++] = epoch;
    }
    (void)closedir(open_folder);
    if (count > 0)
        qsort(ret_epochs, count, sizeof *ret_epochs, by_epoch);
    return count;
}
