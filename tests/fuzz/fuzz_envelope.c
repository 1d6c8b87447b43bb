/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a parcel that came by socket: header, letters, messages, and the books of the peer that takes them in,
 * as an actor's mailbox does it. Nothing is read beyond the parcel, every letter is met once, and what the peer says of
 * itself afterwards is a header that can be read.
 */
#include <assert.h>
#include <stdlib.h>

#include "proto/catalog.h"
#include "proto/codec.h"
#include "proto/messages/links.h"
#include "runtime/wire/peer.h"

enum { MEMORY_LIMIT = 1024 * 1024, OWN_INCARNATION = 7 };

/* A peer that has sent something of each kind, so that a header has something to say about it. */
static struct peer *busy_peer(void)
{
    struct peer *peer = peer_new("a/b");
    struct envelope envelope = { .kind = LETTER_TELL, .type = feed_beat_schema.id };

    peer->window = 4;
    for (int i = 0; i < 7; i++)
        peer_send(peer, &envelope, &feed_beat_schema, &(struct feed_beat){ .number = 1 }, OVERLOAD_BLOCK,
                  i % 2 == 0 ? DELIVERY_ACKNOWLEDGED : DELIVERY_AT_MOST_ONCE, 1);
    buffer_clear(&peer->out, 0);
    peer_parcel_left(peer);
    return peer;
}

static void check_peer(struct peer *peer)
{
    struct parcel_header header;
    struct parcel_header got = { 0 };
    struct buffer bytes = { 0 };
    struct reader reader;

    assert(peer_under_way(peer) <= peer->window);
    peer_tick(peer, 1 << 30);
    peer_write_header(peer, SLICE("c/d"), OWN_INCARNATION, &header);
    envelope_write_header(&bytes, &header);
    reader = reader_of(buffer_slice(&bytes));
    assert(envelope_read_header(&reader, &got) && got.handled == header.handled);
    buffer_free(&bytes);
}

static void take_letters(struct reader *reader, struct peer *peer)
{
    const uint8_t *at = reader->at;
    struct envelope envelope;
    struct reader message;

    for (; envelope_next_letter(reader, &envelope, &message); at = reader->at) {
        struct arena arena = { .limit = MEMORY_LIMIT };
        const struct message_schema *schema =
            envelope.type <= UINT16_MAX ? catalog_find((uint16_t)envelope.type) : NULL;
        void *decoded = schema != NULL ? arena_take(&arena, schema->size + 1) : NULL;

        assert(reader->at > at && message.end <= reader->end);
        if (peer_accepts(peer, envelope.confirm) && decoded != NULL)
            codec_decode(schema, &message, &arena, decoded);
        arena_free(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of((struct slice){ .at = (const char *)data, .size = size });
    struct parcel_header header = { 0 };
    struct peer *peer;

    if (!envelope_read_header(&reader, &header) || !address_is_valid(header.from))
        return 0;
    peer = busy_peer();
    peer_heard(peer, &header, OWN_INCARNATION, 1);
    take_letters(&reader, peer);
    check_peer(peer);
    if (!peer_is_replaced(peer, &header))
        peer_heard(peer, &header, OWN_INCARNATION, 2);
    check_peer(peer);
    peer_destroy(&peer);
    return 0;
}
