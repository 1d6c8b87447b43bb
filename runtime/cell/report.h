/* SPDX-License-Identifier: MIT */
/*
 * report -- what an actor says of itself when its supervisor asks: its status and its metrics. Made on the actor's own
 * thread, so nothing has to be locked; travels as two encoded messages behind each other.
 */
#ifndef RUNTIME_CELL_REPORT_H
#define RUNTIME_CELL_REPORT_H

#include "runtime/cell/cell.h"

/* An EVENT_REPORT whose payload is three encoded messages: node_status with this actor and its routes, then
 * metrics_text. */
void report_send(struct actor *cell, uint64_t number);

#endif
