/* SPDX-License-Identifier: MIT */
/*
 * zpl -- reads ZPL, ZeroMQ's property language (rfc.zeromq.org/spec/4): sections by indentation, four spaces a level.
 *
 *     stores                      # a comment
 *         redis
 *             port = 7379
 *             greeting = "quoted: # and blanks stay"
 *
 * Why not CZMQ's zconfig, which reads the same language: it stops at the first mistake, keeps no line numbers for what
 * it has read, cuts lines at 1,024 bytes without a word and lets two sections of one name stand. Here every mistake is
 * told, each with its line. Whatever this reader accepts, zconfig reads alike; a test holds the two together.
 */
#ifndef RUNTIME_PLAN_ZPL_H
#define RUNTIME_PLAN_ZPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "runtime/plan/mistakes.h"

enum {
    ZPL_FILE_LIMIT = 1024 * 1024, /* bytes of a file */
    ZPL_LINE_LIMIT = 1000,        /* bytes of a line; zconfig cuts at 1,024 */
    ZPL_DEPTH_LIMIT = 8           /* levels */
};

struct zpl_node {
    const char *name;
    const char *value; /* NULL: a section */
    int line;          /* or LINE_OF_OVERRIDE */
    struct zpl_node *parent;
    struct zpl_node *children; /* of a section, in the file's order */
    struct zpl_node *next;
};

/* Reads `text` into a tree in the mistakes' arena, whose root has an empty name. Never NULL; what was wrong is left
 * out. */
struct zpl_node *zpl_read(const char *text, size_t size, struct mistakes *mistakes);

/* The child of that name, or NULL. `parent` may be NULL. */
struct zpl_node *zpl_child(const struct zpl_node *parent, const char *name);
/* The node at "stores/redis/port" below `root`, or NULL. */
struct zpl_node *zpl_find(const struct zpl_node *root, const char *path);
/* The path of a node, in the arena. */
const char *zpl_path(const struct zpl_node *node, struct arena *arena);

/* Sets the value at `path`, making what is missing on the way. False, with a mistake told, when it cannot be. */
bool zpl_set(struct zpl_node *root, const char *path, const char *value, struct mistakes *mistakes);
/* Gives `node` a copy of everything in `model` that it does not have itself, but for the child named `except`. */
void zpl_inherit(struct zpl_node *node, const struct zpl_node *model, const char *except, struct arena *arena);

/* Writes the tree below `root`; reading it again gives the same tree. */
void zpl_write(const struct zpl_node *root, FILE *to);

#endif
