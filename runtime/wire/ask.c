/* SPDX-License-Identifier: MIT */
#include "runtime/wire/ask.h"

#include <assert.h>
#include <stdlib.h>

enum { NONE = UINT32_MAX, FIRST_ROOM = 16 };

/* A slot in steady use comes round to 0 within days: it is left out, so that no number is ever 0. */
static uint32_t next_generation(uint32_t generation)
{
    return generation < UINT32_MAX ? generation + 1 : 1;
}

/* ------------------------------------------------------------------------------------------------ asks */

void ask_book_init(struct ask_book *book)
{
    *book = (struct ask_book){ .free = NONE };
}

void ask_book_free(struct ask_book *book)
{
    free(book->asks);
    ask_book_init(book);
}

static void grow_asks(struct ask_book *book)
{
    uint32_t room = book->room > 0 ? book->room * 2 : FIRST_ROOM;

    book->asks = realloc(book->asks, room * sizeof *book->asks);
    assert(book->asks != NULL);
    for (uint32_t i = room; i-- > book->room;) {
        book->asks[i] = (struct ask){ .generation = 1, .next_free = book->free };
        book->free = i;
    }
    book->room = room;
}

struct ask *ask_open(struct ask_book *book, uint64_t *ret_number)
{
    if (book->free == NONE) {
        if (book->room >= ASKS_ROOM)
            return NULL;
        grow_asks(book);
    }

    uint32_t slot = book->free;
    struct ask *ask = &book->asks[slot];

    book->free = ask->next_free;
    book->open++;
    *ask = (struct ask){ .generation = ask->generation, .opened = ++book->opened, .is_open = true };
    *ret_number = (uint64_t)ask->generation << 32 | slot;
    return ask;
}

struct ask *ask_find(struct ask_book *book, uint64_t number)
{
    uint32_t slot = (uint32_t)number;

    if (slot >= book->room || !book->asks[slot].is_open || book->asks[slot].generation != (uint32_t)(number >> 32))
        return NULL;
    return &book->asks[slot];
}

void ask_close(struct ask_book *book, struct ask *ask)
{
    assert(ask->is_open);
    ask->is_open = false;
    ask->generation = next_generation(ask->generation);
    ask->next_free = book->free;
    book->free = (uint32_t)(ask - book->asks);
    book->open--;
}

struct ask_walk ask_walk_begin(const struct ask_book *book)
{
    return (struct ask_walk){ .slot = 0, .opened = book->opened };
}

struct ask *ask_walk_next(struct ask_book *book, struct ask_walk *walk, const struct peer *peer)
{
    while (book->open > 0 && walk->slot < book->room) {
        struct ask *ask = &book->asks[walk->slot++];

        if (ask->is_open && ask->opened <= walk->opened && (peer == NULL || ask->peer == peer))
            return ask;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ questions */

void question_book_init(struct question_book *book, uint32_t limit)
{
    *book = (struct question_book){ .free = NONE, .limit = limit };
}

void question_book_free(struct question_book *book)
{
    free(book->entries);
    question_book_init(book, book->limit);
}

static void grow_questions(struct question_book *book)
{
    uint32_t room = book->room > 0 ? book->room * 2 : FIRST_ROOM;

    book->entries = realloc(book->entries, room * sizeof *book->entries);
    assert(book->entries != NULL);
    for (uint32_t i = room; i-- > book->room;) {
        book->entries[i] = (struct question_entry){ .generation = 1, .next_free = book->free };
        book->free = i;
    }
    book->room = room;
}

struct question_entry *question_open(struct question_book *book, struct question *ret_question)
{
    if (book->open >= book->limit)
        return NULL;
    if (book->free == NONE)
        grow_questions(book);

    uint32_t slot = book->free;
    struct question_entry *entry = &book->entries[slot];

    book->free = entry->next_free;
    book->open++;
    *entry = (struct question_entry){ .generation = entry->generation, .is_open = true };
    *ret_question = (struct question){ .slot = slot, .generation = entry->generation };
    return entry;
}

struct question_entry *question_find(const struct question_book *book, struct question question)
{
    if (question.slot >= book->room)
        return NULL;

    struct question_entry *entry = &book->entries[question.slot];

    return entry->is_open && entry->generation == question.generation ? entry : NULL;
}

void question_close(struct question_book *book, struct question_entry *entry)
{
    assert(entry->is_open);
    entry->is_open = false;
    entry->generation = next_generation(entry->generation);
    entry->next_free = book->free;
    book->free = (uint32_t)(entry - book->entries);
    book->open--;
}
