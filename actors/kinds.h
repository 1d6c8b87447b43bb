/* SPDX-License-Identifier: MIT */
/* kinds -- every kind of actor that there is: the composition root's table. */
#ifndef ACTORS_KINDS_H
#define ACTORS_KINDS_H

#include "runtime/actor.h"

extern const struct actor_kind *const shunt_kinds[]; /* NULL at the end */

#endif
