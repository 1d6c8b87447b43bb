# SPDX-License-Identifier: MIT
"""Redirects beside a bare H2O that answers 307 and knows nothing: the whole request path on one core, the load on the other.

The platform is the real one, from topology/local.zpl on other ports. The edge with its committer, and Redis, are pinned to the
first core, as the bare server is; everything that only works behind the redirect (Kafka, ingestion, databases, app nodes) shares
the second core with the load generator, which makes the figure for Shunt a little worse than it is.
"""
import atexit
import functools
import pathlib
import re
import subprocess
import sys
import tempfile

from figure import Figure

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
from running import Platform, eventually, is_listening  # noqa: E402

BARE_PORT = 19988
SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS, SECONDS = 64, 4


def pin(pid, core):
    """All threads of a process, and those it starts later."""
    subprocess.run(["taskset", "-apc", core, str(pid)], check=True, stdout=subprocess.DEVNULL)


def load(url):
    """Requests per second; anything but a redirect is a failure of the measurement."""
    done = subprocess.run(["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", url],
                          capture_output=True, text=True, check=True)
    assert "Non-2xx or 3xx" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


@functools.cache
def bare():
    process = subprocess.Popen(["taskset", "-c", SERVER_CORE, ROOT / "build/bench/tests/bench/bare_h2o", str(BARE_PORT)])
    atexit.register(process.kill)
    eventually(lambda: is_listening(BARE_PORT), 10)
    return f"http://127.0.0.1:{BARE_PORT}/abcdefg"


@functools.cache
def platform(*settings):
    shunt = Platform(tempfile.mkdtemp(prefix="shunt-bench-"), *settings)
    atexit.register(shunt.down)
    shunt.up()
    status = shunt.status()
    for entry in status["nodes"] + status["stores"]:
        pin(entry["pid"], SERVER_CORE if entry["name"] in ("edge", "redis") else LOAD_CORE)
    return shunt


@functools.cache
def hot_link(*settings):
    link = platform(*settings).shorten("https://example.org/a/rather/common/path?x=1")
    return f"{platform(*settings).status()['url']}/{link['short_code']}", link["short_code"]


def hot(*settings):
    """Also checks that every redirect was counted: what wrk saw, and no less."""
    url, code = hot_link(*settings)
    before = platform(*settings).clicks(code)
    rate = load(url)
    counted = platform(*settings).clicks(code) - before
    assert counted >= rate * SECONDS * 0.99, f"{counted} clicks were counted of {rate * SECONDS:.0f}"
    return rate


FIGURES = [
    Figure("redirect/accounted/hot", "requests/s", hot, "bare h2o 307, one core", lambda: load(bare()),
           more_is_better=True, floor=0.60, goal=0.85),
]
