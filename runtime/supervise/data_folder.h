/* SPDX-License-Identifier: MIT */
/*
 * data_folder -- the folder in which one platform lives, and who has it.
 *
 *     run/         sockets, the lock          nodes/NODE/ACTOR/  what actors keep       log/NAME.log  what each wrote
 *     secrets/     passwords, one a file      stores/NAME/       what stores keep       topology.zpl  what runs, as
 * checked
 *
 * It is the working directory of every process of the platform. One launcher at a time has it: it holds a lock that the
 * kernel takes back when the launcher ends, however that happens.
 */
#ifndef RUNTIME_SUPERVISE_DATA_FOLDER_H
#define RUNTIME_SUPERVISE_DATA_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/plan/topology.h"

enum { DATA_SENTENCE_LIMIT = 512, DATA_SPACE_MIN_MIB = 64 };

/* All of them write one sentence to `why` (DATA_SENTENCE_LIMIT bytes) when they return false. */

/* Makes the folder and those in it as far as they are missing, sees that there is space, and makes it the working
 * directory. */
bool data_folder_make(const char *path, char *why);
/* Makes an existing one the working directory. */
bool data_folder_enter(const char *path, char *why);

/* Takes the lock; it is held until this process ends or *ret_lock is closed. */
bool data_folder_lock(int *ret_lock, char *why);
/* The process id of the launcher that has the working directory; 0: nobody. */
pid_t data_folder_owner(void);

/* Writes a new random password to secrets/NAME unless it is there. */
bool data_folder_secret(const char *name, char *why);
/* One for each managed store that needs one. */
bool data_folder_secrets(const struct topology *topology, char *why);

/* Tries every port that this platform will listen on. `wait_us`: how long to wait for one that is still being left. */
bool data_folder_ports_free(const struct topology *topology, uint64_t wait_us, char *why);

#endif
