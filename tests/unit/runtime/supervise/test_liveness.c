/* SPDX-License-Identifier: MIT */
/*
 * Nodes that fall silent, and who watches whom: real processes on hosts of their own, one of which stands still, is
 * killed, or is cut off in one direction by a proxy in between.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "tests/testing.h"
#include "tests/unit/support/nodes.h"
#include "tests/unit/support/one_way_proxy.h"

enum { HEARTBEAT_US = 400 * 1000 };

/* ------------------------------------------------------------------------------------------------ actors */

/* Does not answer, so that asks to it stay open; fails when it is told to. */
static void stay_silent(struct actor *me, const struct ids_lease *m, struct question q)
{
    (void)me, (void)m, (void)q;
}

static void die(struct actor *me, const struct feed_beat *m)
{
    (void)m;
    actor_fail(me, "it was told to");
}

static const struct handler mute_handlers[] = { ASKED(ids_lease, stay_silent), TOLD(feed_beat, die) };
static const struct actor_kind mute_kind = { .name = "mute", .mailbox_letters = 4096, TABLE(handler, mute_handlers) };

/* Asks the mute one whenever it is asked, and monitors it; says how its ask ended, and what it heard. */
struct seer {
    bool links; /* option */
    uint64_t downs;
    uint64_t starts;
    char reason[128];
};

enum { TO_MUTE };

static void ended(struct actor *me, void *context, const struct answer *answer)
{
    struct question *q = context;

    ANSWER(me, *q, ids_leased, .first = answer->outcome, .count = 1);
    free(q);
}

static void ask_mute(struct actor *me, const struct ids_lease *m, struct question q)
{
    struct question *kept = malloc(sizeof *kept);

    assert_non_null(kept);
    *kept = q;
    ASK(me, TO_MUTE, (&(struct sending){ .deadline_us = NODES_PATIENCE_US, .then = ended, .context = kept }), ids_lease,
        .count = m->count);
}

static void heard_down(struct actor *me, void *context, const struct down *down)
{
    struct seer *self = actor_state(me);

    (void)context;
    self->downs++;
    snprintf(self->reason, sizeof self->reason, "%s", down->reason);
}

static void begin_to_watch(struct actor *me, const struct codes_lease *m, struct question q)
{
    struct seer *self = actor_state(me);

    (void)m;
    self->downs = 0;
    self->reason[0] = '\0';
    assert_true(actor_monitor(me, actor_receiver_name(me, TO_MUTE, 0), heard_down, NULL) != 0);
    ANSWER(me, q, codes_leased, .code_length = 1);
}

static void tell_downs(struct actor *me, const struct epoch_lease *m, struct question q)
{
    (void)m;
    ANSWER(me, q, epoch_leased, .epoch = ((struct seer *)actor_state(me))->downs);
}

/* Kills the mute one. */
static void pass_on(struct actor *me, const struct feed_beat *m)
{
    TELL(me, TO_MUTE, feed_beat, .number = m->number);
}

static void seer_start(struct actor *me)
{
    if (((struct seer *)actor_state(me))->links)
        actor_link(me, actor_receiver_name(me, TO_MUTE, 0));
}

static const struct option seer_options[] = {
    { "links", OPTION_BOOL, offsetof(struct seer, links), "no", "Whether it is linked to the mute one." },
};
static const struct outlet seer_outlets[] = { [TO_MUTE] = { .name = "mute", .to = "mute" } };
static const struct handler seer_handlers[] = {
    ASKED(ids_lease, ask_mute),
    ASKED(codes_lease, begin_to_watch),
    ASKED(epoch_lease, tell_downs),
    TOLD(feed_beat, pass_on),
};
static const struct actor_kind seer_kind = {
    .name = "seer",
    .state_size = sizeof(struct seer),
    .start = seer_start,
    TABLE(option, seer_options),
    TABLE(outlet, seer_outlets),
    TABLE(handler, seer_handlers),
};

static const struct property is_linked[] = { { .name = "links", .value = "yes" } };
static const struct topology_actor seers[] = { { .name = "seer", .kind = &seer_kind } };
static const struct topology_actor linked_seers[] = {
    { .name = "seer", .kind = &seer_kind, .options = is_linked, .option_count = 1 },
};
static const struct topology_actor mutes[] = { { .name = "mute", .kind = &mute_kind } };
static struct topology_node nodes[2];
static const struct topology topology = {
    .name = "test", .url = "", .file = "", .nodes = nodes, .node_count = 2, .heartbeat_us = HEARTBEAT_US
};

static void begin(const struct topology_actor *watching, bool on_hosts)
{
    nodes[0] = (struct topology_node)NODES_ROW("near", seers);
    nodes[0].actors = watching;
    nodes[1] = (struct topology_node)NODES_ROW("far", mutes);
    if (on_hosts)
        nodes_put_on_hosts(nodes, 2);
    nodes_start_all(&topology);
    NODES_WAIT_FOR(nodes_metric("near", "shunt_node_peer_up{node=\"near\",peer=\"far\"}") == 1);
}

static uint64_t downs(void)
{
    return ((const struct epoch_leased *)NODES_ASK("near/seer", epoch_lease, .lanes = 1))->epoch;
}

static uint64_t outcome_of_an_ask(void)
{
    return ((const struct ids_leased *)NODES_ASK("near/seer", ids_lease, .count = 1))->first;
}

/* ------------------------------------------------------------------------------------------------ silence */

/* It stands still: every connection is as it was, and nobody tells. */
static void a_node_that_stands_still_is_down(bool on_hosts)
{
    uint64_t stopped_at_us;
    uint64_t took_us;

    begin(seers, on_hosts);
    NODES_ASK("near/seer", codes_lease, .count = 1);
    NODES_WAIT_FOR(nodes_metric("near", "shunt_actor_letters_out_total{node=\"near\",actor=\"seer\"") >=
                   2); /* watching */
    stopped_at_us = nodes_now_us();
    kill(nodes_pids[1], SIGSTOP);
    assert_int_equal(outcome_of_an_ask(), ASK_TARGET_DIED); /* it was open when the node fell silent */
    took_us = nodes_now_us() - stopped_at_us;
    assert_in_range(took_us, HEARTBEAT_US, 3 * HEARTBEAT_US + HEARTBEAT_US / 2); /* a half for this machine's load */
    stopped_at_us = nodes_now_us();
    assert_int_equal(outcome_of_an_ask(), ASK_TARGET_DIED); /* a new one fails at once */
    assert_true(nodes_now_us() - stopped_at_us < HEARTBEAT_US);
    NODES_WAIT_FOR(downs() == 1);
    assert_true(nodes_metric("near", "shunt_node_peer_up{node=\"near\",peer=\"far\"}") == 0);

    kill(nodes_pids[1], SIGCONT);
    NODES_WAIT_FOR(nodes_metric("near", "shunt_node_peer_up{node=\"near\",peer=\"far\"}") == 1);
    NODES_ASK("near/seer", codes_lease, .count = 1); /* it can be watched anew */
    assert_int_equal(downs(), 0);
}

static void over_ipc_a_node_that_stands_still_is_down(void **state)
{
    (void)state;
    a_node_that_stands_still_is_down(false);
}

static void over_tcp_a_node_that_stands_still_is_down(void **state)
{
    (void)state;
    a_node_that_stands_still_is_down(true);
}

/* What "near" sends is lost, what "far" sends arrives, and no connection ends. */
static void a_one_way_cut_is_seen_from_both_ends(void **state)
{
    static char by_proxy[40];
    struct topology_node far;
    uint64_t cut_at_us;
    pid_t proxy;
    int port;

    (void)state;
    nodes[0] = (struct topology_node)NODES_ROW("near", seers);
    nodes[1] = (struct topology_node)NODES_ROW("far", mutes);
    nodes_put_on_hosts(nodes, 2);
    far = nodes[1];
    port = atoi(strrchr(far.tcp, ':') + 1);
    proxy = proxy_start(port + 4000, port - 1, 2); /* the supervisor's port and the actor's */
    snprintf(by_proxy, sizeof by_proxy, "tcp://127.0.0.1:%d", port + 4001);
    nodes_start_client();
    nodes_start(&topology, 1);
    nodes[1].tcp = by_proxy; /* as "near" is to see it */
    nodes_start(&topology, 0);
    NODES_WAIT_FOR(nodes_metric("near", "shunt_node_peer_up{node=\"near\",peer=\"far\"}") == 1 &&
                   nodes_metric("far", "shunt_node_peer_up{node=\"far\",peer=\"near\"}") == 1);
    NODES_ASK("near/seer", codes_lease, .count = 1);
    cut_at_us = nodes_now_us();
    proxy_cut(proxy);
    assert_int_equal(outcome_of_an_ask(), ASK_TARGET_DIED);
    assert_in_range(nodes_now_us() - cut_at_us, HEARTBEAT_US, 3 * HEARTBEAT_US + HEARTBEAT_US / 2);
    NODES_WAIT_FOR(nodes_metric("far", "shunt_node_peer_up{node=\"far\",peer=\"near\"}") == 0);
    proxy_mend(proxy); /* what was lost in the middle of a frame ends the connections; ZeroMQ makes new ones */
    NODES_WAIT_FOR(nodes_metric("near", "shunt_node_peer_up{node=\"near\",peer=\"far\"}") == 1 &&
                   nodes_metric("far", "shunt_node_peer_up{node=\"far\",peer=\"near\"}") == 1);
    kill(proxy, SIGKILL);
    waitpid(proxy, NULL, 0);
}

static void a_node_that_is_killed_elsewhere_is_down_and_its_successor_is_found(void **state)
{
    (void)state;
    begin(seers, true);
    NODES_ASK("near/seer", codes_lease, .count = 1);
    nodes_end(1, SIGKILL);
    NODES_WAIT_FOR(downs() == 1);
    nodes_start(&topology, 1);
    NODES_WAIT_FOR(nodes_metric("near", "shunt_node_peer_up{node=\"near\",peer=\"far\"}") == 1);
}

/* ------------------------------------------------------------------------------------------------ monitors and links
 */

static void a_monitor_hears_once_how_an_actor_ended(bool on_hosts)
{
    begin(seers, on_hosts);
    NODES_ASK("near/seer", codes_lease, .count = 1);
    for (int i = 0; i < 20; i++)
        nodes_pause(UINT64_MAX, ""); /* the watch has to be there: what fails before is not its business */
    assert_int_equal(downs(), 0);
    NODES_ASK("far/supervisor", actor_command, .actor = SLICE("mute"), .verb = SLICE("restart"), .who = SLICE("test"));
    NODES_WAIT_FOR(downs() == 1);
    NODES_ASK("far/supervisor", actor_command, .actor = SLICE("mute"), .verb = SLICE("restart"), .who = SLICE("test"));
    for (int i = 0; i < 20; i++)
        nodes_pause(UINT64_MAX, "");
    assert_int_equal(downs(), 1);
}

static void over_ipc_a_monitor_hears_once_how_an_actor_ended(void **state)
{
    (void)state;
    a_monitor_hears_once_how_an_actor_ended(false);
}

static void over_tcp_a_monitor_hears_once_how_an_actor_ended(void **state)
{
    (void)state;
    a_monitor_hears_once_how_an_actor_ended(true);
}

static double restarts(const char *node, const char *actor)
{
    char start[128];

    snprintf(start, sizeof start, "shunt_actor_restarts_total{node=\"%s\",actor=\"%s\"", node, actor);
    return nodes_metric(node, start);
}

/* Whichever fails takes the other along, once. */
static void linked_actors_fail_together(void **state)
{
    static const struct {
        const char *supervisor;
        const char *actor;
    } failing[] = { { "far/supervisor", "mute" }, { "near/supervisor", "seer" } };

    (void)state;
    begin(linked_seers, true);
    for (int i = 0; i < 2; i++) {
        for (int pause = 0; pause < 40; pause++)
            nodes_pause(UINT64_MAX, ""); /* both directions have to be linked */
        NODES_ASK(failing[i].supervisor, actor_command, .actor = slice_of(failing[i].actor), .verb = SLICE("restart"),
                  .who = SLICE("test"));
        NODES_WAIT_FOR(restarts("near", "seer") >= i + 1 && restarts("far", "mute") >= i + 1);
    }
    for (int pause = 0; pause < 40; pause++)
        nodes_pause(UINT64_MAX, "");
    assert_true(restarts("near", "seer") == 2 && restarts("far", "mute") == 2); /* and no echo of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(over_ipc_a_node_that_stands_still_is_down, nodes_end_all),
        cmocka_unit_test_teardown(over_tcp_a_node_that_stands_still_is_down, nodes_end_all),
        cmocka_unit_test_teardown(a_one_way_cut_is_seen_from_both_ends, nodes_end_all),
        cmocka_unit_test_teardown(a_node_that_is_killed_elsewhere_is_down_and_its_successor_is_found, nodes_end_all),
        cmocka_unit_test_teardown(over_ipc_a_monitor_hears_once_how_an_actor_ended, nodes_end_all),
        cmocka_unit_test_teardown(over_tcp_a_monitor_hears_once_how_an_actor_ended, nodes_end_all),
        cmocka_unit_test_teardown(linked_actors_fail_together, nodes_end_all),
    };

    return cmocka_run_group_tests(tests, nodes_enter, nodes_leave);
}
