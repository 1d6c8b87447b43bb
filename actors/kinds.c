/* SPDX-License-Identifier: MIT */
/* kinds -- see kinds.h. A new kind is its own file and a row here. */
#include "actors/kinds.h"

extern const struct actor_kind id_allocator_kind;
extern const struct actor_kind keygen_kind;

const struct actor_kind *const shunt_kinds[] = {
    &id_allocator_kind,
    &keygen_kind,
    NULL,
};
