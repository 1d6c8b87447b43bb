# SPDX-License-Identifier: MIT
"""A schedule of faults that follows from a seed alone, and their doing.

    kill     one process gets SIGKILL
    stop     one store or node, with all its children, stands still for a while
    several  two to four at once
"""
import dataclasses
import os
import pathlib
import random
import signal
import time

KINDS = ("kill", "stop", "several")
NODES = ("edge", "app1", "app2", "app3", "keygen", "id-allocator", "config", "cache-warmer", "ingestion-1", "ingestion-2",
         "ingestion-3", "reconciler")
STORES = ("db", "redis", "redis-replica", "keygen-redis-primary", "keygen-redis-secondary", "kafka", "clickhouse")
# Those that clicks pass through are hit more often.
WEIGHTS = {"edge": 4, "redis": 4, "kafka": 3, "db": 3, "clickhouse": 3, "ingestion-1": 2, "ingestion-2": 2, "ingestion-3": 2}


@dataclasses.dataclass(frozen=True)
class Fault:
    at_s: float
    kind: str  # kill or stop
    target: str
    for_s: float = 0.0

    def __str__(self):
        lasts = f" for {self.for_s:.1f} s" if self.kind == "stop" else ""
        return f"{self.kind} {self.target}{lasts}"


def schedule(seed, length_s, every_s, kinds, targets=NODES + STORES):
    """Faults in the order of their times. The same arguments give the same faults."""
    chance = random.Random(seed)
    weights = [WEIGHTS.get(target, 1) for target in targets]
    faults, at_s = [], every_s
    while at_s < length_s:
        kind = chance.choice(kinds)
        hit = []
        for _ in range(chance.randint(2, 4) if kind == "several" else 1):
            target = chance.choices(targets, weights)[0]
            if target not in hit:
                hit.append(target)
        for target in hit:
            what = chance.choice(("kill", "stop")) if kind == "several" and "stop" in kinds else \
                "kill" if kind == "several" else kind
            lasts = chance.uniform(0.3, 8.0) if what == "stop" else 0.0
            faults.append(Fault(at_s, what, target, lasts))
        at_s += chance.uniform(0.5, 1.5) * every_s
    return faults


def parents():
    """Each process of this machine with its parent."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
    return found


def family(pid):
    """A process and all its descendants."""
    parent_of, pids, more = parents(), {pid}, True
    while more:
        more = {child for child, parent in parent_of.items() if parent in pids} - pids
        pids |= more
    return sorted(pids)


def name_of(pid, data):
    """Which node or store a child of the launcher is; None: neither, or it is just beginning."""
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        place = pathlib.Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None
    if "--name" in words:
        return words[words.index("--name") + 1]
    return place.relative_to(data / "stores").parts[0] if place.is_relative_to(data / "stores") else None


class Doer:
    """Does faults to a running platform, and sees to it that what stands still goes on in time.

    It looks at processes, not at `shunt status`, which takes its time when half of those that it asks stand still.
    """

    def __init__(self, platform, say):
        self.data = platform.data.resolve()
        self.launcher = parents()[platform.node("config")["pid"]]
        self.say = say
        self.still = []  # (until, pidfds)
        self.done = 0

    def pid_of(self, target):
        for pid, parent in parents().items():
            if parent == self.launcher and name_of(pid, self.data) == target:
                return pid
        return None

    def do(self, fault):
        pid = self.pid_of(fault.target)
        if pid is None:
            self.say(f"{fault}: it is not running now")
            return
        self.say(str(fault))
        self.done += 1
        try:
            handles = [os.pidfd_open(pid) for pid in ([pid] if fault.kind == "kill" else family(pid))]
        except ProcessLookupError:
            return
        self._signal(handles, signal.SIGKILL if fault.kind == "kill" else signal.SIGSTOP)
        self.still.append((time.monotonic() + fault.for_s, handles))

    @staticmethod
    def _signal(handles, what):
        for handle in handles:
            try:
                signal.pidfd_send_signal(handle, what)
            except ProcessLookupError:
                pass

    def tick(self, everything=False):
        now = time.monotonic()
        for one in [one for one in self.still if everything or now >= one[0]]:
            self._signal(one[1], signal.SIGCONT)
            for handle in one[1]:
                os.close(handle)
            self.still.remove(one)
