/* SPDX-License-Identifier: MIT */
/*
 * click_commit -- makes batches of what the edge asks to be committed, and answers once they are.
 *
 * Each lane has at most one batch under way. Clicks gather in one next batch; at the end of a turn it takes a free
 * lane, gets its identity, is written to the journal by one write, and goes to Redis. The reply answers the asks. While
 * Redis is away the journal's write alone is the commit; while the journal cannot be written Redis's reply alone is.
 * With neither, or when the gathering batch is full, the ask is refused: never an uncounted redirect.
 */
#ifndef ACTORS_CLICKS_CLICK_COMMIT_H
#define ACTORS_CLICKS_CLICK_COMMIT_H

#include "actors/clicks/click_epoch.h"

struct click_commit;

struct click_commit_figures {
    counter clicks_total;       /* committed */
    counter batches_total;      /* committed */
    counter journal_only_total; /* clicks of them, by the journal alone */
    counter redis_only_total;   /* clicks of them, by Redis alone */
    counter refused_total;      /* clicks */
    struct histogram commit_us; /* from the ask to its answer */
};

/* `epoch` is the current one and outlives this. */
struct click_commit *click_commit_new(struct click_epoch *epoch, struct click_commit_figures *figures);
/* Questions that are still open are left to their deadlines. */
void click_commit_free(struct click_commit **commit);

void click_commit_ask(struct click_commit *commit, const struct clicks_commit *message, struct question question);
/* At the end of each turn. */
void click_commit_dispatch(struct click_commit *commit);
/* The epoch has left LIVE: what is under way is committed by the journal, or kept until its fate is known. */
void click_commit_redis_lost(struct click_commit *commit);
/* A batch that was kept has got into Redis. */
void click_commit_resolved(struct click_commit *commit, uint32_t lane);
/* The last seq given out in this lane; 0 for none. */
uint64_t click_commit_issued(const struct click_commit *commit, uint32_t lane);
/* Whether the journal takes records. */
bool click_commit_has_journal(const struct click_commit *commit);
bool click_commit_is_idle(const struct click_commit *commit);

#endif
