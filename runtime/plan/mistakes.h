/* SPDX-License-Identifier: MIT */
/*
 * mistakes -- everything that is wrong with a file, gathered first and then told at once, in the order of its lines.
 *
 * Also the small things that whoever reads a file needs: texts that live as long as the plan (see arena_text).
 */
#ifndef RUNTIME_PLAN_MISTAKES_H
#define RUNTIME_PLAN_MISTAKES_H

#include <stddef.h>
#include <stdio.h>

#include "proto/arena.h"

/* Further ones are counted and not told: nobody reads more at once. */
enum { MISTAKES_LIMIT = 200 };

enum { LINE_NONE = 0, LINE_OF_OVERRIDE = -1 /* it came from `--set` */ };

struct mistake {
    int line;         /* from 1; or LINE_NONE, LINE_OF_OVERRIDE */
    const char *path; /* "nodes/edge/role"; may be empty */
    const char *text;
};

struct mistakes {
    const char *file; /* as the user named it; borrowed */
    struct arena *arena;
    struct mistake list[MISTAKES_LIMIT];
    size_t count; /* of all, also of those beyond the limit */
};

/* `path` is borrowed until the mistakes are printed. One line and one sentence are told once, whatever the paths: a
 * section that others are made like is wrong once. */
void mistake_at(struct mistakes *mistakes, int line, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "; did you mean edge?", or nothing when `best` is NULL. In the arena. */
const char *mistake_hint(struct mistakes *mistakes, const char *best);
void mistakes_print(struct mistakes *mistakes, FILE *to);

/* A terminated copy, and a formatted text, both in the arena; asserts that the arena's limit is not reached: whoever
 * reads a file bounds the file. */
const char *arena_text(struct arena *arena, const char *text, size_t size);
const char *arena_print(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
