/* SPDX-License-Identifier: MIT */
/*
 * click_epoch -- all that a click buffer keeps of one producer epoch: its lanes, its journal, and how far each of them
 * has come on its way journal -> Redis -> Kafka -> Postgres.
 *
 * The same thing serves the epoch that is being written and those that earlier starts of this actor left behind; what
 * differs is only that the present one gets new batches (click_commit) and that the earlier ones are first read from
 * disk (click_recovery). Redis is always in one of these relations to an epoch:
 *
 *     AWAY      -> not connected, or a lane's fate is unknown: the journal alone is the commit
 *     ASKING    -> connected: each lane is asked for its last entry
 *     DRAINING  -> what Redis lacks is sent from the journal, in order, one entry per lane at a time
 *     LIVE      -> Redis has all that is committed; new batches go to it directly
 *
 * Any doubt (a lost connection, a refused or unanswered entry) leads to AWAY, and the same way back. An entry that
 * Redis has already is refused by its id, so sending again is harmless; and because a lane never has more than one
 * entry under way, a refused one cannot leave a gap behind it.
 *
 * Belongs to the actor's thread. Not an actor: part of click_buffer.
 */
#ifndef ACTORS_CLICKS_CLICK_EPOCH_H
#define ACTORS_CLICKS_CLICK_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/clicks/batch.h"
#include "actors/clicks/journal.h"
#include "actors/clicks/windows.h"
#include "actors/io/redis.h"
#include "proto/messages/clicks.h"
#include "runtime/actor.h"

enum epoch_state { EPOCH_READING, EPOCH_AWAY, EPOCH_ASKING, EPOCH_DRAINING, EPOCH_LIVE };

struct click_epoch;

/* What all epochs of a click buffer share. */
struct click_place {
    struct actor *me;
    struct redis *redis; /* the actor's */
    const char *folder;  /* of all journals */
    uint64_t segment_bytes;
    uint64_t journal_limit; /* bytes per epoch */
    uint64_t seal_every_us;
    uint64_t seal_clicks;
    uint32_t to_bridge; /* outlets */
    uint32_t to_sink;
    counter *windows_total; /* figures of the actor */
    counter *drained_total; /* batches sent from the journal */
    counter *doubts_total;
    /* A batch that was retained (see epoch_lane) has found its end: it is in Redis. NULL for earlier epochs. */
    void (*on_resolved)(struct actor *me, struct click_epoch *epoch, uint32_t lane);
    void (*on_live)(struct actor *me, struct click_epoch *epoch);
};

struct epoch_lane {
    struct click_epoch *epoch;
    uint32_t number;
    struct windows windows;
    uint64_t committed; /* the last seq that is committed: in `windows` */
    uint64_t in_redis;  /* the stream has all up to here, as far as we know */
    uint64_t published; /* Kafka has */
    uint64_t marked;    /* Postgres has */
    bool is_asked;      /* a command for this lane is under way: its reply decides what comes next */
    uint64_t sending;   /* ... and it is the entry that ends with this seq */
    uint64_t writing;   /* the window that ends with this seq is being written to Redis; 0: none */
    bool must_forget;   /* Redis has windows below the mark */
    /* A batch that is in no journal and whose entry's fate is unknown: it is sent until it is there. */
    struct slice retained;
    uint64_t retained_last; /* 0: none */
    /* Of an earlier epoch: the journal does not have all of this lane, Redis knows more than we. */
    bool is_partial;
    struct buffer held; /* while reading: the newest batch, which no seal has covered yet */
    uint64_t begins;    /* the first seq in the journal; 0: none */
    uint64_t seen;      /* while reading: the last seq in the journal */
};

struct click_epoch {
    struct click_place *place;
    uint64_t number;
    uint32_t lane_count;
    struct epoch_lane *lanes;
    struct journal *journal;
    enum epoch_state state;
    bool is_current;
    bool is_adopted;   /* another node's, which is silent: what Redis holds of it is brought home, nothing is removed */
    uint32_t asks_due; /* lanes whose answer has to come before the next step */
    struct journal_cursor cursor;
    struct journal_record record; /* the next to send, while `has_record` */
    bool has_record;
    uint64_t timer;         /* for the next slice of reading */
    uint64_t away_until_us; /* do not ask before */
    uint64_t marks_heard_us;
    bool is_known;             /* of an earlier one: what only Redis knew of it has been learnt */
    uint64_t drained_asked_us; /* when; 0: not yet */
    bool is_drained_asked;     /* of an earlier one: Postgres has been asked to note that all of it is counted */
    bool is_drained;           /* it has: the epoch can go */
};

/* A new epoch, or an earlier one that has to be read (click_recovery_read) first. */
struct click_epoch *click_epoch_new(struct click_place *place, uint64_t number, uint32_t lanes, bool is_current);
void click_epoch_free(struct click_epoch **epoch); /* leaves journal and Redis as they are */

/* ---- commits */

/* The batch is committed: count it. Batches of a lane come in order. */
void click_epoch_committed(struct click_epoch *epoch, uint32_t lane, const struct batch_span *span, struct slice bytes);

/* ---- windows, on their way out */

/* Once a second or so: seals what is due (`everything`: whatever is open), syncs the journal, writes windows that Redis
 * does not have, tells the bridge what is not published, forgets what nobody needs. */
void click_epoch_tick(struct click_epoch *epoch, bool everything);
void click_epoch_published(struct click_epoch *epoch, uint32_t lane, uint64_t seq);
void click_epoch_marked(struct click_epoch *epoch, uint32_t lane, uint64_t mark);
/* Whether anything of it is not below its mark yet. */
bool epoch_lane_has_pending(const struct epoch_lane *lane);
bool click_epoch_has_pending(const struct click_epoch *epoch);

/* What it knows of a code; both add to arrays of `room` rows. */
uint32_t click_epoch_covered(const struct click_epoch *epoch, struct covered_lane *rows, uint32_t room);
uint32_t
click_epoch_windows(const struct click_epoch *epoch, struct slice code, struct click_window *rows, uint32_t room);
size_t click_epoch_bytes(const struct click_epoch *epoch); /* of windows, in memory */

/* ---- Redis (click_drain.c) */

/* The connection is there (again), or is lost. */
void click_epoch_connected(struct click_epoch *epoch);
void click_epoch_lost(struct click_epoch *epoch);
/* Something about Redis is not as it should be: look again, soon. */
void click_epoch_doubt(struct click_epoch *epoch, const char *why);
/* Redis has all that the journal has, and what only Redis had is known. */
void click_epoch_go_live(struct click_epoch *epoch);
/* From the tick: asks again when it is time. */
void click_epoch_look(struct click_epoch *epoch);
/* Issues XADD for one batch; the reply comes to `then`. */
void click_epoch_send(
    struct epoch_lane *lane, uint64_t last_seq, struct slice bytes, redis_handler *then, void *context);
/* Whether the reply says that the entry is in the stream (put there now, or before). */
bool click_epoch_is_there(const struct redis_result *result);

#endif
