/* SPDX-License-Identifier: MIT */
/*
 * Two node processes and a third beside them, over real sockets: what a route promises when the receiver is killed,
 * when it stands still, and what that costs everybody else. Over ipc, and over tcp as between hosts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "runtime/client.h"
#include "runtime/supervise/node_process.h"
#include "runtime/wire/curve_file.h"
#include "tests/testing.h"

enum { SECOND_US = 1000 * 1000, PATIENCE_US = 60 * SECOND_US, BIG_BYTES = 64 * 1024 };

/* ------------------------------------------------------------------------------------------------ who receives */

struct collector_state {
    int fd;
    uint64_t big;
    uint64_t last;
};

/* Written at once, so that what a killed process had handled is known. */
static void note(struct actor *me, const struct feed_beat *m)
{
    struct collector_state *self = actor_state(me);

    self->last = m->number;
    assert_int_equal(write(self->fd, &m->number, sizeof m->number), sizeof m->number);
}

static void count_big(struct actor *me, const struct metrics_text *m)
{
    struct collector_state *self = actor_state(me);

    self->big += m->text.size == BIG_BYTES ? 1 : 0;
}

static void collected(struct actor *me, const struct ids_lease *m, struct question q)
{
    struct collector_state *self = actor_state(me);

    (void)m;
    ANSWER(me, q, ids_leased, .first = self->last, .count = self->big);
}

static void collector_start(struct actor *me)
{
    struct collector_state *self = actor_state(me);

    self->fd = open(actor_node(me), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (self->fd < 0)
        actor_fail(me, "cannot open its file");
}

static void collector_stop(struct actor *me)
{
    close(((struct collector_state *)actor_state(me))->fd);
}

static const struct handler collector_handlers[] = {
    TOLD(feed_beat, note),
    TOLD(metrics_text, count_big),
    ASKED(ids_lease, collected),
};
static const struct actor_kind collector_kind = {
    .name = "collector",
    .state_size = sizeof(struct collector_state),
    .start = collector_start,
    .stop = collector_stop,
    TABLE(handler, collector_handlers),
};
static const struct actor_kind bystander_kind = {
    .name = "bystander",
    .state_size = sizeof(struct collector_state),
    .start = collector_start,
    .stop = collector_stop,
    TABLE(handler, collector_handlers),
};

/* ------------------------------------------------------------------------------------------------ who sends */

enum { KEPT, ONCE, BESIDE };

struct pump_state {
    uint64_t sent; /* of the numbered ones */
    uint64_t left;
    char big[BIG_BYTES];
};

static void pump(struct actor *me, void *context)
{
    struct pump_state *self = actor_state(me);

    (void)context;
    while (self->left > 0 && TELL(me, KEPT, feed_beat, .number = self->sent + 1)) {
        self->sent++;
        self->left--;
    }
}

/* So many more numbered letters, in their time. */
static void begin_pumping(struct actor *me, const struct ids_lease *m, struct question q)
{
    struct pump_state *self = actor_state(me);

    self->left += m->count;
    ANSWER(me, q, ids_leased, .first = self->sent, .count = self->left);
}

/* Large letters until no more are taken, by outlet `count`; how many were. */
static void flood(struct actor *me, const struct codes_lease *m, struct question q)
{
    struct pump_state *self = actor_state(me);
    uint64_t taken = 0;

    while (taken < 1000000 &&
           TELL(me, (uint32_t)m->count, metrics_text, .text = { .at = self->big, .size = sizeof self->big }))
        taken++;
    ANSWER(me, q, codes_leased, .code_length = taken);
}

static void beside(struct actor *me, const struct epoch_lease *m, struct question q)
{
    (void)m;
    TELL(me, BESIDE, feed_beat, .number = 1);
    ANSWER(me, q, epoch_leased, .epoch = 1);
}

static void pump_start(struct actor *me)
{
    actor_every(me, 1000, pump, NULL);
}

static const struct outlet pump_outlets[] = {
    { .name = "kept", .to = "collector", .delivery = DELIVERY_ACKNOWLEDGED },
    { .name = "once", .to = "collector" },
    { .name = "beside", .to = "bystander" },
};
static const struct handler pump_handlers[] = {
    ASKED(ids_lease, begin_pumping),
    ASKED(codes_lease, flood),
    ASKED(epoch_lease, beside),
};
static const struct actor_kind pump_kind = {
    .name = "pump",
    .state_size = sizeof(struct pump_state),
    .start = pump_start,
    .stop_limit_us = SECOND_US,
    TABLE(outlet, pump_outlets),
    TABLE(handler, pump_handlers),
};

/* ------------------------------------------------------------------------------------------------ the plan */

static const struct restart_limits limits = {
    .restarts = 5, .within_us = 10 * SECOND_US, .pause_min_us = 10000, .pause_max_us = 100000, .healthy_us = SECOND_US
};
static const struct topology_group group = { .name = "all", .strategy = ONE_FOR_ONE, .limits = limits };
static const struct topology_actor pumps[] = { { .name = "pump", .kind = &pump_kind } };
static const struct topology_actor collectors[] = { { .name = "collector", .kind = &collector_kind } };
static const struct topology_actor bystanders[] = { { .name = "bystander", .kind = &bystander_kind } };

#define NODE(node, table)                                                                                              \
    {                                                                                                                  \
        .name = (node), .role = "test", .limits = limits, .actors = (table), .actor_count = 1, .groups = &group,       \
        .group_count = 1                                                                                               \
    }

static struct topology_node nodes[] = { NODE("from", pumps), NODE("to", collectors), NODE("aside", bystanders) };
static const struct topology topology = { .name = "test", .url = "", .file = "", .nodes = nodes, .node_count = 3 };
static char tcp_addresses[3][40];

static bool is_free(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return free;
}

/* Every node on a host of its own, as far as the plan says: then they talk over tcp. */
static void put_on_hosts(void)
{
    static const char *const hosts[] = { "a", "b", "c" };
    int port = 7700;

    for (int i = 0; i < 3; i++, port += 2) {
        while (port < 65000 && !(is_free(port) && is_free(port + 1)))
            port += 2;
        snprintf(tcp_addresses[i], sizeof tcp_addresses[i], "tcp://127.0.0.1:%d", port + 1);
        nodes[i].host = hosts[i];
        nodes[i].tcp = tcp_addresses[i];
    }
}

static void put_on_one_host(void)
{
    for (int i = 0; i < 3; i++)
        nodes[i].host = nodes[i].tcp = NULL;
}

/* ------------------------------------------------------------------------------------------------ running it */

static pid_t pids[3];
static struct client *client;

static void start_node(int i)
{
    pids[i] = fork();
    if (pids[i] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test must not leave it behind */
        _exit(node_process_run(&topology, nodes[i].name));
    }
    assert_true(pids[i] > 0);
}

static void end_node(int i, int signal)
{
    if (pids[i] > 0) {
        kill(pids[i], signal);
        waitpid(pids[i], NULL, 0);
    }
    pids[i] = 0;
}

/* A client is no node of the plan, so it reaches all of them over ipc, whatever they use among themselves. */
static void
ask(const char *address, const struct message_schema *schema, const void *message, struct client_answer *ret)
{
    client_ask(client, address, schema, message, PATIENCE_US, ret);
    assert_int_equal(ret->outcome, ASK_ANSWERED);
}
#define ASK_FOR(address, ret, type, ...) ask((address), &type##_schema, &(struct type){ __VA_ARGS__ }, (ret))

static uint64_t now_us(void)
{
    return machine_clock.monotonic_us(NULL);
}

static void start_all(void)
{
    for (int i = 0; i < 3; i++) {
        unlink(nodes[i].name);
        start_node(i);
    }
    client = client_open("test");
    assert_non_null(client);
}

static int end_all(void **state)
{
    (void)state;
    client_close(&client);
    for (int i = 0; i < 3; i++)
        end_node(i, SIGKILL);
    return 0;
}

/* What the receivers of one node have handled, over all its processes. */
struct record {
    uint64_t count;
    uint64_t last;
    uint64_t repeats;
    bool has_gap;
};

static struct record read_record(const char *file)
{
    struct record record = { 0 };
    FILE *numbers = fopen(file, "r");
    uint64_t number;

    while (numbers != NULL && fread(&number, sizeof number, 1, numbers) == 1) {
        record.count++;
        record.has_gap |= number > record.last + 1;
        record.repeats += number <= record.last ? 1 : 0;
        record.last = number > record.last ? number : record.last;
    }
    if (numbers != NULL)
        fclose(numbers);
    return record;
}

static struct record wait_for_record(const char *file, uint64_t last)
{
    uint64_t until_us = now_us() + PATIENCE_US;
    struct record record = read_record(file);

    while (record.last < last && now_us() < until_us) {
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL); /* between two looks */
        record = read_record(file);
    }
    assert_true(record.last >= last);
    return record;
}

/* ------------------------------------------------------------------------------------------------ tests */

static void letters_survive_a_killed_receiver(void)
{
    enum { LETTERS = 20000, KILLS = 3 };
    struct client_answer answer;
    struct record record;

    start_all();
    ASK_FOR("from/pump", &answer, ids_lease, .count = LETTERS);
    for (uint64_t i = 1; i <= KILLS; i++) {
        wait_for_record("to", LETTERS * i / (KILLS + 2));
        end_node(1, SIGKILL);
        start_node(1);
    }
    record = wait_for_record("to", LETTERS);
    assert_false(record.has_gap);
    assert_int_equal(record.last, LETTERS);
    assert_true(record.repeats <=
                WINDOW_DEFAULT * KILLS); /* what was handled when the word of it died: a window at most */
    assert_int_equal(record.count, LETTERS + record.repeats);
}

static uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &total, &resident), 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* All that may wait for one receiver, twice as much for what it is put together from, and what a sanitizer keeps of
 * freed memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZER_KEEPS = 320 * 1024 * 1024 };
#else
enum { SANITIZER_KEEPS = 0 };
#endif
enum { MEMORY_LIMIT = 3 * (WINDOW_BYTES + WAITING_BYTES_LIMIT + KEPT_BYTES_LIMIT) + SANITIZER_KEEPS };

/* Longer than several probes; SHUNT_STANDSTILL_S=120 is the long form. */
static uint64_t standstill_us(void)
{
    const char *seconds = getenv("SHUNT_STANDSTILL_S");

    return seconds != NULL ? (uint64_t)atoi(seconds) * SECOND_US : 4 * PROBE_AFTER_US;
}

static void a_receiver_that_stands_still_costs_a_bounded_sum(void)
{
    uint64_t before_bytes;
    uint64_t full_bytes;
    uint64_t end_bytes;
    struct client_answer answer;
    uint64_t once;
    uint64_t kept;
    uint64_t until_us;
    uint64_t beside = 0;

    start_all();
    ASK_FOR("from/pump", &answer, epoch_lease, .lanes = 1);
    wait_for_record("aside", 1);
    ASK_FOR("to/collector", &answer, ids_lease, .count = 1);
    before_bytes = resident_bytes(pids[0]);
    kill(pids[1], SIGSTOP);
    ASK_FOR("from/pump", &answer, codes_lease, .count = ONCE);
    once = ((const struct codes_leased *)answer.message)->code_length;
    assert_in_range(once * BIG_BYTES, WINDOW_BYTES, WINDOW_BYTES + WAITING_BYTES_LIMIT + 2 * BIG_BYTES);
    ASK_FOR("from/pump", &answer, codes_lease, .count = KEPT);
    kept = ((const struct codes_leased *)answer.message)->code_length;
    assert_in_range(kept * BIG_BYTES, 1, KEPT_BYTES_LIMIT + 2 * BIG_BYTES);

    /* Meanwhile others are served as ever, nothing more is taken, and nobody's memory grows. */
    full_bytes = resident_bytes(pids[0]);
    until_us = now_us() + standstill_us();
    while (now_us() < until_us) {
        ASK_FOR("from/pump", &answer, epoch_lease, .lanes = 1);
        beside++;
        if (beside % 100 == 0)
            ASK_FOR("from/pump", &answer, codes_lease, .count = KEPT);
    }
    end_bytes = resident_bytes(pids[0]);
    printf("sender: %" PRIu64 " KiB before, %" PRIu64 " KiB when full, %" PRIu64 " KiB at the end; %" PRIu64
           " letters beside\n",
           before_bytes / 1024, full_bytes / 1024, end_bytes / 1024, beside);
    assert_true(end_bytes < before_bytes + MEMORY_LIMIT);
    ASK_FOR("from/pump", &answer, codes_lease, .count = ONCE);
    assert_int_equal(((const struct codes_leased *)answer.message)->code_length, 0);

    kill(pids[1], SIGCONT);
    until_us = now_us() + PATIENCE_US;
    do {
        ASK_FOR("to/collector", &answer, ids_lease, .count = 1);
    } while (((const struct ids_leased *)answer.message)->count < once + kept && now_us() < until_us);
    assert_int_equal(((const struct ids_leased *)answer.message)->count, once + kept); /* each once */
    ASK_FOR("from/pump", &answer, codes_lease, .count = ONCE);                         /* and there is room again */
    assert_true(((const struct codes_leased *)answer.message)->code_length > 0);
    wait_for_record("aside", 1);
    assert_int_equal(read_record("aside").count, beside + 1);
}

static void over_ipc_letters_survive_a_killed_receiver(void **state)
{
    (void)state;
    put_on_one_host();
    letters_survive_a_killed_receiver();
}

static void over_tcp_letters_survive_a_killed_receiver(void **state)
{
    (void)state;
    put_on_hosts();
    letters_survive_a_killed_receiver();
}

static void over_ipc_a_receiver_that_stands_still_costs_a_bounded_sum(void **state)
{
    (void)state;
    put_on_one_host();
    a_receiver_that_stands_still_costs_a_bounded_sum();
}

static void over_tcp_a_receiver_that_stands_still_costs_a_bounded_sum(void **state)
{
    (void)state;
    put_on_hosts();
    a_receiver_that_stands_still_costs_a_bounded_sum();
}

/* ------------------------------------------------------------------------------------------------ a place to run */

static char folder[] = "/tmp/shunt-test-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    char why[CURVE_SENTENCE_LIMIT];

    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || mkdir("run", 0700) != 0)
        return -1;
    return curve_file_make("a", CURVE_NODE, false, why) && curve_file_make("b", CURVE_NODE, false, why) &&
                   curve_file_make("c", CURVE_NODE, false, why)
               ? 0
               : -1;
}

static int leave_folder(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(over_ipc_letters_survive_a_killed_receiver, end_all),
        cmocka_unit_test_teardown(over_tcp_letters_survive_a_killed_receiver, end_all),
        cmocka_unit_test_teardown(over_ipc_a_receiver_that_stands_still_costs_a_bounded_sum, end_all),
        cmocka_unit_test_teardown(over_tcp_a_receiver_that_stands_still_costs_a_bounded_sum, end_all),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
