/* SPDX-License-Identifier: MIT */
/*
 * health -- what an actor says when it is asked how it gets along with its stores: its own words (actor_dependency), at
 * once and from memory. A kind that wants to be asked has the row  ASKED(health_read, health_on_read).
 */
#ifndef ACTORS_OPS_HEALTH_H
#define ACTORS_OPS_HEALTH_H

#include "proto/messages/links.h"
#include "runtime/actor.h"

void health_on_read(struct actor *me, const struct health_read *message, struct question question);

#endif
