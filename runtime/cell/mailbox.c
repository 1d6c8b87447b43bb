/* SPDX-License-Identifier: MIT */
#include "runtime/cell/mailbox.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/cell/letter.h"
#include "runtime/cell/post.h"
#include "runtime/cell/remote.h"

enum { HELD_LIMIT = 4096 /* parcels */, HELD_BYTES_LIMIT = 8 * 1024 * 1024 };

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
        letter_bury(cell, DEAD_MALFORMED, 0, "?");
        return NULL;
    }
    slice_copy(header.from, address, sizeof address);
    if (parcel->is_remote && !remote_is_trusted(cell, &parcel->message, address)) {
        letter_bury(cell, DEAD_FORGED, 0, address);
        return NULL;
    }
    peer = cell_peer(cell, address);
    if (peer == NULL || peer->local != NULL) { /* too many strangers; or somebody who lies about who it is */
        letter_bury(cell, peer == NULL ? DEAD_OVERLOADED : DEAD_MALFORMED, 0, address);
        return NULL;
    }
    if (peer_is_replaced(peer, &header)) {
        letter_bury(cell, DEAD_REPLACED, 0, address);
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

void mailbox_put_carried(struct actor *to, struct slice bytes)
{
    struct parcel *parcel = new_parcel();

    buffer_append(&parcel->bytes, bytes.at, bytes.size);
    zmq_msg_init(&parcel->message);
    parcel->reader = reader_of(buffer_slice(&parcel->bytes));
    parcel->is_sealed = true;
    put(to, parcel);
}

static void unseal(struct actor *cell, struct parcel *parcel)
{
    if (!parcel->is_sealed)
        return;
    parcel->is_sealed = false;
    parcel->from = open_parcel(cell, parcel);
    if (parcel->from == NULL)
        parcel->reader.at = parcel->reader.end;
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

/* In turns, so that neither this host nor the others wait for ever. */
static struct parcel *receive_next(struct actor *cell)
{
    struct parcel *parcel = NULL;

    cell->turn_of_remote = cell->remote_ready && (!cell->turn_of_remote || !cell->mailbox_ready);
    if (cell->turn_of_remote)
        parcel = receive(cell, cell->remote, &cell->remote_ready);
    if (parcel == NULL && cell->mailbox_ready)
        parcel = receive(cell, cell->mailbox, &cell->mailbox_ready);
    return parcel;
}

static struct parcel *next_parcel(struct actor *cell)
{
    struct parcel *parcel = cell->inbox;

    if (parcel != NULL) {
        cell->inbox = parcel->next;
        if (cell->inbox == NULL)
            cell->inbox_end = &cell->inbox;
        unseal(cell, parcel);
        return parcel;
    }
    return receive_next(cell);
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

/* One letter of the parcel in hand. False when the parcel is at its end. */
static bool step(struct actor *cell, struct parcel *parcel)
{
    const struct reader before = parcel->reader;
    const bool is_again = parcel->is_again;
    struct envelope envelope;
    struct reader message;

    if (!envelope_next_letter(&parcel->reader, &envelope, &message)) {
        if (parcel->reader.failed)
            letter_bury(cell, DEAD_MALFORMED, 0, parcel->from->address);
        return false;
    }
    cell->had_event = true;
    cell->in_hand = (struct question){ 0 };
    parcel->is_again = false;
    if (is_again || accept(cell, parcel, &envelope, (size_t)(parcel->reader.at - before.at))) {
        if (!parcel->is_sifted || (envelope.kind == LETTER_TELL && cell->state != NULL))
            letter_handle(cell, &envelope, &message, parcel->from);
    }
    if (!cell->has_failed)
        return true;
    if (!is_again && letter_is_wanted_again(cell, &envelope, cell->in_hand)) {
        parcel->reader = before;
        parcel->is_again = true;
    } else {
        letter_bury(cell, DEAD_ACTOR_FAILED, envelope.type, parcel->from->address);
    }
    return true;
}

static bool is_reading(const struct actor *cell)
{
    return cell->state != NULL && (cell->life == CELL_UP || cell->life == CELL_DRAINING || cell->life == CELL_STARTING);
}

/* ------------------------------------------------------------------------------------------------ while it is away */

static bool is_away(const struct actor *cell)
{
    return cell->was_drained && cell->state == NULL;
}

static bool has_room_to_hold(const struct actor *cell)
{
    return cell->held < HELD_LIMIT && cell->held_bytes < HELD_BYTES_LIMIT;
}

/* Refuses the parcel's questions. Returns whether anything in it is to be kept. */
static bool sift(struct actor *cell, struct parcel *parcel)
{
    struct reader reader;
    struct envelope envelope;
    struct reader message;
    bool is_kept = false;

    unseal(cell, parcel);
    reader = parcel->reader;
    parcel->is_sifted = true;
    while (envelope_next_letter(&reader, &envelope, &message)) {
        if (envelope.kind == LETTER_ASK)
            post_answer_failure(cell, parcel->from, envelope.correlation, ASK_UNAVAILABLE);
        else if (envelope.kind == LETTER_TELL && parcel->from->is_temporary) /* who may be forgotten meanwhile */
            letter_bury(cell, DEAD_DROPPED, envelope.type, parcel->from->address);
        else
            is_kept = is_kept || envelope.kind == LETTER_TELL;
    }
    return is_kept;
}

/* What came and was not looked at yet. A parcel of which nothing is kept gives its credit back now. */
static bool sift_all(struct actor *cell)
{
    bool did = false;
    struct parcel *parcel;

    if (cell->current != NULL && !cell->current->is_sifted)
        sift(cell, cell->current);
    for (parcel = cell->inbox; parcel != NULL; parcel = parcel->next) {
        did = did || !parcel->is_sifted;
        if (!parcel->is_sifted)
            sift(cell, parcel);
    }
    while (has_room_to_hold(cell) && (parcel = receive_next(cell)) != NULL) {
        did = true;
        if (sift(cell, parcel)) {
            cell->held++;
            cell->held_bytes += zmq_msg_size(&parcel->message);
            put(cell, parcel);
            continue;
        }
        while (step(cell, parcel))
            ;
        free_parcel(parcel);
    }
    return did;
}

static bool has_letters_to_sift(const struct actor *cell)
{
    for (const struct parcel *parcel = cell->inbox; parcel != NULL; parcel = parcel->next)
        if (!parcel->is_sifted)
            return true;
    return (cell->mailbox_ready || cell->remote_ready) && has_room_to_hold(cell);
}

bool cell_has_letters(const struct actor *cell)
{
    if (is_away(cell))
        return has_letters_to_sift(cell);
    return is_reading(cell) &&
           (cell->current != NULL || cell->inbox != NULL || cell->mailbox_ready || cell->remote_ready);
}

bool cell_handle_letters(struct actor *cell, uint32_t most)
{
    uint32_t steps = 0; /* empty parcels count as well: they too take time */

    if (is_away(cell))
        return sift_all(cell);
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
