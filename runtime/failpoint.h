/* SPDX-License-Identifier: MIT */
/*
 * failpoint -- named places where a test makes the program fail on purpose.
 *
 *     if (failpoint("click_buffer.before_commit"))
 *         return ...;                            the way that a real error at this place would take
 *     (void)failpoint("click_buffer.after_commit");   only crash, delay and hang make sense here
 *
 * Built only with SHUNT_FAILPOINTS (test and chaos builds); otherwise `failpoint` is the constant false, so a release
 * has neither the code nor the names. A place is known from the program's start, hit or not, so that all can be listed.
 *
 * Actions, set by name through the environment (SHUNT_FAILPOINTS="NAME=ACTION;NAME=ACTION") or failpoint_set:
 *     off | crash | error | hang | delay DURATION_US, each optionally with " after N" (the first N hits pass) and
 *     " times N" (it acts N times, then is off).
 * Crash is SIGKILL to ourselves: nothing is flushed, no handler runs, as with kill -9.
 */
#ifndef RUNTIME_FAILPOINT_H
#define RUNTIME_FAILPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum failpoint_action { FAILPOINT_OFF, FAILPOINT_CRASH, FAILPOINT_ERROR, FAILPOINT_HANG, FAILPOINT_DELAY };

struct failpoint {
    const char *name;
    _Atomic int action;
    _Atomic uint64_t delay_us;
    _Atomic uint64_t skip;  /* hits that pass before it acts */
    _Atomic uint64_t times; /* it still acts this often; 0 with an action: for ever */
    _Atomic uint64_t hits;
};

#ifdef SHUNT_FAILPOINTS
#    define failpoint(text)                                                                                            \
        ({                                                                                                             \
            static struct failpoint point_ = { .name = (text) };                                                       \
            static struct failpoint *listed_ __attribute__((section("shunt_failpoints"), used)) = &point_;             \
            failpoint_hit(&point_);                                                                                    \
        })
#else
#    define failpoint(text) (false)
#endif

/* Does what the place is set to. True when it is to fail with an error. */
bool failpoint_hit(struct failpoint *point);
/* Sets all places of that name. Returns NULL, or a sentence: no such place, or what an action looks like. Any thread.
 */
const char *failpoint_set(const char *name, const char *action);
/* The places, in no particular order; 0 of them in builds without. */
size_t failpoint_list(struct failpoint ***ret_points);

#endif
