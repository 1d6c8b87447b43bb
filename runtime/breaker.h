/* SPDX-License-Identifier: MIT */
/*
 * breaker -- stops asking a dependency that does not answer, and finds out by itself when it does again.
 *
 * Pure logic, no clock and no I/O of its own: the caller hands in the time. After `threshold` failures in a row the
 * breaker opens; while open, nothing is let through; after a pause (exponential with jitter between `pause_min_us` and
 * `pause_max_us`) one probe is let through (half-open); its success closes the breaker, its failure opens it again.
 */
#ifndef RUNTIME_BREAKER_H
#define RUNTIME_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    uint32_t failures;  /* in a row */
    uint32_t threshold; /* failures in a row that open it */
    uint32_t openings;  /* in a row; widens the pause */
    uint64_t pause_min_us;
    uint64_t pause_max_us;
    uint64_t retry_at_us;  /* when open: when one probe may pass */
    uint64_t opened_total; /* for metrics */
    char reason[128];      /* of the last failure */
};

void breaker_init(struct breaker *breaker, uint32_t threshold, uint64_t pause_min_us, uint64_t pause_max_us);
/* Whether a request may go out now. In half-open only the first caller hears yes until its outcome is known. */
bool breaker_allows(struct breaker *breaker, uint64_t now_us);
void breaker_succeeded(struct breaker *breaker);
/* `random` is 64 random bits for the jitter. `reason` is copied, cut at 127 bytes. */
void breaker_failed(struct breaker *breaker, uint64_t now_us, uint64_t random, const char *reason);
const char *breaker_state_name(enum breaker_state state); /* "closed", "open", "half_open" */

#endif
