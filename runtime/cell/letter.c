/* SPDX-License-Identifier: MIT */
/* letter -- see letter.h. */
#include "runtime/cell/letter.h"

#include "proto/catalog.h"
#include "runtime/cell/post.h"
#include "runtime/watch/span.h"

static uint64_t clock_us(const struct actor *cell)
{
    const struct clock_source *clock = cell->reactor->node->clock;

    return clock->monotonic_us(clock->context);
}

static void *decode(struct actor *cell, const struct message_schema *schema, struct reader *reader)
{
    struct arena *arena = &cell->reactor->arena;
    void *message = arena_take(arena, schema->size > 0 ? schema->size : 1);

    return message != NULL && codec_decode(schema, reader, arena, message) ? message : NULL;
}

void letter_bury(struct actor *cell, enum dead_reason reason, uint64_t type, const char *from)
{
    counter_add(&cell->errors, 1);
    dead_letter_add(&cell->dead, reason, type, from, cell->reactor->wall_us);
}

static void take_answer(struct actor *cell, const struct envelope *envelope, struct reader *reader, struct peer *from)
{
    const struct message_schema *schema = envelope->type <= UINT16_MAX ? catalog_find((uint16_t)envelope->type) : NULL;
    struct ask *ask = ask_find(&cell->asks, envelope->correlation);
    struct answer answer = { .outcome = ASK_ANSWERED, .schema = schema, .detail = "" };
    char detail[256];

    if (ask == NULL || ask->peer != from) {
        counter_add(&cell->late_answers, 1);
        dead_letter_add(&cell->dead, DEAD_LATE_ANSWER, envelope->type, from->address, cell->reactor->wall_us);
        return;
    }
    answer.receiver = ask->receiver;
    answer.message = schema != NULL ? decode(cell, schema, reader) : NULL;
    if (answer.message == NULL) {
        letter_bury(cell, schema == NULL ? DEAD_UNKNOWN_TYPE : DEAD_MALFORMED, envelope->type, from->address);
        answer.outcome = ASK_FAILED;
        answer.schema = NULL;
        answer.detail = "the answer could not be read";
    } else if (schema == &ask_failed_schema) {
        const struct ask_failed *failed = answer.message;

        slice_copy(failed->detail, detail, sizeof detail);
        answer.outcome =
            failed->reason <= ASK_UNAVAILABLE && failed->reason > 0 ? (enum ask_outcome)failed->reason : ASK_FAILED;
        answer.detail = detail;
        answer.message = NULL;
        answer.schema = NULL;
    }
    post_end_ask(cell, ask, &answer);
}

static const struct handler *find_handler(const struct actor *cell, const struct envelope *envelope)
{
    for (size_t i = 0; i < cell->kind->handler_count; i++) {
        const struct handler *handler = &cell->kind->handlers[i];

        if (handler->schema->id == envelope->type)
            return (envelope->kind == LETTER_ASK ? handler->asked != NULL : handler->told != NULL) ? handler : NULL;
    }
    return NULL;
}

static void refuse_letter(struct actor *cell,
                          enum dead_reason reason,
                          const struct envelope *envelope,
                          struct peer *from,
                          enum ask_outcome outcome)
{
    letter_bury(cell, reason, envelope->type, from->address);
    if (envelope->kind == LETTER_ASK)
        post_answer_failure(cell, from, envelope->correlation, outcome);
}

static void handle_question(struct actor *cell,
                            const struct handler *handler,
                            const struct envelope *envelope,
                            const void *message,
                            struct peer *from,
                            uint64_t began_us,
                            struct question *ret_question)
{
    struct question_entry *entry = question_open(&cell->questions, ret_question);
    uint64_t now_us = cell->reactor->now_us;

    if (entry == NULL) {
        refuse_letter(cell, DEAD_OVERLOADED, envelope, from, ASK_OVERLOADED);
        return;
    }
    entry->peer = from;
    from->questions_open++;
    entry->correlation = envelope->correlation;
    entry->expires_us = envelope->deadline_us < UINT64_MAX - now_us ? now_us + envelope->deadline_us : UINT64_MAX;
    entry->trace = cell->trace;
    entry->began_us = began_us;
    entry->name = handler->schema->name;
    handler->asked(cell, message, *ret_question);
}

/* *ret_question becomes the question that the letter opened, if it did. */
static void handle_letter(struct actor *cell,
                          const struct envelope *envelope,
                          struct reader *reader,
                          struct peer *from,
                          uint64_t began_us,
                          struct question *ret_question)
{
    const struct handler *handler = find_handler(cell, envelope);
    void *message;

    if (envelope->kind == LETTER_ASK && cell->life == CELL_DRAINING) {
        post_answer_failure(cell, from, envelope->correlation, ASK_UNAVAILABLE);
        return;
    }
    if (handler == NULL) {
        refuse_letter(cell, DEAD_UNKNOWN_TYPE, envelope, from, ASK_FAILED);
        return;
    }
    message = decode(cell, handler->schema, reader);
    if (message == NULL) {
        refuse_letter(cell, DEAD_MALFORMED, envelope, from, ASK_FAILED);
        return;
    }
    reactor_busy(cell->reactor, cell, handler->schema->name);
    if (envelope->kind == LETTER_ASK)
        handle_question(cell, handler, envelope, message, from, began_us, ret_question);
    else
        handler->told(cell, message);
}

/* ------------------------------------------------------------------------------------------------ with its trace and
 * its time */

static const char *name_of(const struct envelope *envelope)
{
    const struct message_schema *schema = envelope->type <= UINT16_MAX ? catalog_find((uint16_t)envelope->type) : NULL;

    return schema != NULL ? schema->name : "?";
}

/* The letter's own trace; or a new one, when an operator watches letters like this. An answer goes by its ask's. */
static void begin_trace(struct actor *cell, const struct envelope *envelope)
{
    struct span_ring *spans = cell->reactor->node->spans;
    struct trace trace = envelope->trace;

    if (span_is_watching(spans) && !trace.is_recorded && envelope->kind != LETTER_ANSWER &&
        span_wants(spans, cell->name, envelope->type, cell->reactor->now_us)) {
        trace.is_recorded = true;
        while (!trace_is_set(&trace))
            trace.id[0] = reactor_random(cell->reactor), trace.id[1] = reactor_random(cell->reactor);
    }
    cell_trace(cell, &trace);
}

void letter_handle(struct actor *cell, const struct envelope *envelope, struct reader *message, struct peer *from)
{
    uint64_t began_us = clock_us(cell);

    begin_trace(cell, envelope);
    if (envelope->kind == LETTER_ANSWER)
        take_answer(cell, envelope, message, from);
    else
        handle_letter(cell, envelope, message, from, began_us, &cell->in_hand);
    arena_clear(&cell->reactor->arena);
    if (cell->trace.is_recorded && envelope->kind != LETTER_ASK) /* a question's span ends with its answer */
        cell_span(cell, &cell->trace, envelope->kind == LETTER_ANSWER ? SPAN_ANSWER : SPAN_TELL, began_us,
                  name_of(envelope), from->address);
    histogram_observe_us(&cell->handling, clock_us(cell) - began_us);
}

/* ------------------------------------------------------------------------------------------------ failing in one */

bool letter_is_wanted_again(struct actor *cell, const struct envelope *envelope, struct question question)
{
    struct question_entry *entry = question.generation != 0 ? question_find(&cell->questions, question) : NULL;

    if (cell->kind->on_failure != LETTER_REDELIVERED || envelope->kind == LETTER_ANSWER ||
        (envelope->kind == LETTER_ASK && entry == NULL))
        return false;
    if (entry != NULL) /* it is opened anew the next time, and the asker need not hear of this */
        post_close_question(cell, entry);
    return true;
}
