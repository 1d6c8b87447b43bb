# SPDX-License-Identifier: MIT
"""Replicas with the real servers: what is read while a primary is away, and what becomes of clicks when one takes over."""
import os
import pathlib
import re
import shutil
import signal
import sys
import time

import psycopg
import pytest
import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "stores"))

from managed_store import Store
from running import PORT_SHIFT, ROOT, Platform, eventually, run
from test_degraded import ask_later, is_named_everywhere, is_well, modes, processes_of, stopped
from test_outages import IDENTITY, converged_after_s, load


@pytest.fixture(scope="module")
def replicated(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("replicated"), shift=PORT_SHIFT + 3000,
                        source=(ROOT / "topology/replicated.zpl").read_text())
    try:
        yield platform.up()
    finally:
        platform.down()


def forget_in_redis(platform, code):
    """So that only PostgreSQL knows the link."""
    redis.Redis.from_url(platform.uri("redis")).delete(f"url:{code}")


def is_replicated(platform, code):
    with psycopg.connect(platform.uri("db-replica")) as connection:
        return connection.execute("SELECT 1 FROM urls WHERE short_code = %s", (code,)).fetchone()


def links_that_only_postgres_knows(platform, count):
    codes = [platform.shorten()["short_code"] for _ in range(count)]
    for code in codes:
        eventually(lambda: is_replicated(platform, code), 10, "the replica does not follow")
        forget_in_redis(platform, code)
    return codes


def test_the_postgres_replica_answers_reads_and_writes_are_refused(replicated):
    codes = links_that_only_postgres_knows(replicated, 4)
    eventually(lambda: is_well(replicated), 20)
    with stopped(*processes_of(replicated, "db")):
        since = time.monotonic()
        eventually(lambda: modes(replicated)["postgres"] != "normal", 10)
        took_s = time.monotonic() - since
        for code in codes:
            replicated.click(code)
        stats = replicated.http.get(f"/api/stats/{codes[0]}")
        assert (stats.status_code, stats.json()["clicks"]) == (200, 1)
        assert stats.headers["x-clicks-incomplete"] == "true", "a replica may be behind, and that is said"
        told = {(row["name"], row["mode"]) for row in replicated.status()["dependencies"]}
        assert {mode for name, mode in told if name == "postgres"} != {"normal"}
        is_named_everywhere(replicated, "postgres")
        refused = replicated.http.post("/api/shorten", json={"url": "https://example.org/"})
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
        later = ask_later(replicated)
        assert later.status_code == 202
    eventually(lambda: is_well(replicated), 20, "the mode was not left by itself")
    assert took_s < 1.5, f"found away only after {took_s:.2f} s"
    eventually(lambda: replicated.http.get(later.headers["location"]).status_code == 200, 20)
    stats = replicated.http.get(f"/api/stats/{codes[0]}")
    assert stats.json()["clicks"] == 1 and "x-clicks-incomplete" not in stats.headers
    for code in codes:
        eventually(lambda: replicated.in_postgres(code) == 1, 30)


def test_a_killed_primary_is_followed_again(replicated):
    old = replicated.store("db")["pid"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: replicated.store("db")["pid"] not in (0, old), 20)
    eventually(lambda: is_well(replicated), 20)
    links_that_only_postgres_knows(replicated, 1)


def test_a_killed_replica_comes_back(replicated):
    old = replicated.store("db-replica")["pid"]
    os.kill(old, signal.SIGKILL)
    replicated.click(replicated.shorten()["short_code"])
    eventually(lambda: replicated.store("db-replica")["pid"] not in (0, old), 20)
    links_that_only_postgres_knows(replicated, 1)


def test_the_example_topology_has_no_mistake():
    assert run("check", str(ROOT / "topology/replicated.zpl")).returncode == 0


# -- a replica is promoted: servers that are somebody else's, both named in one address

SHIFT = PORT_SHIFT + 3500
SECRET = "promotion"
STORES = """    db
        kind = postgres
        managed = no
        uri = postgresql://shunt:{{password}}@127.0.0.1:{0},127.0.0.1:{1}/shunt?target_session_attrs=read-write

    db-replica
        kind = postgres
        managed = no
        uri = postgresql://shunt:{{password}}@127.0.0.1:{1},127.0.0.1:{0}/shunt
        password = secret:db

"""


@pytest.fixture
def promotable(tmp_path):
    first, second = (Store("postgres", tmp_path, name, SHUNT_STORE_PASSWORD=SECRET) for name in ("first", "second"))
    second.environment["SHUNT_STORE_REPLICA_OF"] = f"127.0.0.1:{first.port}"
    with first, second:
        first.start().wait_ready()
        second.start().wait_ready()
        stores = STORES.format(first.port - SHIFT, second.port - SHIFT)
        text = (ROOT / "topology/replicated.zpl").read_text()
        text = re.sub(r"^    db\n.*?(?=^    redis\n)", lambda _: stores, text, count=1, flags=re.MULTILINE | re.DOTALL)
        platform = Platform(tmp_path / "platform", *IDENTITY, shift=SHIFT, source=text)
        platform.keep_secret("db", SECRET)
        try:
            yield platform.up(), first, second
        finally:
            platform.down()


def connection_to(server):
    return psycopg.connect(f"postgresql://shunt:{SECRET}@127.0.0.1:{server.port}/shunt", autocommit=True)


def test_a_promoted_replica_takes_the_writes_and_counts_are_exact(promotable):
    platform, first, second = promotable
    with load(platform, 100, links=20) as run:
        time.sleep(3)
        first.kill()
        eventually(lambda: modes(platform)["postgres"] == "replica", 5)
        code = run.ledger.codes[0]
        assert platform.http.get(f"/api/stats/{code}").headers["x-clicks-incomplete"] == "true"
        second.stop()  # the operator starts it again as a primary
        (second.directory / "pg/standby.signal").unlink()
        second.environment.pop("SHUNT_STORE_REPLICA_OF")
        second.start().wait_ready()
        eventually(lambda: platform.http.post("/api/shorten", json={"url": "https://example.org/"}).status_code == 201,
                   15, "nobody writes to the new primary")
        shutil.rmtree(first.directory / "pg")  # the operator makes it a replica of the new one
        first.environment["SHUNT_STORE_REPLICA_OF"] = f"127.0.0.1:{second.port}"
        first.start().wait_ready()
        time.sleep(2)
    converged_after_s(run, 90)
    with connection_to(first) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]
    eventually(lambda: is_well(platform), 30)
