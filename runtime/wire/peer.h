/* SPDX-License-Identifier: MIT */
/*
 * peer -- another actor, as one actor sees it: the letters on their way there, the credit left, and what is owed to it.
 *
 * Letters of a turn gather in `out` and leave as one parcel when the turn ends. Tells and asks are *credited*: numbered
 * 1, 2, 3 ... for each pair; the receiver reports up to which number it has handled, on every parcel it sends back and
 * at the latest when half of the window is unreported. When `window` of them are under way, further ones wait here, up
 * to another window; then the route's overload policy speaks. Answers need no credit: there are at most as many as
 * asks. What died on the way is healed by the numbers: handling number n returns the credit of all before it.
 *
 * Acknowledged routes number their letters a second time (`confirm`), keep each until the receiver's runtime has
 * accepted it, and send all that are left again after silence or when the receiver comes back (go-back-N). The receiver
 * accepts only the next number, so repeats and gaps are filtered there.
 */
#ifndef RUNTIME_WIRE_PEER_H
#define RUNTIME_WIRE_PEER_H

#include "proto/envelope.h"
#include "runtime/actor.h"
#include "runtime/wire/address.h"

enum {
    WINDOW_DEFAULT = 1024, /* letters */
    WAITING_BYTES_LIMIT = 8 * 1024 * 1024,
    UNCONFIRMED_BYTES_LIMIT = 8 * 1024 * 1024,
    OUT_BYTES_LIMIT = 32 * 1024 * 1024, /* answers included; beyond it letters are refused */
    PARCELS_LIMIT = 10000,              /* ZeroMQ's high-water mark, each side */
    PROBE_AFTER_US = 1000 * 1000,       /* out of credit this long: ask the receiver what it has handled */
    RESEND_AFTER_US = 500 * 1000
};

/* Letters one behind the other, taken from the front. */
struct letter_queue {
    struct buffer bytes;
    size_t taken; /* bytes at the front that are gone */
    uint32_t count;
};

struct peer {
    char address[ADDRESS_LIMIT + 1];
    struct peer *next_dirty; /* in the actor's list of peers with something to send */
    bool is_dirty;
    bool is_down;        /* its node is known to have ended and not to be back */
    bool is_temporary;   /* not in the topology: a console */
    struct actor *local; /* on the same thread: no socket */
    void *socket;
    enum transport transport;
    uint64_t incarnation; /* of its process, heard of last; 0: not yet */
    uint64_t heard_at_us;

    /* there */
    struct buffer out;
    uint32_t out_credited; /* credited letters in `out` */
    uint64_t out_number;   /* number of the next credited letter */
    uint64_t handled;      /* by the peer */
    uint64_t window;
    struct letter_queue waiting; /* credited letters without credit */
    uint64_t stalled_at_us;      /* when credit ran out; 0: it has not */
    struct letter_queue unconfirmed;
    uint64_t confirm_number; /* last one given */
    uint64_t confirmed;      /* by the peer */
    uint64_t resend_at_us;   /* 0: nothing to send again */
    bool wants_reply;

    /* back */
    uint64_t in_incarnation; /* of the peer's process that the next fields speak of */
    uint64_t in_number;      /* the peer's credited letters handled up to here */
    uint64_t in_reported;
    uint64_t in_window;
    uint64_t in_confirmed;
    bool owes_reply;

    uint32_t asks_open;
    uint64_t sent;
    uint64_t stalls;
};

struct peer *peer_new(const char *address);
void peer_destroy(struct peer **peer);

enum peer_outcome { PEER_TAKEN, PEER_DROPPED, PEER_REFUSED };

/* Appends a letter to what leaves at the end of the turn, or to what waits for credit. */
enum peer_outcome peer_send(struct peer *peer,
                            struct envelope *envelope,
                            const struct message_schema *schema,
                            const void *message,
                            enum overload overload,
                            enum delivery delivery,
                            uint64_t now_us);

/* Letters that can still be accepted before overload speaks. */
uint32_t peer_room(const struct peer *peer);
bool peer_has_work(const struct peer *peer); /* something to send now, if only a header */

/* Fills in the header of a parcel about to leave and settles the accounts; the parcel is header and `peer->out`, which
 * the caller clears once it is on its way. */
void peer_close_parcel(struct peer *peer, struct slice from, uint64_t incarnation, struct parcel_header *ret_header);

/* Takes in what a parcel's header says. Returns true when the peer's process is another than the one heard of before:
 * what was under way to the old one is lost, and its asks will not be answered. */
bool peer_heard(struct peer *peer, const struct parcel_header *header, uint64_t own_incarnation, uint64_t now_us);
/* The peer's credited letter with this number has been handled. */
void peer_handled(struct peer *peer, uint64_t number);
/* Whether a letter with this `confirm` is to be handled (true), or was had before or came too early. */
bool peer_accepts(struct peer *peer, uint64_t confirm);
/* The peer's process has ended: nothing is under way there any more. */
void peer_died(struct peer *peer);
/* Time passes: probes and resends. Returns when to call again, UINT64_MAX when not needed. */
uint64_t peer_tick(struct peer *peer, uint64_t now_us);

#endif
