# SPDX-License-Identifier: MIT
"""Alerts in the live Prometheus: each fires because something is really wrong, names what it is, and ends when that is over.

The platform's Prometheus evaluates the very rules of topology/alerts with all their times divided by twenty (its option `hurry`).
"""
import contextlib
import os
import re
import signal
import subprocess

import httpx
import pytest

from running import ROOT, eventually

FIRES_WITHIN_S, ENDS_WITHIN_S = 60, 120


@pytest.fixture(scope="module")
def firing(shunt):
    http = httpx.Client(base_url=shunt.uri("prometheus"), timeout=10)

    def alerts():
        """{name: [labels]} of all that fire now."""
        found = {}
        for alert in http.get("/api/v1/alerts").json()["data"]["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found
    eventually(lambda: httpx.get(shunt.uri("prometheus") + "/api/v1/query", params={"query": "shunt_node_up"}).json()["data"]["result"],
               60, "Prometheus has seen nothing yet")
    return alerts


@contextlib.contextmanager
def stopped(pid):
    """What stands still does not answer; a node that does so for its silence_limit is replaced."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def fires(firing, name, also=lambda: None, **labels):
    def seen():
        also()
        for alert in firing().get(name, []):
            if all(alert["labels"].get(key) == value for key, value in labels.items()):
                return alert
    alert = eventually(seen, FIRES_WITHIN_S, f"{name} did not fire")
    page, anchor = alert["annotations"]["runbook"].split("#")
    headings = [line[3:].lower().replace(" ", "-") for line in (ROOT / page).read_text().splitlines() if line.startswith("## ")]
    assert anchor in headings, f"{name} leads nowhere"


def ends(shunt, firing, *names):
    eventually(lambda: not set(names) & set(firing()), ENDS_WITHIN_S, f"of {names} still: {set(firing())}")
    eventually(lambda: {row["mode"] for row in shunt.status()["dependencies"]} == {"normal"}, 60, "the platform did not get well")


def test_redis_stands_still(shunt, firing):
    code = shunt.shorten()["short_code"]
    with stopped(shunt.store("redis")["pid"]):
        click = lambda: shunt.http.get(f"/{code}")
        fires(firing, "BreakerOpen", click, dependency="redis")
        fires(firing, "Degraded", click, dependency="redis")
        fires(firing, "StoreAway", click, store="redis")
    ends(shunt, firing, "BreakerOpen", "Degraded", "StoreAway")


def test_kafka_stands_still(shunt, firing):
    code = shunt.shorten()["short_code"]
    with stopped(shunt.store("kafka")["pid"]):
        fires(firing, "KafkaAway", lambda: shunt.click(code))
    ends(shunt, firing, "KafkaAway", "StoreAway", "Degraded")
    eventually(lambda: shunt.in_postgres(code), 60)


def test_a_node_does_not_answer(shunt, firing):
    with stopped(shunt.node("cache-warmer")["pid"]):
        fires(firing, "NodeDown", instance="cache-warmer")
    ends(shunt, firing, "NodeDown")


def test_an_actor_is_suspended(shunt, firing):
    assert shunt.console("suspend", "cache-warmer/cache_warmer").returncode == 0
    try:
        fires(firing, "ActorDown", node="cache-warmer", actor="cache_warmer")
    finally:
        assert shunt.console("resume", "cache-warmer/cache_warmer").returncode == 0
    ends(shunt, firing, "ActorDown")


def test_a_node_is_restarted_again_and_again(shunt, firing):
    """Each kill waits until Prometheus has seen the start before it: a faster storm would be one that nobody sees."""
    starts = set()

    def kill_once_seen():
        rows = httpx.get(shunt.uri("prometheus") + "/api/v1/query", timeout=10, params={
            "query": 'process_start_time_seconds{instance="cache-warmer"}'}).json()["data"]["result"]
        node = shunt.node("cache-warmer")
        if rows and rows[0]["value"][1] not in starts and node["state"] == "up" and len(starts) < 4:
            starts.add(rows[0]["value"][1])
            os.kill(node["pid"], signal.SIGKILL)
    fires(firing, "NodeRestartStorm", kill_once_seen, instance="cache-warmer")
    ends(shunt, firing, "NodeRestartStorm", "NodeDown")


def test_the_hurried_rules_are_the_rules(shunt):
    """Only times differ, and promtool takes them."""
    for path in (ROOT / "topology/alerts").glob("*.yml"):
        hurried = shunt.data / "stores/prometheus/alerts" / path.name
        bare = lambda text: re.sub(r"(for: |\[)\d+(ms|[smhd])", r"\1", text)
        assert bare(hurried.read_text()) == bare(path.read_text())
        assert subprocess.run(["promtool", "check", "rules", hurried], capture_output=True, timeout=60).returncode == 0
    assert "for: 750ms" in hurried.parent.joinpath("platform.yml").read_text()
    assert "[30000ms]" in hurried.parent.joinpath("platform.yml").read_text()
