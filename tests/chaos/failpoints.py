# SPDX-License-Identifier: MIT
"""Failpoints of a test build, set on running nodes, each as often as wanted.

A node works through a list of its own. It is told of several places at once: of some that fail or take their time, and
of at most one that ends it. A place counts as reached once it is seen to be passed; when the node became another one, the
place that was to end it counts, and the others are set again. Places that a running node does not come by are helped: what brings it
there is in PROVOKED. A place that was not reached in time is reported, never counted.
"""
import collections
import json
import random
import threading
import time

ACTIONS = {"crash": 10, "error": 6, "delay 300000": 5, "hang": 1}  # in this proportion at each place
FATAL = ("crash", "hang")
TOGETHER = 4  # places set at once on one node
LIMIT_S = 25  # a flush, a drained epoch, a node that hangs and is replaced
SECOND_EDGE_PORT = 2  # above the first one's
SECOND_EDGE = f"""    edge2
        after = redis, id-allocator, app1, app2, app3
        actors
            kafka_bridge
            click_buffer
                thread = front
            edge
                thread = front
                listen = 127.0.0.1:{8080 + SECOND_EDGE_PORT}

    cache-warmer  """
EDGES, SINKS = ("edge", "edge2"), ("ingestion-1", "ingestion-2", "ingestion-3")
KINDS = {"click_buffer": EDGES, "kafka_bridge": EDGES, "postgres_sink": SINKS, "clickhouse_sink": SINKS}
PROVOKED = {"click_buffer.before_lease": ("restart", "{node}/click_buffer"),
            "click_buffer.drained_entry": ("kill", "redis"),
            "click_buffer.epoch_removed": ("restart", "{node}/click_buffer")}


def with_two_edges(topology):
    """Most places are in edges, which are slow to come back compared with all else: two get on twice as fast."""
    assert "    cache-warmer  " in topology
    return topology.replace("    cache-warmer  ", SECOND_EDGE, 1)


def listed(platform, node):
    """The names of all places; none in a release build."""
    outcome = platform.console("failpoint", node, "--json")
    assert outcome.returncode == 0, outcome.stderr
    return sorted({row["name"] for row in json.loads(outcome.stdout)["failpoints"]})


def actions(times):
    """So many actions, in their proportion, the rare ones at least once."""
    parts = sum(ACTIONS.values())
    found = [action for action, part in ACTIONS.items() for _ in range(max(1, times * part // parts))]
    return (found + ["crash"] * times)[:times]


def orders(seed, points, times):
    """node -> [(point, action)]: each point `times` times, spread over the nodes that have it, in a seeded order."""
    chance = random.Random(seed)
    lists = collections.defaultdict(list)
    for point in points:
        nodes = KINDS.get(point.split(".")[0], ())
        chosen = actions(times) if nodes else []
        chance.shuffle(chosen)
        for number, action in enumerate(chosen):
            lists[nodes[number % len(nodes)]].append((point, action))
    for todo in lists.values():
        chance.shuffle(todo)
    return dict(lists)


class Worker:
    """One node's list."""

    def __init__(self, platform, say, pid_of, node, todo):
        self.platform, self.say, self.pid_of, self.node = platform, say, pid_of, node
        self.todo = list(todo)
        self.pid = None
        self.current = {}  # point -> (action, until when)
        self.reached, self.missed = collections.Counter(), collections.Counter()

    def _acting(self):
        """The places that are still to fail; None when the node does not answer."""
        outcome = self.platform.console("failpoint", self.node, "--json")
        if outcome.returncode != 0:
            return None
        return {row["name"] for row in json.loads(outcome.stdout)["failpoints"] if row["action"] != "off"}

    def _next(self):
        """An order whose place is free and that does not end the node before another one can."""
        ends = any(action in FATAL for action, _ in self.current.values())
        for index in range(len(self.todo) - 1, -1, -1):
            point, action = self.todo[index]
            if point not in self.current and not (ends and action in FATAL):
                return self.todo.pop(index)
        return None

    def _set_more(self):
        while len(self.current) < TOGETHER and (order := self._next()) is not None:
            point, action = order
            if self.platform.console("failpoint", self.node, point, *action.split(), "times", "1").returncode:
                self.todo.append(order)
                return  # it is not up: at the next look
            self.current[point] = (action, time.monotonic() + LIMIT_S)
            if point in PROVOKED:
                self.platform.console(*(word.format(node=self.node) for word in PROVOKED[point]))

    def _ended(self):
        """The node is another process now. Of the places that let it live nobody knows whether they were passed."""
        for point, (action, _) in self.current.items():
            if action in FATAL:
                self.reached[point] += 1
            else:
                self.todo.insert(0, (point, action))
        self.current = {}

    def _look(self):
        acting, now = self._acting(), time.monotonic()
        for point, (action, deadline) in list(self.current.items()):
            if acting is not None and point not in acting and (action != "hang" or now > deadline):
                self.reached[point] += 1  # of what hangs, the end of its node is awaited
            elif now > deadline:
                self.missed[point] += 1
                self.platform.console("failpoint", self.node, point, "off")
            else:
                continue
            del self.current[point]

    def step(self):
        """Whether there is more to do."""
        pid = self.pid_of(self.node)
        if pid is not None and pid != self.pid:
            self._ended()
            self.pid = pid
        elif pid is not None and self.current:
            self._look()
        if pid is not None and self.pid_of(self.node) == pid:
            self._set_more()
        return bool(self.current or self.todo)


def _until_done(worker, deadline):
    while time.monotonic() < deadline and worker.step():
        time.sleep(0.02)
    worker.platform.console("failpoint", worker.node, "off")


def work_through(workers, tick, deadline):
    """All lists side by side, until they are done or the time is over."""
    threads = [threading.Thread(target=_until_done, args=(worker, deadline), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tick()
        time.sleep(0.1)
    reached, missed = collections.Counter(), collections.Counter()
    for worker in workers:
        reached.update(worker.reached)
        missed.update(worker.missed)
    return reached, missed, sum(len(worker.todo) for worker in workers)
