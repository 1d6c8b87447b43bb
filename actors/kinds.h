/* SPDX-License-Identifier: MIT */
/* kinds -- every kind of actor that there is: the composition root's table. */
#ifndef ACTORS_KINDS_H
#define ACTORS_KINDS_H

#include "runtime/actor.h"

extern const struct actor_kind *const shunt_kinds[]; /* NULL at the end */
/* The runtime's own actor in each node: in no topology, but its options are settings like all others. */
extern const struct actor_kind *const shunt_node_kind;

#endif
