/* SPDX-License-Identifier: MIT */
/* stores -- the kinds of store that Shunt uses: what launcher and checker must know of each. */
#ifndef ACTORS_STORES_H
#define ACTORS_STORES_H

#include "runtime/plan/store_kind.h"

extern const struct store_kind *const shunt_store_kinds[]; /* NULL at the end */

#endif
