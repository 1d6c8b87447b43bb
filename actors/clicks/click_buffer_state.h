/* SPDX-License-Identifier: MIT */
/*
 * click_buffer_state -- the state of the click_buffer actor, shared by the files that make it up: click_buffer.c is the
 * kind, click_earlier.c looks after the epochs that earlier starts left.
 */
#ifndef ACTORS_CLICKS_CLICK_BUFFER_STATE_H
#define ACTORS_CLICKS_CLICK_BUFFER_STATE_H

#include "actors/clicks/click_commit.h"
#include "actors/clicks/click_epoch.h"

enum {
    EARLIER_LIMIT = 16, /* earlier epochs in work at a time; more wait on disk */
    FOLDER_ROOM = 300
};

enum { TO_ALLOCATOR, TO_BRIDGE, TO_SINK };

struct click_buffer {
    const char *redis_uri;      /* option */
    uint64_t lanes;             /* option */
    uint64_t journal_limit;     /* option, bytes */
    uint64_t segment_bytes;     /* option */
    uint64_t windows_limit;     /* option, bytes */
    uint64_t seal_every_us;     /* option */
    uint64_t seal_clicks;       /* option */
    uint64_t redis_deadline_us; /* option */
    uint64_t adopt_after_us;    /* option */

    struct redis *redis; /* owned */
    char folder[FOLDER_ROOM];
    struct click_place place;
    struct click_epoch *current;                /* owned; NULL until the epoch is leased */
    struct click_commit *commit;                /* owned; with it */
    struct click_epoch *earlier[EARLIER_LIMIT]; /* owned */
    uint64_t lease_pause_us;
    bool knows_earlier; /* Postgres has said which of this actor's epochs are not drained */
    bool is_asking_marks;
    bool is_too_large;          /* windows take more than their limit */
    uint64_t draining_until_us; /* 0: not draining */

    struct click_commit_figures figures;
    counter windows_total;
    counter drained_total;
    counter doubts_total;
    gauge journal_bytes;
    gauge windows_bytes;
    gauge windows_waiting;
    gauge unpublished_clicks;
    gauge epochs_earlier;
    uint64_t measured;             /* how often */
    gauge largest[WINDOW_LARGEST]; /* clicks of the codes that have the most */
};

/* Calls for the current epoch and the earlier ones. */
#define EACH_EPOCH(self, epoch)                                                                                        \
    for (int at_ = -1; at_ < EARLIER_LIMIT; at_++)                                                                     \
        for (struct click_epoch *epoch = at_ < 0 ? (self)->current : (self)->earlier[at_], *once_ = epoch;             \
             once_ != NULL; once_ = NULL)

/* The epoch in memory, NULL when there is none of this number. */
struct click_epoch *click_buffer_epoch(struct click_buffer *self, uint64_t number);

/* ---- click_progress.c */

/* Answers where the clicks of all lanes are. */
void click_progress_on_read(struct actor *me, const struct lanes_read *message, struct question question);
/* Sets the gauges, and whether windows have grown too large. */
void click_progress_measure(struct click_buffer *self);

/* ---- click_earlier.c */

/* Takes up the epochs whose journals are on this disk. */
void click_earlier_list(struct click_buffer *self);
/* A timer's: asks Postgres for those whose journals are gone, until it has answered. */
void click_earlier_look(struct actor *me, void *context);
/* A timer's: says that this producer is alive, and adopts what silent ones left in Redis. */
void click_earlier_beat(struct actor *me, void *context);
/* With each tick: moves them on; those that are drained go. */
void click_earlier_tick(struct click_buffer *self);

#endif
