/* SPDX-License-Identifier: MIT */
/*
 * The pipeline from the edge's question to both databases in one thread: the real click_buffer, kafka_bridge,
 * ingestion, click_rows and recount, with simulated Redis, Kafka, Postgres and ClickHouse and virtual time. A seed
 * decides what happens: clicks, pauses, crashes of the node, cut connections with lost answers, a Redis that is away,
 * refuses, is wiped or wakes up with an older state, a Kafka that is away, refuses, loses answers or mixes up the
 * order, transactions and inserts of unknown outcome. Then everything heals, and it is checked, click by click:
 *
 *     every click that was answered is counted once, under its code, and is one row in ClickHouse; nothing is counted
 *     that was not issued; whoever read the statistics meanwhile saw at least what had been answered, and never more
 *     than had been asked; the reconciler's recount agrees.
 *
 * SHUNT_SIM_SEEDS="FIRST-LAST" runs other seeds; a failing one is printed. The same seed takes the same way: all that
 * leaves the pipeline goes into a checksum, its trace. planted_bugs.py shows what all this is able to find.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "actors/clicks/pending.h"
#include "runtime/failpoint.h"
#include "tests/sim/clicks/sim_database.h"
#include "tests/sim/clicks/sim_identities.h"
#include "tests/sim/clicks/sim_node.h"
#include "tests/sim/clicks/sim_recount.h"
#include "tests/sim/clicks/sim_redis.h"
#include "tests/sim/clicks/sim_stream.h"
#include "tests/testing.h"

enum {
    STEPS = 150,
    HEAL_STEPS = 400,
    SEEDS = 150,
    RUSH_TURNS = 24, /* as many clicks as make a window several records in Kafka */
    RUSH_ASKS = 12,
    RUSH_REST = 12
};

static unsigned running;         /* the seed of the run, for the message when it fails; 0: none */
static struct fake_server saved; /* an older state of Redis */
static bool has_saved;
static bool may_swap;       /* in this run Kafka mixes up records: then what is below a mark may come later */
static bool journal_failed; /* in this run: then Redis must not forget anything as well */

/* ------------------------------------------------------------------------------------------------ Redis's troubles */

static void copy_server(struct fake_server *to, const struct fake_server *from)
{
    for (uint32_t i = 0; i < to->row_count; i++)
        free((char *)(uintptr_t)to->rows[i].value.at);
    memcpy(to, from, sizeof *to);
    for (uint32_t i = 0; i < to->row_count; i++)
        to->rows[i].value = sim_copy(from->rows[i].value);
}

/* Redis dies and wakes up with what it had some time ago, or with nothing. */
static void redis_goes_back(void)
{
    uint64_t starts;

    if (journal_failed)
        return;
    server.is_down = true;
    advance(1000 + random_below(200000));
    starts = server.starts + 1;
    if (has_saved && random_below(3) > 0)
        copy_server(&server, &saved);
    else
        fake_wipe();
    server.starts = starts;
    server.is_down = false;
}

static void trouble_redis(void)
{
    switch (random_below(6)) {
    case 0:
        server.is_down = !server.is_down;
        break;
    case 1:
        server.drop_after = 1 + random_below(20);
        server.drop_executes = random_below(2) == 1;
        break;
    case 2:
        server.refuses = server.refuses == NULL ? "MISCONF the disk is full" : NULL;
        break;
    case 3:
        copy_server(&saved, &server);
        saved.is_down = false;
        has_saved = true;
        break;
    case 4:
        redis_goes_back();
        break;
    default:
        server.is_hung = !server.is_hung;
        break;
    }
}

static void trouble_kafka(void)
{
    kafka.is_down = random_below(3) == 0;
    kafka.fails = random_below(3) == 0 ? random_below(60) : 0;
    kafka.loses = random_below(3) == 0 ? random_below(60) : 0;
    kafka.swaps = may_swap && random_below(3) == 0 ? random_below(60) : 0;
}

/* Once the journal has failed in a run, what Redis alone holds must not be taken from Redis. */
static void trouble_journal(void)
{
    bool is_on = random_below(2) == 0;

    if (has_saved)
        return;
    journal_failed = true;
    assert_null(failpoint_set("click_buffer.journal_write", is_on ? "error" : "off"));
}

/* ------------------------------------------------------------------------------------------------ reading */

static void add_answer(struct pending *pending, const struct clicks_pending *answer)
{
    for (uint32_t i = 0; i < answer->covered.count; i++)
        pending_cover(pending, answer->covered.at[i].epoch, (uint32_t)answer->covered.at[i].lane);
    for (uint32_t i = 0; i < answer->windows.count; i++)
        pending_add_window(pending, &answer->windows.at[i]);
}

/* Reads as links does: the buffer first, the database last, with the pipeline going on in between. */
static void read_statistics(void)
{
    uint32_t code = random_below(SIM_CODES);
    uint64_t low = answered[code];
    struct pending *pending = pending_new(slice_of(sim_codes[code]));
    uint64_t question = harness_ask(h, buffer, &clicks_pending_read_schema,
                                    &(struct clicks_pending_read){ .code = slice_of(sim_codes[code]) });
    const struct harness_letter *letter;
    bool is_whole = true;

    harness_run(h);
    letter = harness_answer(h, question);
    assert_non_null(letter);
    if (letter->schema == &clicks_pending_schema) {
        const struct clicks_pending *answer = letter->message;

        add_answer(pending, answer);
        is_whole = !answer->incomplete;
        for (uint64_t epoch = SIM_FIRST_EPOCH; epoch < next_epoch; epoch++) {
            for (uint32_t lane = 0; lane < SIM_PARTITIONS; lane++) {
                if (database.is_drained[epoch - SIM_FIRST_EPOCH] || pending_is_covered(pending, epoch, lane))
                    continue;
                is_whole = false;
                if (!server.is_down && !server.is_hung)
                    read_lane_from_redis(pending, epoch, lane, sim_codes[code]);
            }
        }
        sim_sink_read(random_below(8));
        if (random_below(2) == 0)
            sim_sink_flush((enum sim_end)random_below(3));
        for (uint64_t epoch = SIM_FIRST_EPOCH; epoch < next_epoch; epoch++) {
            for (uint32_t lane = 0; lane < SIM_PARTITIONS; lane++) {
                pending_set_mark(pending, epoch, lane, sim_lane_of(epoch, lane)->mark);
                is_whole = is_whole && sim_lane_of(epoch, lane)->hole_count == 0; /* below the mark and not here yet */
            }
        }
        {
            struct pending_total waiting = pending_sum(pending);
            uint64_t total = database.clicks[code] + waiting.clicks;

            note(total);
            assert_true(total <= asked[code]);
            if (is_whole && !waiting.straddles)
                assert_true(total >= low);
        }
    }
    pending_destroy(&pending);
}

/* ------------------------------------------------------------------------------------------------ a run */

static void tell_marks(void)
{
    static struct lane_position rows[SIM_EPOCHS * SIM_PARTITIONS];
    uint32_t count = 0;

    for (uint64_t epoch = SIM_FIRST_EPOCH; epoch < next_epoch; epoch++) {
        for (uint32_t lane = 0; lane < SIM_PARTITIONS; lane++)
            rows[count++] = (struct lane_position){ epoch, lane, sim_lane_of(epoch, lane)->mark };
    }
    harness_tell(h, buffer, &marks_moved_schema, &(struct marks_moved){ .marks = { rows, count } });
}

static void sink_step(void)
{
    unsigned chance = random_below(20);

    sim_sink_read(random_below(2) == 0 ? 1 : 1 + random_below(6));
    if (chance < 8)
        sim_sink_flush(SIM_COMMITTED);
    else if (chance < 10)
        sim_sink_flush(chance == 8 ? SIM_ROLLED_BACK : SIM_COMMITTED_UNHEARD);
    else if (chance < 12)
        sim_sink_restart();
    if (random_below(2) == 0)
        tell_marks();
}

static void clickhouse_step(void)
{
    unsigned chance = random_below(20);

    sim_clickhouse_read(1 + random_below(6));
    if (chance < 8)
        sim_clickhouse_insert(SIM_COMMITTED, 1 + random_below(60));
    else if (chance < 12)
        sim_clickhouse_insert(chance < 10 ? SIM_ROLLED_BACK : SIM_COMMITTED_UNHEARD, 1 + random_below(60));
    else if (chance == 12)
        sim_clickhouse_restart();
}

/* Many clicks in a short time, while both sinks go on: windows of several records, some of which come late. */
static void rush(void)
{
    static char host[250];

    memset(host, 'h', sizeof host);
    if (random_below(2) == 0)
        trouble_kafka();
    for (int turn = 0; turn < RUSH_TURNS; turn++) {
        for (int i = 0; i < RUSH_ASKS; i++)
            click((struct slice){ host, sizeof host });
        advance(500);
    }
    for (int i = 0; i < RUSH_REST; i++) {
        advance(random_below(300000));
        sink_step();
        clickhouse_step();
        if (random_below(3) == 0)
            read_statistics();
    }
}

static void step(void)
{
    unsigned chance = random_below(100);

    if (chance < 54)
        click((struct slice){ 0 });
    else if (chance < 56)
        rush();
    else if (chance < 70)
        sink_step();
    else if (chance < 75)
        clickhouse_step();
    else if (chance < 85)
        read_statistics();
    else if (chance < 91)
        trouble_redis();
    else if (chance < 94)
        trouble_kafka();
    else if (chance < 96)
        trouble_journal();
    else if (chance < 98)
        crash_node();
    advance(random_below(4) == 0 ? random_below(600000) : random_below(3000));
}

static bool is_all_counted(void)
{
    for (uint64_t epoch = SIM_FIRST_EPOCH; epoch + 1 < next_epoch; epoch++) {
        if (!database.is_drained[epoch - SIM_FIRST_EPOCH])
            return false;
    }
    for (uint32_t i = 0; i < ask_count; i++) {
        const struct clicks_committed *identity = &asks[i].identity;

        if (asks[i].is_answered &&
            sim_lane_of(identity->epoch, identity->lane)->mark < identity->first_seq + asks[i].count - 1)
            return false;
    }
    return true;
}

static void heal(void)
{
    server.is_down = false;
    server.is_hung = false;
    server.refuses = NULL;
    server.drop_after = 0;
    kafka.is_down = false;
    kafka.fails = kafka.loses = kafka.swaps = 0;
    assert_null(failpoint_set("click_buffer.journal_write", "off"));
    for (int i = 0; i < HEAL_STEPS && (i < 10 || !is_all_counted()); i++) { /* some asks are yet to be answered */
        advance(300000);
        sim_sink_read(1000);
        sim_sink_flush(SIM_COMMITTED);
        tell_marks();
    }
    advance(300000);
    sim_sink_read(1000);
    sim_sink_flush(SIM_COMMITTED);
    sim_clickhouse_read(SIM_LOG_LIMIT);
    sim_clickhouse_insert(SIM_COMMITTED, SIM_SEQS);
    assert_int_equal(click_rows_records(clickhouse.rows), 0);
}

/* ------------------------------------------------------------------------------------------------ the verdict */

static void check(void)
{
    uint64_t unique[SIM_CODES] = { 0 };

    read_identities();
    for (uint32_t i = 0; i < ask_count; i++) {
        const struct clicks_committed *identity = &asks[i].identity;

        for (uint32_t k = 0; asks[i].is_answered && k < asks[i].count; k++)
            assert_int_equal(in_kafka[identity->epoch - SIM_FIRST_EPOCH][identity->lane][identity->first_seq + k],
                             asks[i].code + 1);
    }
    for (uint64_t epoch = 0; epoch < next_epoch - SIM_FIRST_EPOCH; epoch++) {
        for (uint32_t lane = 0; lane < SIM_PARTITIONS; lane++) {
            assert_int_equal(database.lanes[epoch][lane].hole_count, 0);
            for (uint64_t seq = 1; seq <= database.lanes[epoch][lane].mark; seq++) {
                assert_int_not_equal(in_kafka[epoch][lane][seq], 0);
                unique[in_kafka[epoch][lane][seq] - 1]++;
            }
        }
    }
    for (uint32_t code = 0; code < SIM_CODES; code++) {
        assert_int_equal(database.clicks[code], unique[code]);
        assert_in_range(database.clicks[code], answered[code], asked[code]);
    }
    assert_true(is_all_counted());
    sim_recount_agrees(next_epoch);
}

static void reset_world(unsigned run)
{
    fake_wipe();
    memset(&server, 0, sizeof server);
    for (uint32_t i = 0; i < saved.row_count; i++)
        free((char *)(uintptr_t)saved.rows[i].value.at);
    saved.row_count = 0;
    has_saved = false;
    journal_failed = false;
    may_swap = run % 2 == 0;
    sim_kafka_clear();
    memset(&database, 0, sizeof database);
    memset(asked, 0, sizeof asked);
    memset(answered, 0, sizeof answered);
    ask_count = 0;
    trace = 0xcbf29ce484222325;
    next_epoch = SIM_FIRST_EPOCH;
    seed = run;
    kafka.is_down = false;
    kafka.fails = kafka.loses = kafka.swaps = 0;
    kafka.seed = run;
    assert_int_equal(system("rm -rf nodes"), 0);
    assert_null(failpoint_set("click_buffer.journal_write", "off"));
    sim_sink_restart();
    sim_clickhouse_clear();
}

static void run(unsigned number)
{
    reset_world(number);
    start_node();
    for (int i = 0; i < STEPS; i++)
        step();
    heal();
    check();
    harness_destroy(&h);
}

/* In memory where that can be had: every crash of a node waits for the journal's last sync. */
static void enter_folder(void)
{
    char in_memory[] = "/dev/shm/shunt-pipeline-XXXXXX";
    char on_disk[] = "shunt-pipeline-XXXXXX";
    const char *folder = mkdtemp(in_memory);

    if (folder == NULL)
        folder = mkdtemp(on_disk);
    assert_non_null(folder);
    assert_int_equal(chdir(folder), 0);
}

static void any_schedule_counts_each_click_once(void **state)
{
    const char *wanted = getenv("SHUNT_SIM_SEEDS");
    unsigned first = 1;
    unsigned last = SEEDS;

    (void)state;
    if (wanted != NULL && sscanf(wanted, "%u-%u", &first, &last) == 1)
        last = first;
    for (unsigned number = first; number <= last; number++) {
        running = number;
        run(number);
    }
    running = 0;
}

static void the_same_seed_takes_the_same_way(void **state)
{
    uint64_t first;

    (void)state;
    for (unsigned number = 1; number <= 5; number++) {
        run(number);
        first = trace;
        run(number);
        assert_int_equal(first, trace);
        run(number + 1);
        assert_int_not_equal(first, trace);
    }
}

static int leave(void **state)
{
    (void)state;
    reset_world(0);
    ingestion_destroy(&sink.ingestion);
    sim_clickhouse_free();
    assert_int_equal(system("rm -rf nodes seed"), 0);
    return 0;
}

/* A broken invariant ends the program: the seed is said before. */
static void say_seed_and_end(int signal_number)
{
    char text[64];
    int size = snprintf(text, sizeof text, "the seed that failed: SHUNT_SIM_SEEDS=%u\n", running);

    (void)!write(STDERR_FILENO, text, (size_t)size);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static int say_seed(void **state)
{
    (void)state;
    if (running != 0)
        print_error("the seed that failed: SHUNT_SIM_SEEDS=%u\n", running);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(any_schedule_counts_each_click_once, say_seed),
        cmocka_unit_test(the_same_seed_takes_the_same_way),
    };

    (void)signal(SIGABRT, say_seed_and_end);
    enter_folder();
    return cmocka_run_group_tests(tests, NULL, leave);
}
