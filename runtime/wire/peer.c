/* SPDX-License-Identifier: MIT */
#include "runtime/wire/peer.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/codec.h"

struct peer *peer_new(const char *address)
{
    struct peer *peer = calloc(1, sizeof *peer);

    assert(peer != NULL);
    slice_copy(slice_of(address), peer->address, sizeof peer->address);
    peer->out_number = 1;
    peer->window = WINDOW_DEFAULT;
    return peer;
}

void peer_destroy(struct peer **peer)
{
    if (*peer == NULL)
        return;
    buffer_free(&(*peer)->out);
    buffer_free(&(*peer)->waiting.bytes);
    buffer_free(&(*peer)->unconfirmed.bytes);
    free(*peer);
    *peer = NULL;
}

/* ------------------------------------------------------------------------------------------------ queues of letters */

static size_t queue_bytes(const struct letter_queue *queue)
{
    return queue->bytes.size - queue->taken;
}

static size_t first_letter_size(const struct letter_queue *queue)
{
    const unsigned char *at = (const unsigned char *)queue->bytes.at + queue->taken;

    return LETTER_LENGTH_BYTES + ((size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
}

/* Takes the first letter off; `to` may be NULL. */
static void queue_shift(struct letter_queue *queue, struct buffer *to)
{
    size_t size = first_letter_size(queue);

    assert(queue->count > 0);
    if (to != NULL)
        buffer_append(to, queue->bytes.at + queue->taken, size);
    queue->taken += size;
    queue->count--;
    if (queue->count == 0) {
        buffer_clear(&queue->bytes, 64 * 1024);
        queue->taken = 0;
    } else if (queue->taken > queue->bytes.size / 2) {
        memmove(queue->bytes.at, queue->bytes.at + queue->taken, queue_bytes(queue));
        queue->bytes.size -= queue->taken;
        queue->taken = 0;
    }
}

/* ------------------------------------------------------------------------------------------------ sending */

static uint64_t under_way(const struct peer *peer)
{
    return peer->out_number + peer->out_credited - 1 - peer->handled;
}

static bool has_credit(const struct peer *peer)
{
    return under_way(peer) < peer->window;
}

static bool make_room_to_wait(struct peer *peer, enum overload overload)
{
    bool full = peer->waiting.count >= peer->window || queue_bytes(&peer->waiting) >= WAITING_BYTES_LIMIT;

    if (!full)
        return true;
    if (overload != OVERLOAD_DROP_OLDEST || peer->waiting.count == 0)
        return false;
    queue_shift(&peer->waiting, NULL);
    return true;
}

static void write_letter(struct buffer *to,
                         const struct envelope *envelope,
                         const struct message_schema *schema,
                         const void *message)
{
    size_t start = envelope_begin_letter(to, envelope);

    codec_encode(schema, message, to);
    envelope_end_letter(to, start);
}

/* Keeps a copy of the letter that stands at the end of `from` until the peer has confirmed it. */
static void keep_unconfirmed(struct peer *peer, const struct buffer *from, size_t start, uint64_t now_us)
{
    buffer_append(&peer->unconfirmed.bytes, from->at + start, from->size - start);
    peer->unconfirmed.count++;
    if (peer->resend_at_us == 0)
        peer->resend_at_us = now_us + RESEND_AFTER_US;
}

enum peer_outcome peer_send(struct peer *peer,
                            struct envelope *envelope,
                            const struct message_schema *schema,
                            const void *message,
                            enum overload overload,
                            enum delivery delivery,
                            uint64_t now_us)
{
    bool is_credited = envelope->kind != LETTER_ANSWER;
    bool must_wait = is_credited && (peer->waiting.count > 0 || !has_credit(peer));
    bool is_confirmed = delivery == DELIVERY_ACKNOWLEDGED && peer->local == NULL;

    if (must_wait && !make_room_to_wait(peer, overload))
        return overload == OVERLOAD_BLOCK ? PEER_REFUSED : PEER_DROPPED;
    if (peer->out.size > OUT_BYTES_LIMIT || (is_confirmed && queue_bytes(&peer->unconfirmed) > UNCONFIRMED_BYTES_LIMIT))
        return PEER_REFUSED;

    struct buffer *to = must_wait ? &peer->waiting.bytes : &peer->out;
    size_t start = to->size;

    envelope->confirm = is_confirmed ? ++peer->confirm_number : 0;
    write_letter(to, envelope, schema, message);
    if (is_confirmed)
        keep_unconfirmed(peer, to, start, now_us);
    if (must_wait) {
        peer->waiting.count++;
        if (peer->stalled_at_us == 0) {
            peer->stalled_at_us = now_us;
            peer->stalls++;
        }
    } else if (is_credited) {
        peer->out_credited++;
    }
    peer->sent++;
    return PEER_TAKEN;
}

uint32_t peer_room(const struct peer *peer)
{
    uint64_t used = under_way(peer) + peer->waiting.count;
    uint64_t most = 2 * peer->window;

    return used < most ? (uint32_t)(most - used) : 0;
}

static bool reports_credit(const struct peer *peer)
{
    return peer->in_number - peer->in_reported >= (peer->in_window > 1 ? peer->in_window / 2 : 1);
}

bool peer_has_work(const struct peer *peer)
{
    return peer->out.size > 0 || peer->owes_reply || peer->wants_reply || reports_credit(peer);
}

void peer_close_parcel(struct peer *peer, struct slice from, uint64_t incarnation, struct parcel_header *header)
{
    *header = (struct parcel_header){
        .from = from,
        .incarnation = incarnation,
        .first_number = peer->out_number,
        .window = peer->window,
        .about_incarnation = peer->in_incarnation,
        .handled = peer->in_number,
        .confirmed = peer->in_confirmed,
        .confirm_from = peer->confirmed + 1,
        .wants_reply = peer->wants_reply,
    };
    peer->out_number += peer->out_credited;
    peer->out_credited = 0;
    peer->in_reported = peer->in_number;
    peer->owes_reply = false;
    peer->wants_reply = false;
}

/* ------------------------------------------------------------------------------------------------ hearing back */

static void use_credit(struct peer *peer)
{
    while (peer->waiting.count > 0 && has_credit(peer)) {
        queue_shift(&peer->waiting, &peer->out);
        peer->out_credited++;
    }
    if (peer->waiting.count == 0)
        peer->stalled_at_us = 0;
}

static void take_confirmation(struct peer *peer, uint64_t confirmed, uint64_t now_us)
{
    if (confirmed <= peer->confirmed || confirmed > peer->confirm_number)
        return;
    while (peer->confirmed < confirmed && peer->unconfirmed.count > 0) {
        queue_shift(&peer->unconfirmed, NULL);
        peer->confirmed++;
    }
    peer->resend_at_us = peer->unconfirmed.count > 0 ? now_us + RESEND_AFTER_US : 0;
}

static void meet(struct peer *peer, const struct parcel_header *header)
{
    if (peer->incarnation != 0)
        peer_died(peer);
    peer->incarnation = header->incarnation;
    peer->in_incarnation = header->incarnation;
    peer->in_number = peer->in_reported = header->first_number > 0 ? header->first_number - 1 : 0;
    peer->in_confirmed = header->confirm_from > 0 ? header->confirm_from - 1 : 0;
    peer->owes_reply = true;
}

bool peer_heard(struct peer *peer, const struct parcel_header *header, uint64_t own_incarnation, uint64_t now_us)
{
    bool is_other = peer->incarnation != header->incarnation;
    bool is_successor = is_other && peer->incarnation != 0;

    if (is_other)
        meet(peer, header);
    peer->heard_at_us = now_us;
    peer->is_down = false;
    peer->in_window = header->window > 0 ? header->window : WINDOW_DEFAULT;
    if (header->wants_reply)
        peer->owes_reply = true;
    if (header->about_incarnation == own_incarnation) {
        if (header->handled > peer->handled && header->handled < peer->out_number)
            peer->handled = header->handled;
        take_confirmation(peer, header->confirmed, now_us);
        use_credit(peer);
    }
    return is_successor;
}

void peer_handled(struct peer *peer, uint64_t number)
{
    if (number > peer->in_number)
        peer->in_number = number;
}

bool peer_accepts(struct peer *peer, uint64_t confirm)
{
    if (confirm == 0)
        return true;
    peer->owes_reply = true;
    if (confirm != peer->in_confirmed + 1)
        return false;
    peer->in_confirmed = confirm;
    return true;
}

void peer_died(struct peer *peer)
{
    peer->handled = peer->out_number - 1;
    peer->is_down = true;
    use_credit(peer);
    if (peer->unconfirmed.count > 0)
        peer->resend_at_us = 1; /* as soon as it is back */
}

/* ------------------------------------------------------------------------------------------------ time */

/* Go-back-N: all that is not confirmed goes out again, as fresh credited letters behind what is waiting. */
static void send_again(struct peer *peer, uint64_t now_us)
{
    buffer_append(&peer->out, peer->unconfirmed.bytes.at + peer->unconfirmed.taken, queue_bytes(&peer->unconfirmed));
    peer->out_credited += peer->unconfirmed.count;
    peer->wants_reply = true;
    peer->resend_at_us = now_us + RESEND_AFTER_US;
}

uint64_t peer_tick(struct peer *peer, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;

    if (peer->stalled_at_us != 0) {
        if (now_us >= peer->stalled_at_us + PROBE_AFTER_US) {
            peer->wants_reply = true;
            peer->stalled_at_us = now_us;
        }
        next_us = peer->stalled_at_us + PROBE_AFTER_US;
    }
    if (peer->resend_at_us != 0 && !peer->is_down) {
        if (now_us >= peer->resend_at_us && peer->out.size == 0)
            send_again(peer, now_us);
        next_us = peer->resend_at_us < next_us ? peer->resend_at_us : next_us;
    }
    return next_us;
}
