# SPDX-License-Identifier: MIT
"""Where every click is, and the proof: the audit's sums, the reconciler's findings, and what it repairs.

What is planted here is what faults of others would leave behind: rows that are gone, counts that were edited, offsets
that were moved. Each must be found and mended, and nothing may be found where nothing is wrong.
"""
import json

import psycopg
import pytest

from running import eventually

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
