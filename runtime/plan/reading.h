/* SPDX-License-Identifier: MIT */
/*
 * reading -- a topology while it is being read: what is shared by the files that turn its sections into the plan, and
 * by the one that checks it as a whole.
 *
 * What can be set in a section of the topology is said by option rows, as it is for actors: name, type, range, default
 * and help stand in one place, and reader and checker follow.
 */
#ifndef RUNTIME_PLAN_READING_H
#define RUNTIME_PLAN_READING_H

#include "runtime/plan/topology.h"
#include "runtime/plan/zpl.h"

struct reading {
    struct arena *arena;
    struct mistakes *mistakes;
    const struct topology_words *words;
    const struct zpl_node *root;
    struct topology *topology; /* being filled */
};

/* Rows for the restart limits of a section whose struct has a `struct restart_limits limits`. */
#define RESTART_LIMIT_ROWS(owner, restarts_, within_, pause_min_, pause_max_, healthy_)                                \
    { .name = "restarts",                                                                                              \
      .type = OPTION_NUMBER,                                                                                           \
      .offset = offsetof(struct owner, limits.restarts),                                                               \
      .default_text = restarts_,                                                                                       \
      .maximum = 100,                                                                                                  \
      .help = "restarts at most in `within`; then it is given up" },                                                   \
        { .name = "within",                                                                                            \
          .type = OPTION_DURATION,                                                                                     \
          .offset = offsetof(struct owner, limits.within_us),                                                          \
          .default_text = within_,                                                                                     \
          .minimum = 1000,                                                                                             \
          .maximum = 86400000000,                                                                                      \
          .help = "see restarts" },                                                                                    \
        { .name = "pause_min",                                                                                         \
          .type = OPTION_DURATION,                                                                                     \
          .offset = offsetof(struct owner, limits.pause_min_us),                                                       \
          .default_text = pause_min_,                                                                                  \
          .maximum = 3600000000,                                                                                       \
          .help = "before the first restart" },                                                                        \
        { .name = "pause_max",                                                                                         \
          .type = OPTION_DURATION,                                                                                     \
          .offset = offsetof(struct owner, limits.pause_max_us),                                                       \
          .default_text = pause_max_,                                                                                  \
          .maximum = 3600000000,                                                                                       \
          .help = "the pause doubles up to this" },                                                                    \
    {                                                                                                                  \
        .name = "healthy", .type = OPTION_DURATION, .offset = offsetof(struct owner, limits.healthy_us),               \
        .default_text = healthy_, .maximum = 86400000000, .help = "after so long without a failure the pause is short" \
    }

/* One mistake at a node, with its path. */
#define reading_mistake(reading, node, ...)                                                                            \
    mistake_at((reading)->mistakes, (node)->line, zpl_path((node), (reading)->arena), __VA_ARGS__)
/* "; did you mean edge?" or "". */
#define reading_hint(reading, best) mistake_hint((reading)->mistakes, (best))

/* What may stand in a section. */
struct section_words {
    const struct option *rows;
    size_t row_count;
    const char *const *sections; /* names of sections in it, NULL at the end; NULL: none */
    const char *what;            /* "a node", for "a node has no 'rloe'" */
};

/* Reads the values of `section` (NULL: all defaults) into `into`, which the rows' offsets point into, and tells of
 * every word that is not known and every value that does not fit. Texts live in the arena. */
void reading_values(struct reading *reading,
                    const struct zpl_node *section,
                    const struct section_words *words,
                    void *into);
/* Only the words: tells of those that are not known, of sections that are values and of values that are sections. */
void reading_words(struct reading *reading, const struct zpl_node *section, const struct section_words *words);
/* Tells when `child`, which holds a value, is not one of the rows' kind. */
void reading_check_value(struct reading *reading, const struct zpl_node *child, const struct option *row);

/* The words of "a, b, c", NULL at the end; tells of what is no name. `node` is where the list stands; NULL: empty. */
const char *const *reading_list(struct reading *reading, const struct zpl_node *node);
/* Tells when a node's name cannot be one of a node, an actor or a store. */
void reading_check_name(struct reading *reading, const struct zpl_node *node, const char *what);
/* Tells when pause_min is above pause_max. `section` may be NULL. */
void reading_check_limits(struct reading *reading, const struct zpl_node *section, const struct restart_limits *limits);

/* Carries out `like = OTHER` of `node`, whose siblings stand in `section`. */
void reading_inherit(struct reading *reading, const struct zpl_node *section, struct zpl_node *node);

size_t reading_count(const struct zpl_node *section);
void *reading_take(struct reading *reading, size_t count, size_t size);

/* The parts, in the order in which they are read. */
void reading_stores(struct reading *reading);
void reading_nodes(struct reading *reading);
void reading_actors(struct reading *reading, struct topology_node *node, const struct zpl_node *section);
void reading_kinds(struct reading *reading); /* checks the words of "kinds" */
void reading_routes(struct reading *reading);
void reading_check(struct reading *reading);
/* Hosts: who says his, who must. */
void reading_check_hosts(struct reading *reading);
void reading_check_ports(struct reading *reading);

/* The row of that name, or NULL after a look for the nearest, in *ret_hint. */
const struct actor_kind *reading_find_kind(struct reading *reading, const char *name, const char **ret_hint);

#endif
