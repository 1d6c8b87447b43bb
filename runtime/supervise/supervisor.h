/* SPDX-License-Identifier: MIT */
/*
 * supervisor -- the actor in each node that starts, watches and restarts the node's actors.
 *
 * It starts them in the order of the topology, each start confirmed before the next; stops them in reverse, each with
 * its time. What to do when one fails is decided by policy.h. An actor whose handler does not come back cannot be
 * restarted, because its thread cannot be taken from it: the supervisor says in which message it hangs and ends the
 * process, which the launcher replaces. It runs on the main thread, so it lives as long as the process does.
 */
#ifndef RUNTIME_SUPERVISE_SUPERVISOR_H
#define RUNTIME_SUPERVISE_SUPERVISOR_H

#include "runtime/actor.h"

extern const struct actor_kind supervisor_kind;

#endif
