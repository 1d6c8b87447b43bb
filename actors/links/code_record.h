/* SPDX-License-Identifier: MIT */
/*
 * code_record -- what Postgres keeps about the codes beside the marks: which key they are made with, and how much was
 * promised at least (code_promise).
 *
 * Both are rows of id_leases. "keygen/key" is made with 0 by the migration that began to tell given codes from chosen
 * ones; the first keygen puts its key's fingerprint there, and it stays. "keygen/promised" is written over.
 *
 * All of it belongs to the actor's thread.
 */
#ifndef ACTORS_LINKS_CODE_RECORD_H
#define ACTORS_LINKS_CODE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/io/keyed_hash.h"
#include "actors/io/postgres.h"

struct actor;
struct code_record;

enum code_record_state {
    CODE_RECORD_UNHEARD,   /* Postgres has not said yet */
    CODE_RECORD_OURS,      /* all rows that say custom = false have codes made with our key */
    CODE_RECORD_OTHER_KEY, /* with another one */
    CODE_RECORD_MISSING    /* nobody knows */
};

/* Postgres has said what is recorded as promised. Comes once, and only when the key is ours. */
typedef void code_record_handler(struct actor *me, void *context, uint64_t promised);

/* `postgres` is borrowed: close it before this. Never NULL. */
struct code_record *code_record_open(struct actor *me,
                                     struct postgres *postgres,
                                     const struct keyed_hash_key *key,
                                     code_record_handler *on_ours,
                                     void *context);
void code_record_close(struct code_record **record); /* accepts NULL in *record; sets it to NULL */

/* Now and then: asks Postgres as long as it has not said anything. */
void code_record_look(struct code_record *record);
enum code_record_state code_record_state(const struct code_record *record);

/* Writes how much is promised, unless a write is under way. `then` comes when it is done, and not otherwise. */
void code_record_keep(struct code_record *record, uint64_t promised, code_record_handler *then, void *context);

/* The number that stands for a key: at least 1, below 2^53. */
uint64_t code_record_fingerprint(const struct keyed_hash_key *key);

#endif
