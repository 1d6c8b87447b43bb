/* SPDX-License-Identifier: MIT */
/*
 * setting_table -- every setting there is, by the option rows of all kinds, and the values that were set live.
 *
 * A setting is called KIND.OPTION. Whether a value will do is decided by the option's own row, the same that reads it
 * in a topology; so what is accepted here is accepted there. Pure; single-threaded.
 */
#ifndef ACTORS_OPS_SETTING_TABLE_H
#define ACTORS_OPS_SETTING_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/actor.h"

enum { SETTINGS_LIMIT = 1024, SETTING_NAME_ROOM = 96, SETTING_VALUE_ROOM = 1024, SETTING_REASON_ROOM = 512 };

struct live_setting {
    char name[SETTING_NAME_ROOM];
    const struct option *option; /* borrowed from its kind */
    bool is_set;                 /* live; else the topology's value or the default holds */
    bool is_stored;              /* Postgres has this version */
    uint64_t version;            /* of the last change */
    char value[SETTING_VALUE_ROOM];
    char who[64];
};

struct setting_table {
    struct live_setting *rows; /* by kind, then as the kind has them; owned */
    uint32_t count;
    uint64_t version; /* the highest of all rows */
};

/* All options of all kinds (NULL at the end); of several actors of a kind there is one setting. */
void setting_table_init(struct setting_table *table, const struct actor_kind *const *kinds);
/* One more kind, before anything is set. */
void setting_table_add(struct setting_table *table, const struct actor_kind *kind);
void setting_table_free(struct setting_table *table);

struct live_setting *setting_table_find(const struct setting_table *table, struct slice name);
/* Whether this setting can be changed to this value while running. If not: a sentence in `reason` that says what could.
 */
bool setting_table_accepts(const struct setting_table *table,
                           struct slice name,
                           struct slice value,
                           char reason[SETTING_REASON_ROOM]);
/* Takes a value over, if its version is newer than what is there. False: it is not, or nobody knows the name any more,
 * or the value is not acceptable any more. */
bool setting_table_put(
    struct setting_table *table, struct slice name, struct slice value, uint64_t version, struct slice who);

/* What was set, as lines "VERSION STORED WHO NAME VALUE", and back; for the file that outlives the process. */
size_t setting_table_format(const struct setting_table *table, char *text, size_t room);
void setting_table_parse(struct setting_table *table, struct slice text);

#endif
