/* SPDX-License-Identifier: MIT */
/* What the files say: marks, epochs, the key of the codes. What is damaged is not believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/links/code_key.h"
#include "actors/links/epoch_log.h"
#include "actors/links/high_water.h"
#include "tests/testing.h"

static const char *const names[] = { "keygen/0", "keygen/1" };

static void marks_come_back(void **state)
{
    uint64_t marks[2] = { 17, (UINT64_C(1) << 53) - 1 };
    uint64_t read[2] = { 0, 0 };
    char text[256];
    size_t size = high_water_format(text, sizeof(text), names, 2, marks);

    (void)state;
    assert_true(high_water_parse(text, size, names, 2, read));
    assert_int_equal(read[0], marks[0]);
    assert_int_equal(read[1], marks[1]);
}

static void marks_that_are_not_all_there_are_not_believed(void **state)
{
    static const char *const texts[] = { "",
                                         "keygen/0 17\n",
                                         "keygen/0 17\nkeygen/1\n",
                                         "keygen/0 17\nkeygen/1 x\n",
                                         "keygen/0 17\nkeygen/1 9007199254740992\n",
                                         "keygen/0 17\nother 5\n" };
    uint64_t read[2];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(high_water_parse(texts[i], strlen(texts[i]), names, 2, read));
}

static void epochs_come_back(void **state)
{
    struct epoch_record record = {
        .epoch = 1795377989022787, .lanes = 6, .started_us = 1795377989000000, .node = "edge", .actor = "click_buffer"
    };
    struct epoch_record read;
    char line[256];

    (void)state;
    (void)epoch_record_format(&record, line, sizeof(line));
    assert_true(epoch_record_parse(line, &read));
    assert_int_equal(read.epoch, record.epoch);
    assert_int_equal(read.lanes, record.lanes);
    assert_int_equal(read.started_us, record.started_us);
    assert_string_equal(read.node, "edge");
    assert_string_equal(read.actor, "click_buffer");
    assert_false(epoch_record_parse("1 2 3 edge", &read));
    assert_false(epoch_record_parse("", &read));
}

static void a_missing_key_is_made_once(void **state)
{
    char folder[] = "/tmp/test_code_key.XXXXXX";
    char setting[64];
    char why[512];
    struct keyed_hash_key first;
    struct keyed_hash_key second;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(setting, sizeof(setting), "@%s/key", folder);
    assert_true(code_key_read(setting, &first, why, sizeof(why)));
    assert_true(code_key_read(setting, &second, why, sizeof(why)));
    assert_memory_equal(&first, &second, sizeof(first));
    assert_int_equal(truncate(setting + 1, 5), 0);
    assert_false(code_key_read(setting, &second, why, sizeof(why)));
    assert_non_null(strstr(why, "at least 16"));
    assert_false(code_key_read("@/nowhere/at/all", &second, why, sizeof(why)));
    assert_non_null(strstr(why, "/nowhere/at/all"));
    assert_true(code_key_read("sixteen letters!", &second, why, sizeof(why)));
    assert_memory_not_equal(&first, &second, sizeof(first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_come_back),
        cmocka_unit_test(marks_that_are_not_all_there_are_not_believed),
        cmocka_unit_test(epochs_come_back),
        cmocka_unit_test(a_missing_key_is_made_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
