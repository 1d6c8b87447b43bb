/* SPDX-License-Identifier: MIT */
#include "runtime/cell/mailbox.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/catalog.h"
#include "runtime/cell/post.h"
#include "runtime/cell/remote.h"
#include "runtime/watch/span.h"

static uint64_t clock_us(const struct actor *cell)
{
    const struct clock_source *clock = cell->reactor->node->clock;

    return clock->monotonic_us(clock->context);
}

/* ------------------------------------------------------------------------------------------------ one letter */

static void *decode(struct actor *cell, const struct message_schema *schema, struct reader *reader)
{
    struct arena *arena = &cell->reactor->arena;
    void *message = arena_take(arena, schema->size > 0 ? schema->size : 1);

    return message != NULL && codec_decode(schema, reader, arena, message) ? message : NULL;
}

static void bury(struct actor *cell, enum dead_reason reason, uint64_t type, const char *from)
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
        bury(cell, schema == NULL ? DEAD_UNKNOWN_TYPE : DEAD_MALFORMED, envelope->type, from->address);
        answer.outcome = ASK_FAILED;
        answer.schema = NULL;
        answer.detail = "the answer could not be read";
    } else if (schema == &ask_failed_schema) {
        const struct ask_failed *failed = answer.message;

        slice_copy(failed->detail, detail, sizeof detail);
        answer.outcome =
            failed->reason <= ASK_FAILED && failed->reason > 0 ? (enum ask_outcome)failed->reason : ASK_FAILED;
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
    bury(cell, reason, envelope->type, from->address);
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

/* ------------------------------------------------------------------------------------------------ failing in one */

/* Whether the letter that the actor has just failed in is to be handled again. A question that it had answered is not:
 * the asker has what it wanted. An answer is not either: the ask ended with the actor. */
static bool is_wanted_again(struct actor *cell, const struct envelope *envelope, struct question question)
{
    struct question_entry *entry = question.generation != 0 ? question_find(&cell->questions, question) : NULL;

    if (cell->kind->on_failure != LETTER_REDELIVERED || envelope->kind == LETTER_ANSWER ||
        (envelope->kind == LETTER_ASK && entry == NULL))
        return false;
    if (entry != NULL) /* it is opened anew the next time, and the asker need not hear of this */
        post_close_question(cell, entry);
    return true;
}

/* ------------------------------------------------------------------------------------------------ parcels */

static void free_parcel(struct parcel *parcel)
{
    if (parcel->origin == NULL)
        zmq_msg_close(&parcel->message);
    buffer_free(&parcel->bytes);
    free(parcel);
}

static struct parcel *new_parcel(void)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);

    assert(parcel != NULL);
    return parcel;
}

static void put(struct actor *to, struct parcel *parcel)
{
    *to->inbox_end = parcel;
    to->inbox_end = &parcel->next;
}

void mailbox_put_local(struct actor *to, struct actor *from, struct peer *origin, struct buffer letters)
{
    struct parcel *parcel = new_parcel();

    parcel->bytes = letters;
    parcel->reader = reader_of(buffer_slice(&parcel->bytes));
    parcel->from = cell_peer(to, from->address);
    assert(parcel->from != NULL); /* room is reserved for those of the plan */
    parcel->origin = origin;
    parcel->position = origin->sent;
    to->inbox_letters += (uint32_t)origin->gathered.letters;
    put(to, parcel);
}

void mailbox_put_test(struct actor *to, const char *from_address, struct slice letters)
{
    struct parcel *parcel = new_parcel();

    buffer_append(&parcel->bytes, letters.at, letters.size);
    zmq_msg_init(&parcel->message);
    parcel->reader = reader_of(buffer_slice(&parcel->bytes));
    parcel->from = cell_peer(to, from_address);
    parcel->position = parcel->from->in_handled;
    put(to, parcel);
}

void mailbox_discard(struct actor *cell)
{
    if (cell->current != NULL)
        free_parcel(cell->current);
    cell->current = NULL;
    while (cell->inbox != NULL) {
        struct parcel *parcel = cell->inbox;

        cell->inbox = parcel->next;
        free_parcel(parcel);
    }
    cell->inbox_end = &cell->inbox;
}

/* What the header says; NULL when the parcel is not to be read further. */
static struct peer *open_parcel(struct actor *cell, struct parcel *parcel)
{
    struct parcel_header header = { 0 };
    char address[ADDRESS_LIMIT + 1];
    struct peer *peer;

    if (!envelope_read_header(&parcel->reader, &header) || !address_is_valid(header.from)) {
        bury(cell, DEAD_MALFORMED, 0, "?");
        return NULL;
    }
    slice_copy(header.from, address, sizeof address);
    if (parcel->is_remote && !remote_is_trusted(cell, &parcel->message, address)) {
        bury(cell, DEAD_FORGED, 0, address);
        return NULL;
    }
    peer = cell_peer(cell, address);
    if (peer == NULL || peer->local != NULL) { /* too many strangers; or somebody who lies about who it is */
        bury(cell, peer == NULL ? DEAD_OVERLOADED : DEAD_MALFORMED, 0, address);
        return NULL;
    }
    if (peer_is_replaced(peer, &header)) {
        bury(cell, DEAD_REPLACED, 0, address);
        return NULL;
    }
    if (peer_heard(peer, &header, cell->reactor->node->incarnation, cell->reactor->now_us))
        post_fail_asks(cell, peer, ASK_TARGET_DIED);
    if (peer_has_work(peer))
        cell_touch_peer(cell, peer);
    if (peer->probe_at_us != 0)
        cell_tick_at(cell, peer->probe_at_us);
    parcel->position = (struct tally){ .letters = header.first_number - 1, .bytes = header.first_byte };
    return peer;
}

/* From one of the actor's sockets; clears *is_ready when there is nothing. */
static struct parcel *receive(struct actor *cell, void *socket, bool *is_ready)
{
    struct parcel *parcel = new_parcel();

    zmq_msg_init(&parcel->message);
    if (zmq_msg_recv(&parcel->message, socket, ZMQ_DONTWAIT) < 0) {
        *is_ready = false;
        free_parcel(parcel);
        return NULL;
    }
    parcel->is_remote = socket == cell->remote;
    parcel->reader =
        reader_of((struct slice){ .at = zmq_msg_data(&parcel->message), .size = zmq_msg_size(&parcel->message) });
    parcel->from = open_parcel(cell, parcel);
    if (parcel->from == NULL)
        parcel->reader.at = parcel->reader.end;
    return parcel;
}

static struct parcel *next_parcel(struct actor *cell)
{
    struct parcel *parcel = cell->inbox;

    if (parcel != NULL) {
        cell->inbox = parcel->next;
        if (cell->inbox == NULL)
            cell->inbox_end = &cell->inbox;
        return parcel;
    }
    /* In turns, so that neither this host nor the others wait for ever. */
    cell->turn_of_remote = cell->remote_ready && (!cell->turn_of_remote || !cell->mailbox_ready);
    if (cell->turn_of_remote)
        parcel = receive(cell, cell->remote, &cell->remote_ready);
    if (parcel == NULL && cell->mailbox_ready)
        parcel = receive(cell, cell->mailbox, &cell->mailbox_ready);
    return parcel;
}

/* ------------------------------------------------------------------------------------------------ letter by letter */

/* The sender gets its credit back when the letter comes into a handler's hand. */
static void return_credit(struct actor *cell, struct parcel *parcel, size_t letter_bytes)
{
    struct peer *from = parcel->from;

    parcel->position.letters++;
    parcel->position.bytes += letter_bytes;
    if (parcel->origin != NULL) {
        cell->inbox_letters--;
        peer_take_credit(parcel->origin, parcel->position);
        if (parcel->origin->out.size > 0)
            cell_touch_peer(from->local, parcel->origin);
        return;
    }
    peer_handled(from, parcel->position);
    if (peer_has_work(from))
        cell_touch_peer(cell, from);
}

/* Accounts for a letter that is seen for the first time. Returns whether it is to be handled. */
static bool accept(struct actor *cell, struct parcel *parcel, const struct envelope *envelope, size_t letter_bytes)
{
    bool accepted;

    counter_add(&cell->letters_in, 1);
    if (envelope->kind != LETTER_ANSWER)
        return_credit(cell, parcel, letter_bytes);
    accepted = peer_accepts(parcel->from, envelope->confirm);
    if (envelope->confirm != 0)
        cell_touch_peer(cell, parcel->from);
    return accepted;
}

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

static void handle(struct actor *cell, struct parcel *parcel, const struct envelope *envelope, struct reader *message)
{
    uint64_t began_us = clock_us(cell);

    begin_trace(cell, envelope);
    if (envelope->kind == LETTER_ANSWER)
        take_answer(cell, envelope, message, parcel->from);
    else
        handle_letter(cell, envelope, message, parcel->from, began_us, &cell->in_hand);
    arena_clear(&cell->reactor->arena);
    if (cell->trace.is_recorded && envelope->kind != LETTER_ASK) /* a question's span ends with its answer */
        cell_span(cell, &cell->trace, envelope->kind == LETTER_ANSWER ? SPAN_ANSWER : SPAN_TELL, began_us,
                  name_of(envelope), parcel->from->address);
    histogram_observe_us(&cell->handling, clock_us(cell) - began_us);
}

/* One letter of the parcel in hand. False when the parcel is at its end. */
static bool step(struct actor *cell, struct parcel *parcel)
{
    const struct reader before = parcel->reader;
    const bool is_again = parcel->is_again;
    struct envelope envelope;
    struct reader message;

    if (!envelope_next_letter(&parcel->reader, &envelope, &message)) {
        if (parcel->reader.failed)
            bury(cell, DEAD_MALFORMED, 0, parcel->from->address);
        return false;
    }
    cell->had_event = true;
    cell->in_hand = (struct question){ 0 };
    parcel->is_again = false;
    if (is_again || accept(cell, parcel, &envelope, (size_t)(parcel->reader.at - before.at)))
        handle(cell, parcel, &envelope, &message);
    if (!cell->has_failed)
        return true;
    if (!is_again && is_wanted_again(cell, &envelope, cell->in_hand)) {
        parcel->reader = before;
        parcel->is_again = true;
    } else {
        bury(cell, DEAD_ACTOR_FAILED, envelope.type, parcel->from->address);
    }
    return true;
}

static bool is_reading(const struct actor *cell)
{
    return cell->state != NULL && (cell->life == CELL_UP || cell->life == CELL_DRAINING || cell->life == CELL_STARTING);
}

bool cell_has_letters(const struct actor *cell)
{
    return is_reading(cell) &&
           (cell->current != NULL || cell->inbox != NULL || cell->mailbox_ready || cell->remote_ready);
}

bool cell_handle_letters(struct actor *cell, uint32_t most)
{
    uint32_t steps = 0; /* empty parcels count as well: they too take time */

    if (cell->inbox_letters > (uint64_t)gauge_read(&cell->mailbox_high_water))
        gauge_set(&cell->mailbox_high_water, cell->inbox_letters);
    for (; steps < most && is_reading(cell); steps++) {
        if (cell->current == NULL && (cell->current = next_parcel(cell)) == NULL)
            break;
        if (!cell->has_failed && !step(cell, cell->current)) { /* opening one may end asks, and an actor with them */
            free_parcel(cell->current);
            cell->current = NULL;
        }
        cell_after_callback(cell);
    }
    return steps > 0;
}
