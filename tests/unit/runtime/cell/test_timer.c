/* SPDX-License-Identifier: MIT */
/* The heap of timers against a plain list that does the same the slow way, over random operations. */
#include <stdlib.h>

#include "runtime/cell/timer.h"
#include "tests/testing.h"
#include "tests/unit/support/samples.h"

enum { SEEDS = 60, STEPS = 4000, MOST = 300, OWNERS = 3 };

struct model_timer {
    uint64_t number;
    struct timer timer;
};

static struct model_timer model[MOST];
static size_t model_count;
static struct timer_heap heap;
static char owners[OWNERS];

static void forget(size_t index)
{
    model[index] = model[--model_count];
}

static uint64_t model_next(void)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < model_count; i++)
        next = model[i].timer.due_us < next ? model[i].timer.due_us : next;
    return next;
}

static void nothing(struct actor *me, void *context)
{
    (void)me;
    (void)context;
}

static void set(uint64_t *seed, uint64_t now_us)
{
    struct timer timer = { .due_us = now_us + sample_draw(seed) % 1000,
                           .period_us = sample_draw(seed) % 3 == 0 ? 1 + sample_draw(seed) % 200 : 0,
                           .owner = (struct actor *)&owners[sample_draw(seed) % OWNERS],
                           .call = nothing };

    if (model_count == MOST)
        return;
    model[model_count].timer = timer;
    model[model_count].number = timer_set(&heap, timer);
    assert_int_not_equal(model[model_count].number, 0);
    for (size_t i = 0; i < model_count; i++)
        assert_int_not_equal(model[i].number, model[model_count].number);
    model_count++;
}

static void cancel(uint64_t *seed)
{
    size_t index = sample_draw(seed) % MOST;
    uint64_t number;

    assert_false(timer_cancel(&heap, 0));
    if (index >= model_count)
        return;
    number = model[index].number;
    assert_true(timer_cancel(&heap, number));
    assert_false(timer_cancel(&heap, number)); /* spent */
    forget(index);
}

static void cancel_owner(uint64_t *seed)
{
    const struct actor *owner = (struct actor *)&owners[sample_draw(seed) % OWNERS];

    timer_cancel_owner(&heap, owner);
    for (size_t i = model_count; i-- > 0;) {
        if (model[i].timer.owner == owner)
            forget(i);
    }
}

/* Of those that are due the same, either may come first: the one that came must be among them. */
static void meet(const struct timer *taken, uint64_t now_us)
{
    for (size_t i = 0; i < model_count; i++) {
        struct timer *timer = &model[i].timer;

        if (timer->due_us != taken->due_us || timer->period_us != taken->period_us || timer->owner != taken->owner)
            continue;
        if (timer->period_us == 0)
            forget(i);
        else
            timer->due_us = timer->due_us + timer->period_us > now_us ? timer->due_us + timer->period_us
                                                                      : now_us + timer->period_us;
        return;
    }
    fail_msg("a timer came that nobody had set");
}

static void expire(uint64_t now_us)
{
    struct timer taken;

    while (timer_take_due(&heap, now_us, &taken)) {
        assert_int_equal(taken.due_us, model_next()); /* the earliest first */
        assert_true(taken.due_us <= now_us);
        meet(&taken, now_us);
    }
    assert_true(model_next() > now_us);
}

static void it_does_what_a_plain_list_does(void **state)
{
    (void)state;
    for (uint64_t first = 1; first <= SEEDS; first++) {
        uint64_t seed = first;
        uint64_t now_us = 1000;

        timer_heap_init(&heap);
        model_count = 0;
        for (int step = 0; step < STEPS; step++) {
            uint64_t what = sample_draw(&seed) % 100;

            if (what < 50)
                set(&seed, now_us);
            else if (what < 75)
                cancel(&seed);
            else if (what < 76)
                cancel_owner(&seed);
            else
                expire(now_us += sample_draw(&seed) % (what == 99 ? 5000 : 50));
            assert_int_equal(heap.size, model_count);
            assert_int_equal(timer_next_due_us(&heap), model_next());
        }
        timer_heap_free(&heap);
    }
}

static void missed_beats_are_not_replayed(void **state)
{
    struct timer taken;

    (void)state;
    timer_heap_init(&heap);
    timer_set(&heap, (struct timer){ .due_us = 10, .period_us = 10, .call = nothing });
    assert_true(timer_take_due(&heap, 1000, &taken));
    assert_false(timer_take_due(&heap, 1000, &taken));
    assert_int_equal(timer_next_due_us(&heap), 1010);
    timer_heap_free(&heap);
}

/* A number names its timer alone, however often its place is used again. */
static void old_numbers_mean_nothing(void **state)
{
    uint64_t number;

    (void)state;
    timer_heap_init(&heap);
    number = timer_set(&heap, (struct timer){ .due_us = 1, .call = nothing });
    for (int i = 0; i < 1000; i++) {
        uint64_t next;

        assert_true(timer_cancel(&heap, number));
        next = timer_set(&heap, (struct timer){ .due_us = 1, .call = nothing });
        assert_false(timer_cancel(&heap, number));
        number = next;
    }
    timer_heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_what_a_plain_list_does),
        cmocka_unit_test(missed_beats_are_not_replayed),
        cmocka_unit_test(old_numbers_mean_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
