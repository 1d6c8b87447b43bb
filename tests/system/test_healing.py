# SPDX-License-Identifier: MIT
"""Whatever is killed comes back by itself, clicks are exact all the same, and nothing outlives the launcher."""
import os
import signal

import pytest

from running import eventually, is_alive, is_listening, run

BACK_WITHIN_S = 20  # the aim is a second or two; this bound only says "by itself"


def healed(shunt, kind, name, old_pid):
    entry = getattr(shunt, kind)(name)
    return entry["state"] == "up" and entry["pid"] not in (0, old_pid)


@pytest.mark.parametrize("name", ["app2", "edge", "keygen", "id-allocator", "config", "cache-warmer", "ingestion-1",
                                  "reconciler"])
def test_a_killed_node_comes_back(shunt, name):
    before = shunt.node(name)
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: healed(shunt, "node", name, before["pid"]), BACK_WITHIN_S, f"{name} did not come back")
    assert shunt.node(name)["restarts"] == before["restarts"] + 1
    eventually(lambda: shunt.http.get("/readyz").status_code == 200, BACK_WITHIN_S)
    shunt.click(eventually(lambda: shunt.shorten(), BACK_WITHIN_S)["short_code"])


@pytest.mark.parametrize("name", ["redis", "redis-replica", "db", "kafka", "clickhouse", "keygen-redis-primary",
                                  "prometheus"])
def test_a_killed_store_comes_back_and_no_click_is_lost(shunt, name):
    code = shunt.shorten()["short_code"]
    for _ in range(20):
        shunt.click(code)
    before = shunt.store(name)
    os.kill(before["pid"], signal.SIGKILL)
    answered = sum(shunt.http.get(f"/{code}").status_code == 307 for _ in range(20))
    assert answered == 20, "a hot link is served whatever store is away"
    eventually(lambda: healed(shunt, "store", name, before["pid"]), BACK_WITHIN_S, f"{name} did not come back")
    assert shunt.store(name)["restarts"] == before["restarts"] + 1
    eventually(lambda: shunt.clicks(code) == 40, 30)
    eventually(lambda: shunt.in_postgres(code) == 40, 60, "the clicks did not all reach Postgres")
    eventually(lambda: shunt.in_clickhouse(code) == 40, 60, "the clicks did not all reach ClickHouse")


@pytest.mark.parametrize("name, dependency", [("redis", "redis"), ("kafka", "kafka")])
def test_a_store_that_stands_still_is_named_and_does_not_stop_redirects(shunt, name, dependency):
    code = shunt.shorten()["short_code"]
    shunt.click(code)
    pid = shunt.store(name)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        modes = lambda: {row["name"]: row["mode"] for row in shunt.status()["dependencies"]}
        answered = 0
        for _ in range(50):
            answered += shunt.http.get(f"/{code}").status_code == 307
        assert answered == 50, "a hot link is served whatever store stands still"
        eventually(lambda: modes()[dependency] != "normal", 30, f"{dependency} is called normal while it stands still")
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: set(modes().values()) == {"normal"}, 60, "the platform did not get well by itself")
    eventually(lambda: shunt.clicks(code) == 51, 30)
    eventually(lambda: shunt.in_postgres(code) == 51, 60)
    eventually(lambda: shunt.in_clickhouse(code) == 51, 60)


def test_clicks_survive_the_edge(shunt):
    code = shunt.shorten()["short_code"]
    counted = 0
    for _ in range(3):
        for _ in range(50):
            shunt.click(code)
            counted += 1
        pid = shunt.node("edge")["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: healed(shunt, "node", "edge", pid), BACK_WITHIN_S)
        eventually(lambda: shunt.http.get("/readyz").status_code == 200, BACK_WITHIN_S)
        eventually(lambda: shunt.clicks(code) == counted, BACK_WITHIN_S, "clicks of the dead edge are not counted")
    eventually(lambda: shunt.in_postgres(code) == counted, 60)
    eventually(lambda: shunt.in_clickhouse(code) == counted, 60)
    assert shunt.clicks(code) == counted


# The next tests need platforms of their own on the same ports: they run last, when the shared one is stopped.


def test_stopping_loses_nothing_and_leaves_nothing(shunt):
    code = shunt.shorten()["short_code"]
    for _ in range(30):
        shunt.click(code)
    status = shunt.status()
    pids = [entry["pid"] for entry in status["nodes"] + status["stores"]]
    shunt.down()
    assert shunt.process.returncode == 0
    eventually(lambda: not any(is_alive(pid) for pid in pids), 5, "processes were left behind")
    shunt.up()
    eventually(lambda: shunt.in_postgres(code) == 30, 30)
    assert shunt.clicks(code) == 30


def test_a_detached_start_returns_when_ready_and_holds_no_pipe(shunt):
    shunt.down()
    started = run("up", str(shunt.topology), "--detach", data=shunt.data, timeout=120)  # reads its pipes to their end
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith("ready http://")
    assert shunt.status()["ready"] is True
    assert run("down", data=shunt.data).returncode == 0
    assert run("status", data=shunt.data).returncode == 3
    shunt.up()


def test_nothing_outlives_a_killed_launcher(shunt):
    code = shunt.shorten()["short_code"]
    for _ in range(30):
        shunt.click(code)
    status = shunt.status()
    pids = [entry["pid"] for entry in status["nodes"] + status["stores"]]
    port = int(status["url"].rsplit(":", 1)[1])
    os.kill(shunt.process.pid, signal.SIGKILL)
    shunt.process.wait()
    eventually(lambda: not any(is_alive(pid) for pid in pids), 10, "orphans keep running")
    eventually(lambda: not is_listening(port), 10, "an orphan holds the port")
    shunt.up()
    eventually(lambda: shunt.clicks(code) == 30, 30)
    eventually(lambda: shunt.in_postgres(code) == 30, 30)
    eventually(lambda: shunt.in_clickhouse(code) == 30, 30)
