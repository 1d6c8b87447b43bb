/* SPDX-License-Identifier: MIT */
/*
 * view -- what `shunt up` shows: on a terminal one line that lives, below lines for what is worth remembering;
 * elsewhere plain lines.
 */
#ifndef ACTORS_COMMAND_VIEW_H
#define ACTORS_COMMAND_VIEW_H

#include "runtime/supervise/launcher.h"

struct view;

/* `data` is the data folder as the user named it. `ready_fd` gets one byte when all are up, and nothing is shown from
 * then on; -1: none. Writes to standard error as it is now, and the line "ready URL" to standard output. */
struct view *view_open(const struct topology *topology, const char *data, int ready_fd);
void view_tell(void *view, const struct launcher_event *event);
void view_close(struct view **view);

/* Whether to use colour on this stream: a terminal, and NO_COLOR is not set. */
bool view_has_colour(int fd);

#endif
