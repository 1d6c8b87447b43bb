# SPDX-License-Identifier: MIT
"""Under load: a store is away for a while, buffers reach their limits. No click is answered that is not counted.

The short forms run here; SHUNT_OUTAGE_S=60 SHUNT_OUTAGE_RATE=1000 is the long one.
"""
import asyncio
import contextlib
import os
import pathlib
import subprocess
import sys
import threading
import time

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

from chaos import Run
from clients import Clients
from ledger import compare
from running import PORT_SHIFT, Platform, eventually
from test_degraded import modes, processes_of, stopped

OUTAGE_S = float(os.environ.get("SHUNT_OUTAGE_S", 8))
RATE = float(os.environ.get("SHUNT_OUTAGE_RATE", 300))
ANSWERED = 0.999
CONVERGED_WITHIN_S = 15
JOURNAL = "nodes/edge/click_buffer"
IDENTITY = ("--set", "nodes/edge/actors/edge/debug_identity=yes")


@contextlib.contextmanager
def load(platform, rate, seed=1, links=50):
    """Clients at a constant rate while the block runs; yields what they know, also of earlier loads on this platform."""
    run = Run(platform, seed, rate, links)
    known = getattr(platform, "known", None)
    if known is not None:
        known.codes += run.ledger.codes
        run.ledger = known
        run.clients = Clients(run.clients.port, known, rate, seed)
    platform.known = run.ledger
    run.ledger.outcomes.clear()
    clicking = threading.Thread(target=lambda: asyncio.run(run.clients.run(600)))
    clicking.start()
    try:
        yield run
    finally:
        run.clients.running = False
        clicking.join()


def converged_after_s(run, limit_s):
    """How long until every click that was answered is in both databases once."""
    since = time.monotonic()
    while (verdict := compare(run.ledger, run.platform)).violations:
        assert time.monotonic() < since + limit_s, verdict.violations
        time.sleep(0.2)
    assert not run.clients.violations, run.clients.violations
    return time.monotonic() - since


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    running = Platform(tmp_path_factory.mktemp("outage"), *IDENTITY, shift=PORT_SHIFT + 3100)
    try:
        yield running.up()
    finally:
        running.down()


@pytest.mark.parametrize("name", ["redis", "kafka"])
def test_an_outage_is_hardly_noticed(platform, name, capsys):
    with load(platform, RATE) as run:
        time.sleep(2)
        with stopped(*processes_of(platform, name)):
            time.sleep(OUTAGE_S)
        back = time.monotonic()
    outcomes = run.ledger.outcomes
    share = outcomes[307] / sum(outcomes.values())
    converged_after_s(run, 60)
    took_s = time.monotonic() - back
    with capsys.disabled():
        print(f"\n{name} away for {OUTAGE_S:.0f} s at {RATE:.0f}/s: {dict(outcomes)}, {100 * share:.3f} % answered, slowest "
              f"{run.clients.slowest_s:.2f} s, converged {took_s:.1f} s after its return")
    assert share >= ANSWERED
    assert sum(outcomes.values()) > 0.5 * RATE * OUTAGE_S, "too few requests for this to say anything"
    assert took_s <= CONVERGED_WITHIN_S + 5  # this machine does other things as well


# -- limits


@pytest.fixture(scope="module")
def cramped(tmp_path_factory):
    """A click buffer with little room: 1 MiB of journal, on a disk of its own where that can be had."""
    platform = Platform(tmp_path_factory.mktemp("cramped"), *IDENTITY, "--set",
                        "nodes/edge/actors/click_buffer/journal_limit=1MiB", "--set",
                        "nodes/edge/actors/click_buffer/journal_segment=64KiB", shift=PORT_SHIFT + 3200)
    folder = platform.data / JOURNAL
    small_disk = os.geteuid() == 0
    if small_disk:
        folder.mkdir(parents=True, mode=0o700)
        small_disk = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "shunt-cramped", folder],
                                    check=False).returncode == 0
    try:
        yield platform.up(), folder if small_disk else None
    finally:
        platform.down()
        if small_disk:
            subprocess.run(["umount", "-l", folder], check=True)


def refusal(platform, code):
    """An answer that is no redirect, or None."""
    answer = platform.http.get(f"/{code}")
    return None if answer.status_code == 307 else answer


def is_proper(answer):
    return answer.status_code == 503 and int(answer.headers["retry-after"]) > 0 and \
        answer.headers["content-type"] == "application/problem+json" and "location" not in answer.headers


def test_a_full_journal_refuses_clicks_and_none_is_uncounted(cramped):
    platform, _ = cramped
    with load(platform, 2000) as run:
        with stopped(platform.store("redis")["pid"]):
            eventually(lambda: run.ledger.outcomes[503] > 0, 90, "1 MiB of journal took everything")
            refused = eventually(lambda: refusal(platform, run.ledger.codes[0]), 10)
            assert is_proper(refused), refused.text
        eventually(lambda: set(modes(platform).values()) == {"normal"}, 30)
        eventually(lambda: platform.http.get(f"/{run.ledger.codes[0]}").status_code == 307, 30, "it goes on refusing")
        run.ledger.sent(run.ledger.codes[0])  # ours: not known to the clients
    for _ in range(3):
        run.ledger.sent(run.ledger.codes[0])
    run.ledger.issued[run.ledger.codes[0]] += 200
    converged_after_s(run, 60)


def test_a_full_disk_without_redis_refuses_clicks(cramped):
    platform, folder = cramped
    if folder is None:
        pytest.skip("needs root, for a small disk of its own")
    code = platform.shorten()["short_code"]
    platform.click(code)
    answered, filler = 1, folder / "filler"
    try:
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
        for _ in range(20):  # Redis alone is a commit as well
            platform.click(code)
        answered += 20
        with stopped(platform.store("redis")["pid"]):
            refused = None
            deadline = time.monotonic() + 10
            while refused is None and time.monotonic() < deadline:
                answer = platform.http.get(f"/{code}")
                answered += answer.status_code == 307
                refused = answer if answer.status_code != 307 else None
            assert refused is not None, "clicks are taken, and nobody keeps them"
            assert is_proper(refused), refused.text
            for _ in range(5):
                assert platform.http.get(f"/{code}").status_code == 503
    finally:
        filler.unlink(missing_ok=True)
    eventually(lambda: platform.http.get(f"/{code}").status_code == 307, 30, "it goes on refusing")
    low, high = answered + 1, answered + 1 + 7 + 100  # refused ones count once or not at all
    eventually(lambda: low <= platform.in_postgres(code) <= high, 60)
    eventually(lambda: platform.in_clickhouse(code) == platform.in_postgres(code), 60)
