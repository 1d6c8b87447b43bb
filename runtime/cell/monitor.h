/* SPDX-License-Identifier: MIT */
/*
 * monitor -- the watcher's side of links and monitors.
 *
 * A monitor is an ask to the supervisor of the node that the watched actor lives on, which outlives its actors and
 * knows each of their lives. It answers when the life is over; so the rules of asks make the rest: exactly one end, an
 * end also when the process dies or its node falls silent, nothing left behind by a cancelled one. As a letter may be
 * lost with a connection, the supervisor answers after a few seconds in any case, and the watcher asks again for the
 * same life.
 */
#ifndef RUNTIME_CELL_MONITOR_H
#define RUNTIME_CELL_MONITOR_H

#include "runtime/cell/cell.h"

void monitor_forget_all(struct actor *cell); /* its incarnation ends */

#endif
