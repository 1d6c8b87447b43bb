/* SPDX-License-Identifier: MIT */
/* samples -- messages of any schema with values of a test's choosing, and whether two of them are equal. */
#ifndef TESTS_UNIT_SUPPORT_SAMPLES_H
#define TESTS_UNIT_SUPPORT_SAMPLES_H

#include "proto/arena.h"
#include "proto/schema.h"

/* The sample that the golden bytes are made of: the same for ever. Memory of `arena`, which must have room. */
void *sample_golden(const struct message_schema *schema, struct arena *arena);
/* Values drawn from *seed, edges of their ranges among them. */
void *sample_drawn(const struct message_schema *schema, struct arena *arena, uint64_t *seed);
bool sample_equal(const struct message_schema *schema, const void *a, const void *b);
uint64_t sample_draw(uint64_t *seed); /* 64 random bits */

#endif
