# SPDX-License-Identifier: MIT
"""Degraded, not down: what still works while something is away, and that it is said, entered and left by itself.

One test for each row of the table:

| lost | test |
|---|---|
| Redis | test_without_redis |
| Redis primary, replica alive | test_the_redis_replica_answers_reads |
| Kafka | test_without_kafka |
| Postgres | test_without_postgres, test_a_link_is_accepted_for_later |
| Postgres primary, replica configured | test_replicas.py |
| ClickHouse | test_without_clickhouse |
| keygen Redis primary (and both) | test_codes_come_from_the_other_server, and test_keygen.py |
| an app node | test_an_app_node_dies_under_reads |
| config, cache-warmer, reconciler | test_without_the_helpers |

A store is lost here by standing still (SIGSTOP): its connections stay open and say nothing, which is the hardest case. One
that is killed is up again too soon to look (test_healing.py).
"""
import contextlib
import json
import os
import signal
import threading
import time

import httpx
import psycopg
import redis

from running import eventually, run

ENTERED_WITHIN_S = 1.0
SLACK_S = 0.5  # for a busy machine
LEFT_WITHIN_S = 20


def modes(shunt):
    return shunt.http.get("/readyz").json()["dependencies"]


def is_well(shunt):
    return set(modes(shunt).values()) == {"normal"}


@contextlib.contextmanager
def stopped(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def processes_of(shunt, name):
    """A store's process and its children: PostgreSQL serves each client by a process of its own."""
    first = shunt.store(name)["pid"]
    parents = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry)] = int(open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()[1])
    return [first] + [pid for pid, parent in parents.items() if parent == first]


@contextlib.contextmanager
def without(shunt, name, dependency=None, also=(), within_s=ENTERED_WITHIN_S + SLACK_S):
    """The store stands still, and the others in `also`; readyz names its mode in time, and the platform is well again by itself afterwards."""
    eventually(lambda: is_well(shunt), LEFT_WITHIN_S, "something is not well before the test")
    dependency = dependency or name
    with stopped(*[pid for each in (name, *also) for pid in processes_of(shunt, each)]):
        since = time.monotonic()
        eventually(lambda: modes(shunt)[dependency] != "normal", 10, f"nobody says that {dependency} is away")
        took_s = time.monotonic() - since
        yield
    eventually(lambda: is_well(shunt), LEFT_WITHIN_S, "the mode was not left by itself")
    assert took_s <= within_s, f"{dependency} was found away only after {took_s:.2f} s"


def is_named_everywhere(shunt, dependency):
    """By status, the metrics and the log."""
    told = {row["name"]: row["mode"] for row in shunt.status()["dependencies"]}
    assert told[dependency] != "normal", "status calls it normal"
    operator = httpx.URL(shunt.status()["url"])
    metrics = httpx.get(f"http://127.0.0.1:{operator.port + 1}/metrics", timeout=10).text
    assert any(line.startswith("shunt_actor_dependency_normal{") and f'dependency="{dependency}"' in line and
               line.endswith(" 0") for line in metrics.splitlines()), "the metrics call it normal"
    assert any(f"{dependency} is now" in path.read_text() for path in (shunt.data / "log").glob("*.log")), "no log says it"


def has_all(shunt, code, clicks):
    eventually(lambda: shunt.clicks(code) == clicks, 30)
    eventually(lambda: shunt.in_postgres(code) == clicks, 60, "the clicks did not all reach Postgres")
    eventually(lambda: shunt.in_clickhouse(code) == clicks, 60, "the clicks did not all reach ClickHouse")


def client_of(shunt, name):
    return redis.Redis.from_url(shunt.uri(name), socket_timeout=5)


def test_without_redis(shunt):
    hot, cold = shunt.shorten()["short_code"], shunt.shorten()["short_code"]
    shunt.click(hot)
    with without(shunt, "redis", also=["redis-replica"]):
        for _ in range(20):
            shunt.click(hot)
        shunt.click(cold)  # this edge never saw it: Postgres knows
        shunt.click(shunt.shorten()["short_code"])
        is_named_everywhere(shunt, "redis")
    has_all(shunt, hot, 21)
    has_all(shunt, cold, 1)


def test_the_redis_replica_answers_reads(shunt):
    codes = [shunt.shorten()["short_code"] for _ in range(5)]
    eventually(lambda: all(client_of(shunt, "redis-replica").exists(f"url:{code}") for code in codes), 10)
    with without(shunt, "redis"):
        eventually(lambda: modes(shunt)["redis"] in ("replica", "journal-only"), 5)
        told = {(row["name"], row["mode"]) for row in shunt.status()["dependencies"]}
        assert ("redis", "replica") in told or ("redis", "journal-only") in told
        # Postgres stands still as well: only the replica can know these codes.
        eventually(lambda: shunt.http.get(f"/{codes[0]}").status_code == 307, 5)
        with stopped(*processes_of(shunt, "db")):
            for code in codes[1:]:
                shunt.click(code)
    for code in codes:
        has_all(shunt, code, 1)


def test_without_kafka(shunt):
    code = shunt.shorten()["short_code"]
    shunt.click(code)
    running = True

    def keep_clicking():
        with httpx.Client(base_url=str(shunt.http.base_url)) as http:
            while running:
                http.get(f"/{code}")
                time.sleep(0.01)  # a load of a hundred a second: a broker that stands still is found by what waits

    load = threading.Thread(target=keep_clicking)
    load.start()
    try:
        # A broker that stands still is found when the next window is not taken: one second more.
        with without(shunt, "kafka", within_s=ENTERED_WITHIN_S + 1 + SLACK_S):
            shunt.click(shunt.shorten()["short_code"])
            is_named_everywhere(shunt, "kafka")
    finally:
        running = False
        load.join()
    counted = shunt.clicks(code)
    has_all(shunt, code, counted)


def test_without_postgres(shunt):
    hot, cached = shunt.shorten()["short_code"], shunt.shorten()["short_code"]
    shunt.click(hot)
    with without(shunt, "db", "postgres"):
        for _ in range(20):
            shunt.click(hot)
        shunt.click(cached)  # this edge never saw it: Redis knows
        refused = shunt.http.post("/api/shorten", json={"url": "https://example.org/"})
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
        assert refused.headers["content-type"] == "application/problem+json"
        assert shunt.http.get(f"/api/stats/{hot}").status_code == 503
        is_named_everywhere(shunt, "postgres")
    has_all(shunt, hot, 21)
    has_all(shunt, cached, 1)


def ask_later(shunt, **body):
    return shunt.http.post("/api/shorten", json={"url": "https://example.org/later", **body},
                           headers={"prefer": "wait=1, respond-async"})


def test_a_link_is_accepted_for_later(shunt):
    mine, taken = "L%x" % time.time_ns(), "T%x" % time.time_ns()
    shunt.shorten(custom_code=taken)
    assert ask_later(shunt).status_code == 201, "with the database there it is made at once"
    with without(shunt, "db", "postgres"):
        accepted = [ask_later(shunt), ask_later(shunt, custom_code=mine), ask_later(shunt, custom_code=taken)]
        assert [answer.status_code for answer in accepted] == [202] * 3, accepted[0].text
        urls = [answer.headers["location"] for answer in accepted]
        assert len(set(urls)) == 3
        assert shunt.http.get(urls[0]).status_code == 202
        assert shunt.http.get(f"/{mine}").status_code in (404, 503), "it is not there yet"
        # Whoever accepted them is killed, and Redis as well.
        for name in ("app1", "app2", "app3"):
            os.kill(shunt.node(name)["pid"], signal.SIGKILL)
        os.kill(shunt.store("redis")["pid"], signal.SIGKILL)
    made = eventually(lambda: [a for a in [shunt.http.get(url) for url in urls[:2]] if a.status_code == 200][1:] and
                      [shunt.http.get(url).json() for url in urls[:2]], 30, "the links were not made")
    assert made[1]["short_code"] == mine
    assert set(made[0]) == {"id", "short_code", "original_url", "short_url", "clicks", "created_at", "updated_at"}
    eventually(lambda: shunt.http.get(f"/{mine}").status_code == 307, 5, "a chosen code stays unknown")
    shunt.click(made[0]["short_code"])
    refused = eventually(lambda: [a for a in [shunt.http.get(urls[2])] if a.status_code == 409], 10)[0]
    assert refused.json()["errors"][0]["pointer"] == "#/custom_code"
    with psycopg.connect(shunt.uri("db")) as connection:
        count = connection.execute("SELECT count(*) FROM urls WHERE short_code = ANY(%s)",
                                   ([made[0]["short_code"], mine],)).fetchone()[0]
        same = connection.execute("SELECT count(*) FROM urls WHERE original_url = 'https://example.org/later'").fetchone()[0]
    assert (count, same) == (2, 3), "made once each, beside the one that was made at once"


def test_not_more_wait_than_may(shunt):
    assert run("config", "set", "links.deferred_limit", "2", data=shunt.data).returncode == 0
    try:
        with without(shunt, "db", "postgres"):
            answers = [ask_later(shunt).status_code for _ in range(4)]
            assert answers == [202, 202, 503, 503]
    finally:
        assert run("config", "set", "links.deferred_limit", "10k", data=shunt.data).returncode == 0
    eventually(lambda: client_of(shunt, "redis").zcard("{deferred}:queue") == 0, 20, "they were not made")


def test_without_clickhouse(shunt):
    code = shunt.shorten()["short_code"]
    with without(shunt, "clickhouse"):
        for _ in range(10):
            shunt.click(code)
        eventually(lambda: shunt.in_postgres(code) == 10, 30, "Postgres waits for ClickHouse")
        is_named_everywhere(shunt, "clickhouse")
    has_all(shunt, code, 10)


def test_codes_come_from_the_other_server(shunt):
    with without(shunt, "keygen-redis-primary"):
        codes = {shunt.shorten()["short_code"] for _ in range(50)}
        assert len(codes) == 50
        is_named_everywhere(shunt, "keygen-redis-primary")


def test_an_app_node_dies_under_reads(shunt):
    codes = [shunt.shorten()["short_code"] for _ in range(120)]
    failed = []

    def read(some):
        with httpx.Client(base_url=str(shunt.http.base_url), timeout=10) as http:
            for code in some:  # each for the first time: an app node has to answer
                answer = http.get(f"/{code}")
                if answer.status_code != 307:
                    failed.append((code, answer.status_code))

    readers = [threading.Thread(target=read, args=(codes[part::4],)) for part in range(4)]
    pids = {name: shunt.node(name)["pid"] for name in ("app1", "app2")}
    for reader in readers:
        reader.start()
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)  # one after the other, while the readers read
    for reader in readers:
        reader.join()
    assert failed == []
    for name, pid in pids.items():
        eventually(lambda: shunt.node(name)["pid"] not in (0, pid), 20)


def test_without_the_helpers(shunt):
    eventually(lambda: is_well(shunt), LEFT_WITHIN_S)
    code = shunt.shorten()["short_code"]
    with stopped(*[shunt.node(name)["pid"] for name in ("config", "cache-warmer", "reconciler")]):
        for _ in range(10):
            shunt.click(code)
        shunt.click(shunt.shorten()["short_code"])
        assert shunt.clicks(code) == 10
        assert shunt.http.get("/readyz").status_code == 200
    has_all(shunt, code, 10)
    eventually(lambda: is_well(shunt), LEFT_WITHIN_S)


def test_a_chosen_code_that_was_looked_for_in_vain_is_there_at_once(shunt):
    for number in range(10):
        code = "V%x%d" % (time.time_ns(), number)
        assert shunt.http.get(f"/{code}").status_code == 404
        shunt.shorten(custom_code=code)
        shunt.click(code)
