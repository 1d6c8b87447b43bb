# SPDX-License-Identifier: MIT
"""The short form of `shunt chaos`: a fresh seed each time, which is printed; and that its checker finds what is planted.

It starts a platform of its own, on ports of its own, because the shared one may be up.
"""
import pathlib
import random
import sys

import psycopg
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

from chaos import Run, report
from faults import KINDS, schedule
from ledger import compare
from running import PORT_SHIFT, Platform, eventually

LENGTH_S = 45
EVERY_S = 3
RATE = 200  # redirects a second
LINKS = 50


@pytest.fixture(scope="module")
def after_chaos(tmp_path_factory, request):
    """A platform that has been through it, and what was found then."""
    seed = random.SystemRandom().randrange(1 << 31)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"chaos with seed {seed}", flush=True)
    platform = Platform(tmp_path_factory.mktemp("chaos"), "--set", "nodes/edge/actors/edge/debug_identity=yes",
                        shift=PORT_SHIFT + 2000)
    try:
        run = Run(platform.up(), seed, RATE, LINKS)
        run.faults_under_load(schedule(seed, LENGTH_S, EVERY_S, KINDS), LENGTH_S)
        verdict = run.drain()
        report(run, verdict)
        yield run, verdict
    finally:
        platform.down()


def test_every_click_counts_once_whatever_dies(after_chaos):
    run, verdict = after_chaos
    assert not verdict.violations, f"./shunt chaos --seed {run.seed} --minutes {LENGTH_S / 60} --every {EVERY_S}"
    assert run.ledger.outcomes[307] > LENGTH_S * RATE / 2, "too few redirects for this to say anything"
    assert run.doer.done > 5


def test_the_checker_finds_what_is_planted(after_chaos):
    run, _ = after_chaos
    platform, code = run.platform, run.ledger.codes[0]

    def promises():
        return {violation.split(":")[0] for violation in compare(run.ledger, platform).violations}

    def add(clicks):
        with psycopg.connect(platform.uri("db")) as connection:
            connection.execute("UPDATE urls SET clicks = clicks + %s WHERE short_code = %s", (clicks, code))

    add(-1)
    assert "I2" in promises(), "a click that Postgres lacks"
    add(1)
    assert promises() == set()
    (epoch, lane), seqs = next(iter(run.ledger.identities.items()))
    seq = next(iter(seqs))
    platform.clickhouse(f"ALTER TABLE click_events DELETE WHERE epoch = {epoch} AND lane = {lane} AND seq = {seq}")
    eventually(lambda: {"I1", "I2"} <= promises(), 30, "a click that ClickHouse lacks was not found")
    run.ledger.sent(code)
    run.ledger.came_back(code, f"{epoch}-{lane}-{seq}")
    assert "identity given twice" in promises()
