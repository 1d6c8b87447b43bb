/* SPDX-License-Identifier: MIT */
#include "runtime/cell/post.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/catalog.h"
#include "runtime/wire/socket.h"

enum { OUT_KEPT = 64 * 1024, RETRY_SEND_US = 1000 };

/* ------------------------------------------------------------------------------------------------ out */

enum peer_outcome post_letter(struct actor *cell,
                              struct peer *peer,
                              struct envelope *envelope,
                              const struct wired_outlet *outlet,
                              const struct message_schema *schema,
                              const void *message)
{
    enum overload overload = outlet != NULL ? outlet->route.overload : OVERLOAD_BLOCK;
    enum delivery delivery =
        outlet != NULL ? cell->kind->outlets[outlet - cell->outlets].delivery : DELIVERY_AT_MOST_ONCE;
    enum peer_outcome outcome;

    envelope->type = schema->id;
    outcome = peer_send(peer, envelope, schema, message, overload, delivery, cell->reactor->now_us);
    if (outcome == PEER_TAKEN) {
        counter_add(&cell->letters_out, 1);
        cell_touch_peer(cell, peer);
    } else {
        dead_letter_add(&cell->dead, DEAD_DROPPED, schema->id, peer->address, cell->reactor->wall_us);
    }
    return outcome;
}

static void hand_over(struct actor *cell, struct peer *peer)
{
    struct actor *to = peer->local;
    struct parcel *parcel = calloc(1, sizeof *parcel);

    assert(parcel != NULL);
    parcel->bytes = peer->out;
    peer->out = (struct buffer){ 0 };
    parcel->reader = reader_of(buffer_slice(&parcel->bytes));
    parcel->from = cell_peer(to, cell->address);
    parcel->origin = peer;
    parcel->next_number = peer->out_number;
    peer->out_number += peer->out_credited;
    to->inbox_letters += peer->out_credited;
    peer->out_credited = 0;
    *to->inbox_end = parcel;
    to->inbox_end = &parcel->next;
}

/* False when ZeroMQ would not take it now: it stays in `out`. */
static bool send_by_socket(struct actor *cell, struct peer *peer)
{
    struct parcel_header header;
    struct buffer head = { 0 };
    zmq_msg_t message;

    if (peer->socket == NULL && socket_connect_peer(cell->reactor->node, peer) == NULL)
        return false;
    peer_close_parcel(peer, slice_of(cell->address), cell->reactor->node->incarnation, &header);
    envelope_write_header(&head, &header);
    zmq_msg_init_size(&message, head.size + peer->out.size);
    memcpy(zmq_msg_data(&message), head.at, head.size);
    if (peer->out.size > 0)
        memcpy((char *)zmq_msg_data(&message) + head.size, peer->out.at, peer->out.size);
    buffer_free(&head);
    if (zmq_msg_send(&message, peer->socket, ZMQ_DONTWAIT) < 0) {
        uint32_t credited = (uint32_t)(peer->out_number - header.first_number);

        zmq_msg_close(&message);
        peer->out_number -= credited;
        peer->out_credited = credited;
        peer->owes_reply = true;
        return false;
    }
    buffer_clear(&peer->out, OUT_KEPT);
    return true;
}

static void wait_for_tick(struct actor *cell, uint64_t at_us)
{
    if (at_us < cell->tick_at_us)
        cell->tick_at_us = at_us;
}

static void send_to(struct actor *cell, struct peer *peer)
{
    if (peer->local != NULL) {
        if (peer->out.size > 0)
            hand_over(cell, peer);
    } else if (cell->undeliverable != NULL) {
        cell->undeliverable(cell, peer, buffer_slice(&peer->out));
        peer->out_number += peer->out_credited;
        peer->out_credited = 0;
        peer->handled = peer->out_number - 1;
        buffer_clear(&peer->out, OUT_KEPT);
    } else if (peer_has_work(peer) && !send_by_socket(cell, peer)) {
        wait_for_tick(cell, cell->reactor->now_us + RETRY_SEND_US);
    }
    if (peer->stalled_at_us != 0 || peer->resend_at_us != 0)
        wait_for_tick(cell, cell->reactor->now_us + RESEND_AFTER_US);
}

void post_send_all(struct actor *cell)
{
    while (cell->dirty != NULL) {
        struct peer *peer = cell->dirty;

        cell->dirty = peer->next_dirty;
        peer->is_dirty = false;
        send_to(cell, peer);
    }
}

void post_tick(struct actor *cell)
{
    cell->tick_at_us = UINT64_MAX;
    for (uint32_t i = 0; i < cell->peer_count; i++) {
        struct peer *peer = cell->peers[i];

        wait_for_tick(cell, peer_tick(peer, cell->reactor->now_us));
        if (peer->local == NULL && peer_has_work(peer))
            cell_touch_peer(cell, peer);
    }
}

/* ------------------------------------------------------------------------------------------------ asks and questions
 */

static void end_ask(struct actor *cell, struct ask *ask, const struct answer *answer)
{
    answer_handler *then = ask->then;
    void *context = ask->context;

    if (ask->peer != NULL)
        ask->peer->asks_open--;
    if (ask->timer != 0)
        timer_cancel(&cell->reactor->timers, ask->timer);
    cell->trace[0] = ask->trace[0];
    cell->trace[1] = ask->trace[1];
    ask_close(&cell->asks, ask);
    if (then != NULL && cell->state != NULL) {
        cell->had_event = true;
        then(cell, context, answer);
    }
}

static const char *outcome_sentence(enum ask_outcome outcome)
{
    static const char *const sentences[] = {
        [ASK_ANSWERED] = "answered",
        [ASK_TIMED_OUT] = "no answer came before the deadline",
        [ASK_TARGET_DIED] = "the process or actor that was asked has ended",
        [ASK_OVERLOADED] = "the receiver has too much to do",
        [ASK_NO_TARGET] = "there is nobody to ask",
        [ASK_FAILED] = "the receiver refused",
    };

    return sentences[outcome];
}

void post_fail_asks(struct actor *cell, struct peer *peer, enum ask_outcome outcome)
{
    struct ask *ask;

    while ((ask = ask_any(&cell->asks, peer)) != NULL) {
        end_ask(cell, ask,
                &(struct answer){ .outcome = outcome, .detail = outcome_sentence(outcome), .receiver = ask->receiver });
    }
}

void post_forget_asks(struct actor *cell)
{
    struct ask *ask;

    while ((ask = ask_any(&cell->asks, NULL)) != NULL) {
        if (ask->peer != NULL)
            ask->peer->asks_open--;
        ask_close(&cell->asks, ask); /* its timer goes with the actor's */
    }
}

static void answer_failure(struct actor *cell, struct peer *peer, uint64_t correlation, enum ask_outcome outcome)
{
    struct envelope envelope = { .kind = LETTER_ANSWER, .correlation = correlation };

    post_letter(cell, peer, &envelope, NULL, &ask_failed_schema,
                &(struct ask_failed){ .reason = outcome, .detail = slice_of(outcome_sentence(outcome)) });
}

void post_end_questions(struct actor *cell)
{
    struct question_entry *entry;

    while ((entry = question_any(&cell->questions)) != NULL) {
        answer_failure(cell, entry->peer, entry->correlation, ASK_TARGET_DIED);
        question_close(&cell->questions, entry);
    }
}

/* ------------------------------------------------------------------------------------------------ in */

static void *decode(struct actor *cell, const struct message_schema *schema, struct reader *reader)
{
    struct arena *arena = &cell->reactor->arena;
    void *message = arena_take(arena, schema->size > 0 ? schema->size : 1);

    return message != NULL && codec_decode(schema, reader, arena, message) ? message : NULL;
}

static void bury(struct actor *cell, enum dead_reason reason, const struct envelope *envelope, const struct peer *from)
{
    counter_add(&cell->errors, 1);
    dead_letter_add(&cell->dead, reason, envelope->type, from->address, cell->reactor->wall_us);
}

static void take_answer(struct actor *cell, const struct envelope *envelope, struct reader *reader, struct peer *from)
{
    const struct message_schema *schema = catalog_find((uint16_t)envelope->type);
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
        bury(cell, schema == NULL ? DEAD_UNKNOWN_TYPE : DEAD_MALFORMED, envelope, from);
        answer.outcome = ASK_FAILED;
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
    end_ask(cell, ask, &answer);
}

static const struct handler *find_handler(const struct actor *cell, uint64_t type)
{
    for (size_t i = 0; i < cell->kind->handler_count; i++) {
        if (cell->kind->handlers[i].schema->id == type)
            return &cell->kind->handlers[i];
    }
    return NULL;
}

static void refuse_letter(struct actor *cell,
                          enum dead_reason reason,
                          const struct envelope *envelope,
                          struct peer *from,
                          enum ask_outcome outcome)
{
    bury(cell, reason, envelope, from);
    if (envelope->kind == LETTER_ASK)
        answer_failure(cell, from, envelope->correlation, outcome);
}

static void handle_question(struct actor *cell,
                            const struct handler *handler,
                            const struct envelope *envelope,
                            const void *message,
                            struct peer *from)
{
    struct question question;
    struct question_entry *entry = question_open(&cell->questions, &question);

    if (entry == NULL) {
        refuse_letter(cell, DEAD_OVERLOADED, envelope, from, ASK_OVERLOADED);
        return;
    }
    entry->peer = from;
    entry->correlation = envelope->correlation;
    entry->expires_us = cell->reactor->now_us + envelope->deadline_us;
    entry->trace[0] = envelope->trace[0];
    entry->trace[1] = envelope->trace[1];
    handler->asked(cell, message, question);
}

static void handle_letter(struct actor *cell, const struct envelope *envelope, struct reader *reader, struct peer *from)
{
    const struct handler *handler = envelope->kind == LETTER_ANSWER ? NULL : find_handler(cell, envelope->type);
    bool fits = handler != NULL && (envelope->kind == LETTER_ASK ? handler->asked != NULL : handler->told != NULL);

    cell->trace[0] = envelope->trace[0];
    cell->trace[1] = envelope->trace[1];
    if (envelope->kind == LETTER_ANSWER) {
        take_answer(cell, envelope, reader, from);
        return;
    }
    if (!fits) {
        refuse_letter(cell, DEAD_UNKNOWN_TYPE, envelope, from, ASK_FAILED);
        return;
    }

    void *message = decode(cell, handler->schema, reader);

    if (message == NULL) {
        refuse_letter(cell, DEAD_MALFORMED, envelope, from, ASK_FAILED);
        return;
    }
    reactor_busy(cell->reactor, cell, handler->schema->name);
    if (envelope->kind == LETTER_ASK)
        handle_question(cell, handler, envelope, message, from);
    else
        handler->told(cell, message);
    if (cell->has_failed)
        bury(cell, DEAD_ACTOR_FAILED, envelope, from);
}

/* ------------------------------------------------------------------------------------------------ parcels */

static void free_parcel(struct parcel *parcel)
{
    if (parcel->origin == NULL)
        zmq_msg_close(&parcel->message);
    buffer_free(&parcel->bytes);
    free(parcel);
}

/* What the header says; NULL when the parcel is not to be read further. */
static struct peer *open_parcel(struct actor *cell, struct parcel *parcel)
{
    struct parcel_header header = { 0 };
    char address[ADDRESS_LIMIT + 1];

    if (!envelope_read_header(&parcel->reader, &header) || !address_is_valid(header.from)) {
        counter_add(&cell->errors, 1);
        dead_letter_add(&cell->dead, DEAD_MALFORMED, 0, "?", cell->reactor->wall_us);
        return NULL;
    }
    slice_copy(header.from, address, sizeof address);

    struct peer *peer = cell_peer(cell, address);

    if (peer == NULL)
        return NULL;
    if (peer_heard(peer, &header, cell->reactor->node->incarnation, cell->reactor->now_us))
        post_fail_asks(cell, peer, ASK_TARGET_DIED);
    if (peer_has_work(peer))
        cell_touch_peer(cell, peer);
    parcel->next_number = header.first_number;
    return peer;
}

static struct parcel *receive(struct actor *cell)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);

    assert(parcel != NULL);
    zmq_msg_init(&parcel->message);
    if (zmq_msg_recv(&parcel->message, cell->mailbox, ZMQ_DONTWAIT) < 0) {
        cell->mailbox_ready = false;
        free_parcel(parcel);
        return NULL;
    }
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
    return cell->mailbox_ready ? receive(cell) : NULL;
}

static void account(struct actor *cell, struct parcel *parcel, const struct envelope *envelope)
{
    counter_add(&cell->letters_in, 1);
    if (envelope->kind == LETTER_ANSWER)
        return;
    if (parcel->origin != NULL) {
        parcel->origin->handled = parcel->next_number++;
        cell->inbox_letters--;
    } else {
        peer_handled(parcel->from, parcel->next_number++);
        if (peer_has_work(parcel->from))
            cell_touch_peer(cell, parcel->from);
    }
}

/* One letter of the parcel in hand. False when the parcel is at its end. */
static bool step(struct actor *cell, struct parcel *parcel)
{
    struct envelope envelope;
    struct reader message;

    if (!envelope_next_letter(&parcel->reader, &envelope, &message)) {
        if (parcel->reader.failed)
            bury(cell, DEAD_MALFORMED, &(struct envelope){ 0 }, parcel->from);
        return false;
    }
    cell->had_event = true;
    account(cell, parcel, &envelope);
    if (peer_accepts(parcel->from, envelope.confirm))
        handle_letter(cell, &envelope, &message, parcel->from);
    if (envelope.confirm != 0)
        cell_touch_peer(cell, parcel->from);
    arena_clear(&cell->reactor->arena);
    return true;
}

static bool is_reading(const struct actor *cell)
{
    return cell->state != NULL && (cell->life == CELL_UP || cell->life == CELL_DRAINING || cell->life == CELL_STARTING);
}

bool cell_has_letters(const struct actor *cell)
{
    return is_reading(cell) && (cell->current != NULL || cell->inbox != NULL || cell->mailbox_ready);
}

bool cell_handle_letters(struct actor *cell, uint32_t most)
{
    uint32_t handled = 0;

    if (cell->inbox_letters > (uint64_t)gauge_read(&cell->mailbox_high_water))
        gauge_set(&cell->mailbox_high_water, cell->inbox_letters);
    while (handled < most && is_reading(cell)) {
        if (cell->current == NULL && (cell->current = next_parcel(cell)) == NULL)
            break;
        if (step(cell, cell->current)) {
            handled++;
            cell_after_callback(cell);
        } else {
            free_parcel(cell->current);
            cell->current = NULL;
        }
    }
    return handled > 0;
}

void post_deliver(struct actor *to, const char *from_address, struct slice letters)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);

    assert(parcel != NULL);
    buffer_append(&parcel->bytes, letters.at, letters.size);
    zmq_msg_init(&parcel->message);
    parcel->reader = reader_of(buffer_slice(&parcel->bytes));
    parcel->from = cell_peer(to, from_address);
    parcel->next_number = parcel->from->in_number + 1;
    *to->inbox_end = parcel;
    to->inbox_end = &parcel->next;
}

void post_discard(struct actor *cell)
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
