# SPDX-License-Identifier: MIT
"""The instrument itself: how measurements become a line, that a wrong answer gives no figure, and what counts as moved."""
import json
import pathlib
import re
import socketserver
import subprocess
import sys
import threading

import pytest
import sources

sys.path.insert(0, str(sources.ROOT / "tests/bench"))
import bench  # noqa: E402
import figure  # noqa: E402
import kept  # noqa: E402
import stand  # noqa: E402


def of(values, baselines, more_is_better, **more):
    readings, others = iter(values), iter(baselines)
    return figure.measure(figure.Figure("a/b", "x", lambda: next(readings), "base", lambda: next(others), more_is_better,
                                        floor=0.5, goal=1.0, **more), len(values))


def test_a_rate_is_better_when_it_is_higher():
    row = of([80, 60, 70], [100, 110, 90], True)
    assert (row["value"], row["min"], row["max"], row["baseline"]["value"]) == (70, 60, 80, 100)
    assert row["ratio"] == 0.7 and (row["ratio_min"], row["ratio_max"]) == (0.545, 0.8)


def test_a_time_a_cost_and_memory_are_better_when_they_are_lower():
    assert of([20, 40, 20], [10, 10, 10], False)["ratio"] == 0.5
    assert of([5], [10], False)["ratio"] == 2.0


def test_value_and_baseline_are_measured_in_turn():
    order = []
    figure.measure(figure.Figure("a", "x", lambda: order.append("value") or 1.0, "b", lambda: order.append("baseline") or 1.0,
                                 True, 1, 1, afterwards=lambda: order.append("afterwards")), 2)
    assert order == ["baseline", "value"] * 2 + ["afterwards"]


def test_what_explains_a_figure_comes_as_medians():
    row = of([(1.0, {"busy": 0.5}), (2.0, {"busy": 0.9}), (3.0, {"busy": 0.6})], [1.0, 1.0, 1.0], True)
    assert row["detail"] == {"busy": 0.6} and "detail" not in row["baseline"]


def missing_click():
    raise figure.Wrong("9 clicks were answered and 8 are in Postgres")


@pytest.mark.parametrize("value, afterwards", [(0.0, lambda: None), (1.0, missing_click)])
def test_nothing_and_a_missing_click_are_no_figure(value, afterwards):
    with pytest.raises(figure.Wrong):
        of([value], [1.0], True, afterwards=afterwards)
    results, failed = bench.measure_all([figure.Figure("a", "x", lambda: value, "b", lambda: 1.0, True, 1, 1,
                                                       afterwards=afterwards)], 1)
    assert (results, failed) == ([], ["a"])


def test_every_figure_is_named_once_and_its_goal_is_no_less_than_its_floor():
    names = [one.name for one in bench.FIGURES]
    assert len(set(names)) == len(names)
    assert [one.name for one in bench.FIGURES if not 0 < one.floor <= one.goal] == []
    page = (sources.ROOT / "tests/bench/README.md").read_text()
    missing = [name for name in names if f"`{name}`" not in page and not name.startswith("runtime/")]
    assert missing == [], "tests/bench/README.md names every figure of the platform"


def test_names_select_by_their_beginning_and_unknown_ones_are_met_with_the_nearest():
    assert {one.name for one in bench.select(["redirect/accounted"], bench.FIGURES)} == \
        {"redirect/accounted/hot", "redirect/accounted/zipf"}
    assert bench.select([], bench.FIGURES) == bench.FIGURES
    with pytest.raises(ValueError, match=r"no figure 'redirekt/cold'; did you mean redirect/cold\?"):
        bench.select(["redirect", "redirekt/cold"], bench.FIGURES)


# ----------------------------------------------------------------------------------------------------------- what moved


def row_of(ratio, low=None, high=None):
    return {"name": "a", "ratio": ratio, "ratio_min": low or ratio, "ratio_max": high or ratio}


@pytest.mark.parametrize("before, after, verdict", [
    (row_of(0.5), row_of(0.6), "better"),
    (row_of(0.6), row_of(0.5), "worse"),
    (row_of(0.6), row_of(0.61), "within noise"),
    (row_of(0.5, 0.4, 0.7), row_of(0.6), "within noise"),
    (row_of(0.5), row_of(0.6, 0.45, 0.7), "within noise"),
])
def test_what_moved(before, after, verdict):
    assert [move["verdict"] for move in kept.moves({"a": ("1", before)}, {"a": ("2", after)})] == [verdict]


def test_results_are_kept_and_compared(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kept.machine, "description", lambda root: {"processor": "one"})
    for ratio in 0.5, 0.7:
        path = kept.keep([row_of(ratio)], {"runs": 5}, tmp_path)
    run = json.loads(path.read_text())
    assert run["machine"] == {"processor": "one"} and re.match(r"\d{4}-\d\d-\d\dT", run["date"])
    assert kept.compare("", {"a"}, True, tmp_path) == 0
    assert [(row["from"], row["to"], row["verdict"]) for row in json.loads(capsys.readouterr().out)] == [(0.5, 0.7, "better")]
    assert kept.compare(str(sorted(tmp_path.glob("*.json"))[0]), {"a"}, True, tmp_path) == 0
    assert kept.compare("", {"b"}, True, tmp_path) == 1
    assert kept.compare(str(tmp_path / "none.json"), {"a"}, True, tmp_path) == 1


# ------------------------------------------------------------------------------------------------------------- the asker


class Answering(socketserver.StreamRequestHandler):
    """Answers every request with what the test says, {n} being the code's number."""

    def handle(self):
        while True:
            line = self.rfile.readline()
            if not line.strip():
                return
            length = 0
            for field in iter(self.rfile.readline, b"\r\n"):
                length = int(field.split(b":")[1]) if field.lower().startswith(b"content-length") else length
            self.rfile.read(length)
            number = re.search(rb"(\d{7})", line)
            self.wfile.write(self.server.answer.replace(b"{n}", number[1] if number else b""))


@pytest.fixture(scope="module")
def asker(tmp_path_factory):
    """The generator, compiled here: the lint layer builds nothing else."""
    program = tmp_path_factory.mktemp("asker") / "asker"
    subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{sources.ROOT}",
                    *sorted((sources.ROOT / "tests/bench/asker").glob("*.c")), "-o", program], check=True)
    return program


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


PLANTED = ("--prefix", "b", "--base", "https://x.example/", "--count", "10", "--spread", "even")
RIGHT = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: https://x.example/{n}\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer, flags, is_right", [
    (RIGHT, PLANTED, True),
    (RIGHT.replace(b"{n}", b"0000003"), PLANTED, False),
    (RIGHT.replace(b"{n}", b"{n}0"), PLANTED, False),
    (RIGHT.replace(b"307 T", b"302 T"), PLANTED, False),
    (RIGHT.replace(b"location", b"elsewhere"), PLANTED, False),
    (RIGHT.replace(b"{n}", b""), ("--path", "abc", "--base", "https://x.example/"), True),
    (b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", ("--unknown", "--status", "404"), False),
    (b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", ("--unknown", "--status", "404"), True),
    (b"HTTP/1.1 201 Yes\r\nContent-Length: 14\r\n\r\n{\"short_code\":}", ("--shorten", "--base", "u", "--status", "201", "--contains", "short_code"), True),
    (b"HTTP/1.1 201 Yes\r\nContent-Length: 2\r\n\r\n{}", ("--shorten", "--base", "u", "--status", "201", "--contains", "short_code"), False),
    (b"nonsense that is long enough\r\n\r\n", PLANTED, False),
    (b"HTTP/1.1 307 T\r\nlocation: https://x.example/{n}\r\n\r\n", PLANTED, False),  # where does it end?
])
def test_a_wrong_answer_fails_the_measurement(asker, server, answer, flags, is_right):
    server.answer = answer
    done = subprocess.run([asker, f"127.0.0.1:{server.server_address[1]}", "--requests", "50", "--connections", "2", *flags],
                          capture_output=True, text=True, timeout=60)
    said = json.loads(done.stdout)
    assert (done.returncode == 0) is is_right, said
    assert (said["right"] == 50) is is_right and said["right"] + said["wrong"] + said["broken"] == 50, said


def test_an_open_loop_charges_a_pause_to_all_who_came_meanwhile(asker, server):
    """One answer that takes long, on one connection: every request that was due meanwhile waited for it."""
    pause = threading.Event()

    class Pausing(Answering):
        def handle(self):
            pause.wait(0.5)
            super().handle()

    server.RequestHandlerClass, server.answer = Pausing, RIGHT.replace(b"{n}", b"")
    done = subprocess.run([asker, f"127.0.0.1:{server.server_address[1]}", "--seconds", "1", "--rate", "100", "--connections", "1",
                           "--path", "abc", "--base", "https://x.example/"], capture_output=True, text=True, timeout=60)
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["sent"] == 100
    # Half of the requests were due within the pause; a closed loop would have seen a single slow one.
    assert said["p99_us"] > 400_000 and said["p50_us"] < 400_000


def test_asked_without_an_answer_is_wrong(monkeypatch, tmp_path):
    """stand.ask raises what ends a figure."""
    failing = tmp_path / "asker"
    failing.write_text("#!/bin/sh\necho '{}'\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(stand, "PROGRAMS", pathlib.Path(tmp_path))
    with pytest.raises(figure.Wrong):
        stand.ask(1, path="abc")
