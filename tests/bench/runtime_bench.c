/* SPDX-License-Identifier: MIT */
/*
 * runtime_bench -- one measurement of the runtime, or of what it is compared with, for each run: prints one number.
 *
 * usage: runtime_bench NAME. The driver (bench.py) runs a measurement and its baseline in turn and reports ratios.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msgpack.h>
#include <zmq.h>

#include "proto/codec.h"
#include "proto/messages/clicks.h"
#include "proto/messages/links.h"
#include "runtime/supervise/node_process.h"
#include "runtime/wire/curve_file.h"

enum { TELLS = 2000000, ASKS = 100000, TCP_TELLS = 500000, CODINGS = 1000000, PAYLOAD = 64, IDLE_ACTORS = 60 };

static double now_s(void)
{
    return (double)machine_clock.monotonic_us(NULL) / 1e6;
}

__attribute__((noreturn)) static void say(double figure)
{
    printf("%.9g\n", figure);
    fflush(stdout);
    _exit(0);
}

/* ------------------------------------------------------------------------------------------------ libzmq as it is */

static void *raw_context;
static const char *raw_endpoint;

static void *raw_push(void *count)
{
    void *socket = zmq_socket(raw_context, ZMQ_PUSH);
    char payload[PAYLOAD] = "";

    zmq_connect(socket, raw_endpoint);
    for (long i = 0; i < (long)count; i++)
        zmq_send(socket, payload, sizeof payload, 0);
    zmq_close(socket);
    return NULL;
}

static void raw_tell(const char *endpoint, long count)
{
    char payload[PAYLOAD];
    pthread_t thread;
    double start_s = 0;

    raw_context = zmq_ctx_new();
    raw_endpoint = endpoint;

    void *socket = zmq_socket(raw_context, ZMQ_PULL);
    int result = zmq_bind(socket, endpoint);

    assert(result == 0);
    pthread_create(&thread, NULL, raw_push, (void *)count);
    for (long i = 0; i < count; i++) {
        zmq_recv(socket, payload, sizeof payload, 0);
        start_s = i == 0 ? now_s() : start_s;
    }
    say((double)(count - 1) / (now_s() - start_s));
}

static void *raw_echo(void *unused)
{
    void *socket = zmq_socket(raw_context, ZMQ_PAIR);
    char payload[PAYLOAD];

    (void)unused;
    zmq_connect(socket, raw_endpoint);
    for (;;) {
        zmq_recv(socket, payload, sizeof payload, 0);
        zmq_send(socket, payload, sizeof payload, 0);
    }
    return NULL;
}

static void raw_ask(void)
{
    char payload[PAYLOAD] = "";
    pthread_t thread;

    raw_context = zmq_ctx_new();
    raw_endpoint = "inproc://echo";

    void *socket = zmq_socket(raw_context, ZMQ_PAIR);

    zmq_bind(socket, raw_endpoint);
    pthread_create(&thread, NULL, raw_echo, NULL);

    double start_s = now_s();

    for (int i = 0; i < ASKS; i++) {
        zmq_send(socket, payload, sizeof payload, 0);
        zmq_recv(socket, payload, sizeof payload, 0);
    }
    say((now_s() - start_s) * 1e6 / ASKS);
}

/* ------------------------------------------------------------------------------------------------ actors */

struct sink {
    uint64_t count;
    double start_s;
};

static long tells_to_come = TELLS;

static void on_resolved(struct actor *me, const struct link_resolved *m)
{
    struct sink *self = actor_state(me);

    (void)m;
    if (self->count++ == 0)
        self->start_s = now_s();
    if (self->count == (uint64_t)tells_to_come)
        say((double)(self->count - 1) / (now_s() - self->start_s));
}

static void on_ids(struct actor *me, const struct ids_lease *m, struct question q)
{
    ANSWER(me, q, ids_leased, .first = 1, .count = m->count);
}

static void start_nothing(struct actor *me)
{
    (void)me;
}

static const struct handler sink_handlers[] = { TOLD(link_resolved, on_resolved), ASKED(ids_lease, on_ids) };

static const struct actor_kind sink_kind = {
    .name = "sink", .state_size = sizeof(struct sink), .start = start_nothing, TABLE(handler, sink_handlers)
};

struct source {
    long sent;
    long answered;
    double start_s;
};

/* As many as the credit allows each turn; 64 bytes of text make the message as long as the raw one. */
static void tell_on(struct actor *me, void *context)
{
    struct source *self = actor_state(me);
    static const char payload[PAYLOAD - 16] = "";

    (void)context;
    for (int i = 0; i < 1024 && self->sent < tells_to_come; i++, self->sent++) {
        if (!TELL(me, 0, link_resolved, .state = 1, .location = { .at = payload, .size = sizeof payload }))
            break;
    }
    if (self->sent < tells_to_come)
        actor_after(me, 0, tell_on, NULL);
}

static void ask_on(struct actor *me, void *context, const struct answer *answer)
{
    struct source *self = actor_state(me);

    (void)context;
    assert(answer == NULL || answer->outcome == ASK_ANSWERED);
    if (self->answered++ == ASKS)
        say((now_s() - self->start_s) * 1e6 / ASKS);
    ASK(me, 0, (&(struct sending){ .then = ask_on }), ids_lease, .count = 1);
}

static void start_telling(struct actor *me)
{
    actor_after(me, 100000, tell_on, NULL);
}

static void start_asking_now(struct actor *me, void *context)
{
    struct source *self = actor_state(me);

    (void)context;
    self->start_s = now_s();
    ask_on(me, NULL, NULL);
}

static void start_asking(struct actor *me)
{
    actor_after(me, 100000, start_asking_now, NULL);
}

static const struct outlet source_outlets[] = { { .name = "sink", .to = "sink", .window = 8192 } };
static const struct outlet sure_outlets[] = {
    { .name = "sink", .to = "sink", .window = 8192, .delivery = DELIVERY_ACKNOWLEDGED }
};

static const struct actor_kind teller_kind = {
    .name = "teller", .state_size = sizeof(struct source), .start = start_telling, TABLE(outlet, source_outlets)
};
static const struct actor_kind sure_teller_kind = {
    .name = "teller", .state_size = sizeof(struct source), .start = start_telling, TABLE(outlet, sure_outlets)
};
static const struct actor_kind asker_kind = {
    .name = "asker", .state_size = sizeof(struct source), .start = start_asking, TABLE(outlet, source_outlets)
};
static const struct actor_kind idle_kind = { .name = "idle", .state_size = 64, .start = start_nothing };

/* ------------------------------------------------------------------------------------------------ nodes */

static const struct restart_limits limits = {
    .restarts = 5, .within_us = 10000000, .pause_min_us = 10000, .pause_max_us = 100000, .healthy_us = 1000000
};
static const struct topology_group group = { .name = "default", .limits = limits };

static struct topology_node node_of(const char *name, const struct topology_actor *actors, size_t count)
{
    return (struct topology_node){ .name = name,
                                   .role = "bench",
                                   .limits = limits,
                                   .actors = actors,
                                   .actor_count = count,
                                   .groups = &group,
                                   .group_count = 1 };
}

static void run_one(const struct actor_kind *from, const char *thread)
{
    struct topology_actor actors[] = { { .name = "sink", .kind = &sink_kind, .thread = thread },
                                       { .name = "source", .kind = from, .thread = thread } };
    struct topology_node node = node_of("bench", actors, 2);
    struct topology topology = { .name = "bench", .url = "", .file = "", .nodes = &node, .node_count = 1 };

    exit(node_process_run(&topology, "bench"));
}

/* Two processes that believe to be on two hosts, so that they talk over tcp, which is encrypted. */
static void run_two(const struct actor_kind *from)
{
    struct topology_actor sink = { .name = "sink", .kind = &sink_kind };
    struct topology_actor source = { .name = "source", .kind = from };
    struct topology_node nodes[] = { node_of("a", &sink, 1), node_of("b", &source, 1) };
    struct topology topology = { .name = "bench", .url = "", .file = "", .nodes = nodes, .node_count = 2 };
    char why[CURVE_SENTENCE_LIMIT];
    bool has_keys = curve_file_make("a", CURVE_NODE, false, why) && curve_file_make("b", CURVE_NODE, false, why);
    pid_t sender;

    assert(has_keys);
    tells_to_come = TCP_TELLS;
    nodes[0].host = "a";
    nodes[1].host = "b";
    nodes[0].tcp = "tcp://127.0.0.1:7790";
    nodes[1].tcp = "tcp://127.0.0.1:7795";
    sender = fork();
    if (sender == 0)
        _exit(node_process_run(&topology, "b"));

    pid_t receiver = fork();

    if (receiver == 0)
        _exit(node_process_run(&topology, "a"));
    waitpid(receiver, NULL, 0);
    kill(sender, SIGKILL);
    waitpid(sender, NULL, 0);
    exit(0);
}

static uint64_t resident_kib(void)
{
    unsigned long total;
    unsigned long resident;
    FILE *file = fopen("/proc/self/statm", "r");
    int fields = fscanf(file, "%lu %lu", &total, &resident);

    assert(fields == 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void measure_memory(struct actor *me, void *context)
{
    (void)me;
    (void)context;
    say((double)resident_kib());
}

static void start_meter(struct actor *me)
{
    actor_after(me, 300000, measure_memory, NULL);
}

static const struct actor_kind meter_kind = { .name = "meter", .start = start_meter };

/* Resident KiB of a node with this many idle actors; the driver subtracts the node without any. */
static void run_idle(size_t count, const char *thread)
{
    static struct topology_actor actors[IDLE_ACTORS + 1];
    static char names[IDLE_ACTORS + 1][16];

    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "idle-%zu", i);
        actors[i] = (struct topology_actor){ .name = names[i], .kind = &idle_kind, .thread = thread };
    }
    actors[count] = (struct topology_actor){ .name = "meter", .kind = &meter_kind };

    struct topology_node node = node_of("bench", actors, count + 1);
    struct topology topology = { .name = "bench", .url = "", .file = "", .nodes = &node, .node_count = 1 };

    exit(node_process_run(&topology, "bench"));
}

/* ------------------------------------------------------------------------------------------------ codec */

static const struct link_row row = { .id = 1767225600000000u,
                                     .code = SLICE("abc1234"),
                                     .url = SLICE("https://example.org/a/rather/common/path?x=1"),
                                     .clicks = 12345,
                                     .created_us = 1767225600000000u,
                                     .updated_us = 1767225600000000u };

static void code_by_schema(void)
{
    struct buffer out = { 0 };
    struct arena arena = { .limit = 1 << 20 };
    double start_s = now_s();

    for (int i = 0; i < CODINGS; i++) {
        struct link_row back = { 0 };

        buffer_clear(&out, 1 << 20);
        codec_encode(&link_row_schema, &row, &out);

        struct reader reader = reader_of(buffer_slice(&out));
        bool fits = codec_decode(&link_row_schema, &reader, &arena, &back);

        assert(fits && back.clicks == row.clicks);
    }
    say((now_s() - start_s) * 1e9 / CODINGS);
}

static void pack_row(msgpack_packer *packer)
{
    msgpack_pack_array(packer, 9);
    msgpack_pack_uint64(packer, row.id);
    msgpack_pack_str(packer, row.code.size);
    msgpack_pack_str_body(packer, row.code.at, row.code.size);
    msgpack_pack_str(packer, row.url.size);
    msgpack_pack_str_body(packer, row.url.at, row.url.size);
    msgpack_pack_uint64(packer, row.clicks);
    msgpack_pack_uint64(packer, row.created_us);
    msgpack_pack_uint64(packer, row.updated_us);
    msgpack_pack_uint64(packer, row.expires_us);
    msgpack_pack_false(packer);
    msgpack_pack_false(packer);
}

static void code_by_hand(void)
{
    msgpack_sbuffer out;
    msgpack_zone zone;
    double start_s = now_s();

    msgpack_sbuffer_init(&out);
    msgpack_zone_init(&zone, 4096);
    for (int i = 0; i < CODINGS; i++) {
        msgpack_packer packer;
        msgpack_object object;
        size_t offset = 0;

        msgpack_sbuffer_clear(&out);
        msgpack_zone_clear(&zone);
        msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
        pack_row(&packer);

        msgpack_unpack_return result = msgpack_unpack(out.data, out.size, &offset, &zone, &object);

        assert(result == MSGPACK_UNPACK_SUCCESS && object.via.array.ptr[3].via.u64 == row.clicks);
    }
    say((now_s() - start_s) * 1e9 / CODINGS);
}

/* ------------------------------------------------------------------------------------------------ names */

static void enter_folder(void)
{
    char folder[] = "/tmp/shunt-bench-XXXXXX";
    int result = mkdtemp(folder) != NULL && chdir(folder) == 0 ? mkdir("run", 0700) : -1;

    assert(result == 0);
}

int main(int argc, char **argv)
{
    const char *name = argc == 2 ? argv[1] : "";

    enter_folder();
    if (strcmp(name, "raw-tell") == 0)
        raw_tell("inproc://bench", TELLS);
    else if (strcmp(name, "raw-tell-tcp") == 0)
        raw_tell("tcp://127.0.0.1:7789", TCP_TELLS);
    else if (strcmp(name, "raw-ask") == 0)
        raw_ask();
    else if (strcmp(name, "tell") == 0)
        run_one(&teller_kind, NULL);
    else if (strcmp(name, "tell-tcp") == 0)
        run_two(&sure_teller_kind);
    else if (strcmp(name, "ask") == 0)
        run_one(&asker_kind, NULL);
    else if (strcmp(name, "ask-thread") == 0)
        run_one(&asker_kind, "shared");
    else if (strcmp(name, "idle-none") == 0)
        run_idle(0, NULL);
    else if (strcmp(name, "idle-own") == 0)
        run_idle(IDLE_ACTORS, NULL);
    else if (strcmp(name, "idle-shared") == 0)
        run_idle(IDLE_ACTORS, "shared");
    else if (strcmp(name, "codec") == 0)
        code_by_schema();
    else if (strcmp(name, "codec-by-hand") == 0)
        code_by_hand();
    fprintf(stderr, "runtime_bench: no such measurement: %s\n", name);
    return 2;
}
