/* SPDX-License-Identifier: MIT */
/*
 * The pipeline from the edge's question to Postgres's counts in one thread: the real click_buffer, kafka_bridge and
 * ingestion, with simulated Redis, Kafka and Postgres and virtual time. A seed decides what happens: clicks, pauses,
 * crashes of the node, cut connections with lost answers, a Redis that is away, refuses, is wiped or wakes up with an
 * older state, a Kafka that is away, refuses or loses answers, transactions of unknown outcome. Then everything heals,
 * and it is checked, click by click:
 *
 *     every click that was answered is counted once, under its code; nothing is counted that was not issued;
 *     whoever read the statistics meanwhile saw at least what had been answered, and never more than had been asked.
 *
 * SHUNT_SIM_SEEDS="FIRST-LAST" runs other seeds; a failing one is printed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "actors/clicks/batch.h"
#include "actors/clicks/click_run.h"
#include "actors/clicks/pending.h"
#include "proto/messages/clicks.h"
#include "proto/messages/links.h"
#include "runtime/failpoint.h"
#include "runtime/harness.h"
#include "tests/sim/clicks/sim_database.h"
#include "tests/sim/clicks/sim_identities.h"
#include "tests/sim/clicks/sim_redis.h"
#include "tests/testing.h"

extern const struct actor_kind click_buffer_kind;
extern const struct actor_kind kafka_bridge_kind;

enum { ASKS_LIMIT = 4096, STEPS = 150, HEAL_STEPS = 400, SEEDS = 150, CLICKS_PER_ASK = 6 };

_Static_assert(ASKS_LIMIT *CLICKS_PER_ASK <= SIM_SEQS, "every identity has its place");

struct ask {
    uint64_t question; /* 0: settled */
    uint32_t code;
    uint32_t count;
    bool is_answered;
    struct clicks_committed identity;
};

static struct harness *h;
static struct actor *buffer;
static uint64_t next_epoch;
static unsigned seed;
static unsigned running; /* the seed of the run, for the message when it fails; 0: none */
static struct ask asks[ASKS_LIMIT];
static uint32_t ask_count;
static uint64_t asked[SIM_CODES];
static uint64_t answered[SIM_CODES];
static struct fake_server saved; /* an older state of Redis */
static bool has_saved;
static bool journal_failed; /* in this run: then Redis must not forget anything as well */

static unsigned random_below(unsigned limit)
{
    return (unsigned)rand_r(&seed) % limit;
}

/* ------------------------------------------------------------------------------------------------ the node */

/* Plays id_allocator and postgres_sink. */
static void answer_letters(void)
{
    static struct lane_position rows[4096];
    const struct harness_letter *letter;

    while ((letter = harness_take(h)) != NULL) {
        if (letter->schema == &epoch_lease_schema) {
            harness_reply(h, letter, &epoch_leased_schema, &(struct epoch_leased){ .epoch = next_epoch++ });
        } else if (letter->schema == &epochs_read_schema) {
            struct producer_epoch epochs[SIM_EPOCHS];
            struct epochs_known known = { .epochs = { .at = epochs } };

            for (uint64_t epoch = SIM_FIRST_EPOCH; epoch + 1 < next_epoch; epoch++) {
                if (!database.is_drained[epoch - SIM_FIRST_EPOCH])
                    epochs[known.epochs.count++] = (struct producer_epoch){ epoch, SIM_PARTITIONS };
            }
            harness_reply(h, letter, &epochs_known_schema, &known);
        } else if (letter->schema == &marks_read_schema) {
            const struct marks_read *read = letter->message;
            struct marks_moved moved = { .marks = { rows, read->lanes.count } };

            for (uint32_t i = 0; i < read->lanes.count; i++)
                rows[i] = (struct lane_position){ read->lanes.at[i].epoch, read->lanes.at[i].lane,
                                                  sim_lane_of(read->lanes.at[i].epoch, read->lanes.at[i].lane)->mark };
            harness_reply(h, letter, &marks_moved_schema, &moved);
        } else if (letter->schema == &epoch_drained_schema) {
            const struct epoch_drained *drained = letter->message;
            bool all = true;

            for (uint32_t i = 0; i < drained->ends.count; i++)
                all = all && sim_lane_of(drained->epoch, drained->ends.at[i].lane)->mark >= drained->ends.at[i].seq;
            database.is_drained[drained->epoch - SIM_FIRST_EPOCH] |= all;
            if (all)
                harness_reply(h, letter, &done_schema, &(struct done){ 0 });
            else
                harness_reply(h, letter, &ask_failed_schema, &(struct ask_failed){ .reason = ASK_FAILED });
        }
    }
}

static void start_node(void)
{
    h = harness_new(seed);
    buffer = harness_add(h, &click_buffer_kind, "click_buffer",
                         (const char *[]){ "redis=redis://sim", "lanes=2", "journal_segment=64KiB", NULL });
    (void)harness_add(h, &kafka_bridge_kind, "kafka_bridge",
                      (const char *[]){ "redis=redis://sim", "kafka=kafka://sim", "delivery_limit=1s", NULL });
    harness_start(h);
    answer_letters();
    harness_advance(h, 1000);
}

static void settle_asks(void)
{
    for (uint32_t i = 0; i < ask_count; i++) {
        const struct harness_letter *answer = asks[i].question != 0 ? harness_answer(h, asks[i].question) : NULL;

        if (answer == NULL)
            continue;
        asks[i].question = 0;
        asks[i].is_answered = answer->schema == &clicks_committed_schema;
        if (!asks[i].is_answered)
            continue;
        asks[i].identity = *(const struct clicks_committed *)answer->message;
        answered[asks[i].code] += asks[i].count;
    }
}

static void advance(uint64_t by_us)
{
    harness_advance(h, by_us);
    answer_letters();
    settle_asks();
}

/* kill -9: whoever waited for an answer never gets it. */
static void crash_node(void)
{
    settle_asks();
    harness_destroy(&h);
    for (uint32_t i = 0; i < ask_count; i++)
        asks[i].question = 0;
    start_node();
}

static void click(void)
{
    struct ask *ask = &asks[ask_count];
    struct click clicks[CLICKS_PER_ASK];

    if (ask_count == ASKS_LIMIT)
        return;
    *ask = (struct ask){ .code = random_below(SIM_CODES), .count = 1 + random_below(CLICKS_PER_ASK) };
    for (uint32_t i = 0; i < ask->count; i++)
        clicks[i] = (struct click){ .code = slice_of(sim_codes[ask->code]), .time_us = 1700000000000000 };
    ask->question =
        harness_ask(h, buffer, &clicks_commit_schema, &(struct clicks_commit){ .clicks = { clicks, ask->count } });
    asked[ask->code] += ask->count;
    ask_count++;
}

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
            for (uint32_t lane = 0; lane < SIM_PARTITIONS; lane++)
                is_whole = is_whole &&
                           (database.is_drained[epoch - SIM_FIRST_EPOCH] || pending_is_covered(pending, epoch, lane));
        }
        sim_sink_read(random_below(8));
        if (random_below(2) == 0)
            sim_sink_flush((enum sim_end)random_below(3));
        for (uint64_t epoch = SIM_FIRST_EPOCH; epoch < next_epoch; epoch++) {
            for (uint32_t lane = 0; lane < SIM_PARTITIONS; lane++)
                pending_set_mark(pending, epoch, lane, sim_lane_of(epoch, lane)->mark);
        }
        {
            uint64_t total = database.clicks[code] + pending_sum(pending).clicks;

            assert_true(total <= asked[code]);
            if (is_whole)
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

    sim_sink_read(1 + random_below(6));
    if (chance < 8)
        sim_sink_flush(SIM_COMMITTED);
    else if (chance < 10)
        sim_sink_flush(chance == 8 ? SIM_ROLLED_BACK : SIM_COMMITTED_UNHEARD);
    else if (chance == 10)
        sim_sink_restart();
    if (random_below(2) == 0)
        tell_marks();
}

static void step(void)
{
    unsigned chance = random_below(100);

    if (chance < 55)
        click();
    else if (chance < 75)
        sink_step();
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
    kafka.fails = 0;
    kafka.loses = 0;
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
    sim_kafka_clear();
    memset(&database, 0, sizeof database);
    memset(asked, 0, sizeof asked);
    memset(answered, 0, sizeof answered);
    ask_count = 0;
    next_epoch = SIM_FIRST_EPOCH;
    seed = run;
    kafka.is_down = false;
    kafka.fails = kafka.loses = 0;
    kafka.seed = run;
    assert_int_equal(system("rm -rf nodes"), 0);
    assert_null(failpoint_set("click_buffer.journal_write", "off"));
    sim_sink_restart();
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
    enter_folder();
    for (unsigned number = first; number <= last; number++) {
        running = number;
        run(number);
    }
    running = 0;
    reset_world(0);
    ingestion_destroy(&sink.ingestion);
    assert_int_equal(system("rm -rf nodes seed"), 0);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
