/* SPDX-License-Identifier: MIT */
/* id_allocator: numbers above all that any witness knows and above the clock; epochs only once they are recorded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/actor/fakes/fake_file.h"
#include "tests/actor/fakes/fake_postgres.h"
#include "tests/testing.h"

extern const struct actor_kind id_allocator_kind;

struct stage {
    struct harness *harness;
    struct actor *allocator;
};

static struct stage open_stage(void)
{
    static const char *const settings[] = { "postgres=postgresql://h/d", NULL };
    struct stage stage = { .harness = harness_new(3) };

    stage.allocator = harness_add(stage.harness, &id_allocator_kind, "id_allocator", settings);
    harness_start(stage.harness);
    return stage;
}

static void close_stage(struct stage *stage)
{
    harness_destroy(&stage->harness);
}

static void run_with(struct stage *stage, const char *row)
{
    fake_postgres_row(0, row);
    fake_postgres_done();
    harness_run(stage->harness);
}

/* Postgres knows this mark, and keeps what is reserved above it. */
static void come_up(struct stage *stage, const char *mark, const char *reserved)
{
    fake_postgres_connect();
    harness_run(stage->harness);
    assert_true(fake_postgres_is(0, "id_leases"));
    run_with(stage, mark);
    assert_true(fake_postgres_is(0, "id_leases"));
    run_with(stage, reserved != NULL ? reserved : fake_postgres_value(0, 1));
    assert_true(harness_is_up(stage->allocator));
}

static uint64_t ask_ids(struct stage *stage, uint64_t count)
{
    uint64_t question =
        harness_ask(stage->harness, stage->allocator, &ids_lease_schema, &(struct ids_lease){ .count = count });
    const struct harness_letter *answer;

    harness_run(stage->harness);
    answer = harness_answer(stage->harness, question);
    assert_non_null(answer);
    assert_string_equal(answer->schema->name, "ids_leased");
    assert_int_equal(((const struct ids_leased *)answer->message)->count, count);
    return ((const struct ids_leased *)answer->message)->first;
}

#define WALL 1767225600000000 /* where the harness's wall clock begins */

static void numbers_begin_at_the_clock(void **state)
{
    struct stage stage;
    uint64_t first;

    (void)state;
    fake_file_forget();
    stage = open_stage();
    come_up(&stage, "0", NULL);
    first = ask_ids(&stage, 1000);
    assert_in_range(first, WALL, WALL + 1000 * 1000);
    assert_int_equal(ask_ids(&stage, 10), first + 1000);
    close_stage(&stage);
}

static void numbers_begin_above_what_postgres_knows(void **state)
{
    struct stage stage;

    (void)state;
    fake_file_forget();
    stage = open_stage();
    come_up(&stage, "1999999999999999", NULL); /* ahead of the clock: it went back */
    assert_int_equal(ask_ids(&stage, 1), 1999999999999999);
    close_stage(&stage);
}

static void numbers_begin_above_what_the_file_knows(void **state)
{
    struct stage stage;

    (void)state;
    fake_file_forget();
    fake_file_put("high-water", "identities 1888888888888888\n");
    stage = open_stage();
    harness_advance(stage.harness, 3 * 1000 * 1000); /* Postgres does not come */
    assert_true(harness_is_up(stage.allocator));
    assert_int_equal(ask_ids(&stage, 1), 1888888888888888);
    assert_string_equal(fake_file_text("high-water"), "identities 1888888889888888\n");
    close_stage(&stage);
}

static void without_file_and_postgres_nothing_is_given(void **state)
{
    struct stage stage;
    uint64_t question;

    (void)state;
    fake_file_forget();
    stage = open_stage();
    harness_advance(stage.harness, 9 * 1000 * 1000);
    question = harness_ask(stage.harness, stage.allocator, &ids_lease_schema, &(struct ids_lease){ .count = 1 });
    harness_run(stage.harness);
    assert_null(harness_answer(stage.harness, question));
    close_stage(&stage);
}

/* Long before the last number is given the next run is reserved, and only that run is given from. */
static void runs_follow_each_other(void **state)
{
    struct stage stage;
    uint64_t next;

    (void)state;
    fake_file_forget();
    stage = open_stage();
    come_up(&stage, "1999999999999999", NULL);
    next = 1999999999999999;
    for (int i = 0; i < 40; i++) {
        if (fake_postgres_waiting() > 0)
            run_with(&stage, fake_postgres_value(0, 1));
        assert_int_equal(ask_ids(&stage, 100 * 1000), next);
        next += 100 * 1000;
    }
    close_stage(&stage);
}

static uint64_t ask_epoch(struct stage *stage)
{
    uint64_t question =
        harness_ask(stage->harness, stage->allocator, &epoch_lease_schema,
                    &(struct epoch_lease){ .node = SLICE("edge"), .actor = SLICE("buffer"), .lanes = 6 });

    harness_run(stage->harness);
    return question;
}

static void an_epoch_waits_until_it_is_recorded(void **state)
{
    struct stage stage;
    uint64_t question;
    const struct harness_letter *answer;

    (void)state;
    fake_file_forget();
    stage = open_stage();
    come_up(&stage, "1999999999999999", NULL);
    fake_file_held(true);
    question = ask_epoch(&stage);
    assert_null(harness_answer(stage.harness, question));
    assert_true(fake_postgres_is(0, "INSERT INTO producer_epochs"));
    assert_string_equal(fake_postgres_value(0, 0), "1999999999999999");
    assert_string_equal(fake_postgres_value(0, 1), "edge");
    assert_string_equal(fake_postgres_value(0, 3), "6");
    fake_postgres_done();
    harness_run(stage.harness);
    answer = harness_answer(stage.harness, question);
    assert_int_equal(((const struct epoch_leased *)answer->message)->epoch, 1999999999999999);
    close_stage(&stage);
}

/* Postgres away: the file has the record, and Postgres gets it when it is back, even after a restart. */
static void an_epoch_in_the_file_goes_to_postgres_later(void **state)
{
    struct stage stage;
    uint64_t question;

    (void)state;
    fake_file_forget();
    stage = open_stage();
    come_up(&stage, "1999999999999999", NULL);
    fake_postgres_lose();
    harness_run(stage.harness);
    question = ask_epoch(&stage);
    assert_string_equal(harness_answer(stage.harness, question)->schema->name, "epoch_leased");
    assert_non_null(strstr(fake_file_text("epochs"), "1999999999999999 6 "));
    close_stage(&stage);

    stage = open_stage();
    come_up(&stage, "0", NULL);
    harness_advance(stage.harness, 1000 * 1000);
    assert_true(fake_postgres_is(0, "INSERT INTO producer_epochs"));
    assert_string_equal(fake_postgres_value(0, 0), "1999999999999999");
    fake_postgres_done();
    harness_run(stage.harness);
    assert_string_equal(fake_file_text("epochs"), "");
    close_stage(&stage);
}

/* The file was left behind by an earlier life, and Postgres was away at the start: what it knows ends what was begun.
 */
static void a_higher_mark_that_comes_late_is_obeyed(void **state)
{
    struct stage stage;

    (void)state;
    fake_file_forget();
    fake_file_put("high-water", "identities 1888888888888888\n");
    stage = open_stage();
    harness_advance(stage.harness, 3 * 1000 * 1000);
    fake_postgres_connect();
    harness_run(stage.harness);
    run_with(&stage, "1999999999999999");
    for (int i = 0; i < 5; i++)
        (void)ask_ids(&stage, 100 * 1000); /* what was reserved by the file's word is given to its end */
    (void)ask_ids(&stage, 1);
    assert_true(fake_postgres_is(0, "id_leases"));
    assert_string_equal(fake_postgres_value(0, 1), "2000000000999999");
    close_stage(&stage);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct stage stage;
    uint64_t question;

    (void)state;
    fake_file_forget();
    stage = open_stage();
    come_up(&stage, "0", NULL);
    question = harness_ask(stage.harness, stage.allocator, &ids_lease_schema, &(struct ids_lease){ .count = 0 });
    harness_run(stage.harness);
    assert_string_equal(harness_answer(stage.harness, question)->schema->name, "ask_failed");
    question = harness_ask(stage.harness, stage.allocator, &epoch_lease_schema,
                           &(struct epoch_lease){ .node = SLICE("e dge"), .actor = SLICE("b"), .lanes = 1 });
    harness_run(stage.harness);
    assert_string_equal(harness_answer(stage.harness, question)->schema->name, "ask_failed");
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_begin_at_the_clock),
        cmocka_unit_test(numbers_begin_above_what_postgres_knows),
        cmocka_unit_test(numbers_begin_above_what_the_file_knows),
        cmocka_unit_test(without_file_and_postgres_nothing_is_given),
        cmocka_unit_test(runs_follow_each_other),
        cmocka_unit_test(an_epoch_waits_until_it_is_recorded),
        cmocka_unit_test(an_epoch_in_the_file_goes_to_postgres_later),
        cmocka_unit_test(a_higher_mark_that_comes_late_is_obeyed),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    char folder[] = "/tmp/test_id_allocator.XXXXXX"; /* the harness makes the actor's folder for real */

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
