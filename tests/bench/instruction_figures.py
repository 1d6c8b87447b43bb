# SPDX-License-Identifier: MIT
"""How many instructions a redirect takes in user space: callgrind counts them, so the machine's mood is no part of it.

The edge's whole process is counted (edge, commit, bridge), not Redis. To have one node of a platform run under valgrind,
the platform is started from a copy of the program, which then gives way to a script: the launcher starts the next edge with it.
"""
import functools
import os
import re
import shutil
import subprocess
import time

import stand
from figure import Figure, Wrong

REQUESTS = 5000
WARM = 1000
BARE_PORT = stand.BARE + 3
SHIFT = stand.PORT_SHIFT + 20  # beside the other platform
CALLGRIND = ("valgrind", "--tool=callgrind", "--log-file=/dev/null")
# The slow edge must neither be given up nor doubt what it hears late.
PATIENCE = ("--set", "nodes/edge/actors/edge/lease=20s", "--set", "nodes/edge/actors/edge/commit_deadline=30s")


def control(pid, *words):
    done = subprocess.run(["callgrind_control", *words, str(pid)], capture_output=True, text=True, timeout=120)
    if done.returncode != 0 or "OK" not in done.stdout:
        raise Wrong(f"callgrind_control {words}: {done.stdout} {done.stderr}")


def counted(pid, folder, port, code):
    """Instructions for each of REQUESTS requests."""
    ask = functools.partial(stand.ask, port, path=code, base=stand.LOCATION)
    ask(requests=WARM)
    control(pid, "-z")
    took = ask(requests=REQUESTS)["seconds"]
    busy = dumped(pid, folder)
    time.sleep(took)  # what it does by the clock, and not for a request
    return (busy - dumped(pid, folder)) / REQUESTS


def dumped(pid, folder):
    """Instructions since the last dump."""
    control(pid, "-d")
    dump = max(folder.rglob(f"callgrind.out.{pid}.*"), key=lambda path: path.stat().st_mtime)
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.MULTILINE)
    if not found:
        raise Wrong(f"callgrind wrote no total into {dump}")
    return int(found[1])


@functools.cache
def slow_bare():
    folder = stand.folder() / "bare-callgrind"
    folder.mkdir()
    process = subprocess.Popen([*CALLGRIND, stand.PROGRAMS / "bare_h2o", str(BARE_PORT)], cwd=folder)
    stand.atexit.register(process.kill)
    stand.eventually(lambda: stand.is_listening(BARE_PORT), 60)
    return process.pid, folder


def bare():
    pid, folder = slow_bare()
    return counted(pid, folder, BARE_PORT, "abcdefg")


class SlowPlatform(stand.Platform):
    def __init__(self):
        super().__init__(stand.folder() / "platform-callgrind", *PATIENCE, shift=SHIFT)
        self.program = self.folder / "shunt"
        shutil.copy(stand.ROOT / "build/release/shunt", self.program)

    def up(self, within_s=120):
        os.environ["SHUNT_HOME"] = str(stand.ROOT)
        self.log = open(self.folder / "up.log", "w")
        self.process = subprocess.Popen([self.program, "up", self.topology, "--data", self.data, *self.settings],
                                        stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        stand.eventually(self._is_ready, within_s, "the platform did not say that it is ready")
        self.http = stand.httpx.Client(base_url=self.status()["url"], timeout=30)
        return self

    def slow_down_the_edge(self):
        wrapper = self.folder / "wrapper"
        wrapper.write_text(f'#!/bin/sh\nshunt={stand.ROOT}/build/release/shunt\n'
                           f'case "$*" in *"--name edge"*) exec {" ".join(CALLGRIND)} "$shunt" "$@" ;; esac\nexec "$shunt" "$@"\n')
        wrapper.chmod(0o755)
        wrapper.replace(self.program)
        before = self.node("edge")["pid"]
        outcome = self.console("restart", "edge")
        if outcome.returncode != 0:
            raise Wrong(outcome.stderr)
        stand.eventually(lambda: self.node("edge")["pid"] != before and self.node("edge")["state"] == "up" and
                         stand.is_listening(8080 + SHIFT), 120, "the edge did not come up under valgrind")


@functools.cache
def slow_edge():
    platform = SlowPlatform()
    stand.atexit.register(platform.down)
    platform.up()
    code = platform.shorten(stand.LOCATION)["short_code"]
    platform.slow_down_the_edge()
    stand.eventually(lambda: platform.http.get("/readyz").status_code == 200, 60, "the edge is not ready under valgrind")
    return platform, code


def edge():
    platform, code = slow_edge()
    return counted(platform.node("edge")["pid"], platform.data, 8080 + SHIFT, code)


FIGURES = [
    Figure("redirect/instructions", "instructions", edge, "bare h2o's for each request", bare, False, 1 / 3, 1 / 1.7,
           "user-space instructions of the edge's process for a redirect, by callgrind; Redis not included",
           lambda: slow_edge()[0].down()),
]
