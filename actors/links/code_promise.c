/* SPDX-License-Identifier: MIT */
/* code_promise -- see the header. */
#include "actors/links/code_promise.h"

#include <stddef.h>

static void settle_term(struct code_promise_term *term, uint64_t now_us)
{
    if (!term->holds)
        return;
    if (term->until_us == 0 && now_us > term->said_us)
        term->until_us = now_us + CODE_PROMISE_KEPT_US;
    if (term->until_us != 0 && now_us >= term->until_us)
        term->holds = false;
}

static void settle(struct code_promise *promise, uint64_t now_us)
{
    settle_term(&promise->before, now_us);
    settle_term(&promise->present, now_us);
}

static void say(struct code_promise_term *term, uint64_t ceiling, uint64_t now_us)
{
    *term = (struct code_promise_term){ .ceiling = ceiling, .said_us = now_us, .holds = true };
}

void code_promise_start(struct code_promise *promise, uint64_t now_us)
{
    *promise = (struct code_promise){ 0 };
    say(&promise->before, CODE_PROMISE_LEAST, now_us);
}

void code_promise_know(struct code_promise *promise, uint64_t recorded)
{
    promise->recorded = recorded;
    if (promise->before.holds && recorded > promise->before.ceiling)
        promise->before.ceiling = recorded;
}

static uint64_t new_ceiling(const struct code_promise *promise, uint64_t reach)
{
    uint64_t steps = (reach + CODE_PROMISE_MARGIN - 1) / CODE_PROMISE_MARGIN + 2;
    uint64_t ceiling = steps * CODE_PROMISE_MARGIN;

    return ceiling > promise->recorded ? ceiling : promise->recorded;
}

uint64_t code_promise_make(struct code_promise *promise, uint64_t reach, uint64_t now_us)
{
    uint64_t needed = reach + CODE_PROMISE_MARGIN;

    settle(promise, now_us);
    if (promise->present.ceiling < needed && (!promise->present.holds || !promise->before.holds)) {
        if (promise->present.holds)
            promise->before = promise->present;
        promise->present.ceiling = new_ceiling(promise, reach);
    }
    if (promise->present.ceiling < needed)
        return 0;
    say(&promise->present, promise->present.ceiling, now_us);
    return promise->present.ceiling;
}

bool code_promise_allows(struct code_promise *promise, uint64_t end, uint64_t now_us)
{
    settle(promise, now_us);
    return (!promise->before.holds || end <= promise->before.ceiling) &&
           (!promise->present.holds || end <= promise->present.ceiling);
}

uint64_t code_promise_to_record(struct code_promise *promise, uint64_t now_us)
{
    uint64_t least;

    settle(promise, now_us);
    if (!promise->present.holds)
        return 0;
    least = promise->present.ceiling;
    if (promise->before.holds && promise->before.ceiling < least)
        least = promise->before.ceiling;
    return least > promise->recorded && least > CODE_PROMISE_LEAST ? least : 0;
}
