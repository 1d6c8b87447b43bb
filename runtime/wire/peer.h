/* SPDX-License-Identifier: MIT */
/*
 * peer -- another actor, as one actor sees it: the letters on their way there, the credit left, and what is owed to it.
 *
 * Letters of a turn gather in `out` and leave as one parcel when the turn ends. Tells and asks are *credited*: counted
 * in letters and in bytes for each pair, from the first one of the sender's process on. The receiver reports how far it
 * has handled them on every parcel it sends back, and at the latest when half of the window or REPORT_BYTES are
 * unreported. When `window` letters or WINDOW_BYTES are under way, further ones wait here, up to another window; then
 * the route's overload policy speaks. Answers need no credit: there are at most as many as asks. So what a receiver
 * that stands still can cost its sender is bounded in bytes.
 *
 * What died on the way is healed by the counts: each parcel says where it begins, and whoever opens it knows that all
 * before has come or never will. A sender that is out of credit, or waits for a confirmation or an answer, and hears
 * nothing sends an empty parcel that asks for a reply (a probe); it stands behind all that is under way, so its reply
 * tells what was lost, and whether it still comes from the same process.
 *
 * Acknowledged routes number their letters a second time (`confirm`) and keep each one until the receiver's runtime has
 * accepted it. The receiver accepts only the next number, so repeats and gaps are filtered there. When it has gone
 * past the last one sent without accepting it, or was replaced by a new process, all that are kept go out again
 * (go-back-N), within the credit like any other letter. What the old process had accepted without a word of it having
 * come back is handled by the new one once more.
 *
 * Letters of one delivery keep their order; those of acknowledged and other outlets to the same actor may overtake each
 * other when credit is short.
 */
#ifndef RUNTIME_WIRE_PEER_H
#define RUNTIME_WIRE_PEER_H

#include "proto/envelope.h"
#include "runtime/actor.h"
#include "runtime/wire/address.h"
#include "runtime/wire/letter_queue.h"

enum {
    WINDOW_DEFAULT = 1024,          /* letters */
    WINDOW_BYTES = 4 * 1024 * 1024, /* under way at most, and one letter more */
    REPORT_BYTES = WINDOW_BYTES / 4,
    WAITING_BYTES_LIMIT = 8 * 1024 * 1024,
    KEPT_BYTES_LIMIT = 8 * 1024 * 1024,   /* unconfirmed letters */
    LETTER_BYTES_LIMIT = 8 * 1024 * 1024, /* a larger one is refused */
    OUT_BYTES_LIMIT = 16 * 1024 * 1024,   /* of a parcel not yet sent; beyond it answers are refused */
    PARCELS_LIMIT = 10000,                /* ZeroMQ's high-water mark, each side */
    PROBE_AFTER_US = 500 * 1000           /* of silence */
};

/* So many credited letters and their bytes, counted from the first one of the sender's process on. */
struct tally {
    uint64_t letters;
    uint64_t bytes;
};

struct peer {
    char address[ADDRESS_LIMIT + 1];
    struct peer *next_dirty; /* in the actor's list of peers with something to send */
    bool is_dirty;
    bool is_down;      /* its node is known to have ended and not to be back */
    bool is_silent;    /* its node does not answer its heartbeats: held to be down, though it may only stand still */
    bool is_leaving;   /* its node is about to end, or did so and is not up again: nothing new goes there when there is
                          another, also when its next process has spoken already, because that may not be ready yet */
    bool end_was_told; /* its process's end is known, and no successor was heard of yet */
    bool is_temporary; /* not in the topology: a console */
    bool is_wired;     /* an outlet leads here */
    struct actor *local; /* on the same thread: no socket */
    void *socket;
    enum transport transport;
    uint64_t incarnation; /* of its process, heard of last; 0: not yet */
    uint64_t heard_at_us;

    /* there */
    struct buffer out;
    struct tally gathered;       /* credited letters in `out` */
    struct tally sent;           /* in parcels that have left */
    struct tally handled;        /* of these, by the peer */
    uint64_t window;             /* letters */
    struct letter_queue waiting; /* without credit */
    struct letter_queue kept; /* of acknowledged routes: not confirmed. Behind the cursor: not sent, or to go again */
    uint64_t confirm_number;  /* last one given */
    uint64_t confirmed;       /* by the peer */
    uint64_t checked_letter;  /* when this one is handled ... */
    uint64_t checked_confirm; /* ... this one must be confirmed, or it was lost. 0: nothing to check */
    bool is_stalled;          /* out of credit */
    uint64_t probe_at_us;     /* when to ask for a reply; 0: nothing is waited for */
    bool wants_reply;

    /* back; of the peer's process `incarnation` */
    struct tally in_handled;
    struct tally in_reported;
    uint64_t in_window;
    uint64_t in_confirmed;
    bool owes_reply;

    uint32_t asks_open;
    uint32_t questions_open;
    uint64_t letters_sent;
    uint64_t stalls;
    uint64_t dropped; /* waiting letters that gave way to newer ones */
};

struct peer *peer_new(const char *address);
void peer_destroy(struct peer **peer);

enum peer_outcome { PEER_TAKEN, PEER_DROPPED, PEER_REFUSED };

/* Appends a letter to what leaves at the end of the turn, or to what waits for credit. Acknowledged routes never drop:
 * their overload is OVERLOAD_BLOCK, whatever `overload` says. */
enum peer_outcome peer_send(struct peer *peer,
                            struct envelope *envelope,
                            const struct message_schema *schema,
                            const void *message,
                            enum overload overload,
                            enum delivery delivery,
                            uint64_t now_us);

/* Credited letters that have left or leave with this turn, and are not known to be handled. */
uint64_t peer_under_way(const struct peer *peer);
uint32_t peer_waiting(const struct peer *peer); /* letters held back here */
/* Letters that can still be accepted before overload speaks. */
uint32_t peer_room(const struct peer *peer);
bool peer_has_work(const struct peer *peer); /* something to send now, if only a header */

/* Fills in the header of a parcel that is about to leave: header and `peer->out`. */
void peer_write_header(const struct peer *peer, struct slice from, uint64_t incarnation, struct parcel_header *header);
/* It has left: settles the accounts. `out` is the caller's to clear or take. */
void peer_parcel_left(struct peer *peer);

/* Whether a parcel comes from a process that this peer's present one has replaced. */
bool peer_is_replaced(const struct peer *peer, const struct parcel_header *header);
/* Takes in what a parcel's header says. Returns true when the peer's process is another than the one heard of before
 * and nobody had told of that one's end: its asks will not be answered. */
bool peer_heard(struct peer *peer, const struct parcel_header *header, uint64_t own_incarnation, uint64_t now_us);
/* The peer's credited letters have been handled up to here. */
void peer_handled(struct peer *peer, struct tally position);
/* Whether a letter with this `confirm` is to be handled (true), or was had before or came too early. */
bool peer_accepts(struct peer *peer, uint64_t confirm);
/* Of a peer on the same thread, whose credit comes back without a parcel: it has handled so many letters. */
void peer_take_credit(struct peer *peer, struct tally handled);
/* All that was sent has arrived, been handled and confirmed: a test's transport loses nothing. */
void peer_settle(struct peer *peer);
/* The peer's process has ended: nothing is under way there any more. */
void peer_died(struct peer *peer);
/* Its node does not answer. Nothing is known about what is under way there, so no account changes. */
void peer_fell_silent(struct peer *peer);
void peer_came_back(struct peer *peer, uint64_t now_us); /* its node is up again, or answers again */
/* Whether something new had better go elsewhere. */
bool peer_is_away(const struct peer *peer);
/* Time passes: probes. Returns when to call again, UINT64_MAX when not needed. */
uint64_t peer_tick(struct peer *peer, uint64_t now_us);

#endif
