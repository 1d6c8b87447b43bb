/* SPDX-License-Identifier: MIT */
/*
 * nearest -- the known word that somebody probably meant.
 *
 * Damerau-Levenshtein distance in its restricted form (optimal string alignment): insertions, deletions, replacements
 * and swaps of neighbours count one each (F. Damerau, "A technique for computer detection and correction of spelling
 * errors", CACM 7(3), 1964). Case and '-' against '_' cost nothing, since that is what people mix up most.
 */
#ifndef RUNTIME_NEAREST_H
#define RUNTIME_NEAREST_H

#include <stddef.h>

enum { NEAREST_WORD_LIMIT = 63 }; /* longer words are nobody's typing mistake: they have no neighbours */

/* The distance between two words; more than `limit` is reported as limit + 1. */
unsigned nearest_distance(const char *a, const char *b, unsigned limit);

/* A search over words that come one by one. Zero it, offer every known word, then read `best`. */
struct nearest {
    const char *best;  /* borrowed; NULL: none is near enough */
    unsigned distance; /* of best */
};

/* Considers `known` for `word`: near enough is a third of the longer word's letters, at least 1, at most 4. */
void nearest_offer(struct nearest *nearest, const char *word, const char *known);

/* The nearest of `count` words, or NULL. */
const char *nearest_of(const char *word, const char *const *known, size_t count);

#endif
