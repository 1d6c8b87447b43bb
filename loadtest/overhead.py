# SPDX-License-Identifier: MIT
"""What Locust itself costs: readers that never pause, against a server that does nothing but answer 307.

usage: overhead.py URL [USERS]...

URL is of build/bench/tests/bench/bare_h2o or the like. Prints what one Locust process reaches with so many users, and what wrk
reaches with one thread: the difference is what Locust cannot ask for. The CPU that a request costs the asker holds on a busy
machine, too: a million divided by it is the most that one process can ask for, on a core of its own.
"""
import json
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 8
NEVER_PAUSE = 1e6  # requests a second of each reader


def cpu_of_children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(ask, *arguments):
    """(requests/s, CPU in us a request), start-up included."""
    before = cpu_of_children_s()
    rate, requests = ask(*arguments)
    return rate, (cpu_of_children_s() - before) / requests * 1e6


def with_locust(url, users, codes):
    outcome = subprocess.run(
        [sys.executable, "-m", "locust", "--locustfile", HERE / "locustfile.py", "--host", url, "--users", str(users),
         "--spawn-rate", str(users), "--readers-rate", str(NEVER_PAUSE), "--seed-codes", "1", "--codes-file", codes,
         "--run-time", f"{SECONDS}s", "--headless", "--json", "--loglevel", "ERROR", "Reader"],
        capture_output=True, text=True)
    row = json.loads(outcome.stdout[outcome.stdout.index("["):])[0]
    assert row["num_failures"] == 0, outcome.stderr
    return row["num_requests"] / (row["last_request_timestamp"] - row["start_time"]), row["num_requests"]


def with_wrk(url, codes):
    outcome = subprocess.run([HERE / "beyond", "wrk", url, codes, str(SECONDS), "64", "zipf"], capture_output=True, text=True)
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", outcome.stdout).group(1)),
            int(re.search(r"(\d+) requests in", outcome.stdout).group(1)))


def main(url, *users):
    with tempfile.NamedTemporaryFile("w", suffix=".codes") as codes:
        codes.writelines(f"code{number:03}\n" for number in range(1000))
        codes.flush()
        for count in map(int, users or (1, 10, 100, 1000)):
            rate, cpu_us = measure(with_locust, url, count, codes.name)
            print(f"Locust, {count:>5} users: {rate:>9,.0f} requests/s, {cpu_us:6.1f} us of CPU a request", flush=True)
        rate, cpu_us = measure(with_wrk, url, codes.name)
        print(f"wrk, one thread:      {rate:>9,.0f} requests/s, {cpu_us:6.1f} us of CPU a request")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
