/* SPDX-License-Identifier: MIT */
/* config: a change holds once it is kept somewhere, is told to every node, and comes back after any loss. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/kinds.h"
#include "runtime/harness.h"
#include "tests/actor/fakes/fake_file.h"
#include "tests/actor/fakes/fake_postgres.h"
#include "tests/testing.h"

extern const struct actor_kind config_kind;

struct pump {
    uint64_t period_us;
};
static const struct option options[] = {
    { .name = "period",
      .type = OPTION_DURATION,
      .offset = offsetof(struct pump, period_us),
      .default_text = "1s",
      .help = "how often",
      .live = true },
};
static const struct actor_kind pump_kind = { .name = "pump", TABLE(option, options) };
static const struct option node_options[] = {
    { .name = "level", .type = OPTION_NUMBER, .default_text = "1", .help = "how loud", .live = true },
};
static const struct actor_kind node_kind = { .name = "node", TABLE(option, node_options) };
/* The platform of this test: instead of the program's table. */
const struct actor_kind *const shunt_kinds[] = { &pump_kind, &config_kind, NULL };
const struct actor_kind *const shunt_node_kind = &node_kind;

struct stage {
    struct harness *harness;
    struct actor *config;
};

static struct stage open_stage(void)
{
    static const char *const settings[] = { "postgres=postgresql://h/d", NULL };
    struct stage stage = { .harness = harness_new(3) };

    stage.config = harness_add(stage.harness, &config_kind, "config", settings);
    harness_receivers(stage.harness, stage.config, 0, 2);
    harness_start(stage.harness);
    assert_true(harness_is_up(stage.config));
    return stage;
}

static struct stage fresh_stage(void)
{
    fake_file_forget();
    return open_stage();
}

static void close_stage(struct stage *stage)
{
    harness_destroy(&stage->harness);
}

/* Postgres is there and has this row, or none. */
static void load(struct stage *stage, const char *row)
{
    fake_postgres_connect();
    harness_run(stage->harness);
    assert_true(fake_postgres_is(0, "FROM config_settings"));
    if (row != NULL)
        fake_postgres_row(0, row);
    fake_postgres_done();
    harness_run(stage->harness);
}

static uint64_t set(struct stage *stage, const char *name, const char *value)
{
    uint64_t question =
        harness_ask(stage->harness, stage->config, &setting_set_schema,
                    &(struct setting_set){ .name = slice_of(name), .value = slice_of(value), .who = SLICE("ann") });

    harness_run(stage->harness);
    return question;
}

static void assert_answer(struct stage *stage, uint64_t question, const struct message_schema *schema)
{
    const struct harness_letter *answer = harness_answer(stage->harness, question);

    assert_non_null(answer);
    assert_string_equal(answer->schema->name, schema->name);
}

static void assert_told(struct stage *stage, uint32_t times, const char *value)
{
    for (uint32_t i = 0; i < times; i++) {
        const struct harness_letter *letter = harness_take_type(stage->harness, &setting_changed_schema);

        assert_non_null(letter);
        assert_true(slice_is(((const struct setting_changed *)letter->message)->name, "pump.period"));
        assert_true(slice_is(((const struct setting_changed *)letter->message)->value, value));
    }
    assert_null(harness_take_type(stage->harness, &setting_changed_schema));
}

static void a_change_is_kept_and_told_to_every_node(void **state)
{
    struct stage stage = fresh_stage();
    uint64_t question;

    (void)state;
    load(&stage, NULL);
    question = set(&stage, "pump.period", "5s");
    assert_answer(&stage, question, &done_schema);
    assert_told(&stage, 2, "5s");
    assert_true(fake_postgres_is(0, "INSERT INTO config_settings"));
    assert_true(fake_postgres_is(1, "INSERT INTO config_history"));
    assert_string_equal(fake_postgres_value(0, 2), "1");
    fake_postgres_done();
    harness_run(stage.harness);
    assert_string_equal(fake_file_text("settings"), "1 1 ann pump.period 5s\n");
    close_stage(&stage);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct stage stage = fresh_stage();

    (void)state;
    load(&stage, NULL);
    assert_answer(&stage, set(&stage, "pump.preiod", "5s"), &ask_failed_schema);
    assert_answer(&stage, set(&stage, "pump.period", "soon"), &ask_failed_schema);
    assert_answer(&stage, set(&stage, "config.postgres", "elsewhere"), &ask_failed_schema);
    assert_told(&stage, 0, "");
    close_stage(&stage);
}

static void without_postgres_the_file_keeps_it_until_later(void **state)
{
    struct stage stage;

    (void)state;
    fake_file_forget();
    fake_file_put("settings", "3 1 ann pump.period 2s\n");
    stage = open_stage();
    assert_answer(&stage, set(&stage, "pump.period", "7s"), &done_schema);
    assert_told(&stage, 2, "7s");
    assert_string_equal(fake_file_text("settings"), "4 0 ann pump.period 7s\n");
    fake_postgres_connect();
    harness_run(stage.harness);
    fake_postgres_row(0, "pump.period|2s|3|ann"); /* Postgres is behind */
    fake_postgres_done();
    harness_run(stage.harness);
    assert_told(&stage, 0, "");
    assert_string_equal(fake_postgres_value(0, 1), "7s");
    assert_string_equal(fake_postgres_value(0, 2), "4");
    close_stage(&stage);
}

/* Nobody knows which versions there were: a change could be older than what it replaces. */
static void without_file_and_postgres_nothing_changes(void **state)
{
    struct stage stage = fresh_stage();

    (void)state;
    assert_answer(&stage, set(&stage, "pump.period", "7s"), &ask_failed_schema);
    close_stage(&stage);
}

static void what_postgres_knows_better_is_told(void **state)
{
    struct stage stage;

    (void)state;
    fake_file_forget();
    fake_file_put("settings", "3 1 ann pump.period 2s\n");
    stage = open_stage();
    load(&stage, "pump.period|9s|8|bob");
    assert_told(&stage, 2, "9s");
    assert_string_equal(fake_file_text("settings"), "8 1 bob pump.period 9s\n");
    close_stage(&stage);
}

static void a_change_that_nobody_can_keep_does_not_hold(void **state)
{
    struct stage stage = fresh_stage();
    uint64_t question;
    const struct settings *settings;

    (void)state;
    load(&stage, NULL);
    fake_file_full(true);
    question = set(&stage, "pump.period", "5s");
    assert_null(harness_answer(stage.harness, question));
    fake_postgres_fail(OUTCOME_RETRY);
    harness_run(stage.harness);
    assert_answer(&stage, question, &ask_failed_schema);
    assert_told(&stage, 0, "");
    question =
        harness_ask(stage.harness, stage.config, &settings_read_schema, &(struct settings_read){ .only_set = true });
    harness_run(stage.harness);
    settings = harness_answer(stage.harness, question)->message;
    assert_int_equal(settings->rows.count, 0);
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_kept_and_told_to_every_node),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(without_postgres_the_file_keeps_it_until_later),
        cmocka_unit_test(without_file_and_postgres_nothing_changes),
        cmocka_unit_test(what_postgres_knows_better_is_told),
        cmocka_unit_test(a_change_that_nobody_can_keep_does_not_hold),
    };
    char folder[] = "/tmp/test_config.XXXXXX"; /* the harness makes the actor's folder for real */

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
