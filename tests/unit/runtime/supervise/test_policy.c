/* SPDX-License-Identifier: MIT */
/*
 * The restart policy against a model: 10,000 generated schedules under a fake clock, and no deviation. The model is
 * written from the policy's promise alone, in the dullest way there is: it keeps every restart that ever was.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/supervise/policy.h"
#include "tests/testing.h"

enum { SCHEDULES = 10000, STEPS = 120, CHILDREN_MOST = 6, SECOND_US = 1000 * 1000 };

/* splitmix64, by Sebastiano Vigna: any seed gives a good sequence. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ------------------------------------------------------------------------------------------------ the model */

struct model_child {
    enum child_policy policy;
    bool running;
    bool done; /* it will not come back with the others */
    uint64_t since_us;
    unsigned streak;
};

struct model {
    enum restart_strategy strategy;
    struct restart_limits limits;
    struct model_child children[CHILDREN_MOST];
    size_t count;
    uint64_t restarts_us[STEPS];
    size_t restarts;
};

static bool model_is_taken(const struct model *model, size_t failed, size_t other)
{
    return other == failed || model->strategy == ONE_FOR_ALL || (model->strategy == REST_FOR_ONE && other > failed);
}

/* What the promise says about one end; `low` and `high` are the bounds of the pause. */
static struct policy_decision
model_ended(struct model *model, size_t failed, bool by_failure, uint64_t now_us, uint64_t *low, uint64_t *high)
{
    struct policy_decision decision = { .verdict = POLICY_LEAVE };
    struct model_child *child = &model->children[failed];
    size_t recent = 0;
    double widest = (double)model->limits.pause_min_us;

    if (child->running && now_us - child->since_us >= model->limits.healthy_us)
        child->streak = 0;
    child->running = false;
    if (child->policy == CHILD_TEMPORARY || (child->policy == CHILD_TRANSIENT && !by_failure)) {
        child->done = true;
        return decision;
    }
    for (size_t i = 0; i < model->restarts; i++)
        recent += model->restarts_us[i] + model->limits.within_us > now_us ? 1 : 0;
    if (recent + 1 > model->limits.restarts) {
        decision.verdict = POLICY_GIVE_UP;
        return decision;
    }
    model->restarts_us[model->restarts++] = now_us;
    child->streak++;
    for (unsigned i = 0; i < child->streak; i++)
        widest = widest * 2 < (double)model->limits.pause_max_us ? widest * 2 : (double)model->limits.pause_max_us;
    *high = (uint64_t)widest;
    *low = *high / 2 > model->limits.pause_min_us ? *high / 2 : model->limits.pause_min_us;
    decision.verdict = POLICY_RESTART;
    for (size_t i = 0; i < model->count; i++) {
        struct model_child *other = &model->children[i];

        if (!model_is_taken(model, failed, i))
            continue;
        other->running = false;
        if (i != failed && other->policy == CHILD_TEMPORARY)
            other->done = true;
        decision.stop |= i != failed ? UINT64_C(1) << i : 0;
        decision.start |= other->done ? 0 : UINT64_C(1) << i;
    }
    return decision;
}

/* ------------------------------------------------------------------------------------------------ schedules */

struct schedule {
    struct policy policy;
    struct model model;
    uint64_t random;
    uint64_t now_us;
    uint64_t seed;
};

static void begin(struct schedule *schedule, uint64_t seed)
{
    enum child_policy policies[CHILDREN_MOST];
    struct model *model = &schedule->model;

    memset(schedule, 0, sizeof *schedule);
    schedule->seed = seed;
    schedule->random = seed;
    model->count = 1 + next_random(&schedule->random) % CHILDREN_MOST;
    model->strategy = (enum restart_strategy)(next_random(&schedule->random) % 3);
    model->limits = (struct restart_limits){
        .restarts = next_random(&schedule->random) % 12,
        .within_us = 1 + next_random(&schedule->random) % (20 * SECOND_US),
        .pause_min_us = next_random(&schedule->random) % SECOND_US,
        .healthy_us = next_random(&schedule->random) % (10 * SECOND_US),
    };
    model->limits.pause_max_us = model->limits.pause_min_us + next_random(&schedule->random) % (10 * SECOND_US);
    for (size_t i = 0; i < model->count; i++) {
        policies[i] = (enum child_policy)(next_random(&schedule->random) % 3);
        model->children[i].policy = policies[i];
    }
    policy_init(&schedule->policy, model->strategy, &model->limits, policies, model->count);
}

static void start_child(struct schedule *schedule, size_t child)
{
    schedule->model.children[child].running = true;
    schedule->model.children[child].done = false;
    schedule->model.children[child].since_us = schedule->now_us;
    policy_started(&schedule->policy, child, schedule->now_us);
}

/* One end, judged by both. False when the group gave up. */
static bool end_child(struct schedule *schedule, size_t child)
{
    bool by_failure = next_random(&schedule->random) % 4 != 0;
    uint64_t low = 0;
    uint64_t high = 0;
    struct policy_decision expected = model_ended(&schedule->model, child, by_failure, schedule->now_us, &low, &high);
    struct policy_decision decided =
        policy_ended(&schedule->policy, child, by_failure, schedule->now_us, next_random(&schedule->random));

    if (decided.verdict != expected.verdict || decided.stop != expected.stop || decided.start != expected.start ||
        (decided.verdict == POLICY_RESTART && (decided.pause_us < low || decided.pause_us > high)))
        fail_msg("seed %llu: child %zu at %llu us: verdict %d (%d), stop %llx (%llx), start %llx (%llx), pause %llu of "
                 "%llu..%llu",
                 (unsigned long long)schedule->seed, child, (unsigned long long)schedule->now_us, decided.verdict,
                 expected.verdict, (unsigned long long)decided.stop, (unsigned long long)expected.stop,
                 (unsigned long long)decided.start, (unsigned long long)expected.start,
                 (unsigned long long)decided.pause_us, (unsigned long long)low, (unsigned long long)high);
    if (decided.verdict != POLICY_RESTART)
        return decided.verdict == POLICY_LEAVE;
    schedule->now_us += decided.pause_us;
    for (size_t i = 0; i < schedule->model.count; i++)
        if ((decided.start >> i & 1) != 0 && next_random(&schedule->random) % 5 != 0) /* else its start will fail */
            start_child(schedule, i);
    return true;
}

static void run_schedule(uint64_t seed, size_t verdicts[3])
{
    struct schedule schedule;

    begin(&schedule, seed);
    for (size_t i = 0; i < schedule.model.count; i++)
        start_child(&schedule, i);
    for (int step = 0; step < STEPS; step++) {
        size_t child = next_random(&schedule.random) % schedule.model.count;

        schedule.now_us +=
            next_random(&schedule.random) % (next_random(&schedule.random) % 2 == 0 ? 1000 : 8 * SECOND_US);
        if (!end_child(&schedule, child)) {
            verdicts[POLICY_GIVE_UP]++;
            policy_reset(&schedule.policy);
            schedule.model.restarts = 0;
            for (size_t i = 0; i < schedule.model.count; i++) {
                schedule.model.children[i] = (struct model_child){ .policy = schedule.model.children[i].policy };
                start_child(&schedule, i);
            }
        }
    }
    verdicts[POLICY_RESTART] += schedule.model.restarts;
}

static void ten_thousand_schedules_agree(void **state)
{
    size_t verdicts[3] = { 0 };

    (void)state;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++)
        run_schedule(seed, verdicts);
    /* A schedule in which nothing happens proves nothing. */
    assert_true(verdicts[POLICY_RESTART] > SCHEDULES);
    assert_true(verdicts[POLICY_GIVE_UP] > SCHEDULES);
}

/* ------------------------------------------------------------------------------------------------ by hand */

static const struct restart_limits limits = {
    .restarts = 3, .within_us = 10 * SECOND_US, .pause_min_us = 100, .pause_max_us = 1000, .healthy_us = 5 * SECOND_US
};

static void gives_up_after_too_many(void **state)
{
    struct policy policy;

    (void)state;
    policy_init(&policy, ONE_FOR_ONE, &limits, NULL, 1);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(policy_ended(&policy, 0, true, i * SECOND_US, 0).verdict, POLICY_RESTART);
    assert_int_equal(policy_ended(&policy, 0, true, 9999999, 0).verdict, POLICY_GIVE_UP);
    /* The first of them is now just outside the window. */
    assert_int_equal(policy_ended(&policy, 0, true, 10 * SECOND_US, 0).verdict, POLICY_RESTART);
}

static void pauses_double_and_begin_anew(void **state)
{
    struct policy policy;
    const struct restart_limits many = {
        .restarts = 100, .within_us = SECOND_US, .pause_min_us = 100, .pause_max_us = 1000, .healthy_us = 5 * SECOND_US
    };
    static const uint64_t highest[] = { 200, 400, 800, 1000, 1000 };

    (void)state;
    policy_init(&policy, ONE_FOR_ONE, &many, NULL, 1);
    for (size_t i = 0; i < 5; i++) {
        uint64_t pause_us = policy_ended(&policy, 0, true, i, UINT64_MAX - i).pause_us;

        assert_in_range(pause_us, highest[i] / 2, highest[i]);
    }
    policy_started(&policy, 0, 100);
    assert_in_range(policy_ended(&policy, 0, true, 100 + 5 * SECOND_US - 1, 7).pause_us, 500,
                    1000); /* not yet healthy */
    policy_started(&policy, 0, 100);
    assert_in_range(policy_ended(&policy, 0, true, 100 + 5 * SECOND_US, 7).pause_us, 100, 200);
}

static void jitter_spreads(void **state)
{
    const struct restart_limits wide = { .pause_min_us = 1000, .pause_max_us = 1000000 };
    uint64_t random = 1;
    uint64_t below = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t pause_us = policy_pause_us(&wide, 5, next_random(&random));

        assert_in_range(pause_us, 16000, 32000);
        below += pause_us < 24000 ? 1 : 0;
    }
    assert_in_range(below, 4700, 5300);
}

static void extreme_pauses_do_not_overflow(void **state)
{
    const struct restart_limits none = { .pause_min_us = 0, .pause_max_us = 0 };
    const struct restart_limits zero_min = { .pause_min_us = 0, .pause_max_us = 1000 };
    const struct restart_limits huge = { .pause_min_us = 1, .pause_max_us = UINT64_MAX / 2 };

    (void)state;
    assert_int_equal(policy_pause_us(&none, 1, 99), 0);
    assert_int_equal(policy_pause_us(&zero_min, 7, 99), 0); /* nothing doubles to nothing */
    assert_in_range(policy_pause_us(&huge, UINT32_MAX, UINT64_MAX), UINT64_MAX / 4, UINT64_MAX / 2);
}

static void the_largest_limit_fits(void **state)
{
    struct policy policy;
    const struct restart_limits most = { .restarts = POLICY_RESTARTS_LIMIT, .within_us = SECOND_US };

    (void)state;
    policy_init(&policy, ONE_FOR_ALL, &most, NULL, POLICY_CHILDREN_LIMIT);
    for (uint64_t i = 0; i < POLICY_RESTARTS_LIMIT; i++)
        assert_int_equal(policy_ended(&policy, 63, true, i, 0).start, UINT64_MAX);
    assert_int_equal(policy_ended(&policy, 63, true, SECOND_US - 1, 0).verdict, POLICY_GIVE_UP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_schedules_agree),   cmocka_unit_test(gives_up_after_too_many),
        cmocka_unit_test(pauses_double_and_begin_anew),   cmocka_unit_test(jitter_spreads),
        cmocka_unit_test(extreme_pauses_do_not_overflow), cmocka_unit_test(the_largest_limit_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
