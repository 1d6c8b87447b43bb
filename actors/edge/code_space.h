/* SPDX-License-Identifier: MIT */
/*
 * code_space -- which codes certainly do not exist, without asking anybody.
 *
 * A code exists because the keygen gave it or because somebody chose it. What the keygen gives are the numbers 0, 1, 2
 * ... through a keyed permutation; run backwards it turns any code of that length into its number, and the keygen
 * promises a ceiling that no number reaches while the promise holds. Promises of several keygens count together: the
 * highest ceiling, and all of them must hold. What was chosen is in a set, read page by page from the database, to
 * which the feed of changes adds. It is complete only if each feed was heard without a gap since before the first page
 * was asked for; whatever casts a doubt on that has it read again. Meanwhile, and whenever anything else is missing,
 * every code is to be asked for.
 *
 * Both errors are on the safe side: the set may hold more than there is (it never forgets, and two codes may have one
 * hash), the ceiling may be high. Why a code below the ceiling and outside the set cannot exist: actors/links/
 * code_promise.h. Rows that were written to the database by others are found when the set is read again, every
 * CODE_SPACE_REREAD_US.
 *
 * Pure logic: the caller hands in the time.
 */
#ifndef ACTORS_EDGE_CODE_SPACE_H
#define ACTORS_EDGE_CODE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/links/code_permutation.h"

enum {
    CODE_SPACE_KEYGENS_LIMIT = 8,
    CODE_SPACE_CHOSEN_LIMIT = 256 * 1024, /* codes in the set; with more of them every code is asked for */
    CODE_SPACE_REREAD_US = 30 * 1000 * 1000
};

/* Whether codes can be denied, or why not. */
enum code_space_state {
    CODE_SPACE_ON,
    CODE_SPACE_NO_KEYGEN, /* the topology shows none to this edge, or too many */
    CODE_SPACE_NO_PROMISE,
    CODE_SPACE_DISTRUST, /* changes might be missed */
    CODE_SPACE_READING,  /* the chosen codes are not all known yet */
    CODE_SPACE_TOO_MANY, /* chosen codes */
    CODE_SPACE_STATES
};

enum code_space_verdict { CODE_SPACE_ASK, CODE_SPACE_UNKNOWN };

struct code_space_promise {
    uint64_t ceiling; /* 0: none */
    uint64_t until_us;
    uint32_t code_length;
    struct keyed_hash_key key;
};

struct code_space {
    struct code_space_promise promises[CODE_SPACE_KEYGENS_LIMIT];
    uint32_t keygens;
    uint64_t ceiling;  /* of all of them; 0: there is none, or they do not agree */
    uint64_t until_us; /* when the first of them ends */
    struct code_permutation permutation;

    uint64_t seed;
    uint64_t *slots; /* hashes of chosen codes; 0: free */
    uint32_t slot_count;
    uint32_t chosen;
    bool is_full;
    bool is_trusted;  /* the feeds are heard */
    bool is_complete; /* the set */
    bool is_reading;
    uint64_t reading; /* names one reading of the set */
    uint64_t reread_us;
};

/* `seed`: of the hashes, which clients must not guess. */
void code_space_init(struct code_space *space, uint64_t seed, uint32_t keygens);
void code_space_destroy(struct code_space *space);

/* ---- promises */

/* Keygen number `keygen` has answered a question that was asked at `asked_us`. `ceiling` 0 or a key or length that
 * cannot be: it promises nothing. */
void code_space_promised(struct code_space *space,
                         uint32_t keygen,
                         uint64_t asked_us,
                         uint64_t good_for_us,
                         uint64_t ceiling,
                         uint64_t code_length,
                         struct slice key);

/* ---- chosen codes */

/* At each turn: whether all feeds are heard now. And whenever a change may have been missed. */
void code_space_trust(struct code_space *space, bool is_trusted);
void code_space_doubt(struct code_space *space);
/* A link with this code is made, or about to be. */
void code_space_note(struct code_space *space, struct slice code);

/* Whether the set is to be read now. Begin names the reading; its pages come one behind the other. */
bool code_space_wants_reading(const struct code_space *space, uint64_t now_us);
uint64_t code_space_begin(struct code_space *space);
/* False: this reading is over, because it has ended or been made void. */
bool code_space_is_reading(const struct code_space *space, uint64_t reading);
void code_space_page(struct code_space *space,
                     uint64_t reading,
                     struct slice codes,
                     uint64_t code_length,
                     bool is_last,
                     uint64_t now_us);
void code_space_give_up(struct code_space *space, uint64_t reading);

/* ---- what it is for */

enum code_space_state code_space_state(const struct code_space *space, uint64_t now_us);
enum code_space_verdict code_space_verdict(const struct code_space *space, struct slice code, uint64_t now_us);

#endif
