/* SPDX-License-Identifier: MIT */
/* code_space: denies what cannot exist, and nothing as soon as anything that this rests on is missing. */
#include <stdio.h>

#include "actors/edge/code_space.h"
#include "tests/testing.h"

#define SECOND UINT64_C(1000000)

static struct keyed_hash_key key_named(const char *name)
{
    return keyed_hash_key_of(slice_of(name));
}

static void
promise(struct code_space *space, uint32_t keygen, const char *key_name, uint64_t ceiling, uint64_t asked_us)
{
    struct keyed_hash_key key = key_named(key_name);

    code_space_promised(space, keygen, asked_us, 2 * SECOND, ceiling, 7,
                        (struct slice){ (const char *)key.bytes, sizeof(key.bytes) });
}

static struct slice code_of(uint64_t number, char room[8])
{
    struct keyed_hash_key key = key_named("one");
    struct code_permutation permutation;

    code_permutation_init(&permutation, &key, 7);
    code_permutation_write(&permutation, number, room);
    return (struct slice){ room, 7 };
}

static void read_all(struct code_space *space, const char *codes, uint64_t now_us)
{
    uint64_t reading;

    assert_true(code_space_wants_reading(space, now_us));
    reading = code_space_begin(space);
    code_space_page(space, reading, slice_of(codes), 7, true, now_us);
}

/* Promised at 0 below 1000, all chosen codes read. */
static struct code_space ready_space(void)
{
    struct code_space space;

    code_space_init(&space, 5, 1);
    code_space_trust(&space, true);
    promise(&space, 0, "one", 1000, 0);
    read_all(&space, "chosen1chosen2", 0);
    assert_int_equal(code_space_state(&space, 0), CODE_SPACE_ON);
    return space;
}

static void assert_denied(struct code_space *space, struct slice code, uint64_t now_us)
{
    assert_int_equal(code_space_verdict(space, code, now_us), CODE_SPACE_UNKNOWN);
}

static void assert_asked(struct code_space *space, struct slice code, uint64_t now_us)
{
    assert_int_equal(code_space_verdict(space, code, now_us), CODE_SPACE_ASK);
}

static void only_what_cannot_exist_is_denied(void **state)
{
    struct code_space space = ready_space();
    char room[8];

    (void)state;
    for (uint64_t number = 0; number < 1000; number++)
        assert_asked(&space, code_of(number, room), 0);
    for (uint64_t number = 1000; number < 2000; number++)
        assert_denied(&space, code_of(number, room), 0);
    assert_asked(&space, SLICE("chosen1"), 0);
    assert_asked(&space, SLICE("chosen2"), 0);
    assert_denied(&space, SLICE("chosen3"), 0);
    assert_asked(&space, SLICE("chosen"), 0);
    assert_asked(&space, SLICE("chosen33"), 0);
    assert_asked(&space, SLICE("chos-n3"), 0);
    code_space_destroy(&space);
}

static void a_promise_ends(void **state)
{
    struct code_space space = ready_space();

    (void)state;
    assert_denied(&space, SLICE("nothing"), 2 * SECOND - 1);
    assert_asked(&space, SLICE("nothing"), 2 * SECOND);
    promise(&space, 0, "one", 1000, SECOND);
    assert_denied(&space, SLICE("nothing"), 3 * SECOND - 1);
    promise(&space, 0, "one", 0, 3 * SECOND);
    assert_int_equal(code_space_state(&space, 3 * SECOND), CODE_SPACE_NO_PROMISE);
    code_space_destroy(&space);
}

static void what_is_made_is_known_at_once(void **state)
{
    struct code_space space = ready_space();

    (void)state;
    code_space_note(&space, SLICE("brandNu"));
    assert_asked(&space, SLICE("brandNu"), 0);
    code_space_note(&space, SLICE("short"));
    assert_int_equal(space.chosen, 3); /* of other lengths nothing is denied: not worth the room */
    code_space_destroy(&space);
}

/* After a doubt everything is asked for until all was read again, and what was read before the doubt does not count. */
static void a_doubt_makes_it_read_again(void **state)
{
    struct code_space space = ready_space();
    uint64_t reading;

    (void)state;
    code_space_doubt(&space);
    assert_asked(&space, SLICE("nothing"), 0);
    assert_int_equal(code_space_state(&space, 0), CODE_SPACE_READING);
    reading = code_space_begin(&space);
    code_space_page(&space, reading, SLICE("chosen4"), 7, false, 0);
    assert_asked(&space, SLICE("nothing"), 0);
    code_space_doubt(&space);
    code_space_page(&space, reading, SLICE("chosen5"), 7, true, 0); /* belongs to a reading that is void */
    assert_asked(&space, SLICE("nothing"), 0);
    read_all(&space, "chosen4", 0);
    assert_denied(&space, SLICE("nothing"), 0);
    assert_asked(&space, SLICE("chosen4"), 0);
    code_space_destroy(&space);
}

static void nothing_is_read_or_denied_without_trust(void **state)
{
    struct code_space space = ready_space();

    (void)state;
    code_space_trust(&space, false);
    assert_int_equal(code_space_state(&space, 0), CODE_SPACE_DISTRUST);
    assert_asked(&space, SLICE("nothing"), 0);
    assert_false(code_space_wants_reading(&space, 0));
    code_space_trust(&space, true); /* a change may have been missed in between */
    assert_asked(&space, SLICE("nothing"), 0);
    assert_true(code_space_wants_reading(&space, 0));
    code_space_destroy(&space);
}

/* News that comes before or during a reading is not lost by it. */
static void news_outlives_a_reading(void **state)
{
    struct code_space space = ready_space();
    uint64_t reading;

    (void)state;
    code_space_doubt(&space);
    code_space_note(&space, SLICE("before1"));
    reading = code_space_begin(&space);
    code_space_note(&space, SLICE("during1"));
    code_space_page(&space, reading, SLICE(""), 7, true, 0);
    assert_denied(&space, SLICE("nothing"), 0);
    assert_asked(&space, SLICE("before1"), 0);
    assert_asked(&space, SLICE("during1"), 0);
    code_space_destroy(&space);
}

static void it_is_read_again_now_and_then(void **state)
{
    struct code_space space = ready_space();
    uint64_t later = CODE_SPACE_REREAD_US;

    (void)state;
    promise(&space, 0, "one", 1000, later);
    assert_false(code_space_wants_reading(&space, later - 1));
    read_all(&space, "written", later);
    assert_asked(&space, SLICE("written"), later);
    assert_denied(&space, SLICE("nothing"), later);
    code_space_destroy(&space);
}

static void several_keygens_count_together(void **state)
{
    struct code_space space;
    char room[8];

    (void)state;
    code_space_init(&space, 5, 2);
    code_space_trust(&space, true);
    promise(&space, 0, "one", 1000, 0);
    assert_int_equal(code_space_state(&space, 0), CODE_SPACE_NO_PROMISE);
    promise(&space, 1, "one", 2000, SECOND);
    read_all(&space, "", 0);
    assert_asked(&space, code_of(1999, room), SECOND);
    assert_denied(&space, code_of(2000, room), SECOND);
    assert_asked(&space, code_of(2000, room), 2 * SECOND); /* the first one's is over */
    promise(&space, 0, "another", 1000, SECOND);
    assert_asked(&space, code_of(2000, room), SECOND); /* they do not agree on the key */
    code_space_destroy(&space);
}

static void with_too_many_chosen_codes_everything_is_asked_for(void **state)
{
    struct code_space space = ready_space();

    (void)state;
    for (uint32_t i = 0; i < CODE_SPACE_CHOSEN_LIMIT - 2; i++) {
        char code[8];

        (void)snprintf(code, sizeof(code), "%07u", i);
        code_space_note(&space, slice_of(code));
    }
    assert_asked(&space, SLICE("0000000"), 0);
    assert_asked(&space, SLICE("0262141"), 0);
    assert_denied(&space, SLICE("nothing"), 0);
    code_space_note(&space, SLICE("chosen3"));
    assert_int_equal(code_space_state(&space, 0), CODE_SPACE_TOO_MANY);
    assert_asked(&space, SLICE("nothing"), 0);
    assert_false(code_space_wants_reading(&space, 0));
    code_space_destroy(&space);
}

static void without_a_keygen_everything_is_asked_for(void **state)
{
    struct code_space space;

    (void)state;
    code_space_init(&space, 5, 0);
    code_space_trust(&space, true);
    assert_int_equal(code_space_state(&space, 0), CODE_SPACE_NO_KEYGEN);
    assert_asked(&space, SLICE("nothing"), 0);
    code_space_destroy(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_cannot_exist_is_denied),
        cmocka_unit_test(a_promise_ends),
        cmocka_unit_test(what_is_made_is_known_at_once),
        cmocka_unit_test(a_doubt_makes_it_read_again),
        cmocka_unit_test(nothing_is_read_or_denied_without_trust),
        cmocka_unit_test(news_outlives_a_reading),
        cmocka_unit_test(it_is_read_again_now_and_then),
        cmocka_unit_test(several_keygens_count_together),
        cmocka_unit_test(with_too_many_chosen_codes_everything_is_asked_for),
        cmocka_unit_test(without_a_keygen_everything_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
