/* SPDX-License-Identifier: MIT */
/*
 * Who gets in over tcp, and who does not: real node processes on three hosts, and a stranger who knocks at their ports
 * with sockets of his own. Keys come and go while the nodes run.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zmq.h>

#include "proto/codec.h"
#include "proto/envelope.h"
#include "proto/messages/links.h"
#include "runtime/wire/curve.h"
#include "tests/testing.h"
#include "tests/unit/support/nodes.h"

/* ------------------------------------------------------------------------------------------------ who talks */

struct ear {
    uint64_t heard;
};

static void hear(struct actor *me, const struct feed_beat *m)
{
    (void)m;
    ((struct ear *)actor_state(me))->heard++;
}

static void tell_heard(struct actor *me, const struct ids_lease *m, struct question q)
{
    (void)m;
    ANSWER(me, q, ids_leased, .count = ((struct ear *)actor_state(me))->heard);
}

static const struct handler ear_handlers[] = { TOLD(feed_beat, hear), ASKED(ids_lease, tell_heard) };
static const struct actor_kind ear_kind = { .name = "ear",
                                            .state_size = sizeof(struct ear),
                                            TABLE(handler, ear_handlers) };

static void beat(struct actor *me, void *context)
{
    (void)context;
    TELL(me, 0, feed_beat, .number = 1);
}

static void start_mouth(struct actor *me)
{
    actor_every(me, 5000, beat, NULL);
}

static const struct outlet mouth_outlets[] = { { .name = "ear", .to = "ear" } };
static const struct actor_kind mouth_kind = { .name = "mouth", .start = start_mouth, TABLE(outlet, mouth_outlets) };

static const struct topology_actor mouths[] = { { .name = "mouth", .kind = &mouth_kind } };
static const struct topology_actor ears[] = { { .name = "ear", .kind = &ear_kind } };
static const struct topology_actor nobody[] = { { .name = "idle", .kind = &ear_kind } };
static struct topology_node nodes[3];
static const struct topology topology = { .name = "test", .url = "", .file = "", .nodes = nodes, .node_count = 2 };

static uint64_t heard(void)
{
    return ((const struct ids_leased *)NODES_ASK("to/ear", ids_lease, .count = 1))->count;
}

static int begin(void **state)
{
    (void)state;
    nodes[0] = (struct topology_node)NODES_ROW("from", mouths);
    nodes[1] = (struct topology_node)NODES_ROW("to", ears);
    nodes[2] = (struct topology_node)NODES_ROW("aside", nobody);
    nodes_put_on_hosts(nodes, 3);
    nodes_start_all(&topology);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ who knocks */

struct knock {
    const char *server;  /* whose key it expects there; NULL: it speaks without CURVE */
    const char *key;     /* the name of its own; NULL: one that nobody knows */
    const char *speaker; /* whom it says it is */
};

static void *context;
static void *knocker;

/* Connects to the ear's port, as good as it can. */
static void come(const struct knock *how)
{
    struct curve_key keys[CURVE_KEYS_LIMIT];
    size_t count = curve_file_read_all(keys);
    char public_text[41];
    char secret_text[41];
    int linger_ms = 300;
    int heartbeat_ms = 50; /* a connection that was cut is seen at once */

    context = zmq_ctx_new();
    knocker = zmq_socket(context, ZMQ_PUSH);
    assert_int_equal(zmq_curve_keypair(public_text, secret_text), 0);
    for (size_t i = 0; i < count; i++) {
        if (how->server != NULL && strcmp(keys[i].name, how->server) == 0)
            zmq_setsockopt(knocker, ZMQ_CURVE_SERVERKEY, keys[i].public_text, 41);
        if (how->key != NULL && strcmp(keys[i].name, how->key) == 0) {
            memcpy(public_text, keys[i].public_text, 41);
            memcpy(secret_text, keys[i].secret_text, 41);
        }
    }
    if (how->server != NULL) {
        zmq_setsockopt(knocker, ZMQ_CURVE_PUBLICKEY, public_text, 41);
        zmq_setsockopt(knocker, ZMQ_CURVE_SECRETKEY, secret_text, 41);
    }
    zmq_setsockopt(knocker, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_setsockopt(knocker, ZMQ_HEARTBEAT_IVL, &heartbeat_ms, sizeof heartbeat_ms);
    assert_int_equal(zmq_connect(knocker, nodes[1].tcp), 0);
}

static void say(const char *speaker)
{
    struct buffer parcel = { 0 };
    struct parcel_header header = {
        .from = slice_of(speaker), .incarnation = UINT64_MAX, .first_number = 1, .window = 8
    };

    envelope_write_header(&parcel, &header);

    size_t start =
        envelope_begin_letter(&parcel, &(struct envelope){ .kind = LETTER_TELL, .type = feed_beat_schema.id });

    codec_encode(&feed_beat_schema, &(struct feed_beat){ .number = 1 }, &parcel);
    envelope_end_letter(&parcel, start);
    zmq_send(knocker, parcel.at, parcel.size, ZMQ_DONTWAIT);
    buffer_free(&parcel);
}

static void go(void)
{
    zmq_close(knocker);
    zmq_ctx_term(context); /* when ZeroMQ has done with it */
}

static void knock(const struct knock *how)
{
    come(how);
    say(how->speaker);
    go();
}

/* ------------------------------------------------------------------------------------------------ tests */

static void who_has_a_key_is_heard(void **state)
{
    (void)state;
    NODES_WAIT_FOR(heard() >= 3);
    assert_true(nodes_metric("to", "shunt_node_refused_keys_total") == 0);
}

/* The ear hears from its own peer all the time, so that peer is stopped; what it hears then is the stranger. */
static void strangers_get_no_answer_and_are_counted(void **state)
{
    uint64_t before;

    (void)state;
    NODES_WAIT_FOR(heard() >= 1);
    nodes_end(0, SIGKILL);
    before = heard();
    knock(&(struct knock){ .server = "b", .speaker = "from/mouth" });
    NODES_WAIT_FOR(nodes_metric("to", "shunt_node_refused_keys_total") >= 1);
    knock(&(struct knock){ .server = NULL, .speaker = "from/mouth" }); /* without CURVE */
    assert_int_equal(heard(), before);
}

/* A console's key opens gates, not mailboxes. */
static void a_key_of_another_role_is_a_stranger_s(void **state)
{
    char why[CURVE_SENTENCE_LIMIT];
    uint64_t before;

    (void)state;
    assert_true(curve_file_make("ops", CURVE_ACT, true, why));
    NODES_WAIT_FOR(heard() >= 1);
    nodes_end(0, SIGKILL);
    before = heard();
    knock(&(struct knock){ .server = "b", .key = "ops", .speaker = "from/mouth" });
    NODES_WAIT_FOR(nodes_metric("to", "shunt_node_refused_keys_total") >= 1);
    assert_int_equal(heard(), before);
    assert_true(curve_file_revoke("ops", why));
}

/* Host c has a key, but "from" lives on host a. */
static void a_host_speaks_for_its_own_nodes_only(void **state)
{
    uint64_t before;

    (void)state;
    NODES_WAIT_FOR(heard() >= 1);
    nodes_end(0, SIGKILL);
    before = heard();
    knock(&(struct knock){ .server = "b", .key = "c", .speaker = "from/mouth" });
    NODES_WAIT_FOR(nodes_metric("to", "shunt_actor_dead_letters_total{node=\"to\",actor=\"ear\",reason=\"forged\"}") >=
                   1);
    assert_int_equal(heard(), before);
    assert_true(nodes_metric("to", "shunt_node_refused_keys_total") == 0);
}

/* Somebody who has the key of host a and takes no notice of its end. */
static void a_revoked_key_loses_its_connections(void **state)
{
    char why[CURVE_SENTENCE_LIMIT];
    uint64_t before;

    (void)state;
    NODES_WAIT_FOR(heard() >= 1);
    nodes_end(0, SIGKILL);
    before = heard();
    come(&(struct knock){ .server = "b", .key = "a" });
    say("from/mouth");
    NODES_WAIT_FOR(heard() > before);
    before = heard();
    assert_true(curve_file_revoke("a", why));
    NODES_WAIT_FOR((say("from/mouth"), nodes_metric("to", "shunt_node_refused_keys_total") >= 1)); /* it came again */
    before = heard();
    for (int i = 0; i < 20; i++)
        say("from/mouth"), nodes_pause(UINT64_MAX, "");
    assert_int_equal(heard(), before);
    go();
    assert_true(curve_file_make("a", CURVE_NODE, false, why));
}

/* Revoked while it talks, and let in again under a new key, without a restart of anybody. */
static void keys_come_and_go_while_nodes_run(void **state)
{
    char why[CURVE_SENTENCE_LIMIT];
    uint64_t before;

    (void)state;
    NODES_WAIT_FOR(heard() >= 1);
    assert_true(curve_file_revoke("a", why));
    NODES_WAIT_FOR((before = heard(), nodes_pause(UINT64_MAX, ""), nodes_pause(UINT64_MAX, ""), heard() == before));

    assert_true(curve_file_make("a", CURVE_NODE, false, why));
    NODES_WAIT_FOR(heard() > before + 2);

    before = heard(); /* the server's own key */
    assert_true(curve_file_make("b", CURVE_NODE, true, why));
    NODES_WAIT_FOR(heard() > before + 5);
}

static void without_its_key_a_node_does_not_listen(void **state)
{
    char why[CURVE_SENTENCE_LIMIT];

    (void)state;
    NODES_WAIT_FOR(heard() >= 1);
    nodes_end(1, SIGKILL);
    assert_int_equal(chmod(CURVE_FOLDER "/b.cert_secret", 0644), 0); /* others can read it: it is a secret no more */
    nodes_start(&topology, 1);

    siginfo_t end;

    assert_int_equal(waitid(P_PID, (id_t)nodes_pids[1], &end, WEXITED), 0);
    nodes_pids[1] = 0;
    assert_int_equal(end.si_status, NODE_EXIT_UNUSABLE);
    assert_true(curve_file_make("b", CURVE_NODE, true, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_a_key_is_heard, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(strangers_get_no_answer_and_are_counted, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(a_key_of_another_role_is_a_stranger_s, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(a_host_speaks_for_its_own_nodes_only, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(a_revoked_key_loses_its_connections, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(keys_come_and_go_while_nodes_run, begin, nodes_end_all),
        cmocka_unit_test_setup_teardown(without_its_key_a_node_does_not_listen, begin, nodes_end_all),
    };

    return cmocka_run_group_tests(tests, nodes_enter, nodes_leave);
}
