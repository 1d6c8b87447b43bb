# SPDX-License-Identifier: MIT
"""Every profile of `shunt load`, for seconds, against the real platform: no request fails, and what it clicked is counted."""
import json
import subprocess

import httpx
import pytest

import browser
from running import PORT_SHIFT, SHUNT, eventually

PAGE_PORT = 8089 + PORT_SHIFT
MASTER_PORT = 5557 + PORT_SHIFT


@pytest.fixture(scope="module", autouse=True)
def locust():
    outcome = subprocess.run([SHUNT, "setup", "load"], capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
    assert outcome.returncode == 0, outcome.stderr


@pytest.fixture
def load(shunt, tmp_path):
    """Runs a profile against the platform, with a seed file of the test's own."""
    def run_load(*arguments):
        outcome = subprocess.run(
            [SHUNT, "load", *arguments, "--url", str(shunt.http.base_url), "--codes", tmp_path / "codes", "--seed-codes", "50"],
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        outcome.codes = (tmp_path / "codes").read_text().split() if (tmp_path / "codes").exists() else []
        return outcome
    return run_load


def started(*arguments):
    return subprocess.Popen([SHUNT, "load", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def stop(process):
    process.terminate()
    process.wait(timeout=30)


def figures(outcome):
    assert outcome.returncode == 0, outcome.stderr + outcome.stdout
    summary = json.loads(outcome.stdout)
    assert summary["failures"] == 0 and summary["requests"] > 0
    return summary, {route["name"]: route["requests"] for route in summary["routes"]}


def clicks_of(shunt, codes):
    return sum(shunt.clicks(code) for code in codes)


def test_readers_and_writers(shunt, load):
    summary, routes = figures(load("request-generator", "--users", "30", "--seconds", "6", "--headless", "--json"))
    assert routes["GET /{code}"] > routes["POST /api/shorten"] > 0
    assert summary["requests"] == sum(routes.values())


def test_every_redirect_of_a_load_is_counted_once(shunt, load):
    outcome = load("request-generator", "--users", "15", "--seconds", "5", "--headless", "--json", "--spread", "even")
    _, routes = figures(outcome)
    assert len(outcome.codes) >= 50 + routes["POST /api/shorten"]
    counted = clicks_of(shunt, outcome.codes)
    # One that was under way for each reader when the load ended may have been answered after Locust stopped looking.
    assert routes["GET /{code}"] <= counted <= routes["GET /{code}"] + 10


def test_a_celebrity_gets_nearly_all(shunt, load):
    outcome = load("request-generator", "--users", "30", "--seconds", "5", "--headless", "--json", "--spread", "celebrity")
    _, routes = figures(outcome)
    assert shunt.clicks(outcome.codes[0]) > 0.75 * routes["GET /{code}"]


def test_one_process_a_core(load):
    _, routes = figures(load("request-generator-100k", "--users", "30", "--readers-rate", "5", "--seconds", "5", "--headless", "--json"))
    assert routes["GET /{code}"] > 0


def test_workers_do_what_the_master_says(load):
    address = f"127.0.0.1:{MASTER_PORT}"
    workers = [started("request-generator-dist-worker", "--master", address) for _ in range(2)]
    try:
        outcome = load("request-generator-dist-master", "--master", address, "--workers", "2", "--users", "30", "--seconds", "5",
                       "--headless", "--json")
        _, routes = figures(outcome)
        assert routes["GET /{code}"] > 0
        assert [worker.wait(timeout=30) for worker in workers] == [0, 0], "workers end when the master does"
    finally:
        for worker in workers:
            worker.kill()


def test_the_page_starts_a_load(shunt, tmp_path):
    url = str(shunt.http.base_url)
    page = httpx.Client(base_url=f"http://127.0.0.1:{PAGE_PORT}", timeout=10)
    process = started("ui", "--url", url, "--port", PAGE_PORT, "--codes", tmp_path / "codes", "--seed-codes", 50)
    try:
        eventually(lambda: page.get("/").status_code == 200, 30, "Locust's page did not come")
        answer = page.post("/swarm", data={"user_count": 15, "spawn_rate": 15, "host": url, "spread": "celebrity"})
        assert answer.json()["success"]
        eventually(lambda: page.get("/stats/requests").json()["stats"][0]["num_requests"] > 20, 30, "nobody clicked")
        assert page.get("/stats/requests").json()["fail_ratio"] == 0
        page.get("/stop")
    finally:
        stop(process)


@pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium here; set-up does not bring one, it takes 300 MB")
def test_a_person_starts_a_load_in_the_browser(shunt, tmp_path):
    url = str(shunt.http.base_url)
    page = httpx.Client(base_url=f"http://127.0.0.1:{PAGE_PORT}", timeout=10)
    process = started("ui", "--url", url, "--port", PAGE_PORT, "--codes", tmp_path / "codes", "--seed-codes", 50, "--users", 15)
    window = browser.Browser(tmp_path / "profile")
    try:
        eventually(lambda: page.get("/").status_code == 200, 30, "Locust's page did not come")
        window.go(str(page.base_url))
        eventually(lambda: window.click("Start") or window.click("Start swarming"), 30, "the page has no button Start")
        eventually(lambda: "GET /{code}" in window.text(), 30, "the page shows no requests")
        eventually(lambda: page.get("/stats/requests").json()["stats"][0]["num_requests"] > 100, 60, "nobody clicked")
        window.picture(tmp_path / "load.png")
        assert window.click("Stop"), "the page has no button Stop"
        eventually(lambda: page.get("/stats/requests").json()["state"] == "stopped", 30, "the load did not stop")
        assert page.get("/stats/requests").json()["fail_ratio"] == 0
        assert (tmp_path / "load.png").stat().st_size > 10000
    finally:
        window.close()
        stop(process)


@pytest.mark.parametrize("tool", ["wrk", "h2load"])
def test_beyond_locust(shunt, load, tool):
    outcome = load(tool, "--seconds", "2", "--connections", "8")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert clicks_of(shunt, outcome.codes) > 100


def test_wrong_usage_and_nothing_there(load):
    wrong = load("request-generater")
    assert wrong.returncode == 2 and "request-generator" in wrong.stderr
    away = subprocess.run([SHUNT, "load", "request-generator", "--headless", "--seconds", "1", "--url", "http://127.0.0.1:1"],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert away.returncode == 1 and "127.0.0.1:1" in away.stderr
    assert subprocess.run([SHUNT, "load", "--help"], capture_output=True, timeout=60).returncode == 0
