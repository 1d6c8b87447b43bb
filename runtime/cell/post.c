/* SPDX-License-Identifier: MIT */
#include "runtime/cell/post.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/cell/mailbox.h"
#include "runtime/cell/remote.h"
#include "runtime/wire/socket.h"

enum {
    OUT_KEPT = 64 * 1024,
    RETRY_SEND_US = 10 * 1000,
    RETRY_KEY_US = 500 * 1000 /* to a host whose key is not there */
};

/* ------------------------------------------------------------------------------------------------ letters */

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
    uint64_t dropped = peer->dropped;
    enum peer_outcome outcome;

    envelope->type = schema->id;
    outcome = peer_send(peer, envelope, schema, message, overload, delivery, cell->reactor->now_us);
    if (outcome == PEER_TAKEN) {
        counter_add(&cell->letters_out, 1);
        cell_touch_peer(cell, peer);
    }
    /* What was refused is still the caller's; but an answer that cannot be sent has nobody to keep it. */
    if (outcome == PEER_DROPPED || (outcome == PEER_REFUSED && envelope->kind == LETTER_ANSWER))
        dead_letter_add(&cell->dead, DEAD_DROPPED, schema->id, peer->address, cell->reactor->wall_us);
    for (; dropped < peer->dropped; dropped++) /* older letters of this outlet gave way */
        dead_letter_add(&cell->dead, DEAD_DROPPED, schema->id, peer->address, cell->reactor->wall_us);
    return outcome;
}

static void hand_over(struct actor *cell, struct peer *peer)
{
    mailbox_put_local(peer->local, cell, peer, peer->out);
    peer->out = (struct buffer){ 0 };
    peer_parcel_left(peer);
}

/* False when ZeroMQ would not take it now: it stays in `out`. */
static bool send_by_socket(struct actor *cell, struct peer *peer)
{
    struct parcel_header header;
    struct buffer head = { 0 };
    zmq_msg_t message;

    if (peer->socket == NULL && socket_connect_peer(cell->reactor->node, peer) == NULL)
        return false;
    peer_write_header(peer, slice_of(cell->address), cell->reactor->node->incarnation, &header);
    envelope_write_header(&head, &header);
    zmq_msg_init_size(&message, head.size + peer->out.size);
    memcpy(zmq_msg_data(&message), head.at, head.size);
    if (peer->out.size > 0)
        memcpy((char *)zmq_msg_data(&message) + head.size, peer->out.at, peer->out.size);
    buffer_free(&head);
    if (zmq_msg_send(&message, peer->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&message);
        return false;
    }
    peer_parcel_left(peer);
    buffer_clear(&peer->out, OUT_KEPT);
    return true;
}

static void send_by_carrier(struct actor *cell, struct peer *peer)
{
    const struct carrier *carrier = cell->reactor->node->carrier;
    struct parcel_header header;
    struct buffer parcel = { 0 };

    peer_write_header(peer, slice_of(cell->address), cell->reactor->node->incarnation, &header);
    envelope_write_header(&parcel, &header);
    buffer_append(&parcel, peer->out.at, peer->out.size);
    carrier->send(carrier->context, cell, peer->address, buffer_slice(&parcel));
    buffer_free(&parcel);
    peer_parcel_left(peer);
    buffer_clear(&peer->out, OUT_KEPT);
}

/* A test's transport takes everything at once, also what gets its credit by that. */
static void give_to_test(struct actor *cell, struct peer *peer)
{
    do {
        cell->undeliverable(cell, peer, buffer_slice(&peer->out));
        peer_parcel_left(peer);
        buffer_clear(&peer->out, OUT_KEPT);
        peer_settle(peer);
    } while (peer->out.size > 0);
}

static void send_to(struct actor *cell, struct peer *peer)
{
    if (peer->local != NULL) {
        if (peer->out.size > 0)
            hand_over(cell, peer);
    } else if (cell->undeliverable != NULL) {
        give_to_test(cell, peer);
    } else if (cell->reactor->node->carrier != NULL) {
        if (peer_has_work(peer))
            send_by_carrier(cell, peer);
    } else if (peer_has_work(peer) && !send_by_socket(cell, peer)) {
        cell_tick_at(cell, cell->reactor->now_us + (peer->socket != NULL ? RETRY_SEND_US : RETRY_KEY_US));
    }
    if (peer->probe_at_us != 0)
        cell_tick_at(cell, peer->probe_at_us);
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
    remote_tick(cell);
    for (uint32_t i = 0; i < cell->peer_count; i++) {
        struct peer *peer = cell->peers[i];

        if (peer->local != NULL)
            continue;
        cell_tick_at(cell, peer_tick(peer, cell->reactor->now_us));
        if (peer_has_work(peer))
            cell_touch_peer(cell, peer);
    }
}

bool post_has_letters(const struct actor *cell)
{
    for (uint32_t i = 0; i < cell->peer_count; i++) {
        const struct peer *peer = cell->peers[i];

        if (!peer->is_down && (peer->out.size > 0 || peer_waiting(peer) > 0 || peer->kept.count > 0))
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------ asks */

static const char *outcome_sentence(enum ask_outcome outcome)
{
    static const char *const sentences[] = {
        [ASK_ANSWERED] = "answered",
        [ASK_TIMED_OUT] = "no answer came before the deadline",
        [ASK_TARGET_DIED] = "the process or actor that was asked has ended",
        [ASK_OVERLOADED] = "the receiver has too much to do",
        [ASK_NO_TARGET] = "there is nobody to ask",
        [ASK_FAILED] = "the receiver refused",
        [ASK_UNAVAILABLE] = "the receiver is draining and takes nothing new",
    };

    return sentences[outcome];
}

void post_end_ask(struct actor *cell, struct ask *ask, const struct answer *answer)
{
    answer_handler *then = ask->then;
    void *context = ask->context;

    if (ask->peer != NULL)
        ask->peer->asks_open--;
    timer_cancel(&cell->reactor->timers, ask->timer);
    cell_trace(cell, &ask->trace);
    ask_close(&cell->asks, ask);
    cell->had_event = true;
    if (then != NULL && cell->state != NULL)
        then(cell, context, answer);
}

void post_fail_ask(struct actor *cell, struct ask *ask, enum ask_outcome outcome)
{
    struct answer answer = { .outcome = outcome, .detail = outcome_sentence(outcome), .receiver = ask->receiver };

    post_end_ask(cell, ask, &answer);
}

void post_fail_asks(struct actor *cell, struct peer *peer, enum ask_outcome outcome)
{
    struct ask_walk walk = ask_walk_begin(&cell->asks);
    struct ask *ask;

    while (!cell->has_failed && (ask = ask_walk_next(&cell->asks, &walk, peer)) != NULL)
        post_fail_ask(cell, ask, outcome);
}

void post_forget_asks(struct actor *cell)
{
    struct ask_walk walk = ask_walk_begin(&cell->asks);
    struct ask *ask;

    while ((ask = ask_walk_next(&cell->asks, &walk, NULL)) != NULL) {
        if (ask->peer != NULL)
            ask->peer->asks_open--;
        ask_close(&cell->asks, ask); /* its timer goes with the actor's */
    }
}

/* ------------------------------------------------------------------------------------------------ questions */

void post_answer_failure(struct actor *cell, struct peer *peer, uint64_t correlation, enum ask_outcome outcome)
{
    struct envelope envelope = { .kind = LETTER_ANSWER, .correlation = correlation };

    post_letter(cell, peer, &envelope, NULL, &ask_failed_schema,
                &(struct ask_failed){ .reason = outcome, .detail = slice_of(outcome_sentence(outcome)) });
}

void post_close_question(struct actor *cell, struct question_entry *entry)
{
    entry->peer->questions_open--;
    question_close(&cell->questions, entry);
}

void post_end_questions(struct actor *cell)
{
    for (uint32_t slot = 0; slot < cell->questions.room && cell->questions.open > 0; slot++) {
        struct question_entry *entry = &cell->questions.entries[slot];

        if (!entry->is_open)
            continue;
        post_answer_failure(cell, entry->peer, entry->correlation, ASK_TARGET_DIED);
        post_close_question(cell, entry);
    }
}
