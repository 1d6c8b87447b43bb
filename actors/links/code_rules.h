/* SPDX-License-Identifier: MIT */
/*
 * code_rules -- which words may be short codes.
 *
 * A code is letters and digits of ASCII, case-sensitive. Words that a route uses or may want one day are reserved
 * whatever their case, because `/API` beside `/api` would be a trap. Pure, any thread.
 */
#ifndef ACTORS_LINKS_CODE_RULES_H
#define ACTORS_LINKS_CODE_RULES_H

#include <stdbool.h>

#include "proto/slice.h"

enum { CODE_LIMIT_BYTES = 20, CUSTOM_CODE_MINIMUM_BYTES = 3 };

/* Whether a link with this code could exist: 1 to 20 letters and digits. */
bool code_rules_is_code(struct slice text);
/* Whether somebody may choose it, apart from being reserved or taken: 3 to 20 letters and digits. */
bool code_rules_is_custom_code(struct slice text);
bool code_rules_is_reserved(struct slice code);

#endif
