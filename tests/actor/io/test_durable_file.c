/* SPDX-License-Identifier: MIT */
/* durable_file: the old text or the new one, whole; a damaged file is no file; a full disk is said. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/io/durable_file.h"
#include "tests/actor/support/io_stage.h"

struct stage {
    struct io_stage io;
    char folder[64];
    uint64_t wanted;  /* a write's number */
    uint64_t written; /* the last number reported */
    char error[256];
};

static void written(struct actor *me, void *context, uint64_t number, const char *error)
{
    struct stage *stage = context;

    (void)me;
    stage->written = number;
    (void)slice_copy(slice_of(error), stage->error, sizeof(stage->error));
}

static void open_stage(struct stage *stage)
{
    *stage = (struct stage){ .folder = "/tmp/test_durable_file.XXXXXX" };
    assert_non_null(mkdtemp(stage->folder));
    io_stage_open(&stage->io);
}

static struct durable_file *open_file(struct stage *stage)
{
    char why[256];
    struct durable_file *file =
        durable_file_open(stage->io.actor, stage->folder, "note", written, stage, why, sizeof(why));

    assert_non_null(file);
    return file;
}

static bool is_written(void *context)
{
    struct stage *stage = context;

    return stage->written >= stage->wanted;
}

/* Lets the other thread do its work. */
static void wait_for(struct stage *stage, uint64_t number)
{
    stage->wanted = number;
    io_stage_until(&stage->io, is_written, stage);
}

static void assert_holds(struct stage *stage, const char *text)
{
    struct durable_file *file = open_file(stage);
    struct slice found;

    assert_int_equal(durable_file_was_there(file, &found), text != NULL);
    if (text != NULL)
        assert_true(slice_is(found, text));
    durable_file_close(&file);
}

static void texts_outlive_their_file(void **state)
{
    struct stage stage;
    struct durable_file *file;
    struct slice found;

    (void)state;
    open_stage(&stage);
    file = open_file(&stage);
    assert_false(durable_file_was_there(file, &found));
    wait_for(&stage, durable_file_write(file, SLICE("first\n")));
    assert_string_equal(stage.error, "");
    durable_file_close(&file);
    assert_holds(&stage, "first\n");
    file = open_file(&stage);
    (void)durable_file_write(file, SLICE("second"));
    (void)durable_file_write(file, SLICE("third"));
    durable_file_close(&file); /* waits for what was handed in */
    assert_holds(&stage, "third");
    io_stage_close(&stage.io);
}

static void every_damaged_byte_is_noticed(void **state)
{
    struct stage stage;
    struct durable_file *file;
    char path[128];
    struct stat status;

    (void)state;
    open_stage(&stage);
    file = open_file(&stage);
    (void)durable_file_write(file, SLICE("keygen/0 17\n"));
    durable_file_close(&file);
    (void)snprintf(path, sizeof(path), "%s/note", stage.folder);
    assert_int_equal(stat(path, &status), 0);
    for (off_t at = 0; at < status.st_size; at++) {
        int fd = open(path, O_RDWR);
        char byte;

        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_holds(&stage, NULL);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_int_equal(close(fd), 0);
    }
    assert_holds(&stage, "keygen/0 17\n");
    assert_int_equal(truncate(path, status.st_size - 1), 0);
    assert_holds(&stage, NULL);
    io_stage_close(&stage.io);
}

/* A folder where the new text should go stands for all the ways in which a disk says no. */
static void a_failed_write_is_reported_and_the_old_text_stays(void **state)
{
    struct stage stage;
    struct durable_file *file;
    char path[128];

    (void)state;
    open_stage(&stage);
    file = open_file(&stage);
    wait_for(&stage, durable_file_write(file, SLICE("old")));
    (void)snprintf(path, sizeof(path), "%s/note.new", stage.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    wait_for(&stage, durable_file_write(file, SLICE("new")));
    assert_non_null(strstr(stage.error, "cannot be written"));
    durable_file_close(&file);
    assert_holds(&stage, "old");
    io_stage_close(&stage.io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_outlive_their_file),
        cmocka_unit_test(every_damaged_byte_is_noticed),
        cmocka_unit_test(a_failed_write_is_reported_and_the_old_text_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
