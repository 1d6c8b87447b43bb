/* SPDX-License-Identifier: MIT */
/*
 * Two node processes and a third beside them, over real sockets: what a route promises when the receiver is killed,
 * when it stands still, and what that costs everybody else. Over ipc, and over tcp as between hosts.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/messages/links.h"
#include "tests/testing.h"
#include "tests/unit/support/nodes.h"

enum { SECOND_US = 1000 * 1000, BIG_BYTES = 64 * 1024 };

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

static const struct topology_actor pumps[] = { { .name = "pump", .kind = &pump_kind } };
static const struct topology_actor collectors[] = { { .name = "collector", .kind = &collector_kind } };
static const struct topology_actor bystanders[] = { { .name = "bystander", .kind = &bystander_kind } };

static struct topology_node nodes[] = { NODES_ROW("from", pumps), NODES_ROW("to", collectors),
                                        NODES_ROW("aside", bystanders) };
static const struct topology topology = { .name = "test", .url = "", .file = "", .nodes = nodes, .node_count = 3 };

static void put_on_one_host(void)
{
    for (int i = 0; i < 3; i++)
        nodes[i].host = nodes[i].tcp = NULL;
}

/* ------------------------------------------------------------------------------------------------ running it */

static void start_all(void)
{
    for (size_t i = 0; i < topology.node_count; i++)
        unlink(nodes[i].name); /* what an earlier test wrote */
    nodes_start_all(&topology);
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
    struct record record;

    NODES_WAIT_FOR((record = read_record(file)).last >= last);
    return record;
}

/* ------------------------------------------------------------------------------------------------ tests */

static void letters_survive_a_killed_receiver(void)
{
    enum { LETTERS = 20000, KILLS = 3 };
    struct record record;

    start_all();
    (void)NODES_ASK("from/pump", ids_lease, .count = LETTERS);
    for (uint64_t i = 1; i <= KILLS; i++) {
        wait_for_record("to", LETTERS * i / (KILLS + 2));
        nodes_end(1, SIGKILL);
        nodes_start(&topology, 1);
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

/* Has the pump flood over an outlet; how many letters were taken. */
static uint64_t flooded(uint64_t outlet)
{
    const struct codes_leased *answer = NODES_ASK("from/pump", codes_lease, .count = outlet);

    return answer->code_length;
}

static uint64_t collected_big(void)
{
    const struct ids_leased *answer = NODES_ASK("to/collector", ids_lease, .count = 1);

    return answer->count;
}

static void a_receiver_that_stands_still_costs_a_bounded_sum(void)
{
    uint64_t before_bytes;
    uint64_t full_bytes;
    uint64_t end_bytes;
    uint64_t once;
    uint64_t kept;
    uint64_t until_us;
    uint64_t beside = 0;

    start_all();
    (void)NODES_ASK("from/pump", epoch_lease, .lanes = 1);
    wait_for_record("aside", 1);
    (void)collected_big();
    before_bytes = resident_bytes(nodes_pids[0]);
    kill(nodes_pids[1], SIGSTOP);
    once = flooded(ONCE);
    assert_in_range(once * BIG_BYTES, WINDOW_BYTES, WINDOW_BYTES + WAITING_BYTES_LIMIT + 2 * BIG_BYTES);
    kept = flooded(KEPT);
    assert_in_range(kept * BIG_BYTES, 1, KEPT_BYTES_LIMIT + 2 * BIG_BYTES);

    /* Meanwhile others are served as ever, nothing more is taken, and nobody's memory grows. */
    full_bytes = resident_bytes(nodes_pids[0]);
    until_us = nodes_now_us() + standstill_us();
    while (nodes_now_us() < until_us) {
        (void)NODES_ASK("from/pump", epoch_lease, .lanes = 1);
        beside++;
        if (beside % 100 == 0)
            (void)flooded(KEPT);
    }
    end_bytes = resident_bytes(nodes_pids[0]);
    printf("sender: %" PRIu64 " KiB before, %" PRIu64 " KiB when full, %" PRIu64 " KiB at the end; %" PRIu64
           " letters beside\n",
           before_bytes / 1024, full_bytes / 1024, end_bytes / 1024, beside);
    assert_true(end_bytes < before_bytes + MEMORY_LIMIT);
    assert_int_equal(flooded(ONCE), 0);

    kill(nodes_pids[1], SIGCONT);
    NODES_WAIT_FOR(collected_big() >= once + kept);
    assert_int_equal(collected_big(), once + kept); /* each once */
    assert_true(flooded(ONCE) > 0);                 /* and there is room again */
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
    nodes_put_on_hosts(nodes, topology.node_count);
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
    nodes_put_on_hosts(nodes, topology.node_count);
    a_receiver_that_stands_still_costs_a_bounded_sum();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(over_ipc_letters_survive_a_killed_receiver, nodes_end_all),
        cmocka_unit_test_teardown(over_tcp_letters_survive_a_killed_receiver, nodes_end_all),
        cmocka_unit_test_teardown(over_ipc_a_receiver_that_stands_still_costs_a_bounded_sum, nodes_end_all),
        cmocka_unit_test_teardown(over_tcp_a_receiver_that_stands_still_costs_a_bounded_sum, nodes_end_all),
    };

    return cmocka_run_group_tests(tests, nodes_enter, nodes_leave);
}
