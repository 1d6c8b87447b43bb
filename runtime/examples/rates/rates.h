/* SPDX-License-Identifier: MIT */
/* rates -- the example's messages as C structs, and its two kinds of actors. */
#ifndef RUNTIME_EXAMPLES_RATES_H
#define RUNTIME_EXAMPLES_RATES_H

#include "runtime/actor.h"

#define MESSAGE_FILE "runtime/examples/rates/rates.def"
#include "proto/declare.h"

extern const struct actor_kind meter_kind, source_kind;
void rates_messages(void); /* makes them known to the catalog */

#endif
