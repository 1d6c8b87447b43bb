/* SPDX-License-Identifier: MIT */
/* The books of asks and questions: numbers that name one entry alone, limits, walks while entries come and go. */
#include <stdlib.h>

#include "runtime/wire/ask.h"
#include "tests/testing.h"
#include "tests/unit/support/samples.h"

static void an_ask_is_found_until_it_is_closed(void **state)
{
    struct ask_book book;
    uint64_t first;
    uint64_t second;

    (void)state;
    ask_book_init(&book);
    assert_null(ask_find(&book, 0));
    ask_open(&book, &first)->receiver = 7;
    assert_int_not_equal(first, 0);
    assert_int_equal(ask_find(&book, first)->receiver, 7);
    ask_close(&book, ask_find(&book, first));
    assert_null(ask_find(&book, first));
    ask_open(&book, &second); /* in the same place */
    assert_int_not_equal(second, first);
    assert_null(ask_find(&book, first)); /* a late answer meets nobody else's ask */
    assert_null(ask_find(&book, UINT64_MAX));
    ask_book_free(&book);
}

/* Against an array: random opening and closing. */
static void the_book_keeps_count(void **state)
{
    enum { MOST = 200, STEPS = 20000 };
    uint64_t numbers[MOST];
    size_t count = 0;
    uint64_t seed = 1;
    struct ask_book book;

    (void)state;
    ask_book_init(&book);
    for (int step = 0; step < STEPS; step++) {
        size_t at = sample_draw(&seed) % MOST;

        if (at >= count && count < MOST) {
            ask_open(&book, &numbers[count])->context = (void *)(uintptr_t)(count + 1);
            ask_find(&book, numbers[count])->receiver = (uint32_t)numbers[count];
            count++;
        } else if (at < count) {
            struct ask *ask = ask_find(&book, numbers[at]);

            assert_non_null(ask);
            assert_int_equal(ask->receiver, (uint32_t)numbers[at]);
            ask_close(&book, ask);
            numbers[at] = numbers[--count];
        }
        assert_int_equal(book.open, count);
    }
    ask_book_free(&book);
}

static void a_walk_meets_those_that_were_there(void **state)
{
    enum { ASKS = 40 };
    struct ask_book book;
    struct ask_walk walk;
    struct ask *ask;
    struct peer *mine = peer_new("a/b");
    struct peer *other = peer_new("a/c");
    uint64_t number;
    int met = 0;

    (void)state;
    ask_book_init(&book);
    for (int i = 0; i < ASKS; i++)
        ask_open(&book, &number)->peer = i % 2 == 0 ? mine : other;
    walk = ask_walk_begin(&book);
    while ((ask = ask_walk_next(&book, &walk, mine)) != NULL) {
        ask_close(&book, ask);
        ask_open(&book, &number)->peer = mine; /* a retry, in the same place or another */
        ask_open(&book, &number)->peer = mine; /* and one more: the book may grow and move */
        met++;
    }
    assert_int_equal(met, ASKS / 2);
    assert_int_equal(book.open, ASKS / 2 + ASKS);
    ask_book_free(&book);
    peer_destroy(&mine);
    peer_destroy(&other);
}

static void the_books_have_their_limits(void **state)
{
    struct ask_book asks;
    struct question_book questions;
    struct question question;
    uint64_t number;

    (void)state;
    ask_book_init(&asks);
    for (uint32_t i = 0; i < ASKS_ROOM; i++)
        assert_non_null(ask_open(&asks, &number));
    assert_null(ask_open(&asks, &number));
    ask_book_free(&asks);
    question_book_init(&questions, 3);
    for (int i = 0; i < 3; i++)
        assert_non_null(question_open(&questions, &question));
    assert_null(question_open(&questions, &question));
    question_close(&questions, question_find(&questions, question));
    assert_non_null(question_open(&questions, &question));
    question_book_free(&questions);
}

static void a_question_is_closed_once(void **state)
{
    struct question_book book;
    struct question first;
    struct question second;

    (void)state;
    question_book_init(&book, 100);
    question_open(&book, &first)->correlation = 1;
    assert_int_not_equal(first.generation, 0); /* all zero is nobody's question */
    assert_null(question_find(&book, (struct question){ 0 }));
    assert_null(question_find(&book, (struct question){ .slot = UINT32_MAX, .generation = 1 }));
    question_close(&book, question_find(&book, first));
    assert_null(question_find(&book, first));
    question_open(&book, &second)->correlation = 2;
    assert_null(question_find(&book, first));
    assert_int_equal(question_find(&book, second)->correlation, 2);
    question_book_free(&book);
}

/* A place in steady use comes round within hours: no number may be 0 then. */
static void numbers_come_round_without_a_zero(void **state)
{
    struct ask_book asks;
    struct question_book questions;
    struct question question;
    uint64_t number;

    (void)state;
    ask_book_init(&asks);
    ask_close(&asks, ask_open(&asks, &number));
    asks.asks[(uint32_t)number].generation = UINT32_MAX;
    ask_close(&asks, ask_open(&asks, &number));
    ask_open(&asks, &number);
    assert_int_equal(number >> 32, 1);
    ask_book_free(&asks);
    question_book_init(&questions, 10);
    question_close(&questions, question_open(&questions, &question));
    questions.entries[question.slot].generation = UINT32_MAX;
    question_close(&questions, question_open(&questions, &question));
    question_open(&questions, &question);
    assert_int_equal(question.generation, 1);
    question_book_free(&questions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ask_is_found_until_it_is_closed), cmocka_unit_test(the_book_keeps_count),
        cmocka_unit_test(a_walk_meets_those_that_were_there), cmocka_unit_test(the_books_have_their_limits),
        cmocka_unit_test(a_question_is_closed_once),          cmocka_unit_test(numbers_come_round_without_a_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
