/* SPDX-License-Identifier: MIT */
#include "runtime/wire/ask.h"

#include <assert.h>
#include <stdlib.h>

enum { NONE = UINT32_MAX, FIRST_ROOM = 16 };

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
        if (book->room >= ASKS_LIMIT)
            return NULL;
        grow_asks(book);
    }

    uint32_t slot = book->free;
    struct ask *ask = &book->asks[slot];

    book->free = ask->next_free;
    book->open++;
    *ask = (struct ask){ .generation = ask->generation, .is_open = true };
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
    ask->generation++;
    ask->next_free = book->free;
    book->free = (uint32_t)(ask - book->asks);
    book->open--;
}

struct ask *ask_any(struct ask_book *book, const struct peer *peer)
{
    for (uint32_t i = 0; book->open > 0 && i < book->room; i++) {
        if (book->asks[i].is_open && (peer == NULL || book->asks[i].peer == peer))
            return &book->asks[i];
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
    entry->generation++;
    entry->next_free = book->free;
    book->free = (uint32_t)(entry - book->entries);
    book->open--;
}

struct question_entry *question_any(struct question_book *book)
{
    for (uint32_t i = 0; book->open > 0 && i < book->room; i++) {
        if (book->entries[i].is_open)
            return &book->entries[i];
    }
    return NULL;
}
