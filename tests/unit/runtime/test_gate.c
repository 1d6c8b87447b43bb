/* SPDX-License-Identifier: MIT */
/* A console on another machine: what its key lets it do through a gate, over real sockets, and when that ends. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/gate.h"
#include "runtime/wire/curve_file.h"
#include "tests/testing.h"
#include "tests/unit/support/nodes.h"

enum { SECOND_US = 1000 * 1000 };

static const struct actor_kind idle_kind = { .name = "idle" };
static char gate_address[40];
static struct property gate_options[] = { { .name = "listen", .value = gate_address } };
static const struct topology_actor actors[] = {
    { .name = "gate", .kind = &gate_kind, .options = gate_options, .option_count = 1 },
    { .name = "idle", .kind = &idle_kind },
};
static struct topology_node nodes[1];
static const struct topology topology = { .name = "test", .url = "", .file = "", .nodes = nodes, .node_count = 1 };

static int begin(void **state)
{
    char why[CURVE_SENTENCE_LIMIT];

    (void)state;
    nodes[0] = (struct topology_node)NODES_ROW("n", actors);
    nodes_put_on_hosts(nodes, 1);
    /* The node keeps its mailboxes to itself: the port that was found free is the gate's. */
    snprintf(gate_address, sizeof gate_address, "%s", nodes[0].tcp + strlen("tcp://"));
    nodes[0].tcp = NULL;
    assert_true(curve_file_make("ada", CURVE_READ, true, why) && curve_file_make("ops", CURVE_ACT, true, why));
    nodes_start_all(&topology);
    NODES_WAIT_FOR(nodes_metric("n", "shunt_node_up") == 1);
    return 0;
}

static struct client *come(const char *key)
{
    char file[64];
    char why[CLIENT_SENTENCE_LIMIT];
    struct client *client;

    snprintf(file, sizeof file, CURVE_FOLDER "/%s.cert_secret", key);
    client = client_open_gate(gate_address, file, CURVE_FOLDER "/a.cert", why);
    if (client == NULL)
        fail_msg("%s", why);
    return client;
}

static enum ask_outcome look(struct client *client, uint64_t patience_us)
{
    struct client_answer answer;

    CLIENT_ASK(client, "n/supervisor", patience_us, &answer, status_read);
    if (answer.outcome == ASK_ANSWERED)
        assert_true(slice_is(((const struct node_status *)answer.message)->name, "n"));
    return answer.outcome;
}

static void act(struct client *client, struct client_answer *ret_answer)
{
    CLIENT_ASK(client, "n/supervisor", NODES_PATIENCE_US, ret_answer, actor_command, .actor = SLICE("idle"),
               .verb = SLICE("restart"), .who = SLICE("test"));
}

static double restarts(void)
{
    return nodes_metric("n", "shunt_actor_restarts_total{node=\"n\",actor=\"idle\"");
}

static void who_may_act_may_also_look(void **state)
{
    struct client *ops = come("ops");
    struct client_answer answer;

    (void)state;
    assert_int_equal(look(ops, NODES_PATIENCE_US), ASK_ANSWERED);
    act(ops, &answer);
    assert_int_equal(answer.outcome, ASK_ANSWERED);
    NODES_WAIT_FOR(restarts() == 1);
    client_close(&ops);
}

static void who_may_look_cannot_act(void **state)
{
    struct client *ada = come("ada");
    struct client_answer answer;

    (void)state;
    assert_int_equal(look(ada, NODES_PATIENCE_US), ASK_ANSWERED);
    act(ada, &answer);
    assert_int_equal(answer.outcome, ASK_FAILED);
    assert_non_null(strstr(answer.detail, "ada may only read"));
    assert_int_equal(look(ada, NODES_PATIENCE_US), ASK_ANSWERED); /* which costs nothing else */
    assert_true(restarts() == 0);
    assert_true(nodes_metric("n", "shunt_gate_refused_total") == 1);
    client_close(&ada);
}

static void note(void *outcomes, uint32_t index, const struct client_answer *answer)
{
    ((enum ask_outcome *)outcomes)[index] = answer->outcome;
}

static void several_are_asked_at_once(void **state)
{
    static const char *const addresses[] = { "n/supervisor", "nowhere/supervisor", "n/supervisor" };
    struct client *ada = come("ada");
    enum ask_outcome outcomes[3] = { ASK_FAILED, ASK_FAILED, ASK_FAILED };

    (void)state;
    client_ask_each(ada, addresses, 3, &status_read_schema, &(struct status_read){}, NODES_PATIENCE_US, note, outcomes);
    assert_int_equal(outcomes[0], ASK_ANSWERED);
    assert_int_equal(outcomes[1], ASK_NO_TARGET);
    assert_int_equal(outcomes[2], ASK_ANSWERED);
    client_close(&ada);
}

/* Neither a key that nobody knows, nor one that opens other doors. */
static void strangers_hear_nothing(void **state)
{
    static const char *const strangers[] = { "nobody", "b" };
    char why[CURVE_SENTENCE_LIMIT];

    (void)state;
    assert_true(curve_file_make("nobody", CURVE_ACT, true, why));
    for (int i = 0; i < 2; i++) {
        struct client *stranger = come(strangers[i]);

        if (i == 0)
            assert_true(curve_file_revoke("nobody", why));
        NODES_WAIT_FOR(look(stranger, SECOND_US / 20) == ASK_TIMED_OUT &&
                       nodes_metric("n", "shunt_node_refused_keys_total") > i);
        client_close(&stranger);
    }
}

static void a_revoked_key_is_a_stranger_s(void **state)
{
    struct client *ops = come("ops");
    struct client *ada = come("ada");
    char why[CURVE_SENTENCE_LIMIT];

    (void)state;
    assert_int_equal(look(ops, NODES_PATIENCE_US), ASK_ANSWERED);
    assert_int_equal(look(ada, NODES_PATIENCE_US), ASK_ANSWERED);
    assert_true(curve_file_revoke("ops", why));
    NODES_WAIT_FOR(look(ops, SECOND_US / 10) == ASK_TIMED_OUT);
    NODES_WAIT_FOR(look(ada, SECOND_US) == ASK_ANSWERED); /* whose connection began anew */
    assert_int_equal(look(ops, SECOND_US / 10), ASK_TIMED_OUT);
    client_close(&ops);
    client_close(&ada);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_may_act_may_also_look, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(who_may_look_cannot_act, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(several_are_asked_at_once, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(strangers_hear_nothing, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(a_revoked_key_is_a_stranger_s, begin, nodes_end_all),
    };

    return cmocka_run_group_tests(tests, nodes_enter, nodes_leave);
}
