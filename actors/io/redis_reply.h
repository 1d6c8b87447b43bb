/* SPDX-License-Identifier: MIT */
/* redis_reply -- what redis.c and the tests need of the reply view beside redis.h. */
#ifndef ACTORS_IO_REDIS_REPLY_H
#define ACTORS_IO_REDIS_REPLY_H

#include "actors/io/redis.h"

/* A redisReply as a view; NULL becomes nil. */
const struct redis_reply *redis_reply_of(const void *reply);
/* DONE for all but errors; those by their first word. */
enum outcome redis_reply_outcome(const struct redis_reply *reply);

#endif
