/* SPDX-License-Identifier: MIT */
/*
 * fake_file -- stands in for actors/io/durable_file: a disk in memory that outlives the actors of a test.
 *
 * Writes are durable within the next turns, unless the test says that the disk is full or slow.
 */
#ifndef TESTS_ACTOR_FAKES_FAKE_FILE_H
#define TESTS_ACTOR_FAKES_FAKE_FILE_H

#include "actors/io/durable_file.h"

void fake_file_forget(void);       /* an empty disk */
void fake_file_full(bool is_full); /* writes fail */
void fake_file_held(bool is_held); /* writes are not settled until this ends */
/* What is there for good under the file's name ("high-water"); NULL: nothing. */
const char *fake_file_text(const char *name);
void fake_file_put(const char *name, const char *text);

#endif
