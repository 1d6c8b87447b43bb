/* SPDX-License-Identifier: MIT */
/*
 * bridge_lane -- what the bridge has to publish of one lane, and how far it has come. Pure logic: no store, no actor.
 *
 * One window at a time: its batches are taken in the order of their seqs, joined to runs, and every run has to be
 * reported safe before the window is published. After any failure the window is begun again from its first batch, once
 * nothing of it is under way any more: so the order within the partition holds, and what is sent twice is recognised by
 * its seqs.
 */
#ifndef ACTORS_CLICKS_BRIDGE_LANE_H
#define ACTORS_CLICKS_BRIDGE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/messages/clicks.h"

enum { BRIDGE_WINDOWS_LIMIT = 256 /* of one lane; more are heard of again later */ };

struct bridge_window {
    uint64_t first_seq;
    uint64_t last_seq;
};

struct bridge_lane {
    uint64_t epoch;
    uint32_t lane;
    struct bridge_window windows[BRIDGE_WINDOWS_LIMIT]; /* to be published, ascending; the first is at work */
    uint32_t window_count;
    uint64_t published;     /* the end of the last window that is */
    uint64_t position;      /* batches up to here have been taken */
    uint32_t under_way;     /* runs sent and not reported */
    bool has_failed;        /* one of them was not delivered */
    bool is_reading;        /* the stream was asked for more */
    bool is_read;           /* all batches of the window have been taken */
    bool is_started;        /* the window at work has been begun */
    struct buffer run;      /* the value being joined */
    uint64_t gaps;          /* clicks that the stream did not have */
    uint64_t heard_us;      /* when the click buffer last spoke of it */
    uint64_t started_us;    /* when the window at work was begun */
    uint64_t not_before_us; /* a pause after a failure */
};

/* The click buffer speaks of a window. True when it is published already (and should be told so). */
bool bridge_lane_hear(struct bridge_lane *lane, uint64_t first_seq, uint64_t last_seq);
/* Begins the window at work (again): nothing is under way. */
void bridge_lane_begin(struct bridge_lane *lane);

enum bridge_take {
    BRIDGE_TAKEN,
    BRIDGE_RUN_IS_FULL, /* send the run, then offer the batch again */
    BRIDGE_NOT_WANTED   /* it cannot be read, is another lane's, or lies outside of the window */
};
/* Offers the next entry of the stream: its id's seq and its batch. One that is not wanted is passed for good. */
enum bridge_take bridge_lane_take(struct bridge_lane *lane, uint64_t entry_seq, struct slice batch);
/* Whether all of the window has been taken. */
bool bridge_lane_is_complete(const struct bridge_lane *lane);
/* Whether the window is published: complete, sent, and every run reported safe. */
bool bridge_lane_is_done(const struct bridge_lane *lane);
/* It is: takes it off the list and returns its end. */
uint64_t bridge_lane_finish(struct bridge_lane *lane);
void bridge_lane_free(struct bridge_lane *lane);

#endif
