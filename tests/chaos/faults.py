# SPDX-License-Identifier: MIT
"""A schedule of faults that follows from a seed alone, and their doing.

    kill     one process gets SIGKILL
    stop     one store or node, with all its children, stands still for a while
    several  two to four at once, killed or stopped
    wipe     a Redis dies and its disk is empty when it starts again: of the clicks' Redis the journals have all, of the
             keygen's two the other one goes on
    tear     the edge dies in the middle of a write to its journal
    disk     the disk under everything is full for a while
    cut, lose, freeze, slow  connections to a store, see proxies.py
"""
import dataclasses
import os
import pathlib
import random
import signal
import time

import proxies

KINDS = ("kill", "stop", "several")  # need nothing special
ALL_KINDS = KINDS + ("wipe", "tear", "disk", *proxies.KINDS)
DISK = "disk"
WIPED = ("redis", "redis-replica", "keygen-redis-primary", "keygen-redis-secondary")
KILLED = ("kill", "wipe", "tear")  # over at once
TORN = bytes((200, 1, 0, 0, 7, 7, 7, 7, 1, 9, 9))  # a record's head that promises more than follows
NODES = ("edge", "app1", "app2", "app3", "keygen", "id-allocator", "config", "cache-warmer", "ingestion-1", "ingestion-2",
         "ingestion-3", "reconciler")
STORES = ("db", "redis", "redis-replica", "keygen-redis-primary", "keygen-redis-secondary", "kafka", "clickhouse")
# Those that clicks pass through are hit more often.
WEIGHTS = {"edge": 4, "redis": 4, "kafka": 3, "db": 3, "clickhouse": 3, "ingestion-1": 2, "ingestion-2": 2, "ingestion-3": 2}


@dataclasses.dataclass(frozen=True)
class Fault:
    at_s: float
    kind: str
    target: str
    for_s: float = 0.0

    def __str__(self):
        lasts = f" for {self.for_s:.1f} s" if self.kind not in KILLED else ""
        return f"{self.kind} {self.target}{lasts}"


def one_fault(chance, at_s, kind, targets):
    lasts = 0.0 if kind in KILLED else chance.uniform(0.3, 8.0)
    if kind == "wipe":
        return Fault(at_s, kind, chance.choice(WIPED))
    if kind == "tear":
        return Fault(at_s, kind, "edge")
    if kind == DISK:
        return Fault(at_s, kind, DISK, lasts)
    if kind in proxies.KINDS:
        return Fault(at_s, kind, chance.choice(proxies.PROXIED), lasts)
    return Fault(at_s, kind, chance.choices(targets, [WEIGHTS.get(target, 1) for target in targets])[0], lasts)


def schedule(seed, length_s, every_s, kinds, targets=NODES + STORES):
    """Faults in the order of their times. The same arguments give the same faults."""
    chance = random.Random(seed)
    faults, at_s = [], every_s
    while at_s < length_s:
        kind = chance.choice(kinds)
        if kind == "several":
            together = [one_fault(chance, at_s, chance.choice(("kill", "stop")), targets)
                        for _ in range(chance.randint(2, 4))]
            faults += {fault.target: fault for fault in together}.values()
        else:
            faults.append(one_fault(chance, at_s, kind, targets))
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


def signal_all(handles, what):
    for handle in handles:
        try:
            signal.pidfd_send_signal(handle, what)
        except ProcessLookupError:
            pass


class Doer:
    """Does faults to a running platform, and sees to it that what stands still goes on in time.

    It looks at processes, not at `shunt status`, which takes its time when half of those that it asks stand still.
    """

    def __init__(self, platform, say, connections=None):
        self.folder = platform.folder
        self.data = platform.data.resolve()
        self.launcher = parents()[platform.node("config")["pid"]]
        self.say = say
        self.connections = connections  # the proxies, if there are any
        self.undo = []  # (when, what)
        self.done = 0

    def pid_of(self, target):
        for pid, parent in parents().items():
            if parent == self.launcher and name_of(pid, self.data) == target:
                return pid
        return None

    def do(self, fault):
        until = time.monotonic() + fault.for_s
        if fault.kind == DISK:
            undo = self._fill_disk()
        elif fault.kind in proxies.KINDS:
            self.connections.set(fault.target, fault.kind)
            undo = lambda: self.connections.set(fault.target, "pass")
        else:
            undo = self._signal_one(fault)
        if undo is None:
            self.say(f"{fault}: it is not running now")
            return
        self.say(str(fault))
        self.done += 1
        self.undo.append((until, undo))

    def _signal_one(self, fault):
        pid = self.pid_of(fault.target)
        if pid is None:
            return None
        try:
            handles = [os.pidfd_open(pid) for pid in ([pid] if fault.kind in KILLED else family(pid))]
        except ProcessLookupError:
            return None
        if fault.kind in ("wipe", "tear"):
            signal_all(handles, signal.SIGSTOP)  # so that it writes nothing more
            self._wipe(fault.target) if fault.kind == "wipe" else self._tear()
        signal_all(handles, signal.SIGKILL if fault.kind in KILLED else signal.SIGSTOP)

        def go_on():
            signal_all(handles, signal.SIGCONT)
            for handle in handles:
                os.close(handle)
        return go_on

    def _wipe(self, store):
        for path in (self.data / "stores" / store).rglob("*"):
            if path.suffix in (".rdb", ".aof", ".manifest"):
                path.unlink()

    def _tear(self):
        segments = sorted((self.data / "nodes/edge/click_buffer/journal").glob("*/*.journal"), key=lambda path: path.stat().st_mtime)
        if segments:
            with open(segments[-1], "ab") as newest:
                newest.write(TORN)

    def _fill_disk(self):
        ballast = self.folder / "ballast"
        with open(ballast, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:  # it is full
                pass
        return lambda: ballast.unlink(missing_ok=True)

    def tick(self, everything=False):
        """Undoes what has lasted long enough."""
        now = time.monotonic()
        for one in [one for one in self.undo if everything or now >= one[0]]:
            one[1]()
            self.undo.remove(one)
