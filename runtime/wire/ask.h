/* SPDX-License-Identifier: MIT */
/*
 * ask -- the two books an actor keeps about asking: what it has asked and not heard of (asks), and what it was asked
 * and has not answered (questions). Both are tables of slots; a number names a slot and its generation, so that a late
 * answer or a second answer never meets somebody else's entry.
 */
#ifndef RUNTIME_WIRE_ASK_H
#define RUNTIME_WIRE_ASK_H

#include "runtime/actor.h"
#include "runtime/wire/peer.h"

enum {
    ASKS_LIMIT = 1 << 16,       /* that wait for somebody; a further one fails at once */
    ASKS_ROOM = 2 * ASKS_LIMIT, /* those that failed at once included, until they have said so */
    QUESTIONS_DEFAULT = 1 << 16
};

struct ask {
    struct peer *peer; /* NULL: it failed at once and only waits to say so */
    answer_handler *then;
    void *context;
    uint64_t timer;
    struct trace trace;
    uint32_t receiver;   /* index within the outlet */
    uint32_t generation; /* never 0 */
    uint32_t next_free;
    uint64_t opened;          /* the how manieth of the book it is */
    enum ask_outcome outcome; /* when peer is NULL */
    bool is_open;
};

struct ask_book {
    struct ask *asks;
    uint32_t room;
    uint32_t free;
    uint32_t open;
    uint64_t opened; /* ever */
};

void ask_book_init(struct ask_book *book);
void ask_book_free(struct ask_book *book);
/* NULL when ASKS_ROOM are open. The number goes to *ret_number, never 0. */
struct ask *ask_open(struct ask_book *book, uint64_t *ret_number);
struct ask *ask_find(struct ask_book *book, uint64_t number); /* NULL: closed or never open */
void ask_close(struct ask_book *book, struct ask *ask);

/* A walk through the asks that are open when it begins, to one peer or to all (NULL). Asks may be closed and opened on
 * the way; those opened on the way are not met. */
struct ask_walk {
    uint32_t slot;
    uint64_t opened;
};

struct ask_walk ask_walk_begin(const struct ask_book *book);
struct ask *ask_walk_next(struct ask_book *book, struct ask_walk *walk, const struct peer *peer); /* NULL: the end */

struct question_entry {
    struct peer *peer;
    uint64_t correlation;
    uint64_t expires_us;
    struct trace trace;
    uint64_t began_us;   /* when its handler was called */
    const char *name;    /* of the message */
    uint32_t generation; /* never 0 */
    uint32_t next_free;
    bool is_open;
};

struct question_book {
    struct question_entry *entries;
    uint32_t room;
    uint32_t free;
    uint32_t open;
    uint32_t limit;
};

void question_book_init(struct question_book *book, uint32_t limit);
void question_book_free(struct question_book *book);
struct question_entry *question_open(struct question_book *book,
                                     struct question *ret_question); /* NULL: at the limit */
/* NULL when it was answered already. */
struct question_entry *question_find(const struct question_book *book, struct question question);
void question_close(struct question_book *book, struct question_entry *entry);

#endif
