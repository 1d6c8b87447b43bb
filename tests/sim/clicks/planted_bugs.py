#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bugs that somebody could write into the pipeline, and whether the simulation finds each of them.

Each is one change of one file. The build compiles the changed file into a simulation of its own (CMake: sim/planted/NAME),
and the test is that this simulation fails, with a seed, within SEEDS seeds. A bug that is not found says that the
simulation looks away; a text that is not in its file any more, that the bug has to be written anew.

    planted_bugs.py list                    NAME=FILE of each, for the build
    planted_bugs.py write NAME FROM TO      the changed file
    planted_bugs.py find PROGRAM            runs a changed simulation; 0 when it fails as it should
"""
import os
import pathlib
import re
import subprocess
import sys

SEEDS = 800
LIMIT_S = 200

# name: (file, what is there, what stands there instead, and so on)
BUGS = {
    "trimmed_before_acknowledged": ("actors/clicks/kafka_bridge.c", """
    lane->under_way++;
    buffer_clear(""", """
    lane->under_way++;
    {
        struct lane_key stream = lane_stream_key(lane->epoch, lane->lane);
        struct lane_key from = lane_entry_id(lane->position + 1);

        REDIS(self->redis, NULL, NULL, SLICE("XTRIM"), slice_of(stream.text), SLICE("MINID"), SLICE("="),
              slice_of(from.text));
    }
    buffer_clear("""),
    "published_before_acknowledged": ("actors/clicks/kafka_bridge.c", """
            if (!send_run(me, lane) || !bridge_lane_is_done(lane))
                return; /* a report or the tick goes on */""", """
            if (!send_run(me, lane))
                return;
            lane->under_way = 0;
            lane->has_failed = false;"""),
    "later_run_not_waiting_for_the_earlier": ("actors/clicks/kafka_bridge.c",
                                              "    if (lane->under_way > 0 || !kafka", "    if (!kafka", """
        if (lane->under_way > 0 && lane->run.size > 0)
            return; /* the next run waits for the report of this one */
""", ""),
    "failed_run_not_sent_again": ("actors/clicks/kafka_bridge.c", "        lane->has_failed = true;\n", ""),
    "empty_stream_taken_for_published": ("actors/clicks/kafka_bridge.c", """
        lane->is_reading = true;
        REDIS(self->redis, stream_told, lane, SLICE("XINFO"), SLICE("STREAM"), slice_of(key.text));
        return;""", """
        (void)stream_told;
        (void)key;
        lane->is_read = true;
        work(me, lane);
        return;"""),
    "hole_not_noted": ("actors/clicks/lane_ledger.c", """
        replace(ledger, ledger->missing_count, 0, &(struct seq_range){ ledger->position + 1, *first - 1 }, 1);""", """
        ledger->changes++;"""),
    "hole_stays_after_it_was_filled": ("actors/clicks/lane_ledger.c", """
    fill(ledger, index, fresh);
    *ret_fresh""", """
    (void)fill;
    *ret_fresh"""),
    "repeats_counted": ("actors/clicks/lane_ledger.c", """
    if (*first <= ledger->position)
        *first = ledger->position + 1;""", ""),
    "offset_behind_open_window": ("actors/clicks/ingestion.c",
                                  "partition->lanes[i].open_offset < offset)\n            offset = ",
                                  "partition->lanes[i].open_offset < offset)\n            (void)"),
    "mark_moved_outside_the_transaction": ("tests/sim/clicks/sim_database.h", """
    if (end != SIM_ROLLED_BACK)
        sim_commit(&flush);""", """
    for (uint32_t i = 0; i < flush.mark_count; i++)
        sim_lane_of(flush.marks[i].epoch, flush.marks[i].lane)->mark = flush.marks[i].to;
    if (end != SIM_ROLLED_BACK)
        sim_commit(&flush);"""),
    "window_deleted_once_published": ("actors/clicks/click_epoch.c", """
    windows_published(&lane->windows, seq);""", """
    windows_published(&lane->windows, seq);
    (void)windows_pass(&lane->windows, seq);"""),
    "redis_not_asked_after_a_doubt": ("actors/clicks/click_drain.c", """
    lane->in_redis = is_none ? 0 : last_generated(result->reply);""", """
    if (!is_none && last_generated(result->reply) > lane->in_redis)
        lane->in_redis = last_generated(result->reply);"""),
    "identity_given_again": ("actors/clicks/click_commit.c", """
    flight->is_retained = true;
    lane->retained = flight->bytes;
    lane->retained_last = batch_last_seq(&flight->span);""", """
    (void)lane;
    slot->next_seq -= flight->span.count;
    slot->flight = NULL;
    spare(commit, flight);"""),
    "retained_batch_forgotten": ("actors/clicks/click_commit.c", """
    flight->is_retained = true;
    lane->retained = flight->bytes;
    lane->retained_last = batch_last_seq(&flight->span);""", """
    (void)lane;
    slot->flight = NULL;
    spare(commit, flight);"""),
    "journal_forgotten_too_early": ("actors/clicks/click_epoch.c", """
    journal_forget(epoch->journal, lane->number, is_short ? lane->published : lane->marked);""", """
    (void)is_short;
    journal_forget(epoch->journal, lane->number, lane->in_redis);"""),
    "journal_of_an_earlier_start_not_sent": ("actors/clicks/click_drain.c", """
        if (record->kind != JOURNAL_BATCH ||""", """
        if (record->kind != JOURNAL_BATCH || !epoch->is_current ||"""),
    "epoch_drained_too_early": ("actors/clicks/click_recovery.c", """
epoch->is_drained || click_epoch_has_pending(epoch))""", "epoch->is_drained)", "if (end > 0)", "if (end > UINT64_MAX - 1)"),
    "answered_before_committed": ("actors/clicks/click_commit.c", """
        click_epoch_send(&commit->epoch->lanes[slot->lane],""", """
        answer_all(commit, flight);
        click_epoch_send(&commit->epoch->lanes[slot->lane],"""),
    "lost_answer_taken_for_yes": ("actors/clicks/click_drain.c", """
    if (result->outcome == OUTCOME_DONE)
        return true;""", """
    if (result->outcome == OUTCOME_DONE || result->outcome == OUTCOME_UNKNOWN)
        return true;"""),
    "straddling_window_counted_whole": ("actors/clicks/pending.c", "        if (piece->first_seq <= seen) {\n",
                                        "        if (piece->first_seq <= seen && piece->first_seq == 0) {\n"),
    "insert_without_answer_taken_for_done": ("actors/clicks/click_rows.c", """
void click_rows_doubt(struct click_rows *rows)
{
    for""", """
void click_rows_doubt(struct click_rows *rows)
{
    if (rows->first != NULL)
        return;
    for"""),
    "late_click_below_the_highest_left_out": ("actors/clicks/click_rows.c", """
        lane_ledger_miss(&known->ledger, (struct seq_range){ asked->first_seq, highest_seq });""", """
        known->from = asked->first_seq;"""),
}


def write(name, source, target):
    _, *changes = BUGS[name]
    text = pathlib.Path(source).read_text()
    for there, instead in zip(changes[::2], changes[1::2]):
        there, instead = there.removeprefix("\n"), instead.removeprefix("\n")
        if text.count(there) != 1:
            sys.exit(f"{source}: the planted bug {name} expects this once, it is there {text.count(there)} times:\n{there}")
        text = text.replace(there, instead)
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(target).write_text(text)


def find(program):
    try:
        run = subprocess.run([program], env={**os.environ, "SHUNT_SIM_SEEDS": f"1-{SEEDS}"}, text=True,
                             capture_output=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"found: it does not come to its end within {LIMIT_S} s")
        return 0
    seed = re.search(r"the seed that failed: SHUNT_SIM_SEEDS=(\d+)", run.stdout + run.stderr)
    if run.returncode != 0 and seed:
        print(f"found with seed {seed[1]}")
        return 0
    print(f"not found within {SEEDS} seeds; the program said:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return 1


def main(words):
    if words[:1] == ["list"]:
        print("\n".join(f"{name}={bug[0]}" for name, bug in BUGS.items()))
    elif words[:1] == ["write"] and len(words) == 4:
        write(*words[1:])
    elif words[:1] == ["find"] and len(words) == 2:
        return find(words[1])
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
