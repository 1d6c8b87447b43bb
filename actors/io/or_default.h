/* SPDX-License-Identifier: MIT */
/* or_default -- an option that was left at zero. */
#ifndef ACTORS_IO_OR_DEFAULT_H
#define ACTORS_IO_OR_DEFAULT_H

#include <stdint.h>

static inline uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value != 0 ? value : otherwise;
}

#endif
