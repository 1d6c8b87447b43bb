/* SPDX-License-Identifier: MIT */
/* The log files of a platform as one stream: merged by time, followed across a full file's change of name. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/command/console.h"
#include "actors/command/log_reader.h"
#include "tests/testing.h"

static char folder[64];
static char before[4096];

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/shunt-logs-XXXXXX");
    return getcwd(before, sizeof before) != NULL && mkdtemp(folder) != NULL && chdir(folder) == 0 &&
                   mkdir("log", 0700) == 0
               ? 0
               : -1;
}

static int end(void **state)
{
    (void)state;
    unlink("log/edge.log");
    unlink("log/edge.log.1");
    unlink("log/app1.log");
    unlink("log/db.log");
    return rmdir("log") == 0 && chdir(before) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void add(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define LINE(second, level, event)                                                                                     \
    "{\"time\":\"2026-01-02T03:04:" second ".000000Z\",\"level\":\"" level                                             \
    "\",\"node\":\"n\",\"actor\":\"a\",\"trace\":\"00000000000000010000000000000002\",\"event\":\"" event "\"}\n"

/* "source:event" of each entry, as one text. */
static const char *read_on(struct log_reader *reader)
{
    static char all[4096];
    struct log_entry *entries;
    size_t count = log_reader_next(reader, &entries);

    all[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *event = json_string_value(json_object_get(entries[i].record, "event"));

        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s:%s", i > 0 ? " " : "", entries[i].source,
                 event != NULL ? event : entries[i].text);
    }
    return all;
}

static void lines_are_merged_by_time(void **state)
{
    struct log_reader *reader = log_reader_open(NULL, 0);

    (void)state;
    add("log/edge.log", LINE("01", "info", "one") LINE("03", "warn", "three"));
    add("log/app1.log", LINE("02", "info", "two") LINE("04", "error", "four"));
    add("log/db.log", "2026-01-02 03:04:02.500 UTC [7] LOG: between\n\tits next line\n");
    assert_string_equal(read_on(reader), "edge:one app1:two db:2026-01-02 03:04:02.500 UTC [7] LOG: between "
                                         "db:\tits next line edge:three app1:four");
    log_reader_close(&reader);
}

static void what_is_added_is_followed(void **state)
{
    struct log_reader *reader = log_reader_open((char *[]){ (char[]){ "edge" } }, 1);

    (void)state;
    add("log/edge.log", LINE("01", "info", "one"));
    add("log/app1.log", LINE("02", "info", "not asked for"));
    assert_string_equal(read_on(reader), "edge:one");
    assert_string_equal(read_on(reader), "");
    add("log/edge.log", LINE("05", "info", "two") "{\"time\":\"half");
    assert_string_equal(read_on(reader), "edge:two"); /* the half one waits for its end */
    add("log/edge.log", "\"}\n" LINE("06", "info", "three"));
    assert_int_equal(rename("log/edge.log", "log/edge.log.1"), 0);
    add("log/edge.log", LINE("07", "info", "four"));
    assert_non_null(strstr(read_on(reader), "edge:three"));
    assert_string_equal(read_on(reader), "");
    add("log/edge.log", LINE("08", "info", "five"));
    assert_string_equal(read_on(reader), "edge:five");
    log_reader_close(&reader);
}

static void only_the_end_of_a_long_file_is_read(void **state)
{
    struct log_reader *reader = log_reader_open(NULL, 0);
    struct log_entry *entries;
    size_t count;

    (void)state;
    for (int i = 0; i < 3000; i++)
        add("log/edge.log", LINE("01", "info", "long enough to be many bytes in all of these lines together"));
    count = log_reader_next(reader, &entries);
    assert_true(count > 1000 && count < 3000);
    assert_non_null(entries[0].record); /* the first, cut one is left out */
    log_reader_close(&reader);
}

static void plain_lines_have_a_time_and_a_level(void **state)
{
    struct log_entry entry;

    (void)state;
    log_reader_parse("2026-01-02 03:04:05.678 UTC [7] FATAL: no", "db", "", &entry);
    assert_string_equal(entry.time, "2026-01-02T03:04:05.678000Z");
    assert_int_equal(entry.level, LOG_ERROR);
    free(entry.text);
    log_reader_parse("ts=2026-01-02T03:04:05.6Z level=warn", "prometheus", "", &entry);
    assert_string_equal(entry.time, "2026-01-02T03:04:05.006000Z");
    assert_int_equal(entry.level, LOG_WARN);
    free(entry.text);
    log_reader_parse("{\"time\":1}", "edge", "before", &entry);
    assert_string_equal(entry.time, "before");
    assert_null(entry.record);
    free(entry.text);
}

/* What the verb prints for these words. */
static const char *printed(struct console *console, size_t count, char **words)
{
    static char said[4096];
    FILE *to = tmpfile();
    int out = dup(STDOUT_FILENO);

    fflush(stdout);
    assert_true(to != NULL && out >= 0 && dup2(fileno(to), STDOUT_FILENO) >= 0);
    assert_int_equal(console_run_logs(console, words, count), EXIT_DONE);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    rewind(to);
    said[fread(said, 1, sizeof said - 1, to)] = '\0';
    fclose(to);
    return said;
}

static void lines_are_filtered(void **state)
{
    struct console console = { .called = "logs" };
    char *by_level[] = { (char[]){ "--level" }, (char[]){ "warn" } };
    char *by_trace[] = { (char[]){ "edge" }, (char[]){ "--trace" }, (char[]){ "00000000000000010000000000000002" } };
    char *by_other_trace[] = { (char[]){ "--trace" }, (char[]){ "ffffffff" } };
    char *last[] = { (char[]){ "--lines" }, (char[]){ "1" } };

    (void)state;
    add("log/edge.log", LINE("01", "info", "one") LINE("03", "warn", "three"));
    add("log/app1.log", LINE("02", "debug", "two"));
    assert_string_equal(printed(&console, 2, by_level),
                        "03:04:03.000 warn  edge/a  three  trace=00000000000000010000000000000002\n");
    assert_null(strstr(printed(&console, 3, by_trace), "two"));
    assert_non_null(strstr(printed(&console, 3, by_trace), "one"));
    assert_string_equal(printed(&console, 2, by_other_trace), "");
    console.as_json = true;
    assert_string_equal(printed(&console, 2, last), LINE("03", "warn", "three"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_merged_by_time, begin, end),
        cmocka_unit_test_setup_teardown(what_is_added_is_followed, begin, end),
        cmocka_unit_test_setup_teardown(only_the_end_of_a_long_file_is_read, begin, end),
        cmocka_unit_test_setup_teardown(plain_lines_have_a_time_and_a_level, begin, end),
        cmocka_unit_test_setup_teardown(lines_are_filtered, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
