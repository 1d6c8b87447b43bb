# SPDX-License-Identifier: MIT
"""Failpoints of a test build, set on running nodes one after the other, each as often as wanted.

A node works through a list of its own: it is told to fail at a place, and gets the next order once it has: once the
process is another one, or the place was passed. Places that a running node does not come by are helped: what brings it
there is in PROVOKED. A place that was not reached in time is reported, never counted.
"""
import collections
import json
import random
import time

ACTIONS = {"crash": 5, "error": 3, "delay 300000": 2, "hang": 1}  # how often each, of eleven
LIMIT_S = 25  # a flush, a drained epoch, a node that hangs and is replaced
KINDS = {"click_buffer": ("edge",), "kafka_bridge": ("edge",), "postgres_sink": ("ingestion-1", "ingestion-2", "ingestion-3"),
         "clickhouse_sink": ("ingestion-1", "ingestion-2", "ingestion-3")}
PROVOKED = {"click_buffer.before_lease": ("restart", "edge/click_buffer"),
            "click_buffer.drained_entry": ("kill", "redis"), "click_buffer.commit_reply": ("kill", "redis")}


def listed(platform, node):
    """The names of all places; none in a release build."""
    outcome = platform.console("failpoint", node, "--json")
    assert outcome.returncode == 0, outcome.stderr
    return sorted({row["name"] for row in json.loads(outcome.stdout)["failpoints"]})


def orders(seed, points, times):
    """node -> [(point, action)]: each point `times` times, spread over the nodes that have it, in a seeded order."""
    chance = random.Random(seed)
    lists = collections.defaultdict(list)
    for point in points:
        nodes = KINDS.get(point.split(".")[0], ())
        for number in range(times if nodes else 0):
            action = chance.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            lists[nodes[number % len(nodes)]].append((point, action))
    for todo in lists.values():
        chance.shuffle(todo)
    return dict(lists)


class Worker:
    """One node's list."""

    def __init__(self, platform, say, pid_of, node, todo):
        self.platform, self.say, self.pid_of, self.node = platform, say, pid_of, node
        self.todo = list(todo)
        self.current = None
        self.reached, self.missed = collections.Counter(), collections.Counter()

    def _row(self, point):
        outcome = self.platform.console("failpoint", self.node, "--json")
        rows = json.loads(outcome.stdout)["failpoints"] if outcome.returncode == 0 else []
        acting = [row["action"] for row in rows if row["name"] == point]
        return "" if not acting else "set" if set(acting) != {"off"} else "off"

    def _begin(self):
        point, action = self.todo[-1]
        pid = self.pid_of(self.node)
        if pid is None or self.platform.console("failpoint", self.node, point, *action.split(), "times", "1").returncode:
            return  # it is not up: at the next look
        self.todo.pop()
        self.current = (point, action, pid, time.monotonic() + LIMIT_S)
        if point in PROVOKED:
            self.platform.console(*PROVOKED[point])

    def _look(self):
        point, action, pid, deadline = self.current
        now = self.pid_of(self.node)
        if now != pid or self._row(point) == "off":
            self.reached[point] += 1
            self.current = None
        elif time.monotonic() > deadline:
            self.missed[point] += 1
            self.platform.console("failpoint", self.node, "off")
            self.current = None

    def step(self):
        """Whether there is more to do."""
        if self.current is not None:
            self._look()
        elif self.todo:
            self._begin()
        return self.current is not None or bool(self.todo)


def work_through(workers, tick, deadline):
    """All lists side by side, until they are done or the time is over."""
    while time.monotonic() < deadline and any([worker.step() for worker in workers]):
        tick()
        time.sleep(0.02)
    reached, missed = collections.Counter(), collections.Counter()
    for worker in workers:
        reached.update(worker.reached)
        missed.update(worker.missed)
        worker.platform.console("failpoint", worker.node, "off")
    return reached, missed, sum(len(worker.todo) for worker in workers)
