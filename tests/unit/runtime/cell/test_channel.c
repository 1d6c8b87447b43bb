/* SPDX-License-Identifier: MIT */
/* The channel between supervisor and threads: many senders, one taker, nothing lost, each sender's order kept. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/cell/channel.h"
#include "tests/testing.h"

enum { SENDERS = 4, NOTICES = 5000, PATIENCE_MS = 10000 };

static struct channel *channel;

static void *send_many(void *context)
{
    uint64_t sender = (uint64_t)(uintptr_t)context;

    for (uint64_t i = 1; i <= NOTICES; i++)
        channel_send(channel, &(struct notice){ .type = EVENT_REPORT, .number = sender << 32 | i });
    return NULL;
}

static bool is_readable(int timeout_ms)
{
    struct pollfd fd = { .fd = channel_fd(channel), .events = POLLIN };

    return poll(&fd, 1, timeout_ms) == 1;
}

static void nothing_is_lost_between_threads(void **state)
{
    pthread_t threads[SENDERS];
    uint64_t last[SENDERS] = { 0 };
    int taken = 0;

    (void)state;
    channel = channel_new();
    for (uintptr_t i = 0; i < SENDERS; i++)
        pthread_create(&threads[i], NULL, send_many, (void *)i);
    while (taken < SENDERS * NOTICES) {
        struct notice notice;

        assert_true(is_readable(PATIENCE_MS)); /* a wake-up that is lost would end here */
        while (channel_take(channel, &notice)) {
            uint64_t sender = notice.number >> 32;

            assert_int_equal(notice.number & UINT32_MAX, ++last[sender]);
            taken++;
        }
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_false(is_readable(0));
    channel_destroy(&channel);
    assert_null(channel);
}

static void what_was_not_taken_is_freed(void **state)
{
    struct notice notice = { .type = EVENT_REPORT };

    (void)state;
    channel = channel_new();
    buffer_append(&notice.payload, "payload", 7); /* the leak sanitizer looks after it */
    channel_send(channel, &notice);
    channel_destroy(&channel);
    channel_destroy(&channel); /* nothing to do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(what_was_not_taken_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
