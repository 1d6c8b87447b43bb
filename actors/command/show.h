/* SPDX-License-Identifier: MIT */
/* show -- prints answers for people: trees and aligned tables, in colour on a terminal. */
#ifndef ACTORS_COMMAND_SHOW_H
#define ACTORS_COMMAND_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* Hosts, nodes, actors and stores as a tree; `platform` is gather_platform's. */
void show_tree(json_t *platform, FILE *to);

struct show_column {
    const char *key;   /* of the row objects */
    const char *title; /* shown above */
};

enum { SHOW_COLUMNS_LIMIT = 12, SHOW_CELL_LIMIT = 120 };

/* Rows as an aligned table; columns end with a NULL key. Numbers stand right. */
void show_table(json_t *rows, const struct show_column *columns, FILE *to);
/* The members of an object, one a line, nested ones left out. */
void show_object(json_t *object, FILE *to);
/* Any value as JSON. */
void show_json(json_t *value, FILE *to);

#endif
