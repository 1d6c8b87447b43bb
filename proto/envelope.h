/* SPDX-License-Identifier: MIT */
/*
 * envelope -- what is written around messages on their way.
 *
 * A *letter* is one message with its envelope. A *parcel* is one ZeroMQ message: all letters that one actor sent to one
 * other actor in one turn, behind a header that says who sent it and what the sender has handled of the receiver's:
 *
 *     parcel = header letter*             header  = MessagePack array, see struct parcel_header
 *     letter = length envelope message    length  = 4 bytes, big-endian: bytes of envelope and message
 *                                         envelope = MessagePack array, see struct envelope
 *
 * Both arrays grow at their end only; an old reader skips what it does not know. The length lets a receiver pass over a
 * letter that it cannot read and go on with the next.
 */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include "proto/buffer.h"
#include "proto/reader.h"
#include "proto/trace.h"

enum { ENVELOPE_VERSION = 1, LETTER_LENGTH_BYTES = 4, ADDRESS_LIMIT = 96 /* bytes of "NODE/ACTOR" */ };

enum letter_kind { LETTER_TELL, LETTER_ASK, LETTER_ANSWER };

struct envelope {
    uint64_t kind;        /* enum letter_kind */
    uint64_t type;        /* the message's id in the catalog */
    uint64_t correlation; /* of an ask and of its answer: the asker's own number; else 0 */
    uint64_t deadline_us; /* of an ask: from its sending on, because clocks differ; else 0 */
    uint64_t confirm;     /* number within a delivery-acknowledged route; 0: not to be acknowledged */
    struct trace trace;   /* not set when not traced */
};

struct parcel_header {
    struct slice from;          /* "NODE/ACTOR", at most ADDRESS_LIMIT bytes */
    uint64_t incarnation;       /* of the sender: new for each start of its process */
    uint64_t first_number;      /* of the first credited letter (tells and asks) in here, 1, 2, 3 ... per pair */
    uint64_t first_byte;        /* bytes of all credited letters before that one */
    uint64_t window;            /* credited letters that the sender may have under way */
    uint64_t about_incarnation; /* of the receiver, to which the next three refer; 0: not heard of yet */
    uint64_t handled;           /* the receiver's credited letters: handled up to this number */
    uint64_t handled_bytes;     /* the same in bytes */
    uint64_t confirmed;         /* the receiver's letters with `confirm`: accepted up to this number */
    uint64_t confirm_from;      /* the oldest of the sender's letters with `confirm` that it may still send again */
    bool wants_reply;           /* please answer with a parcel, even an empty one */
};

void envelope_write_header(struct buffer *out, const struct parcel_header *header);
/* False when the bytes are no header of a version that we know. */
bool envelope_read_header(struct reader *reader, struct parcel_header *ret_header);

/* Starts a letter: room for the length, then the envelope. The message goes behind it; then envelope_end_letter. */
size_t envelope_begin_letter(struct buffer *out, const struct envelope *envelope); /* returns where it starts */
void envelope_end_letter(struct buffer *out, size_t start);

/* Takes the next letter off `reader` (which stands behind the header or the last letter): its envelope, and a reader
 * over its message alone. False at the end and on a length that does not fit (reader->failed tells which). A letter
 * whose envelope cannot be read is returned with type 0. */
bool envelope_next_letter(struct reader *reader, struct envelope *ret_envelope, struct reader *ret_message);

#endif
