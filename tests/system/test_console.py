# SPDX-License-Identifier: MIT
"""The operator's console: as a person uses it at a terminal, and as a script does. Traces and logs belong to it."""
import json
import re
import secrets
import select
import subprocess

from running import SHUNT, eventually, run
from terminal import Terminal

PROMPT = r"\w+> "


def answer(shunt, *words):
    outcome = shunt.console(*words, "--json")
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


# ------------------------------------------------------------------------------------------------- a person


def test_a_person_at_a_terminal(shunt):
    at = Terminal(SHUNT, "console", "--data", shunt.data)
    at.expect(r"\\\? lists the verbs")
    at.expect(PROMPT)
    at.type("tr\t")
    at.expect(r"tree\s+trace")  # two could be meant
    at.type("ee\r")
    screen = at.expect(r"-- more")
    assert "nodes" in screen and len(screen.splitlines()) <= 31, "a screen at a time"
    at.type("q")
    at.expect(PROMPT)
    at.type("show nod\ted\t\r")
    assert "click_buffer" in at.expect(r"pid[\s\S]*" + PROMPT)
    at.type("shwo node\r")
    at.expect(r"did you mean show node\?")
    at.type("restart edgy\r")
    at.expect(r"did you mean edge\?")
    at.type("\x1b[A\x1b[A\x1b[A\r")  # three lines up: the node again
    at.expect(r"click_buffer[\s\S]*" + PROMPT)
    at.type("top\r")
    at.expect(r"cpu, % of thread[\s\S]*\d")
    at.expect(r"cpu, % of thread")  # once more by itself
    at.type("q")
    at.expect(PROMPT)
    at.type("\\?\r")
    at.expect("deadletters")
    if "-- more" in at.expect(r"-- more|" + PROMPT):
        at.type("q")
    at.type("\\q\r")
    assert at.end() == 0
    history = (shunt.data / "run" / "console.history").read_text()
    assert "show\\040node\\040edge" in history or "show node edge" in history


# ------------------------------------------------------------------------------------------------- a script


def test_every_verb_that_looks_answers_in_json(shunt):
    assert {node["name"] for node in answer(shunt, "tree")["nodes"]} >= {"edge", "app1"}
    assert answer(shunt, "show", "node", "edge")["actors"]
    assert answer(shunt, "show", "actor", "app1/links")["kind"] == "links"
    assert any(row["from"].startswith("edge/") for row in answer(shunt, "show", "route", "edge"))
    assert {row["mode"] for row in answer(shunt, "show", "breaker", "app1")} == {"normal"}
    lag = answer(shunt, "show", "lag")
    assert {row["unit"] for row in lag} >= {"clicks", "bytes", "windows"}
    assert any(row["where"] == "edge/click_buffer" for row in lag)
    assert any(row["name"] == "supervisor.log_level" for row in answer(shunt, "config", "get"))
    busy = answer(shunt, "top", "1")
    assert any(row["actor"] == "edge/edge" and row["cpu_percent"] >= 0 for row in busy)
    assert isinstance(answer(shunt, "deadletters"), list)
    assert answer(shunt, "failpoint", "edge")["available"] is False
    verbs = {row["name"] for row in answer(shunt, "help")}
    assert verbs >= {"tree", "top", "show actor", "show node", "show route", "show breaker", "show lag", "show config",
                     "trace", "deadletters", "suspend", "resume", "drain", "restart", "kill", "config get",
                     "config set", "failpoint", "reconcile", "replay", "logs"}


def test_exit_codes(shunt, tmp_path):
    assert shunt.console("tree").returncode == 0
    assert shunt.console("show", "node", "nobody").returncode == 1
    assert shunt.console("show", "node").returncode == 2
    assert run("console", "tree", data=tmp_path / "nothing").returncode == 3
    assert run("logs", data=tmp_path / "nothing").returncode == 3


def test_a_release_has_no_failpoints(shunt):
    assert "release build" in shunt.console("failpoint", "edge").stdout
    refused = shunt.console("failpoint", "edge", "click_buffer.before_commit", "crash")
    assert refused.returncode == 1 and "release build" in refused.stderr


def test_who_acts_is_written_down(shunt):
    assert shunt.console("suspend", "app3/links").returncode == 0
    assert answer(shunt, "show", "actor", "app3/links")["state"] == "suspended"
    assert shunt.console("resume", "app3/links").returncode == 0
    eventually(lambda: answer(shunt, "show", "actor", "app3/links")["state"] == "up", 5)
    by_console = run("logs", "console", data=shunt.data).stdout
    assert re.search(r"uid \d+ \(console \d+\): suspend app3/links: done", by_console)
    by_node = run("logs", "app3", "--level", "info", data=shunt.data).stdout
    assert re.search(r"app3/supervisor  .*uid \d+ \(console \d+\): resume links", by_node)


# ------------------------------------------------------------------------------------------------- traces


def traced(shunt, method, path, flags="01", **more):
    trace = secrets.token_hex(16)
    reply = shunt.http.request(method, path, headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-{flags}"}, **more)
    assert reply.headers["x-trace-id"] == trace
    return trace, reply


def steps(spans):
    """Each span as "node-without-number/actor kind name"."""
    return {f"{span['node'].rstrip('123')}/{span['actor']} {span['kind']} {span['name']}" for span in spans}


def test_a_shorten_and_a_redirect_are_followed_to_the_stores(shunt):
    trace, reply = traced(shunt, "POST", "/api/shorten", json={"url": "https://example.org/traced"})
    assert reply.status_code == 201
    spans = answer(shunt, "trace", trace)["spans"]
    assert steps(spans) >= {"edge/edge request POST shorten", "app/links ask link_shorten"}
    assert any(span["kind"] == "store" and span["other"] == "postgres" for span in spans), spans
    request = next(span for span in spans if span["kind"] == "request")
    assert all(span["offset_us"] + span["duration_us"] <= request["duration_us"] + 2000 for span in spans
               if span["kind"] != "answer"), "what the request waited for lies within it"

    trace, reply = traced(shunt, "GET", f"/{reply.json()['short_code']}")
    assert reply.status_code == 307
    spans = answer(shunt, "trace", trace)["spans"]
    assert steps(spans) >= {"edge/edge request GET code", "edge/click_buffer ask clicks_commit"}
    assert any(span["kind"] == "store" and span["actor"] == "click_buffer" for span in spans), spans
    for_people = shunt.console("trace", trace).stdout
    assert "start ms" in for_people and "edge/click_buffer" in for_people and "|=" in for_people
    assert trace in shunt.console("trace").stdout


def test_what_nobody_wants_traced_leaves_nothing(shunt):
    trace, _ = traced(shunt, "POST", "/api/shorten", flags="00", json={"url": "https://example.org/untraced"})
    refused = shunt.console("trace", trace)
    assert refused.returncode == 1 and "not recorded" in refused.stderr


def test_letters_are_watched_live(shunt):
    code = shunt.shorten()["short_code"]
    watching = subprocess.Popen([SHUNT, "console", "trace", "watch", "edge/click_buffer", "clicks_commit", "1", "4",
                                 "--json", "--data", str(shunt.data)], stdout=subprocess.PIPE, text=True)

    def is_watched():
        shunt.click(code)
        return trace_count() > before

    def trace_count():
        return len(answer(shunt, "trace"))

    before = trace_count()
    eventually(is_watched, 10)
    seen = [json.loads(line) for line in watching.communicate(timeout=30)[0].splitlines()]
    assert watching.returncode == 0
    assert any(span["actor"] == "click_buffer" and span["name"] == "clicks_commit" for span in seen)


# ------------------------------------------------------------------------------------------------- logs


def test_logs_are_merged_followed_and_filtered(shunt):
    lines = [json.loads(line) for line in run("logs", "--json", "--lines", "500", data=shunt.data).stdout.splitlines()]
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert len({line["node"] for line in lines}) > 3
    follower = subprocess.Popen([SHUNT, "logs", "-f", "app3", "--lines", "0", "--data", str(shunt.data)],
                                stdout=subprocess.PIPE, text=True)
    try:
        def is_followed():  # it may not have begun when the first one is written
            shunt.console("resume", "app3/links")
            return select.select([follower.stdout], [], [], 0.5)[0]

        eventually(is_followed, 30)
        first = follower.stdout.readline()
        assert "app3/supervisor" in first and "resume" in first
    finally:
        follower.terminate()
        follower.wait(timeout=10)
    assert not any("debug" in line[:20] for line in run("logs", "--level", "warn", data=shunt.data).stdout.splitlines())


def test_the_level_of_all_logs_is_a_live_setting(shunt):
    try:
        assert run("config", "set", "supervisor.log_level", "error", data=shunt.data).returncode == 0
        assert shunt.console("resume", "app3/links").returncode == 0
        count = run("logs", "app3", "--lines", "5000", data=shunt.data).stdout.count("resume links")
        assert shunt.console("resume", "app3/links").returncode == 0
        assert run("logs", "app3", "--lines", "5000", data=shunt.data).stdout.count("resume links") == count
    finally:
        assert run("config", "set", "supervisor.log_level", "info", data=shunt.data).returncode == 0

    def is_heard():
        shunt.console("resume", "app3/links")
        return run("logs", "app3", "--lines", "5000", data=shunt.data).stdout.count("resume links") > count

    eventually(is_heard, 5)
