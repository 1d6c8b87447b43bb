/* SPDX-License-Identifier: MIT */
/*
 * click_recovery -- brings home what earlier starts of a click buffer left behind.
 *
 * An earlier epoch's journal is read in slices: batches are counted into windows, seals close them where the process
 * that died had closed them, so window ends are the same whoever seals. Then Redis is asked what it knows beyond the
 * journal (a start that ran without one), the journal's surplus is sent to it, what is open is sealed, and everything
 * goes the usual way through bridge and sinks. When all of it is counted, Postgres notes the epoch as drained, and only
 * then its keys and files go. Every step may be repeated from the start after any crash.
 */
#ifndef ACTORS_CLICKS_CLICK_RECOVERY_H
#define ACTORS_CLICKS_CLICK_RECOVERY_H

#include "actors/clicks/click_epoch.h"

/* Starts to read an earlier epoch's journal; goes on by itself. */
void click_recovery_read(struct click_epoch *epoch);
/* Redis has all that the journal has: learns what only Redis has, then goes live. */
void click_recovery_learn(struct click_epoch *epoch);
/* Once a second: whether it has come to its end. is_drained says when it has. */
void click_recovery_tick(struct click_epoch *epoch);
/* Postgres has noted it: removes its keys and its journal. Frees the epoch. */
void click_recovery_remove(struct click_epoch **epoch);

#endif
