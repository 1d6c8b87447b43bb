/* SPDX-License-Identifier: MIT */
/*
 * custom_codes -- reads the codes that are not out of the keygen's numbers, a page at a time, for edges that want to
 * know all of them.
 *
 * Always from the primary: a page has every row that was committed before the question came. What is committed later
 * the edges hear of by the feed of changes.
 */
#include <assert.h>
#include <stdlib.h>

#include "actors/links/links_state.h"

enum {
    PAGE_CODES = 4096,
    PAGES_LIMIT = 64, /* under way at once */
    READ_LIMIT_US = 2000 * 1000
};

struct page {
    bool used;
    uint32_t code_length;
    struct question question;
};

struct chosen_pages {
    struct page pages[PAGES_LIMIT];
};

static const struct postgres_statement read_codes = {
    .sql = "SELECT short_code FROM urls WHERE custom AND octet_length(short_code) = $1::int4 AND short_code > $2::text "
           "ORDER BY short_code LIMIT $3::int8"
};

static void page_read(struct actor *me, void *context, const struct postgres_result *result)
{
    struct page *page = context;
    uint32_t count = result->outcome == OUTCOME_DONE ? postgres_row_count(result->rows[0]) : 0;
    size_t size = 0;
    char *codes;

    page->used = false;
    if (result->outcome != OUTCOME_DONE) {
        actor_refuse(me, page->question, "The database cannot be read at the moment: %s",
                     outcome_name(result->outcome));
        return;
    }
    codes = malloc((size_t)count * page->code_length + 1);
    assert(codes != NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct slice code = postgres_text_at(result->rows[0], i, 0);

        assert(code.size == page->code_length);
        memcpy(codes + size, code.at, code.size);
        size += code.size;
    }
    ANSWER(me, page->question, custom_codes, .codes = { .at = codes, .size = size }, .code_length = page->code_length,
           .is_last = count < PAGE_CODES);
    free(codes);
}

static struct page *new_page(struct chosen_pages *chosen)
{
    for (uint32_t i = 0; i < PAGES_LIMIT; i++)
        if (!chosen->pages[i].used)
            return &chosen->pages[i];
    return NULL;
}

void custom_codes_on_ask(struct actor *me, const struct custom_codes_read *message, struct question question)
{
    struct links *self = actor_state(me);
    struct page *page = new_page(self->chosen_pages);
    struct postgres_call call;

    if (message->code_length == 0 || message->code_length > CODE_LIMIT_BYTES) {
        actor_refuse(me, question, "A code has 1 to %d bytes.", CODE_LIMIT_BYTES);
        return;
    }
    if (page == NULL || !database_is_there(self->database)) {
        actor_refuse(me, question, "The database cannot be read at the moment.");
        return;
    }
    *page = (struct page){ .used = true, .code_length = (uint32_t)message->code_length, .question = question };
    call = POSTGRES_CALL(&read_codes, postgres_int4((int32_t)message->code_length), postgres_text(message->after),
                         postgres_int8(PAGE_CODES));
    postgres_run(self->postgres, &call, 1, READ_LIMIT_US, page_read, page);
}

void custom_codes_open(struct actor *me)
{
    struct links *self = actor_state(me);

    self->chosen_pages = calloc(1, sizeof(*self->chosen_pages));
    assert(self->chosen_pages != NULL);
}

void custom_codes_close(struct links *self)
{
    free(self->chosen_pages);
    self->chosen_pages = NULL;
}
