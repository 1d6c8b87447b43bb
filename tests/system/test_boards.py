# SPDX-License-Identifier: MIT
"""Boards and alerts against a live Prometheus: every panel's query answers, and every figure that an alert needs is there."""
import json
import re

import httpx
import pytest

from running import ROOT, eventually

BOARDS = sorted((ROOT / "compose/grafana/boards").glob("*.json"))
ALERTS = sorted((ROOT / "topology/alerts").glob("*.yml"))

# Figures of what the local topology does not have: keys, which only tcp needs (test_compose has those).
NOT_EXPOSED = {"shunt_node_key_made_timestamp_seconds"}


def queries():
    for board in BOARDS:
        for panel in json.loads(board.read_text())["panels"]:
            for target in panel["targets"]:
                yield pytest.param(target["expr"], id=f"{board.stem}: {panel['title']} {target['refId']}")


@pytest.fixture(scope="module")
def ask(shunt):
    """Prometheus after two scrapes of every node, with a click on its way."""
    shunt.click(shunt.shorten()["short_code"])
    http = httpx.Client(base_url=shunt.uri("prometheus"), timeout=10)

    def ask_prometheus(query):
        answer = http.get("/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    nodes = len(shunt.status()["nodes"])
    eventually(lambda: len(ask_prometheus("rate(process_cpu_seconds_total{job='shunt'}[1m])")) >= nodes, 60,
               "Prometheus did not see every node twice")
    return ask_prometheus


@pytest.mark.parametrize("query", list(queries()))
def test_a_panel_has_an_answer(ask, query):
    assert ask(query), query


def test_the_picture_is_whole(ask):
    panel = json.loads((ROOT / "compose/grafana/boards/architecture.json").read_text())["panels"][0]
    nodes, edges = (ask(target["expr"]) for target in panel["targets"])
    names = {row["metric"]["id"] for row in nodes}
    assert {"client", "edge", "app1", "app2", "app3", "redis", "postgres", "kafka", "ingestion-1", "clickhouse"} <= names
    ends = {end for row in edges for end in (row["metric"]["source"], row["metric"]["target"])}
    assert ends <= names, ends - names


def test_every_figure_of_an_alert_exists(shunt, ask):
    known = {row["metric"]["__name__"] for row in ask('{__name__=~"shunt_.*|process_.*|up"}')}
    wanted = set()
    for path in ALERTS:
        for line in path.read_text().splitlines():
            if line.strip().startswith("expr:"):
                wanted |= set(re.findall(r"\b(?:shunt|process)_[a-z_]+\b", line))
    assert wanted - known == NOT_EXPOSED


def test_prometheus_took_the_rules(shunt):
    groups = httpx.get(shunt.uri("prometheus") + "/api/v1/rules", timeout=10).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == sum(path.read_text().count("- alert: ") + path.read_text().count("- record: ") for path in ALERTS)
    assert not [rule["name"] for rule in rules if rule["health"] == "err"]
