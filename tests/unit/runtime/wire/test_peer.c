/* SPDX-License-Identifier: MIT */
/* One peer by hand: credit in letters and bytes, what overload does, probes, successors. The model test has the rest.
 */
#include <stdlib.h>

#include "proto/messages/control.h"
#include "proto/messages/links.h"
#include "runtime/wire/peer.h"
#include "tests/testing.h"

enum { OWN = 7, BIG = 256 * 1024 };

static struct peer *peer;
static char big[2 * BIG];

static int begin(void **state)
{
    (void)state;
    peer = peer_new("a/b");
    peer->window = 4;
    return 0;
}

static int end(void **state)
{
    (void)state;
    peer_destroy(&peer);
    return 0;
}

static enum peer_outcome send_kind(enum letter_kind kind, size_t bytes, enum overload overload, enum delivery delivery)
{
    struct envelope envelope = { .kind = kind, .type = metrics_text_schema.id };
    struct metrics_text message = { .text = { .at = big, .size = bytes } };

    return peer_send(peer, &envelope, &metrics_text_schema, &message, overload, delivery, 1000);
}

static enum peer_outcome send(size_t bytes, enum overload overload)
{
    return send_kind(LETTER_TELL, bytes, overload, DELIVERY_AT_MOST_ONCE);
}

static void leave(void)
{
    buffer_clear(&peer->out, 0);
    peer_parcel_left(peer);
}

/* What the other side says. */
static struct parcel_header word(uint64_t handled, uint64_t handled_bytes, uint64_t confirmed)
{
    return (struct parcel_header){ .incarnation = 1,
                                   .first_number = 1,
                                   .window = 4,
                                   .about_incarnation = OWN,
                                   .handled = handled,
                                   .handled_bytes = handled_bytes,
                                   .confirmed = confirmed,
                                   .confirm_from = 1 };
}

static void hear(struct parcel_header header)
{
    peer_heard(peer, &header, OWN, 2000);
}

/* ------------------------------------------------------------------------------------------------ credit */

static void a_window_of_letters_then_another_one_here(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(peer_room(peer), 8 - i);
        assert_int_equal(send(10, OVERLOAD_BLOCK), PEER_TAKEN);
    }
    assert_int_equal(send(10, OVERLOAD_BLOCK), PEER_REFUSED);
    assert_int_equal(send(10, OVERLOAD_DROP_NEWEST), PEER_DROPPED);
    assert_int_equal(peer_room(peer), 0);
    assert_int_equal(peer_under_way(peer), 4);
    assert_int_equal(peer->stalls, 1);
    leave();
    hear(word(3, 0, 0));
    assert_int_equal(peer_under_way(peer), 4);
    assert_int_equal(peer_waiting(peer), 1);
    assert_int_equal(send_kind(LETTER_ANSWER, 10, OVERLOAD_BLOCK, DELIVERY_AT_MOST_ONCE), PEER_TAKEN); /* needs none */
}

/* A slow receiver of large letters costs its sender so many bytes and no more. */
static void bytes_are_credit_too(void **state)
{
    uint64_t taken = 0;
    uint64_t under_way;

    (void)state;
    peer->window = 1000;
    while (send(BIG, OVERLOAD_BLOCK) == PEER_TAKEN)
        taken++;
    under_way = peer_under_way(peer);
    assert_in_range(under_way * BIG, WINDOW_BYTES, WINDOW_BYTES + BIG);
    assert_in_range((taken - under_way) * BIG, WAITING_BYTES_LIMIT, WAITING_BYTES_LIMIT + BIG);
    assert_true(peer->out.size <= WINDOW_BYTES + 2 * BIG);
    leave();
    hear(word(1, 2 * (uint64_t)BIG, 0)); /* letters alone do not make room, bytes do */
    assert_int_equal(peer_under_way(peer) + peer_waiting(peer), taken - 1);
    assert_true(peer_under_way(peer) >= under_way);
    assert_true(peer->out.size > 0);
}

static void a_letter_that_is_too_large_is_refused(void **state)
{
    enum { ROWS = 200 };
    static struct setting rows[ROWS];
    struct envelope envelope = { .kind = LETTER_TELL, .type = settings_schema.id };
    struct settings message = { .rows = { rows, ROWS } };

    (void)state;
    for (int i = 0; i < ROWS; i++)
        rows[i].value = (struct slice){ .at = big, .size = TEXT_LIMIT };
    for (int delivery = DELIVERY_AT_MOST_ONCE; delivery <= DELIVERY_ACKNOWLEDGED; delivery++)
        assert_int_equal(
            peer_send(peer, &envelope, &settings_schema, &message, OVERLOAD_BLOCK, (enum delivery)delivery, 1),
            PEER_REFUSED);
    envelope.kind = LETTER_ANSWER;
    assert_int_equal(peer_send(peer, &envelope, &settings_schema, &message, OVERLOAD_BLOCK, DELIVERY_AT_MOST_ONCE, 1),
                     PEER_REFUSED);
    assert_int_equal(peer->out.size, 0);
    assert_int_equal(peer->kept.count, 0);
    assert_int_equal(send(10, OVERLOAD_BLOCK), PEER_TAKEN); /* the next one goes as ever */
}

static void older_letters_give_way(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        send(10, OVERLOAD_DROP_OLDEST);
    assert_int_equal(peer->dropped, 0);
    assert_int_equal(send(10, OVERLOAD_DROP_OLDEST), PEER_TAKEN);
    assert_int_equal(peer->dropped, 1);
    assert_int_equal(peer_waiting(peer), 4);
    peer->window = 10000; /* and by bytes: as many as must */
    while (letter_queue_bytes(&peer->waiting) < WAITING_BYTES_LIMIT)
        send(BIG, OVERLOAD_DROP_OLDEST);
    for (int i = 0; i < 100; i++)
        assert_int_equal(send(2 * BIG, OVERLOAD_DROP_OLDEST), PEER_TAKEN);
    assert_in_range(letter_queue_bytes(&peer->waiting), 1, WAITING_BYTES_LIMIT + 2 * BIG + 100);
}

/* ------------------------------------------------------------------------------------------------ loss */

static void credit_that_was_lost_on_the_way_comes_back(void **state)
{
    struct peer *receiver = peer_new("c/d");
    struct parcel_header header;

    (void)state;
    for (int i = 0; i < 6; i++)
        send(10, OVERLOAD_BLOCK);
    leave(); /* and is lost: nothing of it ever comes */
    assert_false(peer_has_work(peer));
    assert_int_equal(peer_tick(peer, 1000 + PROBE_AFTER_US - 1), 1000 + PROBE_AFTER_US);
    assert_false(peer_has_work(peer));
    peer_tick(peer, 1000 + PROBE_AFTER_US);
    assert_true(peer_has_work(peer)); /* the probe */
    peer_write_header(peer, SLICE("c/d"), OWN, &header);
    assert_true(header.wants_reply);
    peer_heard(receiver, &header, 1, 1);
    assert_true(peer_has_work(receiver));
    peer_write_header(receiver, SLICE("a/b"), 1, &header);
    assert_int_equal(header.handled, 4); /* came or never will */
    hear(header);
    assert_int_equal(peer_waiting(peer), 0);
    assert_int_equal(peer_under_way(peer), 2);
    peer_destroy(&receiver);
}

static void an_ask_without_a_word_is_asked_after(void **state)
{
    (void)state;
    peer->asks_open = 1; /* as actor_ask does before it sends */
    send_kind(LETTER_ASK, 10, OVERLOAD_BLOCK, DELIVERY_AT_MOST_ONCE);
    leave();
    peer_tick(peer, 1000 + PROBE_AFTER_US);
    assert_true(peer_has_work(peer)); /* a successor would say so at once, not at the ask's deadline */
    leave();
    peer->asks_open = 0;
    assert_int_equal(peer_tick(peer, UINT64_MAX - 1), UINT64_MAX);
    assert_false(peer_has_work(peer));
}

static void what_was_handled_unconfirmed_is_sent_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        send_kind(LETTER_TELL, 10, OVERLOAD_DROP_NEWEST, DELIVERY_ACKNOWLEDGED);
    leave();
    hear(word(2, 0, 1));
    assert_int_equal(peer->out.size, 0); /* the third one may yet come */
    hear(word(3, 0, 1));
    assert_int_equal(peer->kept.count, 2);
    assert_int_equal(peer_under_way(peer), 2); /* both again */
    leave();
    hear(word(5, 0, 3));
    assert_int_equal(peer->kept.count, 0);
    assert_int_equal(peer_tick(peer, UINT64_MAX - 1), UINT64_MAX); /* nothing is waited for any more */
}

static void acknowledged_letters_are_never_dropped(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(send_kind(LETTER_TELL, 10, OVERLOAD_DROP_OLDEST, DELIVERY_ACKNOWLEDGED), PEER_TAKEN);
    assert_int_equal(send_kind(LETTER_TELL, 10, OVERLOAD_DROP_OLDEST, DELIVERY_ACKNOWLEDGED), PEER_REFUSED);
    assert_int_equal(peer->dropped, 0);
    assert_int_equal(peer->confirm_number, 8); /* a refused one leaves no gap */
}

/* ------------------------------------------------------------------------------------------------ processes */

static void a_successor_is_a_surprise_unless_it_was_told(void **state)
{
    struct parcel_header header = word(0, 0, 0);

    (void)state;
    assert_false(peer_heard(peer, &header, OWN, 1)); /* nobody knew another one */
    header.incarnation = 2;
    assert_true(peer_heard(peer, &header, OWN, 1));
    assert_false(peer_heard(peer, &header, OWN, 1));
    peer_died(peer);
    assert_true(peer->is_down);
    peer_heard(peer, &header, OWN, 1); /* its last words */
    assert_true(peer->is_down);
    header.incarnation = 3;
    assert_false(peer_heard(peer, &header, OWN, 1)); /* its asks ended when its end was told */
    assert_false(peer->is_down);
    header.incarnation = 2;
    assert_true(peer_is_replaced(peer, &header));
}

static void kept_letters_wait_for_a_receiver_that_is_down(void **state)
{
    (void)state;
    peer_died(peer);
    send_kind(LETTER_TELL, 10, OVERLOAD_BLOCK, DELIVERY_ACKNOWLEDGED);
    assert_int_equal(peer->out.size, 0);
    assert_int_equal(peer_tick(peer, UINT64_MAX - 1), UINT64_MAX); /* nobody is there to be asked */
    peer_came_back(peer, 1);
    assert_true(peer->out.size > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_window_of_letters_then_another_one_here, begin, end),
        cmocka_unit_test_setup_teardown(bytes_are_credit_too, begin, end),
        cmocka_unit_test_setup_teardown(a_letter_that_is_too_large_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(older_letters_give_way, begin, end),
        cmocka_unit_test_setup_teardown(credit_that_was_lost_on_the_way_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(an_ask_without_a_word_is_asked_after, begin, end),
        cmocka_unit_test_setup_teardown(what_was_handled_unconfirmed_is_sent_again, begin, end),
        cmocka_unit_test_setup_teardown(acknowledged_letters_are_never_dropped, begin, end),
        cmocka_unit_test_setup_teardown(a_successor_is_a_surprise_unless_it_was_told, begin, end),
        cmocka_unit_test_setup_teardown(kept_letters_wait_for_a_receiver_that_is_down, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
