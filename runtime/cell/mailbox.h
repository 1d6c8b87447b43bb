/* SPDX-License-Identifier: MIT */
/*
 * mailbox -- what comes to an actor: parcels from its socket or from the same thread, opened one at a time, their
 * letters handed to the handlers.
 *
 * The mailbox outlives the actor in it. While the actor is down or suspended nothing is taken out, and the parcel that
 * was in hand when it failed goes on behind the letter that it failed in (or with it, see enum on_failure). A drained
 * actor may be away for long: its mailbox is read on, so that those who ask it hear at once that they must go
 * elsewhere; all else is held in its order for the next start, up to HELD_LIMIT and HELD_BYTES_LIMIT; then it is not
 * read any more.
 */
#ifndef RUNTIME_CELL_MAILBOX_H
#define RUNTIME_CELL_MAILBOX_H

#include "runtime/cell/cell.h"

/* A parcel that came from the same thread, or is being worked through. */
struct parcel {
    struct parcel *next;
    struct peer *from;     /* as this actor sees the sender */
    struct peer *origin;   /* of a local parcel: as the sender sees this actor; NULL when it came by socket */
    struct buffer bytes;   /* of a local parcel */
    zmq_msg_t message;     /* of one that came by socket */
    struct reader reader;  /* stands behind what has been handled */
    struct tally position; /* the credited letters before the reader */
    bool is_remote;        /* it came from another host */
    bool is_again;         /* the next letter is handled once more: the actor failed in it */
    bool is_sealed;        /* carried, and not opened yet: `from` is not known */
    bool is_sifted;        /* its questions were refused already, while the actor was away */
};

/* Takes letters over from an actor of the same thread, which sees `to` as `origin`. Takes the memory of `letters`. */
void mailbox_put_local(struct actor *to, struct actor *from, struct peer *origin, struct buffer letters);
/* Hands letters to a test's actor; `letters` is copied. */
void mailbox_put_test(struct actor *to, const char *from_address, struct slice letters);
/* A whole parcel came by a carrier; it is copied, and opened when it is its turn. */
void mailbox_put_carried(struct actor *to, struct slice parcel);
void mailbox_discard(struct actor *cell); /* parcels in hand, at the very end */

#endif
