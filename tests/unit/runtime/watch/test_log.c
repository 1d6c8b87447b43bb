/* SPDX-License-Identifier: MIT */
/* Log lines: JSON whatever is said, one line each, and not too many from one place. Also dead letters, the other thing
 * that is kept of what went wrong. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/cell/cell.h"
#include "runtime/harness.h"
#include "runtime/watch/log.h"
#include "tests/testing.h"

static int log_file;
static int saved_stderr;

/* Standard error goes to a file while a test looks at it. */
static int begin(void **state)
{
    char name[] = "/tmp/shunt-log-XXXXXX";

    (void)state;
    log_file = mkstemp(name);
    unlink(name);
    saved_stderr = dup(STDERR_FILENO);
    return log_file >= 0 && dup2(log_file, STDERR_FILENO) >= 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(log_file);
    return 0;
}

static size_t written(char *text, size_t room)
{
    ssize_t size = pread(log_file, text, room - 1, 0);

    assert_true(size >= 0);
    text[size] = '\0';
    return (size_t)size;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text != '\0'; text++)
        lines += *text == '\n' ? 1 : 0;
    return lines;
}

/* The sentence of the one line that was written, which is JSON. */
static void check_line(const struct log_origin *origin, const char *sentence, const char *expected)
{
    char text[LOG_LINE_LIMIT + 1];
    json_error_t error;
    json_t *line;

    assert_int_equal(ftruncate(log_file, 0), 0);
    lseek(log_file, 0, SEEK_SET);
    log_line(origin, LOG_WARN, sentence);
    written(text, sizeof text);
    assert_int_equal(count_lines(text), 1);
    line = json_loads(text, 0, &error);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(line, "node")), "n");
    if (expected != NULL)
        assert_string_equal(json_string_value(json_object_get(line, "event")), expected);
    json_decref(line);
}

static void a_line_is_json_whatever_is_said(void **state)
{
    const struct log_origin origin = { .node = "n", .actor = "a", .wall_us = 1767225600000001 };
    char every_byte[256];
    char too_long[3 * LOG_LINE_LIMIT];

    (void)state;
    check_line(&origin, "plain", "plain");
    check_line(&origin, "a \"b\" \\ \n\t\x01", "a \"b\" \\ \n\t\x01");
    check_line(&origin, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
               "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    check_line(&origin, "cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd");
    check_line(&origin, "not text: \xff\xc0\x80", NULL);
    check_line(&origin, "overlong \xe0\x80\x80, surrogate \xed\xa0\x80, too far \xf4\x90\x80\x80", NULL);
    for (int i = 0; i < 255; i++)
        every_byte[i] = (char)(i + 1);
    every_byte[255] = '\0';
    check_line(&origin, every_byte, NULL);
    memset(too_long, '\x01', sizeof too_long - 1); /* each becomes six */
    too_long[sizeof too_long - 1] = '\0';
    check_line(&origin, too_long, NULL);
}

static void a_line_has_its_time_and_trace(void **state)
{
    const uint64_t trace[2] = { 1, 0xabcdef };
    const struct log_origin origin = { .node = "n", .actor = "a", .trace = trace, .wall_us = 1767225600000001 };
    char text[LOG_LINE_LIMIT];

    (void)state;
    log_line(&origin, LOG_INFO, "x");
    written(text, sizeof text);
    assert_string_equal(text,
                        "{\"time\":\"2026-01-01T00:00:00.000001Z\",\"level\":\"info\",\"node\":\"n\",\"actor\":\"a\","
                        "\"trace\":\"00000000000000010000000000abcdef\",\"event\":\"x\"}\n");
}

static const struct actor_kind kind = { .name = "talker", .state_size = 1 };

static void say_it(struct actor *me)
{
    actor_log(me, LOG_INFO, "again and again");
}

static void one_place_does_not_say_too_much(void **state)
{
    static char text[64 * 1024];
    struct harness *h = harness_new(1);
    struct actor *talker = harness_add(h, &kind, "talker", NULL);

    (void)state;
    harness_start(h);
    talker->reactor->node->log_level = LOG_INFO;
    for (int i = 0; i < 1000; i++)
        say_it(talker);
    actor_log(talker, LOG_INFO, "another place");
    actor_log(talker, LOG_DEBUG, "below the level");
    written(text, sizeof text);
    assert_int_equal(count_lines(text), LOG_LINES_PER_SECOND + 1);
    talker->reactor->now_us -= 500; /* another thread's clock is a little behind: no new second for that */
    say_it(talker);
    written(text, sizeof text);
    assert_int_equal(count_lines(text), LOG_LINES_PER_SECOND + 1);
    harness_advance(h, 1000001);
    talker->reactor->now_us = harness_now_us(h);
    say_it(talker);
    written(text, sizeof text);
    assert_int_equal(count_lines(text), LOG_LINES_PER_SECOND + 2);
    assert_non_null(strstr(text, "(981 more like this were held back)"));
    harness_destroy(&h);
}

static void levels_have_names(void **state)
{
    enum log_level level;

    (void)state;
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        assert_true(log_level_of(log_level_name((enum log_level)i), &level));
        assert_int_equal(level, i);
    }
    assert_false(log_level_of("loud", &level));
}

static void dead_letters_are_counted_and_the_last_are_kept(void **state)
{
    static struct dead_letters letters;

    (void)state;
    for (uint64_t i = 0; i < DEAD_LETTERS_KEPT + 3; i++)
        dead_letter_add(&letters, i % 2 == 0 ? DEAD_MALFORMED : DEAD_DROPPED, i,
                        "a-node-with-a-name-that-is-as-long-as-they-come/and-an-actor-too", i);
    assert_int_equal(letters.total, DEAD_LETTERS_KEPT + 3);
    assert_int_equal(letters.counts[DEAD_MALFORMED] + letters.counts[DEAD_DROPPED], letters.total);
    assert_int_equal(letters.kept[2].type, DEAD_LETTERS_KEPT + 2); /* the newest took the place of the third */
    assert_int_equal(letters.kept[3].type, 3);                     /* the oldest that is left */
    assert_int_equal(strlen(letters.kept[0].from), sizeof letters.kept[0].from - 1);
    for (int i = 0; i < DEAD_REASONS; i++)
        assert_true(strlen(dead_reason_name((enum dead_reason)i)) > 0);
    dead_letters_free(&letters);
    assert_int_equal(letters.total, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_json_whatever_is_said, begin, end),
        cmocka_unit_test_setup_teardown(a_line_has_its_time_and_trace, begin, end),
        cmocka_unit_test_setup_teardown(one_place_does_not_say_too_much, begin, end),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(dead_letters_are_counted_and_the_last_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
