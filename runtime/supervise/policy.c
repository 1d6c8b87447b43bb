/* SPDX-License-Identifier: MIT */
/* policy -- see policy.h. */
#include "runtime/supervise/policy.h"

#include <assert.h>
#include <string.h>

static_assert(POLICY_CHILDREN_LIMIT <= 64, "a decision has one bit for each child");

void policy_init(struct policy *policy,
                 enum restart_strategy strategy,
                 const struct restart_limits *limits,
                 const enum child_policy *child_policies,
                 size_t child_count)
{
    assert(child_count <= POLICY_CHILDREN_LIMIT);
    assert(limits->restarts <= POLICY_RESTARTS_LIMIT);
    assert(limits->pause_min_us <= limits->pause_max_us);

    memset(policy, 0, sizeof *policy);
    policy->strategy = strategy;
    policy->limits = *limits;
    policy->child_count = child_count;
    for (size_t i = 0; i < child_count; i++)
        policy->children[i].policy = child_policies != NULL ? child_policies[i] : CHILD_PERMANENT;
}

void policy_started(struct policy *policy, size_t child, uint64_t now_us)
{
    assert(child < policy->child_count);
    policy->children[child].up = true;
    policy->children[child].ended = false;
    policy->children[child].started_at_us = now_us;
}

uint64_t policy_pause_us(const struct restart_limits *limits, uint32_t failures, uint64_t random)
{
    uint64_t high = limits->pause_min_us;

    assert(failures >= 1);
    for (uint32_t i = 0; i < failures && high < limits->pause_max_us; i++)
        high = high <= limits->pause_max_us / 2 ? high * 2 : limits->pause_max_us;
    if (high == 0)
        return 0;

    uint64_t low = high / 2 > limits->pause_min_us ? high / 2 : limits->pause_min_us;

    return low + random % (high - low + 1);
}

/* Whether one more restart keeps to the intensity; if so it is counted. The ring holds at least as many as may happen.
 */
static bool may_restart(struct policy *policy, uint64_t now_us)
{
    uint32_t recent = 0;

    for (size_t i = 0; i < policy->restart_count; i++)
        recent += now_us - policy->restarted_at_us[i] < policy->limits.within_us;
    if (recent >= policy->limits.restarts)
        return false;

    policy->restarted_at_us[policy->restart_next] = now_us;
    policy->restart_next = (policy->restart_next + 1) % POLICY_RESTARTS_LIMIT;
    if (policy->restart_count < POLICY_RESTARTS_LIMIT)
        policy->restart_count++;
    return true;
}

/* Whom a failure of `child` takes along, itself included. */
static uint64_t taken_along(const struct policy *policy, size_t child)
{
    uint64_t all = policy->child_count == 64 ? UINT64_MAX : (UINT64_C(1) << policy->child_count) - 1;

    switch (policy->strategy) {
    case ONE_FOR_ALL:
        return all;
    case REST_FOR_ONE:
        return all & ~((UINT64_C(1) << child) - 1);
    case ONE_FOR_ONE:
    default:
        return UINT64_C(1) << child;
    }
}

static void plan_restart(struct policy *policy, size_t child, struct policy_decision *decision)
{
    uint64_t concerned = taken_along(policy, child);

    decision->stop = concerned & ~(UINT64_C(1) << child);
    for (size_t i = 0; i < policy->child_count; i++) {
        struct policy_child *other = &policy->children[i];

        if ((concerned >> i & 1) == 0)
            continue;
        other->up = false;
        if (i != child && other->policy == CHILD_TEMPORARY)
            other->ended = true;
        if (!other->ended)
            decision->start |= UINT64_C(1) << i;
    }
}

struct policy_decision policy_ended(struct policy *policy, size_t child, bool failed, uint64_t now_us, uint64_t random)
{
    struct policy_decision decision = { .verdict = POLICY_LEAVE };
    struct policy_child *ended = &policy->children[child];

    assert(child < policy->child_count);
    if (ended->up && now_us - ended->started_at_us >= policy->limits.healthy_us)
        ended->failures = 0;
    ended->up = false;
    if (ended->policy == CHILD_TEMPORARY || (ended->policy == CHILD_TRANSIENT && !failed)) {
        ended->ended = true;
        return decision;
    }
    if (!may_restart(policy, now_us)) {
        decision.verdict = POLICY_GIVE_UP;
        return decision;
    }
    if (ended->failures < UINT32_MAX)
        ended->failures++;
    decision.verdict = POLICY_RESTART;
    decision.pause_us = policy_pause_us(&policy->limits, ended->failures, random);
    plan_restart(policy, child, &decision);
    return decision;
}

void policy_reset(struct policy *policy)
{
    for (size_t i = 0; i < policy->child_count; i++)
        policy->children[i] = (struct policy_child){ .policy = policy->children[i].policy };
    policy->restart_count = 0;
    policy->restart_next = 0;
}

const char *policy_strategy_name(enum restart_strategy strategy)
{
    static const char *const names[] = {
        [ONE_FOR_ONE] = "one_for_one",
        [ONE_FOR_ALL] = "one_for_all",
        [REST_FOR_ONE] = "rest_for_one",
    };

    return names[strategy];
}

const char *policy_child_name(enum child_policy policy)
{
    static const char *const names[] = {
        [CHILD_PERMANENT] = "permanent",
        [CHILD_TRANSIENT] = "transient",
        [CHILD_TEMPORARY] = "temporary",
    };

    return names[policy];
}
