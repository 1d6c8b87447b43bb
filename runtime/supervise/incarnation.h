/* SPDX-License-Identifier: MIT */
/*
 * incarnation -- the number by which others tell one start of a node's process from the next.
 *
 * It is the wall clock in microseconds, but rises even when that clock was set back: the last one is kept in
 * run/NODE.incarnation. Peers throw away what comes with a lower number than they have heard of, because parcels of a
 * dead process may still lie in a queue when its successor speaks; a number that fell would make a node unheard.
 */
#ifndef RUNTIME_SUPERVISE_INCARNATION_H
#define RUNTIME_SUPERVISE_INCARNATION_H

#include <stdint.h>

/* The next number for the node `name`; the working directory is the data folder. Without a file that can be read and
 * written it is the wall clock's word alone. */
uint64_t incarnation_next(const char *name);

#endif
