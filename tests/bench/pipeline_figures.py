# SPDX-License-Identifier: MIT
"""What a click costs until it is in both databases, stage by stage, and how quickly ingestion takes clicks in."""
import functools
import json
import subprocess
import time

import machine
import stand
from figure import Figure, Wrong

IDLE_S, ASKED_S = 4, 3
LINKS = 10_000
BACKLOG_S = 4
SINKS = [f"ingestion-{number}/{sink}" for number in (1, 2, 3) for sink in ("postgres_sink", "clickhouse_sink")]
STAGES = {  # a stage's nodes and stores; an edge's threads are told apart below
    "redis": ("redis", "redis-replica"), "kafka": ("kafka",), "ingestion": ("ingestion-1", "ingestion-2", "ingestion-3"),
    "postgres": ("db",), "clickhouse": ("clickhouse",),
}


def is_behind(thread):
    return thread.startswith("rdk:") or "bridge" in thread


def by_stage():
    """CPU seconds since the start. `others`: app nodes, config, keygen and the like, Prometheus."""
    pids, used = stand.platform().all_pids, {}
    threads = machine.cpu_of_threads_s(pids["edge"])
    used["edge and commit"] = sum(cpu for name, cpu in threads.items() if not is_behind(name))
    used["bridge"] = sum(cpu for name, cpu in threads.items() if is_behind(name))
    for stage, names in STAGES.items():
        used[stage] = sum(machine.cpu_s(pids[name]) for name in names)
    known = {"edge", *(name for names in STAGES.values() for name in names)}
    used["others"] = sum(machine.cpu_s(pid) for name, pid in pids.items() if name not in known)
    return used


@functools.cache
def idle_rates():
    """What each stage takes when nothing is asked, per second."""
    stand.all_counted()
    before, begun = by_stage(), time.monotonic()
    time.sleep(IDLE_S)
    took = time.monotonic() - begun
    return {stage: (cpu - before[stage]) / took for stage, cpu in by_stage().items()}


def whole_pipeline():
    """CPU us a click, from the request until both databases have it, what an idle platform takes left out."""
    links = stand.plant(LINKS)
    stand.warm(LINKS)
    stand.serve("edge", "redis")
    idle = idle_rates()
    before, begun = by_stage(), time.monotonic()
    clicks = stand.ask(stand.EDGE, spread="zipf", seconds=max(ASKED_S, stand.settings["seconds"]), **links)["right"]
    stand.drained()
    took = time.monotonic() - begun
    costs = {stage: max(0.0, cpu - before[stage] - idle[stage] * took) / clicks * 1e6 for stage, cpu in by_stage().items()}
    return sum(costs.values()), costs | {"idle, % of a core": sum(idle.values()) * 100}


def bare_cpu():
    return 1e6 / stand.bare_rate()[0]


# --------------------------------------------------------------------------------------------------------- ingestion


def tell_sinks(verb):
    for sink in SINKS:
        outcome = stand.platform().console(verb, sink)
        if outcome.returncode != 0:
            raise Wrong(outcome.stderr)


def ingestion():
    """Clicks per CPU second of the ingestion nodes, out of a backlog."""
    platform = stand.platform()
    stand.all_counted()
    stand.serve("edge", "redis")
    tell_sinks("suspend")
    try:
        clicks = stand.ask(stand.EDGE, path=platform.hot, base=stand.LOCATION, seconds=BACKLOG_S)["right"]
        time.sleep(2)  # a window and its way to Kafka
    finally:
        pids = [platform.all_pids[name] for name in STAGES["ingestion"]]
        before, begun = sum(map(machine.cpu_s, pids)), time.monotonic()
        tell_sinks("resume")
    stand.drained()
    used, took = sum(map(machine.cpu_s, pids)) - before, time.monotonic() - begun
    stand.all_counted()
    return clicks / used, {"clicks": clicks, "s until all are in": took}


def bare_consumer():
    """The same topic, read and thrown away. Clicks per CPU second."""
    platform = stand.platform()
    stand.all_counted()
    done = subprocess.run(["taskset", "-c", str(machine.LOAD_CORE), stand.PROGRAMS / "bare_consumer",
                           platform.uri("kafka").removeprefix("kafka://"), "click_events"], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Wrong(done.stderr)
    said = json.loads(done.stdout)
    return said["clicks"] / said["cpu_s"], {"clicks": said["clicks"], "MiB": said["bytes"] / 2**20}


FIGURES = [
    Figure("pipeline/cpu", "us of CPU a click", whole_pipeline, "bare h2o's CPU per request", bare_cpu, False, 1 / 3, 1 / 1.7,
           "of all processes, from the request until the click is in both databases; by stage", stand.all_counted),
    Figure("ingestion", "clicks/s per core", ingestion, "a bare librdkafka consumer", bare_consumer, True, 0.25, 0.5,
           "Kafka to both databases, out of a backlog, per CPU second of the ingestion nodes", stand.all_counted),
]
