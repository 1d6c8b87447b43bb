# SPDX-License-Identifier: MIT
"""The real platform, started once for a run of the system tests, and how tests look at it.

It runs topology/local.zpl itself, only on other ports, so that the tests can run beside a platform that is up.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import httpx
import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHUNT = pathlib.Path(os.environ.get("SHUNT_PROGRAM", ROOT / "shunt"))  # another build of it
# 8080 becomes 19080: above what people run, below the ephemeral ports. Another shift, to run beside others.
PORT_SHIFT = int(os.environ.get("SHUNT_PORT_SHIFT", 11000))


def eventually(condition, within_s, why="it did not come true"):
    """Waits until `condition()` is true and returns what it returned; fails when it takes longer."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            outcome, trouble = condition(), None
        except (httpx.HTTPError, psycopg.Error, OSError, AssertionError) as error:
            outcome, trouble = None, error
        if outcome:
            return outcome
        if time.monotonic() > deadline:
            raise AssertionError(f"{why} within {within_s} s" + (f"; last: {trouble!r}" if trouble else ""))
        time.sleep(0.02)  # between two looks at a condition with a deadline


def shifted(text, shift):
    """The topology with every port of this machine moved."""
    text = re.sub(r"(127\.0\.0\.1:)(\d+)", lambda m: m[1] + str(int(m[2]) + shift), text)
    return re.sub(r"^(\s*\w*port\s*=\s*)(\d+)", lambda m: m[1] + str(int(m[2]) + shift), text, flags=re.MULTILINE)


def run(*arguments, data=None, timeout=180, **options):
    """Runs the command line to its end."""
    at = ["--data", str(data)] if data else []
    return subprocess.run([SHUNT, *arguments, *at], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **options)


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Platform:
    """One running platform: its folder, its address, its databases."""

    def __init__(self, folder, *settings, shift=PORT_SHIFT, source=None):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.settings = settings
        self.folder.mkdir(parents=True, exist_ok=True)
        self.topology = self.folder / "platform.zpl"
        source = source or (ROOT / "topology/local.zpl").read_text()  # the text of another topology
        self.topology.write_text(shifted(source, shift))
        self.process = None
        self.http = None

    def keep_secret(self, name, text):
        """The password of a store that is not this platform's own; before `up`."""
        path = self.data / "secrets" / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text)
        path.chmod(0o600)

    def up(self, within_s=120):
        """Starts it as a person would, in the foreground, and waits for the line that says it is ready."""
        self.log = open(self.folder / "up.log", "w")
        self.process = subprocess.Popen(
            [SHUNT, "up", str(self.topology), "--data", str(self.data), *self.settings], stdout=self.log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        eventually(self._is_ready, within_s, "the platform did not say that it is ready")
        self.http = httpx.Client(base_url=self.status()["url"], timeout=10)
        return self

    def _is_ready(self):
        said = (self.folder / "up.log").read_text()
        if self.process.poll() is not None:
            raise RuntimeError(f"`shunt up` ended with {self.process.returncode}:\n{said}")
        return re.search(r"^ready http://", said, re.MULTILINE)

    def down(self, within_s=60):
        """Ctrl-C; and whatever else was started in this folder is stopped as well."""
        if self.process is None or self.process.poll() is not None:
            run("down", data=self.data)
            return
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=within_s)

    def status(self):
        outcome = run("status", "--json", data=self.data)
        assert outcome.returncode == 0, outcome.stderr
        return json.loads(outcome.stdout)

    def console(self, *words):
        return run("console", *words, data=self.data)

    def node(self, name):
        return next(node for node in self.status()["nodes"] if node["name"] == name)

    def store(self, name):
        return next(store for store in self.status()["stores"] if store["name"] == name)

    def uri(self, name):
        return self.store(name)["uri"]

    # -- what people do with it

    def shorten(self, url="https://example.org/a?b=c", **more):
        answer = self.http.post("/api/shorten", json={"url": url, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def click(self, code):
        answer = self.http.get(f"/{code}")
        assert answer.status_code == 307, answer.text
        return answer

    def clicks(self, code):
        answer = self.http.get(f"/api/stats/{code}")
        assert answer.status_code == 200, answer.text
        return answer.json()["clicks"]

    # -- what is in the stores

    def in_postgres(self, code):
        with psycopg.connect(self.uri("db")) as connection:
            row = connection.execute("SELECT clicks FROM urls WHERE short_code = %s", (code,)).fetchone()
        return row[0] if row else None

    def clickhouse(self, query):
        uri = httpx.URL(self.uri("clickhouse"))
        answer = httpx.post(f"http://{uri.host}:{uri.port}/", params={"database": "shunt"}, content=query,
                            auth=(uri.username, uri.password), timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.text.strip()

    def in_clickhouse(self, code):
        return int(self.clickhouse(f"SELECT count() FROM click_events WHERE short_code = '{code}'"))
