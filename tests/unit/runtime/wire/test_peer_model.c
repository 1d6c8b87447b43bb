/* SPDX-License-Identifier: MIT */
/*
 * Two peers over a link that cuts, loses, reorders at reconnects, and whose ends are restarted: whatever happens, an
 * acknowledged letter is handled at least once, once for each process of the receiver, in order and without gaps; any
 * other letter at most once; and when the trouble ends, nothing is left waiting for credit. What happens is drawn from
 * a seed; a failure names it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/codec.h"
#include "proto/messages/links.h"
#include "runtime/wire/peer.h"
#include "tests/testing.h"

enum { SEEDS = 400, STEPS = 3000, WINDOW = 8, PARCELS = 4096, SETTLING_ROUNDS = 400 };

/* ------------------------------------------------------------------------------------------------ a link */

struct parcel {
    struct buffer bytes;
    bool is_old; /* of a connection that is gone: may come after what was sent later */
};

struct link {
    struct parcel parcels[PARCELS];
    size_t count;
};

static void take_out(struct link *link, size_t index)
{
    buffer_free(&link->parcels[index].bytes);
    link->count--;
    memmove(&link->parcels[index], &link->parcels[index + 1], (link->count - index) * sizeof link->parcels[0]);
}

struct side {
    const char *address;
    struct peer *other; /* the other side, as this one sees it */
    uint64_t incarnation;
    struct link *out;
    struct link *in;
    /* as a sender of this incarnation */
    uint64_t kept_serial; /* of the last acknowledged letter taken */
    uint64_t once_serial;
    /* as a receiver; of the sender's incarnation `from` */
    uint64_t from;
    uint64_t accepted;     /* by any process of this side */
    uint64_t accepted_now; /* by the present process; 0: none yet */
    uint64_t once_seen[2]; /* bits of the serials that came, a ring of 128 */
    uint64_t once_highest;
};

static uint64_t state;
static uint64_t now_us;
static uint64_t model_seed; /* the one to look at when it fails */

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
static uint64_t draw(uint64_t below)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % below;
}

/* ------------------------------------------------------------------------------------------------ what a side does */

static void send_letter(struct side *side, enum delivery delivery)
{
    struct envelope envelope = { .kind = LETTER_TELL, .type = feed_beat_schema.id };
    uint64_t *serial = delivery == DELIVERY_ACKNOWLEDGED ? &side->kept_serial : &side->once_serial;
    struct feed_beat beat = { .feed = side->incarnation, .number = *serial + 1 };

    if (peer_send(side->other, &envelope, &feed_beat_schema, &beat, OVERLOAD_BLOCK, delivery, now_us) == PEER_TAKEN)
        (*serial)++;
}

static void end_turn(struct side *side)
{
    struct parcel_header header;
    struct parcel *parcel = &side->out->parcels[side->out->count];

    peer_tick(side->other, now_us);
    if (!peer_has_work(side->other))
        return;
    assert_true(side->out->count < PARCELS - 1);
    *parcel = (struct parcel){ 0 };
    peer_write_header(side->other, slice_of(side->address), side->incarnation, &header);
    envelope_write_header(&parcel->bytes, &header);
    buffer_append(&parcel->bytes, side->other->out.at, side->other->out.size);
    buffer_clear(&side->other->out, 1 << 16);
    peer_parcel_left(side->other);
    side->out->count++;
}

static void meet_sender(struct side *side, uint64_t incarnation)
{
    if (side->from == incarnation)
        return;
    assert_true(incarnation > side->from); /* never back to a dead one */
    side->from = incarnation;
    side->accepted = side->accepted_now = 0;
    side->once_seen[0] = side->once_seen[1] = 0;
    side->once_highest = 0;
}

static void handle_kept(struct side *side, uint64_t serial)
{
    /* Not twice by one process; and what it passes over, an earlier process of this side has had. */
    assert_in_range(serial, side->accepted_now + 1, side->accepted + 1);
    side->accepted_now = serial;
    side->accepted = serial > side->accepted ? serial : side->accepted;
}

static void handle_once(struct side *side, uint64_t serial)
{
    uint64_t bit = (uint64_t)1 << (serial & 63);

    for (; side->once_highest < serial; side->once_highest++)
        side->once_seen[(side->once_highest + 1) >> 6 & 1] &= ~((uint64_t)1 << ((side->once_highest + 1) & 63));
    if (serial + 100 < side->once_highest)
        return;
    assert_false(side->once_seen[serial >> 6 & 1] & bit); /* twice */
    side->once_seen[serial >> 6 & 1] |= bit;
}

static void open_parcel(struct side *side, const struct buffer *bytes)
{
    struct reader reader = reader_of(buffer_slice(bytes));
    struct parcel_header header;
    struct envelope envelope;
    struct reader message;
    struct tally position;
    struct feed_beat beat;

    assert_true(envelope_read_header(&reader, &header));
    if (peer_is_replaced(side->other, &header))
        return;
    peer_heard(side->other, &header, side->incarnation, now_us);
    position = (struct tally){ .letters = header.first_number - 1, .bytes = header.first_byte };
    for (const uint8_t *at = reader.at; envelope_next_letter(&reader, &envelope, &message); at = reader.at) {
        position.letters++;
        position.bytes += (uint64_t)(reader.at - at);
        peer_handled(side->other, position);
        assert_true(codec_decode(&feed_beat_schema, &message, NULL, memset(&beat, 0, sizeof beat)));
        assert_int_equal(beat.feed, header.incarnation);
        if (!peer_accepts(side->other, envelope.confirm))
            continue;
        meet_sender(side, beat.feed);
        if (envelope.confirm != 0)
            handle_kept(side, beat.number);
        else
            handle_once(side, beat.number);
    }
    assert_false(reader.failed);
}

/* Of an old connection and the new one, either may be read first; each keeps its order. */
static void receive(struct side *side)
{
    size_t index = 0;

    if (side->in->count == 0)
        return;
    if (side->in->parcels[0].is_old && draw(3) == 0) {
        while (index < side->in->count && side->in->parcels[index].is_old)
            index++;
        index = index < side->in->count ? index : 0;
    }
    open_parcel(side, &side->in->parcels[index].bytes);
    take_out(side->in, index);
}

/* ------------------------------------------------------------------------------------------------ trouble */

/* What the kernel had is lost; what the receiver had read stays, as of an old connection. */
static void cut(struct link *link)
{
    size_t had = draw(link->count + 1);
    size_t lost = draw(link->count - had + 1);

    for (size_t i = 0; i < had; i++)
        link->parcels[i].is_old = true;
    while (lost-- > 0)
        take_out(link, had);
}

static void restart(struct side *side, struct side *other)
{
    bool is_told = draw(2) == 0;
    size_t lost;

    peer_destroy(&side->other);
    side->other = peer_new(other->address);
    side->other->window = WINDOW;
    side->incarnation++;
    side->kept_serial = side->once_serial = 0;
    side->accepted_now = 0;
    /* What this process had read of old connections went with it, and some of the present one. */
    for (size_t i = side->in->count; i-- > 0;) {
        if (side->in->parcels[i].is_old)
            take_out(side->in, i);
    }
    lost = draw(side->in->count + 1);
    while (lost-- > 0)
        take_out(side->in, 0);
    cut(side->out);
    if (is_told) {
        peer_died(other->other);
        if (draw(4) > 0)
            peer_came_back(other->other, now_us);
    }
}

static void one_step(struct side *sides, bool with_trouble)
{
    struct side *side = &sides[draw(2)];
    uint64_t what = draw(1000);

    now_us += draw(2000);
    if (what < 250)
        send_letter(side, DELIVERY_ACKNOWLEDGED);
    else if (what < 500)
        send_letter(side, DELIVERY_AT_MOST_ONCE);
    else if (what < 700)
        end_turn(side);
    else if (what < 985)
        receive(side);
    else if (!with_trouble)
        now_us += 100000;
    else if (what < 992)
        cut(side->out);
    else if (what < 996)
        restart(side, side == sides ? &sides[1] : &sides[0]);
    else
        now_us += PROBE_AFTER_US;
}

/* ------------------------------------------------------------------------------------------------ tests */

static void begin(struct side *sides, uint64_t seed)
{
    struct link *there = calloc(1, sizeof *there);
    struct link *back = calloc(1, sizeof *back);

    assert_true(there != NULL && back != NULL);
    state = seed;
    now_us = 1000000;
    sides[0] = (struct side){ .address = "a/a", .other = peer_new("b/b"), .incarnation = 1, .out = there, .in = back };
    sides[1] = (struct side){ .address = "b/b", .other = peer_new("a/a"), .incarnation = 1, .out = back, .in = there };
    sides[0].other->window = sides[1].other->window = WINDOW;
}

static void end(struct side *sides)
{
    for (int i = 0; i < 2; i++) {
        while (sides[i].out->count > 0)
            take_out(sides[i].out, 0);
        free(sides[i].out);
        peer_destroy(&sides[i].other);
    }
}

static void settle(struct side *sides)
{
    for (int round = 0; round < SETTLING_ROUNDS; round++) {
        now_us += PROBE_AFTER_US / 4;
        for (int i = 0; i < 2; i++) {
            peer_came_back(sides[i].other, now_us);
            end_turn(&sides[i]);
            while (sides[i].in->count > 0)
                receive(&sides[i]);
        }
    }
}

static void check_all_is_there(const struct side *from, const struct side *to)
{
    assert_int_equal(peer_waiting(from->other), 0);
    assert_int_equal(from->other->kept.count, 0);
    if (from->kept_serial > 0) {
        assert_int_equal(to->from, from->incarnation);
        assert_int_equal(to->accepted, from->kept_serial);
    }
}

static void nothing_is_lost_whatever_happens(void **state_)
{
    struct side sides[2];

    (void)state_;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        model_seed = seed;
        begin(sides, seed);
        for (int i = 0; i < STEPS; i++)
            one_step(sides, true);
        settle(sides);
        check_all_is_there(&sides[0], &sides[1]);
        check_all_is_there(&sides[1], &sides[0]);
        end(sides);
    }
}

/* Without trouble every letter of both kinds arrives, and there are never more than a window under way. */
static void credit_bounds_what_is_under_way(void **state_)
{
    struct side sides[2];

    (void)state_;
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        model_seed = seed;
        begin(sides, seed);
        for (int i = 0; i < STEPS; i++) {
            one_step(sides, false);
            assert_true(peer_under_way(sides[0].other) <= WINDOW && peer_under_way(sides[1].other) <= WINDOW);
        }
        settle(sides);
        check_all_is_there(&sides[0], &sides[1]);
        check_all_is_there(&sides[1], &sides[0]);
        assert_int_equal(sides[1].once_highest, sides[0].once_serial);
        assert_true(sides[0].once_serial > STEPS / 20); /* the test would be worth nothing if nothing went through */
        end(sides);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_whatever_happens),
        cmocka_unit_test(credit_bounds_what_is_under_way),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (failed > 0)
        print_error("the last seed was %llu\n", (unsigned long long)model_seed);
    return failed;
}
