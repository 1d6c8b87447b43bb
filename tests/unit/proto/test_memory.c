/* SPDX-License-Identifier: MIT */
/* Arenas and buffers: what they give, what they keep, where they end. */
#include <stdalign.h>
#include <stdlib.h>

#include "proto/arena.h"
#include "proto/buffer.h"
#include "tests/testing.h"

static bool is_zero(const char *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (at[i] != 0)
            return false;
    }
    return true;
}

static void an_arena_gives_zeroed_aligned_memory_of_its_own(void **state)
{
    struct arena arena = { .limit = 1 << 20 };

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 700; size++) {
            char *at = arena_take(&arena, size);

            assert_non_null(at);
            assert_int_equal((uintptr_t)at % alignof(max_align_t), 0);
            assert_true(is_zero(at, size));
            memset(at, 0xa5, size); /* seen by the next one if they overlapped */
        }
        arena_clear(&arena);
    }
    arena_free(&arena);
}

static void an_arena_ends_at_its_limit(void **state)
{
    struct arena arena = { .limit = 10000 };
    size_t taken = 0;

    (void)state;
    assert_null(arena_take(&arena, 10001));
    assert_null(arena_take(&arena, SIZE_MAX));
    while (arena_take(&arena, 64) != NULL)
        taken += 64;
    assert_in_range(taken, 9900, 10000);
    arena_clear(&arena);
    assert_non_null(arena_take(&arena, 10000));
    assert_null(arena_take(&arena, 1));
    arena_free(&arena);
}

/* One large frame must not cost its receiver that memory for ever. */
static void an_arena_keeps_little_between_frames(void **state)
{
    struct arena arena = { .limit = 1 << 24 };
    char *kept;

    (void)state;
    assert_non_null(arena_take(&arena, ARENA_KEPT + 1));
    arena_clear(&arena);
    assert_null(arena.blocks);
    kept = arena_take(&arena, 100);
    arena_clear(&arena);
    assert_ptr_equal(arena_take(&arena, 100), kept);
    arena_free(&arena);
    arena_free(&arena); /* twice is fine */
}

static void a_buffer_grows_and_keeps_what_it_has(void **state)
{
    struct buffer buffer = { 0 };

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char byte = (char)i;

        buffer_append(&buffer, &byte, 1);
    }
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.size, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal((char)i, buffer.at[i]);
    memset(buffer_reserve(&buffer, 100000), 1, 100000); /* room is really there, and not yet used */
    assert_int_equal(buffer.size, 5000);
    buffer_free(&buffer);
    assert_null(buffer.at);
    buffer_append(&buffer, "again", 5);
    assert_true(slice_is(buffer_slice(&buffer), "again"));
    buffer_free(&buffer);
}

static void a_cleared_buffer_gives_back_what_is_too_much(void **state)
{
    struct buffer buffer = { 0 };

    (void)state;
    buffer_reserve(&buffer, 1000);
    buffer_clear(&buffer, 1024);
    assert_non_null(buffer.at);
    buffer_reserve(&buffer, 2000);
    buffer_clear(&buffer, 1024);
    assert_null(buffer.at);
    assert_int_equal(buffer.room, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_of_its_own),
        cmocka_unit_test(an_arena_ends_at_its_limit),
        cmocka_unit_test(an_arena_keeps_little_between_frames),
        cmocka_unit_test(a_buffer_grows_and_keeps_what_it_has),
        cmocka_unit_test(a_cleared_buffer_gives_back_what_is_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
