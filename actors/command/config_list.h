/* SPDX-License-Identifier: MIT */
/* config_list -- `shunt config list`: every option of every kind of actor, out of the rows that define them. */
#ifndef ACTORS_COMMAND_CONFIG_LIST_H
#define ACTORS_COMMAND_CONFIG_LIST_H

#include "actors/command/command.h"

/* Needs no running platform. With the flag --markdown as the page topology/OPTIONS.md, with --json for programs. */
enum exit_code config_list(const struct invocation *invocation);

#endif
