/* SPDX-License-Identifier: MIT */
/* Log files stay within their size, and remember what was said last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/supervise/log_file.h"
#include "tests/testing.h"

struct place {
    char folder[32];
    char path[64];
    char old[64];
    struct log_file log;
};

static int begin(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    strcpy(place->folder, "/tmp/log_file.XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/x.log", place->folder);
    snprintf(place->old, sizeof place->old, "%s/x.log.1", place->folder);
    *state = place;
    return 0;
}

static int end(void **state)
{
    struct place *place = *state;

    log_file_close(&place->log);
    unlink(place->path);
    unlink(place->old);
    rmdir(place->folder);
    free(place);
    return 0;
}

static off_t size_of(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? status.st_size : -1;
}

static void stays_bounded(void **state)
{
    struct place *place = *state;
    char line[101];

    memset(line, 'x', 99);
    line[99] = '\n';
    assert_true(log_file_open(&place->log, place->path, 1000));
    for (int i = 0; i < 1000; i++) {
        log_file_write(&place->log, line, 100);
        assert_true(size_of(place->path) <= 1000);
        assert_true(size_of(place->old) <= 1000);
    }
    assert_int_equal(size_of(place->old), 1000);
    assert_int_equal(place->log.lost, 0);
}

static void goes_on_where_it_was(void **state)
{
    struct place *place = *state;

    assert_true(log_file_open(&place->log, place->path, 1000));
    log_file_write(&place->log, "first\n", 6);
    log_file_close(&place->log);
    assert_true(log_file_open(&place->log, place->path, 1000));
    log_file_write(&place->log, "second\n", 7);
    assert_int_equal(size_of(place->path), 13);
}

static void remembers_the_last_line(void **state)
{
    struct place *place = *state;
    char line[16];

    assert_true(log_file_open(&place->log, place->path, 1000000));
    log_file_last_line(&place->log, line, sizeof line);
    assert_string_equal(line, "");
    log_file_write(&place->log, "one\ntw", 6);
    log_file_write(&place->log, "o\n\n  \n", 6);
    log_file_last_line(&place->log, line, sizeof line);
    assert_string_equal(line, "two");
    for (int i = 0; i < LOG_TAIL_LIMIT; i++)
        log_file_write(&place->log, "some words\n", 11);
    log_file_write(&place->log, "the very last of all lines\n", 27);
    log_file_last_line(&place->log, line, sizeof line);
    assert_string_equal(line, "the very last o"); /* cut to the room */
    log_file_forget_tail(&place->log);
    log_file_last_line(&place->log, line, sizeof line);
    assert_string_equal(line, "");
}

static void a_disk_that_takes_nothing_stops_nobody(void **state)
{
    struct place *place = *state;
    char line[16];

    assert_true(log_file_open(&place->log, "/dev/full", 1000));
    log_file_write(&place->log, "words\n", 6);
    assert_int_equal(place->log.lost, 6);
    log_file_last_line(&place->log, line, sizeof line);
    assert_string_equal(line, "words");
    log_file_close(&place->log);
    log_file_write(&place->log, "more\n", 5);
    assert_int_equal(place->log.lost, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stays_bounded, begin, end),
        cmocka_unit_test_setup_teardown(goes_on_where_it_was, begin, end),
        cmocka_unit_test_setup_teardown(remembers_the_last_line, begin, end),
        cmocka_unit_test_setup_teardown(a_disk_that_takes_nothing_stops_nobody, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
