# SPDX-License-Identifier: MIT
"""shunt chaos: what happens to clicks when anything may die at any moment.

Starts a platform of its own, lets clients follow links at a constant rate while a seeded schedule of faults runs, waits
until the pipeline has drained, and holds both databases against what the clients know, click by click. Exit code 1 and the
seed when a promise is broken. README.md beside this file says what is promised.
"""
import argparse
import asyncio
import datetime
import json
import os
import pathlib
import random
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

FAILPOINTS = "failpoints"
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))

if FAILPOINTS in " ".join(sys.argv):  # a test build, before anything asks where the program is
    os.environ |= {"SHUNT_PROGRAM": str(ROOT / "build/dev/shunt"), "SHUNT_HOME": str(ROOT)}

import failpoints
from clients import Clients
from faults import ALL_KINDS, DISK, KINDS, NODES, STORES, Doer, schedule
from ledger import Ledger, compare
from proxies import KINDS as proxy_kinds
from proxies import PROXIED, Proxies, through_proxies
from running import Platform, eventually
from shrink import shrink

DRAIN_LIMIT_S = 120
CALM_S = 12  # two flushes: what would be counted twice shows by then
LOOK_S = 0.02
DISK_MIB = 2048  # a small disk: full is what it is to be


def say(text):
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def back_times(platform):
    """By node or store: how long after each SIGKILL it was up again, as the launcher's log tells."""
    gone, times = {}, {}
    for line in (platform.data / "log/launcher.log").read_text().splitlines():
        entry = json.loads(line)
        name, _, event = entry["event"].partition(" ")
        at = datetime.datetime.fromisoformat(entry["time"]).timestamp()
        if event.startswith("was ended by signal 9"):
            gone.setdefault(name, at)
        elif event.startswith("is up after") and name in gone:
            times.setdefault(name, []).append(at - gone.pop(name))
    return times


class Run:
    """One schedule against one platform."""

    def __init__(self, platform, seed, rate, links, connections=None):
        self.platform = platform
        self.seed = seed
        codes = [platform.shorten(f"https://example.org/{number}")["short_code"] for number in range(links)]
        self.ledger = Ledger(codes)
        port = int(platform.status()["url"].rsplit(":", 1)[1])
        self.clients = Clients(port, self.ledger, rate, seed)
        self.doer = Doer(platform, say, connections)

    def _wait_until(self, moment):
        while True:
            self.doer.tick()
            if time.monotonic() >= moment:
                return
            time.sleep(LOOK_S)

    def _do_all(self, faults, length_s):
        since = time.monotonic()
        for fault in faults:
            self._wait_until(since + fault.at_s)
            self.doer.do(fault)
        self._wait_until(since + length_s)

    def faults_under_load(self, faults, length_s):
        clicking = threading.Thread(target=lambda: asyncio.run(self.clients.run(length_s + 60)))
        clicking.start()
        try:
            self._do_all(faults, length_s)
        finally:
            self.clients.running = False
            self.doer.tick(everything=True)
            clicking.join()

    def failpoints_under_load(self, prefix, times, length_s):
        """Each failpoint so often, within the time; says what was reached."""
        points = [point for point in failpoints.listed(self.platform, "edge") if point.startswith(prefix)]
        if not points:
            sys.exit("this build has no failpoints of that name; chaos builds them into build/dev")
        self.clients.ports.append(self.clients.port + failpoints.SECOND_EDGE_PORT)
        workers = [failpoints.Worker(self.platform, say, self.doer.pid_of, node, todo)
                   for node, todo in failpoints.orders(self.seed, points, times).items()]
        clicking = threading.Thread(target=lambda: asyncio.run(self.clients.run(length_s + 60)))
        clicking.start()
        try:
            reached, missed, left = failpoints.work_through(workers, self.doer.tick, time.monotonic() + length_s)
        finally:
            self.clients.running = False
            clicking.join()
        self.doer.done = reached.total()
        say(f"{len(points)} places: the least often reached {min(reached[point] for point in points)} times, the most often "
            f"{max(reached[point] for point in points)}")
        for point in points:
            say(f"{point}: reached {reached[point]} times" + (f", not reached {missed[point]}" * bool(missed[point])))
        if left:
            say(f"{left} orders were left when the time was over")

    def drain(self):
        """Until everything is there, or for as long as draining may take."""
        eventually(lambda: self.platform.status()["ready"], 60, "not everything came back")
        since = time.monotonic()
        while True:
            try:
                verdict = compare(self.ledger, self.platform)
            except (OSError, AssertionError) as error:
                verdict = None
                say(f"cannot be compared yet: {error}")
            if (verdict is not None and not verdict.violations) or time.monotonic() > since + DRAIN_LIMIT_S:
                break
            time.sleep(1)
        say(f"drained after {time.monotonic() - since:.0f} s")
        time.sleep(CALM_S)  # nothing more may come
        verdict = compare(self.ledger, self.platform)
        verdict.violations += self.clients.violations + audit(self.platform)
        return verdict


def report(run, verdict):
    say(f"requests: {dict(run.ledger.outcomes)}, slowest answer {run.clients.slowest_s:.1f} s")
    say(f"statistics read: {run.clients.stats_outcomes}")
    say("up again after kill -9, median (most) in s: " + ", ".join(
        f"{name} {statistics.median(times):.2f} ({max(times):.2f})"
        for name, times in sorted(back_times(run.platform).items())))
    say(f"clicks: {verdict.figures}")
    for violation in verdict.violations:
        say(f"VIOLATION {violation}")
    say(f"seed {run.seed}, {run.doer.done} faults: " + (f"{len(verdict.violations)} violations" if verdict.violations
                                                     else "every click exactly once"))


def audit(platform):
    """The platform's own opinion, by `shunt console audit`; what it finds is a violation like any other."""
    outcome = platform.console("audit", "--json")
    if outcome.returncode != 0:
        return [f"the audit could not be had: {outcome.stderr.strip()}"]
    found = json.loads(outcome.stdout)
    say(f"audit: {sum(lane['issued'] for lane in found['lanes'])} clicks issued in {len(found['lanes'])} lanes that are "
        f"not drained, difference {found['difference']}, ClickHouse's {found['clickhouse_difference']}")
    return [f"I6: {lane}" for lane in found["lanes"] if lane["difference"] or lane["clickhouse_difference"]]


def arguments():
    parser = argparse.ArgumentParser(prog="shunt chaos", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="example: ./shunt chaos --seed 7 --minutes 5 --faults kill,stop")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--every", type=float, default=5, help="seconds between faults, on average")
    parser.add_argument("--rate", type=float, default=200, help="redirects a second")
    parser.add_argument("--links", type=int, default=100)
    parser.add_argument("--faults", default=",".join(KINDS), help=f"some of {','.join(ALL_KINDS)}; "
                        "disk needs root, for a small disk of its own; or failpoints alone, in a test build")
    parser.add_argument("--targets", default=",".join(NODES + STORES), help="nodes and stores")
    parser.add_argument("--each", type=int, default=2, help="of failpoints: how often each of them")
    parser.add_argument("--points", default="", help="of failpoints: those whose names begin so")
    parser.add_argument("--shrink", type=int, default=8, help="platforms that may be started to shrink a failing schedule")
    parser.add_argument("--keep", action="store_true", help="leave the platform's folder behind")
    chosen = parser.parse_args()
    for name, known in (("faults", ALL_KINDS + (FAILPOINTS,)), ("targets", NODES + STORES)):
        words = tuple(getattr(chosen, name).split(","))
        wrong = [word for word in words if word not in known]
        if wrong:
            parser.error(f"--{name} has no '{wrong[0]}'; there are {', '.join(known)}")
        setattr(chosen, name, words)
    return chosen


def make_passwords(platform):
    """Ours, so that the proxies' addresses have them before the first start."""
    (platform.data / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
    platform.data.chmod(0o700)
    for name in PROXIED:
        path = platform.data / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16) + "\n")


def prepare(folder, chosen):
    """A platform that is not up yet, and the proxies of its connections."""
    if DISK in chosen.faults:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "shunt-chaos", folder], check=True)
    settings = ["--set", "kinds/edge/debug_identity=yes"]
    source = None
    if FAILPOINTS in chosen.faults:  # more flushes, more chances to fail in one
        source = failpoints.with_two_edges((ROOT / "topology/local.zpl").read_text())
        for sink in ("postgres_sink", "clickhouse_sink"):
            settings += ["--set", f"kinds/{sink}/flush=500ms"]
    platform = Platform(folder, *settings, source=source)
    if not set(proxy_kinds) & set(chosen.faults):
        return platform, None
    topology = platform.topology.read_text()
    platform.topology.write_text(through_proxies(topology))
    make_passwords(platform)
    return platform, Proxies(topology)


def one_run(chosen, faults):
    """One platform from start to end, and what was found. Its folder stays when something was, or it is to be kept."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="shunt-chaos-"))
    say(f"seed {chosen.seed}: {len(faults)} faults in {chosen.minutes:g} minutes at {chosen.rate:g} redirects/s, in {folder}")
    platform, connections = prepare(folder, chosen)
    try:
        run = Run(platform.up(), chosen.seed, chosen.rate, chosen.links, connections)
        if FAILPOINTS in chosen.faults:
            run.failpoints_under_load(chosen.points, chosen.each, chosen.minutes * 60)
        else:
            run.faults_under_load(faults, chosen.minutes * 60)
        verdict = run.drain()
        report(run, verdict)
    finally:
        platform.down()
    if verdict.violations or chosen.keep:
        say(f"what it said is in {folder}/data/log")
    else:
        if DISK in chosen.faults:
            subprocess.run(["umount", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)
    return verdict


def main():
    chosen = arguments()
    faults = [] if FAILPOINTS in chosen.faults else schedule(chosen.seed, chosen.minutes * 60, chosen.every, chosen.faults,
                                                             chosen.targets)
    if not one_run(chosen, faults).violations:
        return 0
    if len(faults) > 1 and chosen.shrink > 0:
        say(f"shrinking the schedule, with {chosen.shrink} platforms at most")
        left = shrink(faults, lambda fewer: bool(one_run(chosen, fewer).violations), chosen.shrink)
        say(f"seed {chosen.seed} still fails with {len(left)} of its {len(faults)} faults:")
        for fault in left:
            say(f"  after {fault.at_s:.1f} s: {fault}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
