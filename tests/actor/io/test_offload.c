/* SPDX-License-Identifier: MIT */
/* offload, resolve: the answer comes into the loop, once; who has cancelled hears nothing; the context is freed once.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/offload.h"
#include "actors/io/resolve.h"
#include "tests/actor/support/io_stage.h"

struct work {
    sem_t may_go_on; /* the thread waits for it */
    atomic_int worked;
    atomic_int discarded;
    int done;
    struct actor *seen;
};

static void work_on(void *context)
{
    struct work *work = context;

    sem_wait(&work->may_go_on);
    atomic_fetch_add(&work->worked, 1);
}

static void is_done(struct actor *me, void *context)
{
    struct work *work = context;

    assert_int_equal(atomic_load(&work->discarded), 0); /* it may still look at its context */
    work->done++;
    work->seen = me;
}

static void discard(void *context)
{
    atomic_fetch_add(&((struct work *)context)->discarded, 1);
}

static const struct offload_task task = { .work = work_on, .done = is_done, .discard = discard };

static int setup(void **state)
{
    struct io_stage *stage = calloc(1, sizeof(*stage));

    io_stage_open(stage);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    io_stage_close(*state);
    free(*state);
    return 0;
}

static bool was_discarded(void *context)
{
    return atomic_load(&((struct work *)context)->discarded) > 0;
}

static void answers_in_the_loop(void **state)
{
    struct io_stage *stage = *state;
    struct work work = { 0 };

    sem_init(&work.may_go_on, 0, 1);
    assert_non_null(offload_start(stage->actor, &task, &work));
    io_stage_until(stage, was_discarded, &work);
    assert_int_equal(work.done, 1);
    assert_ptr_equal(work.seen, stage->actor);
    assert_int_equal(atomic_load(&work.discarded), 1);
}

static void is_silent_when_cancelled_before_the_end(void **state)
{
    struct io_stage *stage = *state;
    struct work work = { 0 };
    struct offload *offload;

    sem_init(&work.may_go_on, 0, 0);
    offload = offload_start(stage->actor, &task, &work);
    offload_cancel(&offload);
    assert_null(offload);
    offload_cancel(&offload); /* accepts NULL */
    sem_post(&work.may_go_on);
    io_stage_until(stage, was_discarded, &work); /* on its thread */
    assert_int_equal(atomic_load(&work.worked), 1);
    assert_int_equal(work.done, 0);
}

static bool has_worked(void *context)
{
    return atomic_load(&((struct work *)context)->worked) > 0;
}

/* Whoever comes second frees it, in whatever order they come. */
static void is_silent_when_cancelled_at_the_end(void **state)
{
    struct io_stage *stage = *state;

    for (int i = 0; i < 200; i++) {
        struct work work = { 0 };
        struct offload *offload;

        sem_init(&work.may_go_on, 0, 1);
        offload = offload_start(stage->actor, &task, &work);
        while (!has_worked(&work))
            ;
        offload_cancel(&offload);
        io_stage_until(stage, was_discarded, &work);
        assert_int_equal(work.done, 0);
        assert_int_equal(atomic_load(&work.discarded), 1);
    }
}

static void works_for_nobody(void **state)
{
    struct work work = { 0 };

    sem_init(&work.may_go_on, 0, 1);
    offload_forget(&task, &work);
    io_stage_until(*state, was_discarded, &work);
    assert_int_equal(atomic_load(&work.worked), 1);
    assert_int_equal(work.done, 0);
}

static void settles_once_all_work_is_over(void **state)
{
    struct work work = { 0 };

    (void)state;
    sem_init(&work.may_go_on, 0, 0);
    offload_forget(&task, &work);
    assert_false(offload_settle(1000));
    sem_post(&work.may_go_on);
    assert_true(offload_settle(10 * 1000 * 1000));
    assert_int_equal(atomic_load(&work.discarded), 1);
}

/* ------------------------------------------------------------------------------------------------ names */

struct found {
    bool came;
    char address[RESOLVE_ADDRESS_SIZE];
    char why[400];
};

static void resolved(struct actor *me, void *context, const char *address, const char *why)
{
    struct found *found = context;

    (void)me;
    found->came = true;
    slice_copy(slice_of(address), found->address, sizeof(found->address));
    slice_copy(slice_of(address == NULL ? why : NULL), found->why, sizeof(found->why));
}

static bool has_come(void *context)
{
    return ((const struct found *)context)->came;
}

static void looks_names_up(void **state)
{
    struct io_stage *stage = *state;
    struct found found = { 0 };

    assert_non_null(resolve_start(stage->actor, "localhost", resolved, &found));
    io_stage_until(stage, has_come, &found);
    assert_true(resolve_is_address(found.address));
    found.came = false;
    assert_non_null(resolve_start(stage->actor, "no-such-host.invalid", resolved, &found));
    io_stage_until(stage, has_come, &found);
    assert_string_equal(found.address, "");
    assert_non_null(strstr(found.why, "no-such-host.invalid"));
}

static void knows_addresses(void **state)
{
    (void)state;
    assert_true(resolve_is_address("127.0.0.1"));
    assert_true(resolve_is_address("::1"));
    assert_false(resolve_is_address("localhost"));
    assert_false(resolve_is_address("127.0.0.1.example"));
    assert_false(resolve_is_address(""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_in_the_loop),
        TEST(is_silent_when_cancelled_before_the_end),
        TEST(is_silent_when_cancelled_at_the_end),
        TEST(works_for_nobody),
        TEST(settles_once_all_work_is_over),
        TEST(looks_names_up),
        cmocka_unit_test(knows_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
