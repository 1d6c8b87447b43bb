/* SPDX-License-Identifier: MIT */
/*
 * running_plan -- the files of the data folder that say what runs: topology.zpl, the checked copy with overrides
 * applied that launcher, nodes and console read; and topology.source, where it came from, so that `shunt reload` can
 * read that again.
 */
#ifndef ACTORS_COMMAND_RUNNING_PLAN_H
#define ACTORS_COMMAND_RUNNING_PLAN_H

#include "actors/command/command.h"
#include "actors/command/place.h"

/* Writes the checked topology to `path` in the working directory, whole or not at all. False after a complaint. */
bool running_plan_write(const struct topology *topology, const char *called, const char *path);

/* Notes the file (an absolute path) and the overrides of the invocation. False after a complaint. */
bool running_plan_note_source(const char *file, const struct invocation *invocation);

/* Reads them again, the overrides into the invocation, unless it has some of its own. The text behind them lives for
 * ever. False after a complaint, when there is no such note. */
bool running_plan_source(struct invocation *invocation, char file[PATH_ROOM]);

#endif
