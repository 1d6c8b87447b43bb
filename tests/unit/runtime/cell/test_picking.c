/* SPDX-License-Identifier: MIT */
/* Which of several receivers gets a letter: in turn, the one with least to do, by a key, or each. In the harness. */
#include <string.h>

#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/testing.h"

enum { IN_TURN, LEAST, BY_KEY, EACH, OUTLETS, RECEIVERS = 3 };

static const struct outlet chooser_outlets[OUTLETS] = {
    [IN_TURN] = { .name = "in_turn", .to = "worker", .pick = PICK_ROUND_ROBIN },
    [LEAST] = { .name = "least", .to = "worker", .pick = PICK_LEAST_OUTSTANDING },
    [BY_KEY] = { .name = "by_key", .to = "worker", .pick = PICK_BY_KEY },
    [EACH] = { .name = "each", .to = "worker", .pick = PICK_EACH },
};

static void ended(struct actor *me, void *context, const struct answer *answer)
{
    (void)me;
    (void)context;
    (void)answer;
}

/* That many asks in one turn. */
static void on_lease(struct actor *me, const struct ids_lease *m)
{
    for (uint64_t i = 0; i < m->count; i++)
        (void)ASK(me, LEAST, (&(struct sending){ .then = ended, .deadline_us = 60 * 1000 * 1000 }), ids_lease,
                  .count = i);
}

static void on_beat(struct actor *me, const struct feed_beat *m)
{
    if (m->feed == BY_KEY)
        (void)ASK(me, BY_KEY, (&(struct sending){ .then = ended, .key = m->number }), ids_lease, .count = m->number);
    else
        (void)TELL(me, (uint32_t)m->feed, feed_beat, .number = m->number);
}

static const struct handler chooser_handlers[] = {
    TOLD(ids_lease, on_lease),
    TOLD(feed_beat, on_beat),
};

static const struct actor_kind chooser_kind = {
    .name = "chooser",
    .state_size = 1,
    TABLE(outlet, chooser_outlets),
    TABLE(handler, chooser_handlers),
};

struct stage {
    struct harness *harness;
    struct actor *chooser;
    uint32_t got[RECEIVERS]; /* letters of the last round */
};

static int set_up(void **state)
{
    static struct stage stage;

    stage = (struct stage){ .harness = harness_new(1) };
    stage.chooser = harness_add(stage.harness, &chooser_kind, "chooser", NULL);
    for (uint32_t i = 0; i < OUTLETS; i++)
        harness_receivers(stage.harness, stage.chooser, i, RECEIVERS);
    harness_start(stage.harness);
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;

    harness_destroy(&stage->harness);
    return 0;
}

/* Counts the letters that have left, by the last figure of their receiver's address; answers them when told to. */
static void collect(struct stage *stage, bool answers)
{
    const struct harness_letter *letter;

    harness_run(stage->harness);
    memset(stage->got, 0, sizeof stage->got);
    while ((letter = harness_take(stage->harness)) != NULL) {
        stage->got[letter->to[strlen(letter->to) - 1] - '0']++;
        if (answers)
            harness_reply(stage->harness, letter, &ids_leased_schema, &(struct ids_leased){ .count = 1 });
    }
    harness_run(stage->harness);
}

static void beat(struct stage *stage, uint64_t outlet, uint64_t number)
{
    harness_tell(stage->harness, stage->chooser, &feed_beat_schema,
                 &(struct feed_beat){ .feed = outlet, .number = number });
}

static void ask_in_one_turn(struct stage *stage, uint64_t count)
{
    harness_tell(stage->harness, stage->chooser, &ids_lease_schema, &(struct ids_lease){ .count = count });
}

static void takes_turns(void **state)
{
    struct stage *stage = *state;

    for (uint64_t i = 0; i < 6; i++)
        beat(stage, IN_TURN, i);
    collect(stage, false);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        assert_int_equal(stage->got[i], 2);
}

static void tells_each(void **state)
{
    struct stage *stage = *state;

    beat(stage, EACH, 1);
    collect(stage, false);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        assert_int_equal(stage->got[i], 1);
}

static void one_turn_is_one_parcel_to_whoever_has_least_to_do(void **state)
{
    struct stage *stage = *state;
    uint32_t served[RECEIVERS] = { 0 };

    for (uint32_t turn = 0; turn < RECEIVERS; turn++) {
        uint32_t receivers = 0;

        ask_in_one_turn(stage, 20);
        collect(stage, false); /* unanswered: the next turn goes to somebody else */
        for (uint32_t i = 0; i < RECEIVERS; i++) {
            receivers += stage->got[i] > 0;
            served[i] += stage->got[i];
        }
        assert_int_equal(receivers, 1);
    }
    for (uint32_t i = 0; i < RECEIVERS; i++)
        assert_int_equal(served[i], 20);
}

static void a_large_turn_is_shared(void **state)
{
    struct stage *stage = *state;

    ask_in_one_turn(stage, 600);
    collect(stage, true);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        assert_in_range(stage->got[i], 130, 270);
}

static void a_key_has_one_receiver(void **state)
{
    struct stage *stage = *state;
    uint32_t used[RECEIVERS] = { 0 };

    for (uint64_t key = 1; key <= 32; key++) {
        uint32_t first = 0;

        beat(stage, BY_KEY, key);
        collect(stage, true);
        while (stage->got[first] == 0)
            first++;
        used[first]++;
        beat(stage, BY_KEY, key);
        collect(stage, true);
        assert_int_equal(stage->got[first], 1);
    }
    for (uint32_t i = 0; i < RECEIVERS; i++)
        assert_true(used[i] > 0);
}

int main(void)
{
#define PICKING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PICKING(takes_turns),
        PICKING(tells_each),
        PICKING(one_turn_is_one_parcel_to_whoever_has_least_to_do),
        PICKING(a_large_turn_is_shared),
        PICKING(a_key_has_one_receiver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
