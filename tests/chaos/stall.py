# SPDX-License-Identifier: MIT
"""What a long standstill of both sinks costs the others: memory, answering time, and the time to catch up.

    .setup/venv/bin/python tests/chaos/stall.py [SECONDS [RATE]]

For so long, under load, the sinks cannot store: Postgres' offsets are locked, ClickHouse's table has another name. Exit code 1 when a node has grown
by more than GROWTH_MIB, when redirects have become slower than twice what they were, or when it takes longer than
CAUGHT_UP_S until every click is in both databases. The figures are printed.
"""
import asyncio
import contextlib
import pathlib
import sys
import tempfile
import threading
import time

import psycopg

import chaos
from chaos import Run, say
from ledger import compare
from running import Platform

NORMAL_S = 40
GROWTH_MIB = 64
CAUGHT_UP_S = 30


def memory_mib(platform):
    """Of each node, resident."""
    found = {}
    for node in platform.status()["nodes"]:
        pages = int(pathlib.Path(f"/proc/{node['pid']}/statm").read_text().split()[1])
        found[node["name"]] = pages * 4096 / 2**20
    return found


def p99_ms(times):
    times = sorted(times)
    return 1000 * times[int(len(times) * 0.99)] if times else 0.0


@contextlib.contextmanager
def standstill(platform):
    """Neither sink can store anything."""
    with psycopg.connect(platform.uri("db")) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")  # the platform's own would end the standstill
        connection.execute("LOCK TABLE click_offsets IN EXCLUSIVE MODE")
        platform.clickhouse("RENAME TABLE click_events TO click_events_away")
        try:
            yield
        finally:
            platform.clickhouse("RENAME TABLE click_events_away TO click_events")


def stalled(platform, run, stall_s):
    """p99 before and during, and the memory before and at the end of the standstill."""
    time.sleep(NORMAL_S / 2)
    run.clients.times.clear()
    time.sleep(NORMAL_S / 2)
    before, normal = memory_mib(platform), p99_ms(run.clients.times)
    with standstill(platform):
        run.clients.times.clear()
        time.sleep(stall_s)
        during, after = p99_ms(run.clients.times), memory_mib(platform)
        run.clients.running = False
    return normal, during, before, after


def caught_up_s(run, platform):
    since = time.monotonic()
    while compare(run.ledger, platform).violations:
        if time.monotonic() > since + 4 * CAUGHT_UP_S:
            break
        time.sleep(0.2)
    return time.monotonic() - since


def main(stall_s=120.0, rate=1000.0):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="shunt-stall-"))
    platform = Platform(folder, "--set", "nodes/edge/actors/edge/debug_identity=yes")
    try:
        run = Run(platform.up(), 1, rate, 100)
        clicking = threading.Thread(target=lambda: asyncio.run(run.clients.run(NORMAL_S + stall_s + 60)))
        clicking.start()
        normal, during, before, after = stalled(platform, run, stall_s)
        clicking.join()
        took_s = caught_up_s(run, platform)
        violations = compare(run.ledger, platform).violations + chaos.audit(platform)
    finally:
        platform.down()
    growth = {node: after[node] - before[node] for node in before if node in after}
    worst = max(growth, key=growth.get)
    say(f"sinks stalled {stall_s:g} s at {rate:g}/s, {dict(run.ledger.outcomes)}: largest growth {growth[worst]:.0f} MiB ({worst}); "
        f"p99 {during:.1f} ms, before {normal:.1f} ms; caught up {took_s:.1f} s after; {len(violations)} violations")
    say("growth in MiB: " + ", ".join(f"{node} {size:.1f}" for node, size in sorted(growth.items())))
    return int(bool(violations) or growth[worst] > GROWTH_MIB or during > 2 * normal or took_s > CAUGHT_UP_S)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:3])))
