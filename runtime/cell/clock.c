/* SPDX-License-Identifier: MIT */
/* clock -- the machine's time; see node.h for why it can be replaced. */
#include <time.h>

#include "runtime/cell/node.h"

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t machine_monotonic_us(void *context)
{
    (void)context;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t machine_wall_us(void *context)
{
    (void)context;
    return read_clock(CLOCK_REALTIME);
}

const struct clock_source machine_clock = { .monotonic_us = machine_monotonic_us, .wall_us = machine_wall_us };
