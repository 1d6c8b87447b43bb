/* SPDX-License-Identifier: MIT */
/* place -- where things are: Shunt's own files, the topology, the data folder; and who runs there. */
#ifndef ACTORS_COMMAND_PLACE_H
#define ACTORS_COMMAND_PLACE_H

#include "actors/command/command.h"

enum { PATH_ROOM = 4096 };

/* Where Shunt's files are: $SHUNT_HOME, else the folder above the program's that has topology/ (or
 * share/shunt/topology/). Valid for ever. */
const char *place_home(void);
/* This program's own path. Valid for ever. */
const char *place_program(void);

/* Loads a topology with all kinds that there are; what is wrong goes to standard error. `secrets`: see topology_words.
 */
struct topology *place_load(const char *file, const char *secrets, const struct invocation *invocation);
/* The file that a verb's first word names, else topology/local.zpl at home. */
const char *place_topology_file(const struct invocation *invocation, char room[PATH_ROOM]);

/* The data folder that --data names, else "var". */
const char *place_data(const struct invocation *invocation);
/* Makes the data folder the working directory and sees that a platform runs there; complains when not. */
enum exit_code place_enter_running(const struct invocation *invocation);

#endif
