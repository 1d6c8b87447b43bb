# SPDX-License-Identifier: MIT
"""shunt load: load on the running platform, or on any that --url names.

usage: shunt load [NAME] [--url URL] [--seconds N] [--headless] [--json] ...

Profiles:
  ui                              Locust's page at http://127.0.0.1:8089, from which a load is started and watched (default)
  request-generator               500 writers and 1,000 readers
  request-generator-100k          asks for 100,000 requests a second, from a process on each core
  request-generator-dist-master   waits for workers on other machines, and has the page on 8089
  request-generator-dist-worker   does what the master at --master says
  wrk, h2load                     redirects only, faster than Locust can ask for them

Without --seconds a load goes on until Ctrl-C. With --headless there is no page, and a summary at the end.
Example: ./shunt load request-generator --seconds 30 --headless
Exit codes: 0 done, 1 requests failed or the load could not run, 2 wrong usage, 3 nothing is running.
"""
import argparse
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import seed

HERE = pathlib.Path(__file__).resolve().parent
HOME = pathlib.Path(os.environ.get("SHUNT_HOME", HERE.parent))
UI_PORT = 8089
MASTER_PORT = 5557
SPAWN_RATE_LIMIT = 100  # users a second; Locust advises against more
READERS_TO_WRITERS = 2  # the weights in locustfile.py
# How wrk and h2load say that something went wrong.
WRONG_ANSWERS = re.compile(r"Non-2xx|Socket errors|[1-9]\d* (?:failed|errored|timeout)|[1-9]\d* [45]xx")

# users, requests a second of each reader and writer, and what else Locust is told
PROFILES = {
    "ui": {"users": 1500, "page": True, "autostart": False},
    "request-generator": {"users": 1500, "page": True, "autostart": True},
    "request-generator-100k": {"users": 3000, "readers_rate": 48.0, "writers_rate": 4.0, "page": True, "autostart": True,
                               "flags": ["--processes", "-1"]},
    "request-generator-dist-master": {"users": 1500, "page": True, "autostart": False, "flags": ["--master"]},
    "request-generator-dist-worker": {"page": False, "flags": ["--worker"]},
    "wrk": {}, "h2load": {},
}


class Failure(Exception):
    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


def say(sentence):
    print(f"shunt load: {sentence}", file=sys.stderr)


def arguments_of(command_line):
    parser = argparse.ArgumentParser(prog="shunt load", description=__doc__, add_help=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    parser.add_argument("-h", "--help", action="help", help="this text")
    parser.add_argument("name", nargs="?", default="ui", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--url", help="of the platform; else the one that runs here")
    parser.add_argument("--seconds", type=int, help="how long")
    parser.add_argument("--headless", action="store_true", help="without the page")
    parser.add_argument("--json", action="store_true", help="the summary as JSON; goes with --headless, wrk and h2load")
    parser.add_argument("--users", type=int, help="readers and writers in all, two to one")
    parser.add_argument("--readers-rate", type=float, help="requests a second of each reader (1)")
    parser.add_argument("--writers-rate", type=float, help="of each writer (0.2)")
    parser.add_argument("--spread", choices=["zipf", "even", "celebrity"], help="which links are followed (zipf)")
    parser.add_argument("--seed-codes", type=int, default=1000, help="links that exist before the first is followed (1000)")
    parser.add_argument("--codes", help="the file of codes that processes share (var/load/HOST-PORT.codes)")
    parser.add_argument("--port", type=int, default=UI_PORT, help=f"of the page ({UI_PORT})")
    parser.add_argument("--master", default=f"127.0.0.1:{MASTER_PORT}", help="host:port of the master; for dist-master, of itself")
    parser.add_argument("--workers", type=int, default=1, help="that dist-master waits for when it is to start by itself (1)")
    parser.add_argument("--connections", type=int, default=64, help="of wrk and h2load (64)")
    given = parser.parse_args(command_line)
    if given.name not in PROFILES:
        raise Failure(2, f"there is no profile '{given.name}'; there are: {', '.join(PROFILES)}")
    if given.seconds is not None and given.seconds < 1:
        raise Failure(2, "--seconds takes a whole number from 1 on")
    return given


def running_url():
    """What `shunt status` says of the platform of this checkout."""
    program = HOME / "build/release/shunt"
    if not program.exists():
        raise Failure(3, "nothing is running here; start it with ./shunt up, or name one with --url")
    outcome = subprocess.run([program, "status", "--json"], capture_output=True, text=True, env=os.environ | {"SHUNT_HOME": str(HOME)})
    if outcome.returncode != 0:
        raise Failure(3, "nothing is running here; start it with ./shunt up, or name one with --url")
    return json.loads(outcome.stdout)["url"]


def make_first_links(given, url):
    """The file of codes that readers begin with. Made before Locust starts, so that it is no part of what is measured."""
    path = pathlib.Path(given.codes or seed.default_path(HOME, url))
    try:
        seed.ensure(path, url, max(1, given.seed_codes))
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise Failure(1, f"cannot make the first links at {url}: {error}") from error
    return path


# ---------------------------------------------------------------------------------------------------------- Locust


def locust_command(given, profile, url):
    master_host, _, master_port = given.master.partition(":")
    command = [sys.executable, "-m", "locust", "--locustfile", str(HERE / "locustfile.py"), *profile.get("flags", [])]
    if "--worker" in command:
        return [*command, "--master-host", master_host, "--master-port", master_port or str(MASTER_PORT)]
    if "--master" in command:
        command += ["--master-bind-host", master_host, "--master-bind-port", master_port or str(MASTER_PORT),
                    "--expect-workers", str(given.workers)]
    users = given.users or profile["users"]
    ramp_s = min(5, given.seconds / 10 if given.seconds else 5)
    command += ["--host", url, "--users", str(users), "--spawn-rate", str(min(max(users / ramp_s, 1), SPAWN_RATE_LIMIT)),
                "--readers-rate", str(given.readers_rate or profile.get("readers_rate", 1.0)),
                "--writers-rate", str(given.writers_rate or profile.get("writers_rate", 0.2)),
                "--spread", given.spread or "zipf", "--seed-codes", str(given.seed_codes)]
    if given.codes:
        command += ["--codes-file", given.codes]
    if given.seconds:
        command += ["--run-time", f"{given.seconds}s", "--stop-timeout", "5"]
    if given.headless:
        return [*command, "--headless", "--json", "--skip-log-setup"]
    command += ["--web-host", os.environ.get("SHUNT_LOAD_PAGE_HOST", "127.0.0.1"), "--web-port", str(given.port)]
    if profile["autostart"] or given.seconds:
        command += ["--autostart"] + (["--autoquit", "1"] if given.seconds else [])
    return command


def percentile(histogram, share):
    """Of Locust's rounded response times in ms, with how many there were of each."""
    left = share * sum(histogram.values())
    for value in sorted(histogram, key=float):
        left -= histogram[value]
        if left <= 0:
            return float(value)
    return 0.0


def summary_of(rows, asked_per_s):
    requests = sum(row["num_requests"] for row in rows)
    begun = min((row["start_time"] for row in rows), default=0)
    ended = max((row["last_request_timestamp"] or 0 for row in rows), default=0)
    seconds = max(ended - begun, 1e-9) if requests else 0.0
    return {
        "requests": requests, "failures": sum(row["num_failures"] for row in rows),
        "requests_per_s": round(requests / seconds, 1) if requests else 0.0, "asked_per_s": round(asked_per_s, 1),
        "seconds": round(seconds, 1),
        "routes": [{"name": row["name"], "requests": row["num_requests"], "failures": row["num_failures"],
                    "p50_ms": percentile(row["response_times"], 0.50), "p99_ms": percentile(row["response_times"], 0.99)}
                   for row in rows],
    }


def show(summary):
    print(f"{summary['requests']:,} requests in {summary['seconds']} s: {summary['requests_per_s']:,}/s "
          f"(asked for: {summary['asked_per_s']:,}/s), {summary['failures']:,} failed")
    for row in summary["routes"]:
        print(f"  {row['name']:24} {row['requests']:>10,} requests {row['failures']:>7,} failed   "
              f"p50 {row['p50_ms']:g} ms   p99 {row['p99_ms']:g} ms")


def rows_in(said):
    """Locust's figures in what it said. With several processes each says its own; those of the master are of all."""
    found, at, decoder = [], 0, json.JSONDecoder()
    while (at := said.find("[", at)) >= 0:
        try:
            value, at = decoder.raw_decode(said, at)
            found.append(value)
        except ValueError:
            at += 1
    return max(found, key=lambda rows: sum(row["num_requests"] for row in rows), default=None)


def run_headless(given, command):
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said, _ = process.communicate()
        except KeyboardInterrupt:
            said, _ = process.communicate()
    if "--worker" in command:
        return process.returncode
    rows = rows_in(said)
    if rows is None:
        say(f"Locust ended with {process.returncode} and no figures: {said.strip()[-500:] or 'its words are above'}")
        return 1
    users = int(command[command.index("--users") + 1])
    writers = users / (1 + READERS_TO_WRITERS)
    asked = (users - writers) * float(command[command.index("--readers-rate") + 1]) \
        + writers * float(command[command.index("--writers-rate") + 1])
    summary = summary_of(rows, asked)
    print(json.dumps(summary, indent=1)) if given.json else show(summary)
    if summary["requests"] == 0:
        say("no request was answered")
        return 1
    if summary["requests_per_s"] < 0.8 * asked and summary["seconds"] > 15:
        say("less than was asked for: see in loadtest/README.md from which rate on Locust itself is the limit")
    return 1 if summary["failures"] or process.returncode != 0 else 0


# ------------------------------------------------------------------------------------------------------ wrk and h2load


def run_beyond(given, url):
    program = shutil.which(given.name)
    if program is None:
        raise Failure(1, f"{given.name} is not installed; ./shunt setup load brings it")
    path = make_first_links(given, url)
    command = [HERE / "beyond", given.name, url, str(path), str(given.seconds or 10), str(given.connections), given.spread or "zipf"]
    outcome = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(outcome.stdout, end="")
    if outcome.returncode != 0 or WRONG_ANSWERS.search(outcome.stdout):
        raise Failure(1, f"not every answer was a redirect, or {given.name} could not ask; its own words are above")
    return 0


def main(command_line):
    given = arguments_of(command_line)
    profile = PROFILES[given.name]
    if "--worker" in profile.get("flags", []):
        return run_headless(given, locust_command(given, profile, ""))
    url = (given.url or running_url()).rstrip("/")
    if given.name in ("wrk", "h2load"):
        return run_beyond(given, url)
    make_first_links(given, url)
    command = locust_command(given, profile, url)
    if given.headless:
        return run_headless(given, command)
    say(f"load on {url}; the page is http://127.0.0.1:{given.port}, Ctrl-C ends it")
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        say(str(failure))
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(130)
