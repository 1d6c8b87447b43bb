/* SPDX-License-Identifier: MIT */
/* Links and monitors as an actor's author sees them: who is told of whose end, how often, and when not. Across
 * processes they are in ../supervise/test_liveness.c. */
#include <stdio.h>

#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/testing.h"

struct watching {
    const char *whom; /* option */
    bool links;       /* option */
    uint64_t downs;
    uint64_t monitor;
    char reason[64];
};

static void heard(struct actor *me, void *context, const struct down *down)
{
    struct watching *self = context;

    assert_ptr_equal(self, actor_state(me));
    assert_string_equal(down->address, self->whom);
    self->downs++;
    snprintf(self->reason, sizeof self->reason, "%s", down->reason);
}

static void start_watching(struct actor *me)
{
    struct watching *self = actor_state(me);

    if (self->links)
        actor_link(me, self->whom);
    else
        self->monitor = actor_monitor(me, self->whom, heard, self);
}

static const struct option watching_options[] = {
    { "whom", OPTION_TEXT, offsetof(struct watching, whom), "absent/one", "Whom it watches." },
    { "links", OPTION_BOOL, offsetof(struct watching, links), "no", "Whether it is linked to it." },
};
static const struct actor_kind watching_kind = {
    .name = "watching",
    .state_size = sizeof(struct watching),
    .start = start_watching,
    TABLE(option, watching_options),
};

static void die(struct actor *me, const struct feed_beat *m)
{
    (void)m;
    actor_fail(me, "it was told to");
}

static const struct handler mortal_handlers[] = { TOLD(feed_beat, die) };
static const struct actor_kind mortal_kind = { .name = "mortal", TABLE(handler, mortal_handlers) };

static struct harness *h;
static struct actor *watcher;

static void begin(const char *whom, const char *links)
{
    const char *options[] = { whom, links, NULL };

    h = harness_new(1);
    watcher = harness_add(h, &watching_kind, "watcher", options);
}

static int end(void **state)
{
    (void)state;
    harness_destroy(&h);
    return 0;
}

static struct watching *seen(void)
{
    return actor_state(watcher);
}

static void the_end_is_told_once(void **state)
{
    (void)state;
    begin("whom=absent/one", "links=no");
    harness_start(h);
    assert_int_equal(seen()->downs, 0);
    harness_down(h, "absent/another", "of no concern");
    harness_down(h, "elsewhere/one", "of no concern");
    assert_int_equal(seen()->downs, 0);
    harness_down(h, "absent/one", "it broke");
    harness_down(h, "absent/one", "it broke again");
    assert_int_equal(seen()->downs, 1);
    assert_string_equal(seen()->reason, "it broke");
}

static void an_actor_of_the_same_node_is_watched_alike(void **state)
{
    struct actor *mortal;

    (void)state;
    begin("whom=test/mortal", "links=no");
    mortal = harness_add(h, &mortal_kind, "mortal", NULL);
    harness_start(h);
    harness_tell(h, mortal, &feed_beat_schema, &(struct feed_beat){ .number = 1 });
    assert_int_equal(seen()->downs, 1);
    assert_string_equal(seen()->reason, "it was told to");
}

static void the_end_of_its_node_is_its_end(void **state)
{
    (void)state;
    begin("whom=absent/one", "links=no");
    harness_start(h);
    harness_node(h, "absent", false);
    assert_int_equal(seen()->downs, 1);
}

static void a_lost_letter_is_made_good(void **state)
{
    (void)state;
    begin("whom=absent/one", "links=no");
    harness_start(h);
    harness_advance(h, UINT64_C(100) * 1000 * 1000); /* several answers have not come */
    assert_int_equal(seen()->downs, 0);
    harness_down(h, "absent/one", "it broke");
    assert_int_equal(seen()->downs, 1);
}

static void who_does_not_want_to_know_is_not_told(void **state)
{
    (void)state;
    begin("whom=absent/one", "links=no");
    harness_start(h);
    actor_demonitor(watcher, seen()->monitor);
    actor_demonitor(watcher, seen()->monitor); /* unknown by now */
    harness_down(h, "absent/one", "it broke");
    assert_int_equal(seen()->downs, 0);
}

static void a_linked_actor_fails(void **state)
{
    (void)state;
    begin("whom=absent/one", "links=yes");
    harness_start(h);
    assert_true(harness_is_up(watcher));
    harness_down(h, "absent/one", "it broke");
    assert_false(harness_is_up(watcher));
    assert_string_equal(harness_failure(watcher), "absent/one, which it is linked to, is down: it broke");
}

static void there_is_a_limit(void **state)
{
    (void)state;
    begin("whom=absent/one", "links=no");
    harness_start(h);
    for (int i = 1; i < MONITORS_LIMIT; i++)
        assert_true(actor_monitor(watcher, "absent/one", heard, seen()) != 0);
    assert_int_equal(actor_monitor(watcher, "absent/one", heard, seen()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_end_is_told_once, end),
        cmocka_unit_test_teardown(an_actor_of_the_same_node_is_watched_alike, end),
        cmocka_unit_test_teardown(the_end_of_its_node_is_its_end, end),
        cmocka_unit_test_teardown(a_lost_letter_is_made_good, end),
        cmocka_unit_test_teardown(who_does_not_want_to_know_is_not_told, end),
        cmocka_unit_test_teardown(a_linked_actor_fails, end),
        cmocka_unit_test_teardown(there_is_a_limit, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
