/* SPDX-License-Identifier: MIT */
/* setting_table: the options' own rows decide what may be set; versions decide what holds. */
#include <stdlib.h>
#include <string.h>

#include "actors/ops/setting_table.h"
#include "tests/testing.h"

struct pump {
    uint64_t period_us;
    const char *words;
    uint64_t size;
    uint32_t mode;
};

static const char *const modes[] = { "slow", "fast", NULL };

static const struct option options[] = {
    { .name = "period",
      .type = OPTION_DURATION,
      .offset = offsetof(struct pump, period_us),
      .default_text = "1s",
      .help = "h",
      .minimum = 1000,
      .maximum = 60 * 1000 * 1000,
      .live = true },
    { .name = "words",
      .type = OPTION_TEXT,
      .offset = offsetof(struct pump, words),
      .default_text = "",
      .help = "h",
      .live = true },
    { .name = "size",
      .type = OPTION_BYTES,
      .offset = offsetof(struct pump, size),
      .default_text = "1KiB",
      .help = "h" },
    { .name = "mode",
      .type = OPTION_CHOICE,
      .offset = offsetof(struct pump, mode),
      .default_text = "slow",
      .help = "h",
      .choices = modes,
      .live = true },
};
static const struct actor_kind pump_kind = { .name = "pump", TABLE(option, options) };
static const struct actor_kind bare_kind = { .name = "bare" };
static const struct actor_kind *const kinds[] = { &pump_kind, &bare_kind, NULL };

static bool accepts(const struct setting_table *table, const char *name, const char *value, const char *word)
{
    char reason[SETTING_REASON_ROOM] = "";
    bool accepted = setting_table_accepts(table, slice_of(name), slice_of(value), reason);

    if (word != NULL && strstr(reason, word) == NULL)
        fail_msg("%s = %s: %s", name, value, reason);
    return accepted;
}

static void only_what_the_options_allow_is_accepted(void **state)
{
    struct setting_table table;

    (void)state;
    setting_table_init(&table, kinds);
    assert_int_equal(table.count, 4);
    assert_true(accepts(&table, "pump.period", "20ms", NULL));
    assert_true(accepts(&table, "pump.words", "", NULL));
    assert_true(accepts(&table, "pump.mode", "fast", NULL));
    assert_false(accepts(&table, "pump.period", "2h", "pump.period: "));
    assert_false(accepts(&table, "pump.mode", "quick", "slow or fast"));
    assert_false(accepts(&table, "pump.size", "2KiB", "restart"));
    assert_false(accepts(&table, "pump.preiod", "1s", "did you mean pump.period?"));
    assert_false(accepts(&table, "nothing.like.it", "1s", "There is no setting"));
    assert_false(accepts(&table, "pump.words", "two\nlines", "one line"));
    setting_table_free(&table);
}

static void a_newer_version_holds(void **state)
{
    struct setting_table table;
    const struct live_setting *row;

    (void)state;
    setting_table_init(&table, kinds);
    row = setting_table_find(&table, SLICE("pump.period"));
    assert_true(setting_table_put(&table, SLICE("pump.period"), SLICE("2s"), 5, SLICE("ann")));
    assert_false(setting_table_put(&table, SLICE("pump.period"), SLICE("3s"), 5, SLICE("bob")));
    assert_false(setting_table_put(&table, SLICE("pump.period"), SLICE("3s"), 4, SLICE("bob")));
    assert_string_equal(row->value, "2s");
    assert_true(setting_table_put(&table, SLICE("pump.period"), SLICE("3s"), 6, SLICE("bob")));
    assert_string_equal(row->value, "3s");
    assert_int_equal(table.version, 6);
    setting_table_free(&table);
}

/* A setting that this program does not know any more counts all the same: its number must not be given again. */
static void numbers_of_unknown_settings_are_not_used_again(void **state)
{
    struct setting_table table;

    (void)state;
    setting_table_init(&table, kinds);
    assert_false(setting_table_put(&table, SLICE("gone.option"), SLICE("1"), 9, SLICE("ann")));
    assert_int_equal(table.version, 9);
    setting_table_free(&table);
}

static void the_file_brings_back_what_was_set(void **state)
{
    struct setting_table first;
    struct setting_table second;
    char text[4096];
    size_t size;

    (void)state;
    setting_table_init(&first, kinds);
    setting_table_init(&second, kinds);
    assert_true(setting_table_put(&first, SLICE("pump.words"), SLICE("two words"), 3, SLICE("ann of ops")));
    assert_true(setting_table_put(&first, SLICE("pump.mode"), SLICE("fast"), 4, SLICE("")));
    setting_table_find(&first, SLICE("pump.mode"))->is_stored = true;
    size = setting_table_format(&first, text, sizeof(text));
    setting_table_parse(&second, (struct slice){ .at = text, .size = size });
    assert_string_equal(setting_table_find(&second, SLICE("pump.words"))->value, "two words");
    assert_string_equal(setting_table_find(&second, SLICE("pump.words"))->who, "ann_of_ops");
    assert_false(setting_table_find(&second, SLICE("pump.words"))->is_stored);
    assert_true(setting_table_find(&second, SLICE("pump.mode"))->is_stored);
    assert_false(setting_table_find(&second, SLICE("pump.period"))->is_set);
    assert_int_equal(second.version, 4);
    setting_table_free(&first);
    setting_table_free(&second);
}

static void damaged_lines_are_left_out(void **state)
{
    static const char text[] = "\n \n7\n7 1\n7 1 ann pump.size 4KiB\nx 1 ann pump.mode fast\n8 1 ann pump.mode";
    struct setting_table table;

    (void)state;
    setting_table_init(&table, kinds);
    setting_table_parse(&table, slice_of(text));
    for (uint32_t i = 0; i < table.count; i++)
        assert_false(table.rows[i].is_set);
    setting_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_the_options_allow_is_accepted),
        cmocka_unit_test(a_newer_version_holds),
        cmocka_unit_test(numbers_of_unknown_settings_are_not_used_again),
        cmocka_unit_test(the_file_brings_back_what_was_set),
        cmocka_unit_test(damaged_lines_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
