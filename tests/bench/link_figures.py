# SPDX-License-Identifier: MIT
"""Making links, reading their counts, changing them."""
import contextlib
import json
import os
import socket
import statistics
import time

import machine
import redirect_figures
import stand
from figure import Figure, Wrong

EDITS, DELETES = 80, 20
OBEY_LIMIT_S, LOAD_LIMIT_S = 5, 60
BIG, SMALL = 10**8, 10**2
REAL_CLICKS = 10


# ------------------------------------------------------------------------------------------------------------ making


def shorten():
    shorten.run += 1
    base = f"https://example.org/made/{shorten.run}/"
    pids = stand.serve("edge", *stand.APPS, "keygen", "id-allocator", "keygen-redis-primary", "keygen-redis-secondary",
                       "redis", "db")
    before, made_before = sum(map(machine.cpu_s, pids)), made(base)
    said = stand.ask(stand.EDGE, shorten=True, base=base, status=201, contains="short_code")
    used = sum(map(machine.cpu_s, pids)) - before
    if made(base) - made_before != said["right"]:
        raise Wrong(f"{said['right']} links were answered with 201 and {made(base) - made_before} are in Postgres")
    return said["rate"], {"per core": said["right"] / used, "servers busy": used / said["seconds"], "p99 us": said["p99_us"]}


shorten.run = 0


def made(base):
    return stand.platform().sql("SELECT count(DISTINCT short_code) FROM urls WHERE original_url LIKE %s", base + "%")[0]


def insert():
    """A row like a link's, by 64 clients, each waiting for its own commit."""
    platform = stand.platform()
    platform.sql("CREATE TABLE IF NOT EXISTS bench_urls (LIKE urls INCLUDING ALL)")
    platform.sql("CREATE SEQUENCE IF NOT EXISTS bench_ids CACHE 1000")
    if platform.sql("SHOW synchronous_commit")[0] != "on":
        raise Wrong("synchronous_commit is not on")
    stand.serve("db")
    return redirect_figures.pgbench("INSERT INTO bench_urls (id, short_code, original_url) SELECT n, lpad(n::text, 7, '0'), "
                                    "'https://example.org/made/0/' || n FROM nextval('bench_ids') AS n;\n")


# ------------------------------------------------------------------------------------------------------------- counts


def stats(clicks):
    """Time of GET /api/stats of a link with so many clicks in Postgres, and ten more that were really made."""
    platform, code = stand.platform(), f"stats{clicks}"
    if code not in stats.planted:
        stats.planted.add(code)
        platform.sql(f"INSERT INTO urls (id, short_code, original_url, clicks) VALUES ({stand.FIRST_ID} - {clicks}, '{code}', "
                     f"'{stand.LOCATION}', {clicks})")
        platform.planted_clicks += clicks
        stand.ask(stand.EDGE, path=code, base=stand.LOCATION, requests=REAL_CLICKS, connections=1)
    pids = stand.serve("edge", *stand.APPS, "redis", "db")
    said = stand.ask(stand.EDGE, path=f"api/stats/{code}", status=200, contains=f"{clicks + REAL_CLICKS}", connections=1)
    return said["p50_us"], {"p99 us": said["p99_us"], "requests/s": said["rate"], "asked": len(pids)}


stats.planted = set()


# -------------------------------------------------------------------------------------------------------------- edits


class Connection:
    """A client's, read without waiting for anything else."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, method, path, fields="", body=""):
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}{length}\r\n{body}".encode())

    def head(self):
        """The answer's head, in full; for answers to HEAD."""
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            more = self.socket.recv(65536)
            if not more:
                raise Wrong("the edge closed a connection")
            got += more
        return got.decode()


def obeys(head, location):
    """`location` None: withdrawn"""
    return f"location: {location}\r\n".lower() in head.lower() if location else head.startswith("HTTP/1.1 410")


def until_obeyed(change, watchers, code, location):
    """(from the request to the last edge that follows it, from its answer) in ms"""
    body = json.dumps({"url": location}) if location else ""
    begun = time.perf_counter()
    change.send("PATCH" if location else "DELETE", f"/api/links/{code}", change.authority, body)
    left = list(watchers)
    while left:
        left[0].send("HEAD", f"/{code}")
        if obeys(left[0].head(), location):
            left.pop(0)
        else:
            left.append(left.pop(0))
        if time.perf_counter() - begun > OBEY_LIMIT_S:
            change.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                raise Wrong(f"an edge does not obey after {OBEY_LIMIT_S} s a change that was answered {change.socket.recv(65536)}")
            raise Wrong(f"a change was not answered within {OBEY_LIMIT_S} s")
    obeyed = time.perf_counter()
    answer = change.socket.recv(65536).decode()
    if not answer.startswith(("HTTP/1.1 200", "HTTP/1.1 204")):
        raise Wrong(answer)
    return (obeyed - begun) * 1e3


@contextlib.contextmanager
def full_load():
    """On the first edge, while its clicks are committed."""
    asker = stand.begin(stand.EDGE, path=stand.platform().hot, base=stand.LOCATION, seconds=LOAD_LIMIT_S)
    machine.come_first(os.getpid())  # who watches must not wait behind who asks
    time.sleep(0.5)
    try:
        yield asker
    finally:
        asker.terminate()
        stand.end(asker)
        machine.come_first(os.getpid(), 0)


def edits():
    """p99 of the time until all edges obey an edit or a withdrawal."""
    platform = stand.platform()
    stand.serve("edge", "redis")
    codes = [platform.shorten(stand.LOCATION)["short_code"] for _ in range(DELETES)]
    change, watchers = Connection(stand.EDGE), [Connection(port) for port in (stand.EDGE, stand.EDGE_2)]
    change.authority = f"Authorization: Bearer {(platform.data / 'secrets/management.key').read_text().strip()}\r\n"
    for watcher in watchers * 2:  # so that each has a copy to forget
        for code in codes:
            watcher.send("HEAD", f"/{code}")
            watcher.head()
    with full_load() as asker:
        lags = []
        for number in range(EDITS):
            edits.number += 1
            lags.append(until_obeyed(change, watchers, codes[number % DELETES], f"https://example.org/edited/{edits.number}"))
        lags += [until_obeyed(change, watchers, code, None) for code in codes]
        under_load = asker.poll() is None
    lags.sort()
    return lags[int(len(lags) * 0.99)], {"p50 ms": statistics.median(lags), "changes under load": len(lags) * under_load}


edits.number = 0

FIGURES = [
    Figure("shorten", "links/s", shorten, "pgbench single-row insert, 64 clients", insert, True, 2.0, 6.0,
           "64 connections, each answer after its commit; all that makes a link on one core"),
    Figure("stats/many-clicks", "us, median", lambda: stats(BIG), "stats of a link with 10^2 clicks", lambda: stats(SMALL), False,
           1 / 1.2, 1.0, "stats of a link with 10^8 clicks (planted in Postgres) and 10 fresh ones", stand.all_counted),
    Figure("edit/every-edge", "ms, p99", edits, "50 ms", lambda: 50.0, False, 1.0, 10.0,
           "from the request to edit or withdraw a link until two edges obey, one of them under full load", stand.all_counted),
]
