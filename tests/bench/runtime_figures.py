# SPDX-License-Identifier: MIT
"""The runtime beside libzmq, msgpack-c and its own limits; each figure is one run of runtime_bench."""
import functools
import pathlib
import subprocess

from figure import Figure

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/bench/tests/bench/runtime_bench"
IDLE_ACTORS = 60  # as in runtime_bench.c


def run(name):
    done = subprocess.run([PROGRAM, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120,
                          check=True)
    return float(done.stdout)


def away_at_p99_ms():
    done = subprocess.run([PROGRAM.with_name("restart_bench")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          timeout=120, check=True)
    return float(done.stdout)


def figure(name, unit, measurement, baseline_name, baseline, more_is_better, floor, goal):
    return Figure(f"runtime/{name}", unit, functools.partial(run, measurement), baseline_name,
                  functools.partial(run, baseline), more_is_better, floor, goal)


def idle_memory(name, limit_kib):
    return Figure(f"runtime/memory/{name}", "KiB per actor",
                  lambda: (run(f"idle-{name}") - run("idle-none")) / IDLE_ACTORS, "the limit", lambda: limit_kib,
                  more_is_better=False, floor=1.0, goal=1.0)


FIGURES = [
    figure("tell/threads", "letters/s", "tell", "libzmq PUSH/PULL over inproc", "raw-tell", True, 0.5, 1.0),
    figure("tell/tcp-acknowledged", "letters/s", "tell-tcp", "libzmq PUSH/PULL over tcp", "raw-tell-tcp", True, 0.4,
           0.8),
    figure("ask/threads", "us", "ask", "libzmq round trip over inproc", "raw-ask", False, 1 / 1.3, 1 / 1.1),
    Figure("runtime/ask/same-thread", "us", functools.partial(run, "ask-thread"), "one microsecond", lambda: 1.0,
           more_is_better=False, floor=1.0, goal=1 / 0.3),
    figure("codec", "ns", "codec", "msgpack-c by hand", "codec-by-hand", False, 1 / 1.5, 1.0),
    idle_memory("own", 256.0),
    idle_memory("shared", 8.0),
    Figure("runtime/restart/away-p99", "ms", away_at_p99_ms, "a hundred milliseconds", lambda: 100.0, more_is_better=False,
           floor=1.0, goal=2.0),
]
