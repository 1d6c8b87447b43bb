# SPDX-License-Identifier: MIT
"""A schedule of faults that follows from a seed alone, and their doing.

    kill     one process gets SIGKILL
    stop     one store or node, with all its children, stands still for a while
    several  two to four at once
"""
import dataclasses
import pathlib
import random
import signal
import os
import time

KINDS = ("kill", "stop", "several")
NODES = ("edge", "app1", "app2", "app3", "keygen", "id-allocator", "config", "cache-warmer", "ingestion-1", "ingestion-2",
         "ingestion-3", "reconciler")
STORES = ("db", "redis", "redis-replica", "keygen-redis-primary", "keygen-redis-secondary", "kafka", "clickhouse")
# Those that clicks pass through are hit more often.
WEIGHTS = {"edge": 4, "redis": 4, "kafka": 3, "db": 3, "clickhouse": 3, "ingestion-1": 2, "ingestion-2": 2, "ingestion-3": 2}
BACK_LIMIT_S = 60


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


def family(pid):
    """A process and all its descendants."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
    pids, more = {pid}, True
    while more:
        more = {child for child, parent in parents.items() if parent in pids} - pids
        pids |= more
    return sorted(pids)


class Doer:
    """Does faults to a running platform; knows what stands still, and when what was killed came back."""

    def __init__(self, look, say):
        self.look = look  # the platform's status
        self.say = say
        self.still = []  # (until, pidfds, target)
        self.killed = {}  # target -> (pid, when)
        self.back_s = {}  # target -> how long each time

    def entries(self):
        status = self.look()
        return {entry["name"]: entry for entry in status["nodes"] + status["stores"]}

    def do(self, fault):
        entry = self.entries()[fault.target]
        if entry["pid"] <= 1 or entry["state"] != "up":
            self.say(f"{fault} (is {entry['state']}: left alone)")
            return
        self.say(str(fault))
        try:
            if fault.kind == "kill":
                self.killed[fault.target] = (entry["pid"], time.monotonic())
                os.kill(entry["pid"], signal.SIGKILL)
            else:
                handles = [os.pidfd_open(pid) for pid in family(entry["pid"])]
                self.still.append((time.monotonic() + fault.for_s, handles, fault.target))
                self._signal(handles, signal.SIGSTOP)
        except ProcessLookupError:
            self.say(f"{fault.target} was gone already")

    @staticmethod
    def _signal(handles, what):
        for handle in handles:
            try:
                signal.pidfd_send_signal(handle, what)
            except ProcessLookupError:
                pass

    def tick(self, everything=False):
        """Lets go on what has stood still for long enough, and looks who is back."""
        now = time.monotonic()
        for one in [one for one in self.still if everything or now >= one[0]]:
            self._signal(one[1], signal.SIGCONT)
            for handle in one[1]:
                os.close(handle)
            self.still.remove(one)
        if not self.killed:
            return
        entries = self.entries()
        for target, (pid, since) in list(self.killed.items()):
            if entries[target]["state"] == "up" and entries[target]["pid"] not in (0, pid):
                self.back_s.setdefault(target, []).append(time.monotonic() - since)
                del self.killed[target]

    def all_are_up(self):
        self.tick(everything=True)
        return all(entry["state"] == "up" for entry in self.entries().values())
