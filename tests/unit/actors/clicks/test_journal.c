/* SPDX-License-Identifier: MIT */
/* journal: what was accepted is read back by the next process, whatever the tail looks like; a full disk is survived.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/clicks/crc32c.h"
#include "actors/clicks/journal.h"
#include "tests/testing.h"

enum { LANES = 3, SEGMENT = 4096 };

static char folder[64];

static struct journal *opened(uint64_t epoch)
{
    return journal_open(&(struct journal_options){
        .folder = folder, .epoch = epoch, .lanes = LANES, .segment_bytes = SEGMENT, .bytes_limit = 1024 * 1024 });
}

/* Appends a batch of `count` clicks of one code. */
static enum journal_status
append(struct journal *journal, uint32_t lane, uint64_t first_seq, uint32_t count, uint64_t now_us)
{
    struct batch_span span = { .epoch = 5, .lane = lane, .count = count, .first_seq = first_seq };
    struct batch_maker maker = { 0 };
    struct click click = { .code = SLICE("abcdefg"), .time_us = 1000 };
    enum journal_status status;

    for (uint32_t i = 0; i < count; i++)
        batch_add(&maker, &click);
    status = journal_append_batch(journal, &span, batch_finish(&maker, &span), now_us);
    batch_free(&maker);
    return status;
}

/* Reads all from the start; checks that each lane's batches are contiguous from `first`. Returns the records. */
static uint32_t read_all(struct journal *journal, const uint64_t *first, uint64_t *ret_last)
{
    struct journal_cursor cursor = { 0 };
    struct journal_record record;
    uint32_t records = 0;

    for (uint32_t lane = 0; lane < LANES; lane++)
        ret_last[lane] = first[lane] - 1;
    for (; journal_read(journal, &cursor, &record); records++) {
        if (record.kind != JOURNAL_BATCH)
            continue;
        assert_int_equal(record.span.first_seq, ret_last[record.span.lane] + 1);
        ret_last[record.span.lane] = record.last_seq;
    }
    return records;
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "build/journal-test-XXXXXX");
    (void)mkdir("build", 0755);
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const uint64_t from_start[LANES] = { 1, 1, 1 };

static void the_next_process_reads_what_was_accepted(void **state)
{
    struct journal *journal = opened(5);
    struct journal_cursor cursor = { 0 };
    struct journal_record record;
    uint64_t last[LANES];

    (void)state;
    assert_false(journal_read(journal, &cursor, &record));
    assert_int_equal(append(journal, 0, 1, 3, 0), JOURNAL_OK);
    assert_int_equal(append(journal, 2, 1, 5, 0), JOURNAL_OK);
    assert_int_equal(journal_append_seal(journal, 2, 1, 5, 0), JOURNAL_OK);
    assert_true(journal_read(journal, &cursor, &record)); /* also by the one who writes */
    assert_int_equal(record.last_seq, 3);
    journal_close(&journal);
    journal = opened(5);
    assert_int_equal(read_all(journal, from_start, last), 3);
    assert_int_equal(last[0], 3);
    assert_int_equal(last[2], 5);
    assert_int_equal(journal_last_seq(journal, 2), 5);
    assert_int_equal(journal_last_seq(journal, 1), 0);
    cursor = (struct journal_cursor){ 0 };
    assert_true(journal_read(journal, &cursor, &record) && journal_read(journal, &cursor, &record));
    assert_true(journal_read(journal, &cursor, &record));
    assert_int_equal(record.kind, JOURNAL_SEAL);
    assert_int_equal(record.span.lane, 2);
    assert_int_equal(record.span.first_seq, 1);
    assert_int_equal(record.last_seq, 5);
    journal_close(&journal);
}

static void a_reader_follows_the_writer_through_segments(void **state)
{
    struct journal *journal = opened(5);
    struct journal_cursor cursor = { 0 };
    struct journal_record record;

    (void)state;
    for (uint64_t seq = 1; seq < 2000; seq += 10) {
        assert_int_equal(append(journal, 1, seq, 10, 0), JOURNAL_OK);
        assert_true(journal_read(journal, &cursor, &record));
        assert_int_equal(record.span.first_seq, seq);
        assert_false(journal_read(journal, &cursor, &record));
    }
    assert_true(journal_bytes(journal) > (uint64_t)5 * SEGMENT);
    journal_close(&journal);
}

static size_t file_size(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

/* Cuts the file at every byte: whole records before the cut are read, and appending goes on behind. */
static void a_torn_tail_costs_only_the_torn_record(void **state)
{
    char path[128];
    struct journal *journal = opened(5);
    size_t whole_size;
    size_t record_size;
    uint64_t last[LANES];

    (void)state;
    append(journal, 0, 1, 2, 0);
    append(journal, 0, 3, 2, 0);
    append(journal, 0, 5, 2, 0);
    journal_close(&journal);
    (void)snprintf(path, sizeof path, "%s/5.3/00000001.journal", folder);
    whole_size = file_size(path);
    record_size = whole_size / 3;
    for (size_t size = whole_size - 1; size > 0; size--) {
        uint32_t records = (uint32_t)(size / record_size);

        assert_int_equal(truncate(path, (off_t)size), 0);
        journal = opened(5);
        assert_int_equal(read_all(journal, from_start, last), records);
        assert_int_equal(journal_torn_bytes(journal), size % record_size);
        if (size == record_size + 5) {
            assert_int_equal(append(journal, 0, 3, 2, 0), JOURNAL_OK); /* into a segment of its own */
            assert_int_equal(read_all(journal, from_start, last), 2);
            assert_int_equal(last[0], 4);
            (void)snprintf(path + strlen(path) - strlen("1.journal"), 16, "2.journal");
            assert_int_equal(unlink(path), 0);
            (void)snprintf(path + strlen(path) - strlen("2.journal"), 16, "1.journal");
        }
        journal_close(&journal);
    }
}

static void a_flipped_bit_is_seen(void **state)
{
    char path[128];
    struct journal *journal = opened(5);
    uint64_t last[LANES];
    size_t size;
    int fd;

    (void)state;
    append(journal, 0, 1, 2, 0);
    journal_append_seal(journal, 0, 1, 2, 0);
    journal_close(&journal);
    (void)snprintf(path, sizeof path, "%s/5.3/00000001.journal", folder);
    size = file_size(path);
    fd = open(path, O_RDWR);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        char byte;

        assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
        byte ^= (char)(1 << (bit % 8));
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
        journal = opened(5);
        assert_true(read_all(journal, from_start, last) < 2);
        journal_close(&journal);
        byte ^= (char)(1 << (bit % 8));
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    }
    close(fd);
}

static void segments_go_when_nobody_needs_them(void **state)
{
    struct journal *journal = opened(5);
    struct journal_epoch none;
    uint64_t before;

    (void)state;
    for (uint64_t seq = 1; seq <= 1000; seq += 10) {
        append(journal, 0, seq, 10, 0);
        append(journal, 1, seq, 10, 0);
    }
    before = journal_bytes(journal);
    journal_forget(journal, 0, 1000);
    assert_int_equal(journal_bytes(journal), before); /* lane 1 still needs all of them */
    journal_forget(journal, 1, 500);
    assert_true(journal_bytes(journal) < before * 3 / 4);
    journal_forget(journal, 1, 1000);
    assert_true(journal_bytes(journal) < (uint64_t)2 * SEGMENT);
    journal_close(&journal); /* waits for the removals */
    journal = opened(5);
    assert_true(journal_bytes(journal) < (uint64_t)2 * SEGMENT);
    {
        struct journal_cursor cursor = { 0 };
        struct journal_record record;

        assert_true(journal_read(journal, &cursor, &record));
        assert_true(record.span.first_seq > 500);
    }
    journal_remove(&journal);
    assert_int_equal(journal_list(folder, &none, 1), 0);
}

static void its_own_limit_is_told_from_the_disks(void **state)
{
    struct journal *journal = journal_open(&(struct journal_options){
        .folder = folder, .epoch = 5, .lanes = LANES, .segment_bytes = SEGMENT, .bytes_limit = 2 * SEGMENT });
    enum journal_status status = JOURNAL_OK;
    uint64_t seq = 1;

    (void)state;
    for (; status == JOURNAL_OK; seq += 10)
        status = append(journal, 0, seq, 10, 0);
    assert_int_equal(status, JOURNAL_FULL);
    assert_true(journal_bytes(journal) <= (uint64_t)2 * SEGMENT);
    assert_null(journal_trouble(journal));
    journal_forget(journal, 0, seq);
    assert_int_equal(append(journal, 0, seq, 10, 0), JOURNAL_OK);
    journal_close(&journal);
}

/* The kernel refuses to let files grow beyond a size: to write(2) the same as a full disk. */
static void a_full_disk_is_survived(void **state)
{
    struct journal *journal = opened(5);
    struct rlimit before;
    struct rlimit small = { .rlim_cur = 2000 };
    uint64_t accepted = 0;
    uint64_t last[LANES];

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    while (append(journal, 0, accepted + 1, 10, 1) == JOURNAL_OK)
        accepted += 10;
    assert_true(accepted > 0);
    assert_non_null(journal_trouble(journal));
    assert_int_equal(append(journal, 0, accepted + 1, 1, 999999), JOURNAL_FAILED); /* not tried again within a second */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(append(journal, 0, accepted + 1, 10, 1000001), JOURNAL_OK);
    assert_null(journal_trouble(journal));
    assert_int_equal(append(journal, 0, accepted + 11, 10, 1000001), JOURNAL_OK);
    read_all(journal, from_start, last);
    assert_int_equal(last[0], accepted + 20);
    journal_close(&journal);
    journal = opened(5);
    read_all(journal, from_start, last);
    assert_int_equal(last[0], accepted + 20);
    assert_int_equal(journal_torn_bytes(journal), 0);
    journal_close(&journal);
}

static void a_folder_that_cannot_be_is_an_error_not_a_death(void **state)
{
    struct journal *journal = journal_open(&(struct journal_options){
        .folder = "/proc/no-such-place", .epoch = 5, .lanes = LANES, .segment_bytes = SEGMENT, .bytes_limit = 100000 });

    (void)state;
    assert_int_equal(append(journal, 0, 1, 1, 1), JOURNAL_FAILED);
    assert_non_null(strstr(journal_trouble(journal), "/proc/no-such-place"));
    journal_close(&journal);
}

static void epochs_are_listed(void **state)
{
    struct journal *journals[2] = { opened(12), opened(5) };
    struct journal_epoch epochs[8];

    (void)state;
    append(journals[1], 0, 1, 1, 0);
    journal_append_seal(journals[0], 0, 1, 1, 0);
    assert_int_equal(journal_list(folder, epochs, 8), 2);
    assert_int_equal(epochs[0].epoch, 5);
    assert_int_equal(epochs[0].lanes, LANES);
    assert_int_equal(epochs[1].epoch, 12);
    journal_close(&journals[0]);
    journal_close(&journals[1]);
}

/* The check values of RFC 3720, appendix B.4, and the two ways of computing them. */
static void the_checksum_is_castagnoli(void **state)
{
    unsigned char bytes[64] = { 0 };

    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (size_t size = 0; size <= sizeof bytes; size++)
        assert_int_equal(crc32c(7, bytes, size), crc32c_by_table(7, bytes, size));
    assert_int_equal(crc32c(crc32c(0, bytes, 13), bytes + 13, 51), crc32c(0, bytes, 64));
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_next_process_reads_what_was_accepted),
        IN_FOLDER(a_reader_follows_the_writer_through_segments),
        IN_FOLDER(a_torn_tail_costs_only_the_torn_record),
        IN_FOLDER(a_flipped_bit_is_seen),
        IN_FOLDER(segments_go_when_nobody_needs_them),
        IN_FOLDER(its_own_limit_is_told_from_the_disks),
        IN_FOLDER(a_full_disk_is_survived),
        cmocka_unit_test(a_folder_that_cannot_be_is_an_error_not_a_death),
        IN_FOLDER(epochs_are_listed),
        cmocka_unit_test(the_checksum_is_castagnoli),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
