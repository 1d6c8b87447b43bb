/* SPDX-License-Identifier: MIT */
/* reload -- going over to the topology's file as it is now, for the console. */
#ifndef ACTORS_COMMAND_RELOAD_H
#define ACTORS_COMMAND_RELOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Compares the file that the running topology came from with what runs, and goes over to it if it is to. {"changes",
 * "applied", "outcome"}; NULL after a complaint. */
json_t *reload_again(bool is_to_apply);
void reload_show(json_t *answer, FILE *to);

#endif
