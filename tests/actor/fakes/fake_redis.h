/* SPDX-License-Identifier: MIT */
/*
 * fake_redis -- stands in for actors/io/redis: commands are caught, the test answers them.
 *
 * What the test says happens in the actor's next turn: run the harness after it. Texts must live until then.
 * Connections are known by the name that the actor gave them. Commands of a connection are answered in their order, as
 * the real ones are.
 */
#ifndef TESTS_ACTOR_FAKES_FAKE_REDIS_H
#define TESTS_ACTOR_FAKES_FAKE_REDIS_H

#include "actors/io/redis.h"

/* A caught command: its arguments, and blanks between them, as one text. NULL when none is waiting. Valid until
 * answered. */
const char *fake_redis_next(const char *name);
/* Whether the oldest waiting command begins so. */
bool fake_redis_next_is(const char *name, const char *beginning);
uint32_t fake_redis_waiting(const char *name);

/* Answers the oldest waiting command. */
void fake_redis_answer_text(const char *name, const char *text);
void fake_redis_answer_nil(const char *name);
void fake_redis_answer_integer(const char *name, int64_t integer);
void fake_redis_answer_ok(const char *name);
/* Items: "s:TEXT" a text, "blob" the bytes given last, "(" and ")" a nested array; NULL at the end. The outermost array
 * is implied. */
void fake_redis_answer_array(const char *name, const char *const *items);
void fake_redis_blob(struct slice bytes);
void fake_redis_fail(const char *name, enum outcome outcome);

/* A connection comes up; it goes, and all that was waiting ends UNKNOWN. */
void fake_redis_connect(const char *name);
void fake_redis_lose(const char *name);

#endif
