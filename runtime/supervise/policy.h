/* SPDX-License-Identifier: MIT */
/*
 * policy -- who is restarted when something ends, after which pause, and when to give up.
 *
 * Pure logic: no clock, no timers, no I/O of its own; the caller hands in the time and carries out what it hears. A
 * node's supervisor keeps one policy for each group of actors, the launcher one for each process (a group of one). The
 * words and their meaning follow Erlang/OTP's supervisor: a strategy says whom one failure takes along, the intensity
 * (at most `restarts` in `within_us`) says when the group gives up and fails upward. Unlike OTP there is a pause before
 * a restart: exponential with jitter, for each child by itself, so that a child that cannot start does not burn the
 * intensity in a millisecond.
 *
 * How to use it: policy_started for every child that is up; policy_ended for every child that ended by itself (also for
 * a start that failed). Ends that the caller brought about (to carry out a decision, or because an operator asked) are
 * not told, only the start that follows.
 */
#ifndef RUNTIME_SUPERVISE_POLICY_H
#define RUNTIME_SUPERVISE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/plan/topology.h"

enum {
    POLICY_CHILDREN_LIMIT = TOPOLOGY_ACTORS_LIMIT, /* one bit each in a decision */
    POLICY_RESTARTS_LIMIT = 100                    /* the largest `restarts`; the topology's check holds to it */
};

enum policy_verdict {
    POLICY_LEAVE,   /* it stays ended, and nobody else is concerned */
    POLICY_RESTART, /* see struct policy_decision */
    POLICY_GIVE_UP  /* too many restarts: stop the whole group and fail upward */
};

struct policy_decision {
    enum policy_verdict verdict;
    uint64_t stop;     /* bit i: stop child i if it runs, in reverse order; never holds the one that ended */
    uint64_t start;    /* bit i: then, after the pause, start child i, in order */
    uint64_t pause_us; /* between `pause_min_us` and `pause_max_us` */
};

struct policy_child {
    enum child_policy policy;
    bool ended; /* for good: not restarted together with the others */
    bool up;
    uint64_t started_at_us; /* when up */
    uint32_t failures;      /* since it was last healthy; widens the pause */
};

struct policy {
    enum restart_strategy strategy;
    struct restart_limits limits;
    struct policy_child children[POLICY_CHILDREN_LIMIT];
    size_t child_count;
    uint64_t restarted_at_us[POLICY_RESTARTS_LIMIT]; /* the newest restarts, as a ring */
    size_t restart_count;                            /* in the ring */
    size_t restart_next;                             /* where the next one goes */
};

/* `child_policies` has `child_count` entries, at most POLICY_CHILDREN_LIMIT; NULL: all are permanent.
 * limits->restarts is at most POLICY_RESTARTS_LIMIT, and pause_min_us at most pause_max_us. */
void policy_init(struct policy *policy,
                 enum restart_strategy strategy,
                 const struct restart_limits *limits,
                 const enum child_policy *child_policies,
                 size_t child_count);

/* A child is up: its start is confirmed. Times of all calls never go back. */
void policy_started(struct policy *policy, size_t child, uint64_t now_us);

/* A child ended by itself. `failed` is false only when it had said that it was finished. `random` is 64 random bits.
 * A permanent child is always restarted, a transient one when it failed, a temporary one never. */
struct policy_decision policy_ended(struct policy *policy, size_t child, bool failed, uint64_t now_us, uint64_t random);

/* An operator starts over: as after policy_init. */
void policy_reset(struct policy *policy);

/* The pause before the restart after `failures` failures in a row (at least 1): uniform in the upper half of
 * pause_min * 2^failures, and never outside the limits. */
uint64_t policy_pause_us(const struct restart_limits *limits, uint32_t failures, uint64_t random);

/* "one_for_one" and so on, for the topology and for messages. */
const char *policy_strategy_name(enum restart_strategy strategy);
const char *policy_child_name(enum child_policy policy);

#endif
