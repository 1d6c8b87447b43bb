# SPDX-License-Identifier: MIT
"""What an operator sees and does: status, console, live settings, and what is said when something is wrong."""
import json
import time

import pytest

from running import PORT_SHIFT, ROOT, eventually, is_listening, run

ROLES = {"edge": 1, "app": 3, "keygen": 1, "id-allocator": 1, "config": 1, "cache-warmer": 1, "ingestion": 3,
         "reconciler": 1}
STORES = {"db": "postgres", "redis": "redis", "redis-replica": "redis", "keygen-redis-primary": "redis",
          "keygen-redis-secondary": "redis", "kafka": "kafka", "clickhouse": "clickhouse", "prometheus": "prometheus"}


def test_status_is_what_scripts_rely_on(shunt):
    status = shunt.status()
    assert status["ready"] is True
    counted = {}
    for node in status["nodes"]:
        counted[node["role"]] = counted.get(node["role"], 0) + 1
        assert node["state"] == "up" and node["pid"] > 1 and node["restarts"] >= 0 and node["uptime_s"] >= 0
        assert node["actors"], f"{node['name']} hosts nothing"
        for actor in node["actors"]:
            assert {"name", "kind", "state", "restarts", "mailbox"} <= set(actor)
            assert actor["state"] == "up"
    assert counted == ROLES
    assert {store["name"]: store["kind"] for store in status["stores"]} == STORES
    assert all(store["state"] == "up" and store["managed"] and store["pid"] > 1 for store in status["stores"])
    assert {dependency["mode"] for dependency in status["dependencies"]} == {"normal"}, status["dependencies"]


def test_the_tree_is_readable(shunt):
    outcome = run("status", data=shunt.data)
    assert outcome.returncode == 0
    for name in ("edge", "app1", "ingestion-3", "redis-replica", "click_buffer"):
        assert name in outcome.stdout


def test_console_shows_and_refuses(shunt):
    tree = shunt.console("tree")
    assert tree.returncode == 0 and "app2" in tree.stdout
    assert "links" in shunt.console("show", "actor", "app1/links").stdout
    assert "edge" in shunt.console("show", "node", "edge").stdout
    assert shunt.console("show", "route").returncode == 0
    wrong = shunt.console("tre")
    assert wrong.returncode == 2 and "tree" in wrong.stderr, "the nearest right verb is named"


def test_a_setting_reaches_everyone_and_lasts(shunt):
    before = run("config", "get", "cache_warmer.links", data=shunt.data)
    assert before.returncode == 0, before.stderr
    assert run("config", "set", "cache_warmer.links", "4321", data=shunt.data).returncode == 0
    assert "4321" in run("config", "get", "cache_warmer.links", data=shunt.data).stdout
    wrong = run("config", "set", "cache_warmer.linkz", "1", data=shunt.data)
    assert wrong.returncode == 1 and "cache_warmer.links" in wrong.stderr
    wrong = run("config", "set", "cache_warmer.links", "many", data=shunt.data)
    assert wrong.returncode == 1 and wrong.stderr


def test_metrics_are_on_the_operators_listener_only(shunt):
    operator = f"http://127.0.0.1:{8081 + PORT_SHIFT}"
    text = shunt.http.get(f"{operator}/metrics").text
    assert "# HELP" in text and 'node="edge"' in text and 'node="app1"' in text
    assert shunt.http.get("/metrics").status_code == 404
    targets = shunt.http.get(f"{operator}/targets").json()
    assert targets and all("targets" in group for group in targets)


def test_prometheus_scrapes_every_node(shunt):
    prometheus = shunt.uri("prometheus")

    def scraped():
        answer = shunt.http.get(f"{prometheus}/api/v1/query", params={"query": "shunt_node_up"}).json()
        return len({row["metric"]["node"] for row in answer["data"]["result"]}) == 12

    eventually(scraped, 45, "Prometheus does not see all twelve nodes")


# ------------------------------------------------------------------------------------------------- wrong use


@pytest.mark.parametrize("arguments", [("nonsense",), ("up", "--nonsense"), ("graph", "--format"), ("console", "nonsense")])
def test_wrong_usage_is_exit_code_2(shunt, arguments):
    outcome = run(*arguments, data=shunt.data if arguments[0] == "console" else None)
    assert outcome.returncode == 2, outcome.stderr
    assert outcome.stderr and not outcome.stdout


@pytest.mark.parametrize("verb", ["status", "down", "console"])
def test_nothing_is_running_is_exit_code_3(tmp_path, verb):
    outcome = run(verb, *(["tree"] if verb == "console" else []), data=tmp_path / "nothing")
    assert outcome.returncode == 3
    assert "up" in outcome.stderr, "it says how to start one"


def test_every_verb_has_help_with_an_example():
    for verb in ("up", "down", "status", "check", "graph", "console", "config"):
        outcome = run(verb, "--help")
        assert outcome.returncode == 0
        assert f"shunt {verb}" in outcome.stdout


def test_the_local_topology_is_right_and_can_be_drawn():
    topology = str(ROOT / "topology/local.zpl")
    assert run("check", topology).returncode == 0
    assert "digraph" in run("graph", topology, "--format", "dot").stdout
    assert run("graph", topology, "--format", "mermaid").stdout.startswith(("graph", "flowchart"))


def test_all_mistakes_of_a_topology_at_once(tmp_path):
    broken = tmp_path / "broken.zpl"
    text = (ROOT / "topology/local.zpl").read_text()
    text = text.replace("role = app", "rolle = app", 1).replace("kind = postgres", "kind = postgre", 1)
    broken.write_text(text)
    outcome = run("check", str(broken))
    assert outcome.returncode == 1
    assert "rolle" in outcome.stderr and "role" in outcome.stderr
    assert "postgre" in outcome.stderr and "postgres" in outcome.stderr
    started = run("up", str(broken), data=tmp_path / "data")
    assert started.returncode == 1
    assert not (tmp_path / "data" / "stores").exists(), "nothing was started"


def test_a_second_platform_in_the_same_folder_is_refused(shunt):
    outcome = run("up", str(shunt.topology), "--detach", data=shunt.data)
    assert outcome.returncode == 1
    assert "running" in outcome.stderr
    assert shunt.status()["ready"] is True


def test_a_port_in_use_is_one_sentence(shunt, tmp_path):
    outcome = run("up", str(shunt.topology), "--detach", data=tmp_path / "other")
    assert outcome.returncode == 1
    assert "in use" in outcome.stderr or "taken" in outcome.stderr
    assert is_listening(8080 + PORT_SHIFT), "the one that was there is still there"
