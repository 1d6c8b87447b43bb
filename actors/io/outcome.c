/* SPDX-License-Identifier: MIT */
/* outcome -- see outcome.h. */
#include "actors/io/outcome.h"

#include <assert.h>

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[] = {
        [OUTCOME_DONE] = "done",   [OUTCOME_OVERLOADED] = "overloaded", [OUTCOME_NOT_SENT] = "not sent",
        [OUTCOME_RETRY] = "retry", [OUTCOME_REJECTED] = "rejected",     [OUTCOME_UNKNOWN] = "unknown",
    };

    assert((unsigned)outcome < sizeof(names) / sizeof(names[0]));
    return names[outcome];
}
