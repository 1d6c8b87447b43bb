/* SPDX-License-Identifier: MIT */
/*
 * backup_script -- what `shunt backup` and `shunt restore` share: the script topology/stores/backup, which knows the
 * stores' own tools, and what it is told about this platform's stores.
 */
#ifndef ACTORS_COMMAND_BACKUP_SCRIPT_H
#define ACTORS_COMMAND_BACKUP_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/plan/topology.h"

/* What a backup's folder has in any case. */
#define BACKUP_MANIFEST "backup.json"
#define BACKUP_TOPOLOGY "topology.zpl"

struct backup_order {
    const char *caller;              /* the verb, for complaints */
    const char *what;                /* save, prepare, load */
    const char *folder;              /* the backup's, absolute */
    const char *data;                /* the data folder, absolute */
    const struct topology *topology; /* with the stores' passwords; NULL for prepare, which asks no store */
    uint64_t leap_blocks;            /* for load: by so much keygen's marks are raised */
};

/* Runs it to its end. Complains when it did not work. */
bool backup_script_run(const struct backup_order *order);

/* Runs a program (NULL at the end) with this program's own input, output and environment, to its end; whether it ended
 * with 0. */
bool backup_run(const char *const *arguments);

#endif
