/* SPDX-License-Identifier: MIT */
/*
 * breaker -- see breaker.h for the promise.
 *
 * The pause before the n-th probe in a row lies between half and all of pause_min * 2^(n-1), bounded by pause_max
 * ("equal jitter": enough spread that many clients do not come back in step, and never a pause near zero).
 */
#include "runtime/breaker.h"

#include <assert.h>
#include <stdio.h>

void breaker_init(struct breaker *breaker, uint32_t threshold, uint64_t pause_min_us, uint64_t pause_max_us)
{
    assert(threshold > 0 && pause_min_us > 0 && pause_min_us <= pause_max_us);
    *breaker = (struct breaker){
        .state = BREAKER_CLOSED, .threshold = threshold, .pause_min_us = pause_min_us, .pause_max_us = pause_max_us
    };
}

bool breaker_allows(struct breaker *breaker, uint64_t now_us)
{
    if (breaker->state == BREAKER_CLOSED)
        return true;
    if (breaker->state == BREAKER_HALF_OPEN || now_us < breaker->retry_at_us)
        return false;
    breaker->state = BREAKER_HALF_OPEN;
    return true;
}

void breaker_succeeded(struct breaker *breaker)
{
    breaker->state = BREAKER_CLOSED;
    breaker->failures = 0;
    breaker->openings = 0;
}

static uint64_t pause_us(const struct breaker *breaker, uint64_t random)
{
    uint64_t full_us = breaker->pause_min_us;

    for (uint32_t i = 1; i < breaker->openings && full_us < breaker->pause_max_us; i++)
        full_us = full_us > breaker->pause_max_us / 2 ? breaker->pause_max_us : full_us * 2;
    return full_us - full_us / 2 + random % (full_us / 2 + 1);
}

void breaker_failed(struct breaker *breaker, uint64_t now_us, uint64_t random, const char *reason)
{
    if (breaker->failures < UINT32_MAX)
        breaker->failures++;
    snprintf(breaker->reason, sizeof(breaker->reason), "%s", reason);
    /* While open, failures of what was let through before say nothing new: they must not push the probe away. */
    if (breaker->state == BREAKER_OPEN || (breaker->state == BREAKER_CLOSED && breaker->failures < breaker->threshold))
        return;
    if (breaker->openings < UINT32_MAX)
        breaker->openings++;
    breaker->opened_total++;
    breaker->state = BREAKER_OPEN;
    breaker->retry_at_us = now_us + pause_us(breaker, random);
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half_open"
    };

    assert((unsigned)state < sizeof(names) / sizeof(names[0]));
    return names[state];
}
