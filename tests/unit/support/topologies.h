/* SPDX-License-Identifier: MIT */
/* A small world of kinds for the tests of topologies, and loading of texts with it. */
#ifndef TESTS_UNIT_SUPPORT_TOPOLOGIES_H
#define TESTS_UNIT_SUPPORT_TOPOLOGIES_H

#include <stddef.h>

#include "runtime/plan/topology.h"

/* front sends to back, and perhaps to spare; front brings an event loop, back must be given a key. */
extern const struct actor_kind front_kind, back_kind, spare_kind;
extern const struct actor_kind *const test_kinds[];       /* NULL at the end */
extern const struct store_kind *const test_store_kinds[]; /* redis and kafka, NULL at the end */

struct loaded {
    struct topology *topology;
    char *told;
    size_t told_size;
    char file[64];
};

/* Writes a text to a file; fails the test when it cannot. */
void write_file(const char *path, const char *text);
struct loaded load_with(const char *text, const char *secrets, const struct setting_override *set, size_t count);
struct loaded load(const char *text);
void unload(struct loaded *loaded);

#endif
