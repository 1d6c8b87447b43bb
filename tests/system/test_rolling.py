# SPDX-License-Identifier: MIT
"""Nodes restarted and a topology reloaded under load: no request fails.

The two edges share one port, so the platform is one of its own, on ports of its own.
"""
import asyncio
import json
import threading

import pytest

from redirect_load import RedirectLoad
from running import PORT_SHIFT, Platform, eventually, is_alive, run

SHIFT = PORT_SHIFT + 1000
RATE = 2000


@pytest.fixture(scope="module")
def two_edges(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("rolling"), shift=SHIFT)
    text = platform.topology.read_text()
    platform.topology.write_text(text.replace("    cache-warmer  ", "    edge2\n        like = edge\n\n    cache-warmer  ", 1))
    try:
        yield platform.up()
    finally:
        platform.down()


def restart_under_load(platform, *nodes, rate=RATE):
    code = platform.shorten()["short_code"]
    platform.click(code)
    before = {node["name"]: node["pid"] for node in platform.status()["nodes"]}
    load = RedirectLoad([8080 + SHIFT], code, rate)
    outcome = asyncio.run(load.run_while(
        lambda: run("restart", "--rolling", *nodes, "--json", data=platform.data)))
    print(f"{load.answered} answers in {load.seconds:.1f} s = {load.answered / load.seconds:.0f}/s, {load.opened} connections, "
          f"slowest {load.slowest_s * 1000:.0f} ms, failures {dict(load.failures)}")
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout)["state"] == "done"
    return code, load, before


def test_no_request_fails_while_app_nodes_and_edges_are_restarted(two_edges):
    code, load, before = restart_under_load(two_edges, "app", "edge", "edge2")
    assert not load.failures
    assert load.answered > RATE * load.seconds / 4, "there was too little load to prove anything"
    after = {node["name"]: node for node in two_edges.status()["nodes"]}
    for name, pid in before.items():
        assert after[name]["state"] == "up"
        assert (after[name]["pid"] != pid) == (name in ("app1", "app2", "app3", "edge", "edge2")), name
    eventually(lambda: two_edges.clicks(code) == load.answered + 1, 30, "the clicks are not those that were answered")


def test_new_links_are_made_all_the_while(two_edges):
    """A POST is not repeated when it may have had effect, so nobody may ask a node that is about to go."""
    made = []

    def shorten_until_done():
        outcome = []
        roller = threading.Thread(target=lambda: outcome.append(
            run("restart", "--rolling", "app", data=two_edges.data)))
        roller.start()
        while roller.is_alive():
            answer = two_edges.http.post("/api/shorten", json={"url": "https://example.org/"})
            made.append((answer.status_code, "" if answer.status_code == 201 else answer.text))
        roller.join()
        return outcome[0]

    assert shorten_until_done().returncode == 0
    assert len(made) > 20 and set(made) == {(201, "")}


def test_a_single_edge_lets_nobody_stand_before_a_closed_door(two_edges):
    """While no edge is there at all, connections wait for the next one instead of being refused."""
    assert two_edges.console("drain", "edge2").returncode == 0
    try:
        _, load, _ = restart_under_load(two_edges, "edge", rate=200)
        assert not load.failures
    finally:
        assert two_edges.console("restart", "edge2").returncode == 0
    eventually(lambda: two_edges.node("edge2")["state"] == "up", 20)


def reload_under_load(platform, text):
    """Goes over to another topology under load; returns what the command said."""
    code = platform.shorten()["short_code"]
    platform.click(code)
    platform.topology.write_text(text)
    load = RedirectLoad([8080 + SHIFT], code, RATE)
    outcome = asyncio.run(load.run_while(lambda: run("reload", "--yes", "--json", data=platform.data)))
    print(f"{load.answered} answers in {load.seconds:.1f} s, failures {dict(load.failures)}")
    assert outcome.returncode == 0, outcome.stderr
    assert not load.failures
    return json.loads(outcome.stdout)


def test_a_reload_adds_and_removes_a_node_without_failing_a_request(two_edges):
    before = two_edges.topology.read_text()
    keygen = two_edges.node("keygen")["pid"]
    added = reload_under_load(two_edges, before.replace("    app3\n        like = app1\n",
                                                        "    app3\n        like = app1\n    app4\n        like = app1\n"))
    rows = {row["path"]: row for row in added["changes"]}
    assert rows["nodes/app4"]["needs"] == "start" and rows["nodes/edge"]["needs"] == "node restart"
    assert added["applied"] is True
    assert two_edges.node("app4")["state"] == "up"
    assert two_edges.node("keygen")["pid"] == keygen, "who is not concerned is left alone"
    app4 = two_edges.node("app4")["pid"]
    assert "app4/links" in two_edges.console("--json", "show", "route").stdout
    reload_under_load(two_edges, before)
    eventually(lambda: not is_alive(app4), 10)
    assert "app4" not in {node["name"] for node in two_edges.status()["nodes"]}


def test_a_reload_of_options_restarts_no_node(two_edges):
    before = two_edges.topology.read_text()
    pids = {node["name"]: node["pid"] for node in two_edges.status()["nodes"]}
    listen = f"                listen = 127.0.0.1:{8080 + SHIFT}\n"
    changed = before.replace(listen, listen + "                lease = 3s\n                connections = 9k\n")
    answer = reload_under_load(two_edges, changed)
    needs = {row["path"].rsplit("/", 1)[1]: row["needs"] for row in answer["changes"]}
    assert needs.get("lease") == "live" and needs.get("connections") == "actor restart"
    assert {node["name"]: node["pid"] for node in two_edges.status()["nodes"]} == pids
    reload_under_load(two_edges, before)


def test_a_wrong_topology_changes_nothing_and_names_all_mistakes(two_edges, tmp_path):
    wrong = tmp_path / "wrong.zpl"
    wrong.write_text(two_edges.topology.read_text().replace("role = app", "rolle = app", 1)
                     .replace("kind = postgres", "kind = postgre", 1))
    outcome = run("reload", str(wrong), "--yes", data=two_edges.data)
    assert outcome.returncode == 1
    assert "rolle" in outcome.stderr and "postgre" in outcome.stderr
    shown = run("reload", "--dry-run", data=two_edges.data)
    assert shown.returncode == 0 and "nothing else" in shown.stderr
    unasked = run("reload", str(two_edges.topology), data=two_edges.data)
    assert unasked.returncode == 2 and "--yes" in unasked.stderr
