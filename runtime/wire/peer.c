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
    peer->window = WINDOW_DEFAULT;
    return peer;
}

void peer_destroy(struct peer **peer)
{
    if (*peer == NULL)
        return;
    buffer_free(&(*peer)->out);
    letter_queue_free(&(*peer)->waiting);
    letter_queue_free(&(*peer)->kept);
    free(*peer);
    *peer = NULL;
}

/* ------------------------------------------------------------------------------------------------ credit */

uint64_t peer_under_way(const struct peer *peer)
{
    return peer->sent.letters + peer->gathered.letters - peer->handled.letters;
}

static uint64_t bytes_under_way(const struct peer *peer)
{
    return peer->sent.bytes + peer->gathered.bytes - peer->handled.bytes;
}

static bool has_credit(const struct peer *peer)
{
    return peer_under_way(peer) < peer->window && bytes_under_way(peer) < WINDOW_BYTES;
}

static uint32_t kept_back(const struct peer *peer)
{
    return peer->kept.count - peer->kept.passed;
}

uint32_t peer_waiting(const struct peer *peer)
{
    return peer->waiting.count + kept_back(peer);
}

static void count_gathered(struct peer *peer, size_t bytes)
{
    peer->gathered.letters++;
    peer->gathered.bytes += bytes;
}

/* One check at a time is enough: the next one begins when this one is done. */
static void begin_check(struct peer *peer)
{
    if (peer->checked_letter != 0)
        return;
    peer->checked_letter = peer->sent.letters + peer->gathered.letters;
    peer->checked_confirm = peer->confirmed + peer->kept.passed;
}

static void use_credit(struct peer *peer)
{
    while (kept_back(peer) > 0 && !peer->is_down && has_credit(peer)) {
        count_gathered(peer, letter_queue_pass(&peer->kept, &peer->out));
        begin_check(peer);
    }
    while (peer->waiting.count > 0 && has_credit(peer))
        count_gathered(peer, letter_queue_shift(&peer->waiting, &peer->out));
    if (peer_waiting(peer) == 0)
        peer->is_stalled = false;
}

/* Whether something is to come from there: credit, a confirmation, an answer. */
static bool wants_news(const struct peer *peer)
{
    return peer_waiting(peer) > 0 || peer->kept.count > 0 || peer->asks_open > 0;
}

/* Somebody has to ask when nothing is heard. */
static void expect_news(struct peer *peer, uint64_t now_us)
{
    if (peer_waiting(peer) > 0 && !peer->is_stalled) {
        peer->is_stalled = true;
        peer->stalls++;
    }
    if (peer->probe_at_us == 0 && wants_news(peer))
        peer->probe_at_us = now_us + PROBE_AFTER_US;
}

uint32_t peer_room(const struct peer *peer)
{
    uint64_t used = peer_under_way(peer) + peer_waiting(peer);
    uint64_t most = 2 * peer->window;

    return used < most ? (uint32_t)(most - used) : 0;
}

/* ------------------------------------------------------------------------------------------------ sending */

/* Returns the letter's bytes; 0 when it is larger than any may be, and then `to` is as it was. */
static size_t write_letter(struct buffer *to,
                           const struct envelope *envelope,
                           const struct message_schema *schema,
                           const void *message)
{
    size_t start = envelope_begin_letter(to, envelope);

    codec_encode(schema, message, to);
    if (to->size - start > LETTER_BYTES_LIMIT) {
        to->size = start;
        return 0;
    }
    envelope_end_letter(to, start);
    return to->size - start;
}

static enum peer_outcome send_answer(struct peer *peer,
                                     const struct envelope *envelope,
                                     const struct message_schema *schema,
                                     const void *message)
{
    if (peer->out.size >= OUT_BYTES_LIMIT || write_letter(&peer->out, envelope, schema, message) == 0)
        return PEER_REFUSED;
    return PEER_TAKEN;
}

static enum peer_outcome
send_kept(struct peer *peer, struct envelope *envelope, const struct message_schema *schema, const void *message)
{
    if (kept_back(peer) >= peer->window || letter_queue_bytes(&peer->kept) >= KEPT_BYTES_LIMIT)
        return PEER_REFUSED;
    envelope->confirm = peer->confirm_number + 1;
    if (write_letter(&peer->kept.bytes, envelope, schema, message) == 0)
        return PEER_REFUSED;
    peer->confirm_number++;
    peer->kept.count++;
    use_credit(peer);
    return PEER_TAKEN;
}

static bool must_not_wait(const struct peer *peer)
{
    return peer->waiting.count >= peer->window || letter_queue_bytes(&peer->waiting) >= WAITING_BYTES_LIMIT;
}

static enum peer_outcome send_once(struct peer *peer,
                                   const struct envelope *envelope,
                                   const struct message_schema *schema,
                                   const void *message,
                                   enum overload overload)
{
    bool waits = peer->waiting.count > 0 || !has_credit(peer);
    size_t bytes;

    while (waits && overload == OVERLOAD_DROP_OLDEST && peer->waiting.count > 0 && must_not_wait(peer)) {
        letter_queue_shift(&peer->waiting, NULL);
        peer->dropped++;
    }
    if (waits && must_not_wait(peer))
        return overload == OVERLOAD_BLOCK ? PEER_REFUSED : PEER_DROPPED;
    bytes = write_letter(waits ? &peer->waiting.bytes : &peer->out, envelope, schema, message);
    if (bytes == 0)
        return PEER_REFUSED;
    if (waits)
        peer->waiting.count++;
    else
        count_gathered(peer, bytes);
    return PEER_TAKEN;
}

enum peer_outcome peer_send(struct peer *peer,
                            struct envelope *envelope,
                            const struct message_schema *schema,
                            const void *message,
                            enum overload overload,
                            enum delivery delivery,
                            uint64_t now_us)
{
    enum peer_outcome outcome;

    envelope->confirm = 0;
    if (envelope->kind == LETTER_ANSWER)
        outcome = send_answer(peer, envelope, schema, message);
    else if (delivery == DELIVERY_ACKNOWLEDGED && peer->local == NULL)
        outcome = send_kept(peer, envelope, schema, message);
    else
        outcome = send_once(peer, envelope, schema, message, overload);
    if (outcome == PEER_TAKEN) {
        peer->letters_sent++;
        expect_news(peer, now_us);
    }
    return outcome;
}

/* ------------------------------------------------------------------------------------------------ a parcel leaves */

static bool reports_credit(const struct peer *peer)
{
    uint64_t half = peer->in_window > 1 ? peer->in_window / 2 : 1;

    return peer->in_handled.letters - peer->in_reported.letters >= half ||
           peer->in_handled.bytes - peer->in_reported.bytes >= REPORT_BYTES;
}

bool peer_has_work(const struct peer *peer)
{
    return peer->out.size > 0 || peer->owes_reply || peer->wants_reply || reports_credit(peer);
}

void peer_write_header(const struct peer *peer, struct slice from, uint64_t incarnation, struct parcel_header *header)
{
    *header = (struct parcel_header){
        .from = from,
        .incarnation = incarnation,
        .first_number = peer->sent.letters + 1,
        .first_byte = peer->sent.bytes,
        .window = peer->window,
        .about_incarnation = peer->incarnation,
        .handled = peer->in_handled.letters,
        .handled_bytes = peer->in_handled.bytes,
        .confirmed = peer->in_confirmed,
        .confirm_from = peer->confirmed + 1,
        .wants_reply = peer->wants_reply,
    };
}

void peer_parcel_left(struct peer *peer)
{
    peer->sent.letters += peer->gathered.letters;
    peer->sent.bytes += peer->gathered.bytes;
    peer->gathered = (struct tally){ 0 };
    peer->in_reported = peer->in_handled;
    peer->owes_reply = false;
    peer->wants_reply = false;
}

/* ------------------------------------------------------------------------------------------------ hearing back */

static void go_back(struct peer *peer)
{
    letter_queue_rewind(&peer->kept);
    peer->checked_letter = 0;
}

static void take_confirmation(struct peer *peer, uint64_t confirmed)
{
    while (peer->confirmed < confirmed && peer->kept.count > 0) {
        letter_queue_shift(&peer->kept, NULL);
        peer->confirmed++;
    }
    if (peer->checked_letter == 0 || peer->handled.letters < peer->checked_letter)
        return;
    peer->checked_letter = 0;
    if (peer->confirmed < peer->checked_confirm)
        go_back(peer);
    else if (peer->kept.passed > 0)
        begin_check(peer);
}

static void take_handled(struct peer *peer, struct tally handled)
{
    if (handled.letters > peer->handled.letters && handled.letters <= peer->sent.letters)
        peer->handled.letters = handled.letters;
    if (handled.bytes > peer->handled.bytes && handled.bytes <= peer->sent.bytes)
        peer->handled.bytes = handled.bytes;
}

void peer_take_credit(struct peer *peer, struct tally handled)
{
    take_handled(peer, handled);
    use_credit(peer);
}

void peer_settle(struct peer *peer)
{
    peer->handled = peer->sent;
    take_confirmation(peer, peer->confirmed + peer->kept.passed);
    use_credit(peer);
}

bool peer_is_replaced(const struct peer *peer, const struct parcel_header *header)
{
    return header->incarnation < peer->incarnation;
}

static void meet(struct peer *peer, const struct parcel_header *header)
{
    if (peer->incarnation != 0)
        peer_died(peer);
    peer->incarnation = header->incarnation;
    peer->in_handled = peer->in_reported = (struct tally){ 0 };
    peer->in_confirmed = 0;
    peer->owes_reply = true;
    peer->end_was_told = false;
}

bool peer_heard(struct peer *peer, const struct parcel_header *header, uint64_t own_incarnation, uint64_t now_us)
{
    bool is_other = peer->incarnation != header->incarnation;
    bool is_surprise = is_other && peer->incarnation != 0 && !peer->end_was_told;

    if (is_other)
        meet(peer, header);
    peer->heard_at_us = now_us;
    if (!peer->is_silent && (is_other || !peer->end_was_told)) /* else a one-way connection, or its last words */
        peer->is_down = false;
    peer->in_window = header->window > 0 ? header->window : WINDOW_DEFAULT;
    peer->owes_reply |= header->wants_reply;
    /* All before this parcel has been handled, or will never come. */
    if (header->confirm_from > peer->in_confirmed + 1) /* an earlier process here confirmed those before */
        peer->in_confirmed = header->confirm_from - 1;
    if (header->first_number > 0)
        peer_handled(peer, (struct tally){ .letters = header->first_number - 1, .bytes = header->first_byte });
    if (header->about_incarnation == own_incarnation) {
        peer->probe_at_us = 0;
        take_handled(peer, (struct tally){ .letters = header->handled, .bytes = header->handled_bytes });
        if (header->confirmed <= peer->confirm_number)
            take_confirmation(peer, header->confirmed);
    }
    use_credit(peer);
    expect_news(peer, now_us);
    return is_surprise;
}

void peer_handled(struct peer *peer, struct tally position)
{
    if (position.letters > peer->in_handled.letters)
        peer->in_handled.letters = position.letters;
    if (position.bytes > peer->in_handled.bytes)
        peer->in_handled.bytes = position.bytes;
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
    peer->handled = peer->sent;
    peer->is_down = true;
    peer->end_was_told = true;
    go_back(peer);
    use_credit(peer);
}

void peer_fell_silent(struct peer *peer)
{
    peer->is_silent = true;
    peer->is_down = true;
}

void peer_came_back(struct peer *peer, uint64_t now_us)
{
    peer->is_down = false;
    peer->is_silent = false;
    peer->is_leaving = false;
    use_credit(peer);
    expect_news(peer, now_us);
}

bool peer_is_away(const struct peer *peer)
{
    return peer->is_down || peer->is_leaving;
}

/* ------------------------------------------------------------------------------------------------ time */

uint64_t peer_tick(struct peer *peer, uint64_t now_us)
{
    if (peer->probe_at_us == 0 || (peer->is_down && !peer->is_silent))
        return UINT64_MAX;
    if (!wants_news(peer)) {
        peer->probe_at_us = 0;
        return UINT64_MAX;
    }
    if (now_us >= peer->probe_at_us) {
        peer->wants_reply = true;
        peer->probe_at_us = now_us + PROBE_AFTER_US;
    }
    return peer->probe_at_us;
}
