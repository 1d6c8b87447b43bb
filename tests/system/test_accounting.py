# SPDX-License-Identifier: MIT
"""Where every click is, and the proof: the audit's sums, the reconciler's findings, and what it repairs.

What is planted here is what faults of others would leave behind: rows that are gone, counts that were edited, offsets
that were moved. Each must be found and mended, and nothing may be found where nothing is wrong.
"""
import json

import psycopg
import pytest

from running import PORT_SHIFT, eventually

CLICKS = 30


def ask(shunt, *words):
    outcome = shunt.console(*words, "--json")
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def execute(shunt, statement, *parameters):
    with psycopg.connect(shunt.uri("db")) as connection:
        return connection.execute(statement, parameters)


@pytest.fixture
def code(shunt):
    """A link whose clicks are in both databases."""
    made = shunt.shorten("https://example.org/accounted")["short_code"]
    for _ in range(CLICKS):
        shunt.click(made)
    eventually(lambda: shunt.in_postgres(made) == shunt.in_clickhouse(made) == CLICKS, 40, "the clicks did not arrive")
    return made


def identities(shunt, code):
    rows = shunt.clickhouse(f"SELECT epoch, lane, seq FROM click_events WHERE short_code = '{code}' ORDER BY 1, 2, 3 "
                            "FORMAT TabSeparated")
    return [tuple(int(part) for part in line.split("\t")) for line in rows.splitlines()]


# ---- the audit

def test_every_click_is_somewhere(shunt, code):
    audit = ask(shunt, "audit")
    assert audit["difference"] == 0 and audit["clickhouse_difference"] == 0, audit
    assert audit["lanes"] and audit["buffers_silent"] == 0
    for lane in audit["lanes"]:
        assert lane["issued"] == lane["buffered"] + lane["in_kafka"] + lane["in_postgres"], lane
    assert sum(lane["issued"] for lane in audit["lanes"] if lane["state"] == "current") >= CLICKS
    assert shunt.console("audit").stdout.startswith("epoch")


def test_the_audit_finds_what_is_missing(shunt, code):
    epoch, lane, seq = identities(shunt, code)[0]
    execute(shunt, "INSERT INTO click_holes (epoch, lane, first_seq, last_seq) VALUES (%s, %s, 1, 1)", epoch, lane)
    try:
        audit = ask(shunt, "audit")
        assert audit["difference"] == 1, audit
        assert [(one["epoch"], one["lane"]) for one in audit["lanes"] if one["difference"]] == [(epoch, lane)]
    finally:
        execute(shunt, "DELETE FROM click_holes WHERE epoch = %s AND lane = %s AND first_seq = 1", epoch, lane)
    execute(shunt, "UPDATE click_marks SET mark = mark + 1000000 WHERE epoch = %s AND lane = %s", epoch, lane)
    try:
        assert ask(shunt, "audit")["difference"] >= 1000000 - CLICKS, "more was counted than was ever issued"
    finally:
        execute(shunt, "UPDATE click_marks SET mark = mark - 1000000 WHERE epoch = %s AND lane = %s", epoch, lane)


# ---- the reconciler

def reconcile(shunt, *words):
    return ask(shunt, "reconcile", *words)


def test_nothing_is_found_where_nothing_is_wrong(shunt, code):
    report = reconcile(shunt)
    assert (report["postgres_drift"], report["clickhouse_drift"]) == (0, 0), report
    assert report["clicks_compared"] >= CLICKS


def test_counts_that_were_edited_are_mended(shunt, code):
    execute(shunt, "UPDATE urls SET clicks = clicks + 7 WHERE short_code = %s", code)
    report = reconcile(shunt)
    assert (report["postgres_drift"], report["rows"]) == (7, [{"code": code, "postgres": 7, "clickhouse": 0}]), report
    assert shunt.in_postgres(code) == CLICKS + 7, "it only compared"
    assert reconcile(shunt, "repair")["repaired"]
    assert shunt.in_postgres(code) == CLICKS
    assert reconcile(shunt)["postgres_drift"] == 0


@pytest.mark.parametrize("which", (0, -1), ids=("first", "last"))
def test_rows_that_were_deleted_are_put_back(shunt, code, which):
    """The last row of a lane as well, behind which no other says that it should be there."""
    epoch, lane, seq = identities(shunt, code)[which]
    shunt.clickhouse(f"ALTER TABLE click_events DELETE WHERE epoch = {epoch} AND lane = {lane} AND seq = {seq}")
    eventually(lambda: shunt.in_clickhouse(code) == CLICKS - 1, 20, "the row was not deleted")
    assert reconcile(shunt)["clickhouse_drift"] == 1
    assert reconcile(shunt, "repair")["repaired"]
    eventually(lambda: len(identities(shunt, code)) == CLICKS, 20, "the row did not come back")
    assert reconcile(shunt)["clickhouse_drift"] == 0


def test_an_offset_that_was_moved_goes_back(shunt, code):
    """Clicks that were passed by are counted, once, by reading them again."""
    with psycopg.connect(shunt.uri("db")) as connection:
        marks = connection.execute("SELECT epoch, lane, mark FROM click_marks").fetchall()
    for _ in range(CLICKS):
        shunt.click(code)
    eventually(lambda: shunt.in_postgres(code) == shunt.in_clickhouse(code) == 2 * CLICKS, 40, "the clicks did not arrive")
    with psycopg.connect(shunt.uri("db")) as connection:  # as if the offsets had moved without the rest
        connection.execute("UPDATE click_offsets SET owner = 0 WHERE consumer = 'postgres'")
        connection.execute("UPDATE urls SET clicks = clicks - %s WHERE short_code = %s", (CLICKS, code))
        for epoch, lane, mark in marks:
            connection.execute("UPDATE click_marks SET mark = %s WHERE epoch = %s AND lane = %s", (mark, epoch, lane))
    report = reconcile(shunt)
    assert (report["postgres_drift"], report["clickhouse_drift"]) == (CLICKS, 0), report
    assert reconcile(shunt, "repair")["repaired"]
    eventually(lambda: shunt.in_postgres(code) == 2 * CLICKS, 60, "the clicks that were passed by were not counted")
    eventually(lambda: reconcile(shunt)["postgres_drift"] == 0, 30, "something is counted twice")
    assert ask(shunt, "audit")["difference"] == 0


def test_a_sample_finds_drift_by_itself(shunt, code):
    def metric(name):
        text = shunt.http.get(f"http://127.0.0.1:{8081 + PORT_SHIFT}/metrics/reconciler").text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith(f"shunt_reconciler_{name}"))

    assert shunt.console("config", "set", "reconciler.sample_every", "1s").returncode == 0
    seen = metric("sampled_codes_total")
    eventually(lambda: metric("sampled_codes_total") > seen, 60, "nothing was sampled")
    assert metric("sampled_drift_clicks") == 0
    execute(shunt, "UPDATE urls SET clicks = clicks + 5")
    try:
        eventually(lambda: metric("sampled_drift_clicks") >= 5, 150, "the drift was not found")
    finally:
        execute(shunt, "UPDATE urls SET clicks = clicks - 5")
        assert shunt.console("config", "set", "reconciler.sample_every", "60s").returncode == 0
