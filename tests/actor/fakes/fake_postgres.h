/* SPDX-License-Identifier: MIT */
/*
 * fake_postgres -- stands in for actors/io/postgres: runs are caught, the test answers them.
 *
 * What the test says happens in the actor's next turn: run the harness after it. There is one pool in a test program at
 * a time. Parameters are shown as texts; arrays as their elements with commas.
 */
#ifndef TESTS_ACTOR_FAKES_FAKE_POSTGRES_H
#define TESTS_ACTOR_FAKES_FAKE_POSTGRES_H

#include "actors/io/postgres.h"

void fake_postgres_connect(void);
void fake_postgres_lose(void); /* all runs under way end UNKNOWN */

uint32_t fake_postgres_waiting(void);
/* Of the oldest waiting run: whether statement `call` has this word in its SQL, and parameter `value` as a text
 * ("NULL"). */
bool fake_postgres_is(uint32_t call, const char *word);
const char *fake_postgres_value(uint32_t call, uint32_t value);
uint32_t fake_postgres_calls(void);
/* Which one in the line of those waiting has this word in its first statement; -1: none. And moves it to the front. */
int fake_postgres_find(const char *word);
void fake_postgres_bring_forward(int index);

/* Rows for statement `call` of the oldest run: one text a row, columns between '|'; an empty column is NULL, but for
 * texts that is as good as empty. "t" and "f" are booleans. Call it once for each row. */
void fake_postgres_row(uint32_t call, const char *columns);
/* Answers the oldest run with the rows given. */
void fake_postgres_done(void);
void fake_postgres_fail(enum outcome outcome);

#endif
