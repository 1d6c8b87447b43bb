# SPDX-License-Identifier: MIT
"""Redirects beside a bare H2O that answers 307 and knows nothing, whoever serves them on one core, the load on the other."""
import re
import subprocess

import machine
import stand
from figure import Figure, Wrong

RATE, WALL = "requests/s per core", "requests/s"
BARE = "bare h2o 307, one core"
MANY, FEW = "links", 10_000
CONNECTING_S = 3  # pgbench's time begins before its clients have connected; its tps do not count it
BATCH = 16  # selects that pgbench has under way at once


def hot(port=stand.EDGE, edge="edge", **options):
    pids = stand.serve(edge, "redis")
    return stand.rate(port, pids, path=stand.platform().hot, base=stand.LOCATION, **options)


def zipf(count):
    stand.warm(count)
    pids = stand.serve("edge", "redis")
    return stand.rate(stand.EDGE, pids, spread="zipf", **stand.plant(count))


def many():
    return zipf(stand.settings[MANY])


def fast():
    stand.platform().set("edge.durability", "fast")
    try:
        return hot()
    finally:
        stand.platform().set("edge.durability", "acked")


def cold():
    """Asked of an edge that remembers hardly any, so that each is asked on: edge, app node, Redis."""
    count = stand.settings[MANY]
    links = stand.plant(count)
    stand.copy_to_redis(count)
    pids = stand.serve("edge-2", *stand.APPS, "redis")
    return stand.rate(stand.EDGE_2, pids, spread="even", **links)


def from_postgres():
    """As cold ones, and Redis has none of them either; no link twice while there are new ones."""
    count = stand.settings[MANY]
    links = stand.plant(count)
    stand.forget_in_redis(count)
    stand.serve("edge-2", *stand.APPS, "redis", "db")
    said = stand.ask(stand.EDGE_2, spread="sequence", first=from_postgres.first, **links)
    from_postgres.first = (from_postgres.first + said["sent"]) % count
    return said["rate"], {"p99 us": said["p99_us"]}


from_postgres.first = 0


def pgbench(script, connections=stand.CONNECTIONS):
    path = stand.folder() / "script.sql"
    path.write_text(script)
    process = subprocess.Popen(["taskset", "-c", str(machine.LOAD_CORE), "pgbench", "-n", "-M", "prepared", "-c", str(connections),
                                "-j", "1", "-T", str(round(CONNECTING_S + stand.settings["seconds"])), "-f", path, stand.platform().uri("db")],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    machine.come_first(process.pid)
    said = process.communicate(timeout=120)[0]
    found = re.search(r"tps = ([\d.]+)", said)
    if process.returncode != 0 or not found or "number of failed transactions: 0 (0" not in said:
        raise Wrong(said)
    return float(found[1])


def select_only():
    """What Postgres alone gives: the same rows by the same key, prepared, sixteen under way on each connection."""
    count = stand.settings[MANY]
    stand.plant(count)
    stand.serve("db")
    select = f"SELECT original_url FROM urls WHERE short_code = '{stand.PREFIX}' || lpad((:n)::int::text, 7, '0');\n"
    return pgbench("\\startpipeline\n" + "".join(f"\\set n random(0, {count - 1})\n{select}" for _ in range(BATCH)) +
                   "\\endpipeline\n") * BATCH


def unknown():
    stand.plant(stand.settings[MANY])
    pids = stand.serve("edge", *stand.APPS, "redis", "db")
    unknown.seed += 1  # each run other codes: an edge remembers for a second what does not exist
    return stand.rate(stand.EDGE, pids, unknown=True, status=404, seed=unknown.seed)


unknown.seed = 0


def with_wrk(port, pids, code):
    """Over TLS, which asker does not speak. wrk looks at the status alone; what the answers are is looked at before."""
    url = f"https://127.0.0.1:{port}/{code}"
    one = subprocess.run(["curl", "-sko", "/dev/null", "-w", "%{http_code} %{redirect_url}", url], capture_output=True, text=True)
    if one.stdout != f"307 {stand.LOCATION}":
        raise Wrong(f"{url} answered {one.stdout}")
    before = stand.request_cpu_s(pids)
    process = subprocess.Popen(["taskset", "-c", str(machine.LOAD_CORE), "wrk", "-t1", f"-c{stand.CONNECTIONS}",
                                f"-d{max(2, round(stand.settings['seconds']))}", url],
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    machine.come_first(process.pid)
    said = process.communicate(timeout=120)[0]
    if "Non-2xx or 3xx" in said or "Socket errors" in said:
        raise Wrong(said)
    requests, seconds = int(re.search(r"(\d+) requests in", said)[1]), float(re.search(r"requests in ([\d.]+)s", said)[1])
    used = stand.request_cpu_s(pids) - before
    return requests / used, {"requests/s": requests / seconds, "servers busy": used / seconds}, requests


def tls():
    pids = stand.serve("edge-tls", "redis")
    per_core, detail, requests = with_wrk(stand.EDGE_TLS, pids, stand.platform().hot)
    # wrk leaves with its last requests under way, and the look before was one, too.
    stand.platform().acked += requests + 1
    stand.platform().slow_clicks = True
    return per_core, detail


def bare_tls():
    port, pid = stand.bare_h2o_tls()
    return with_wrk(port, [pid], "abcdefg")[:2]


def against_bare(name, value, floor, goal, about, afterwards=stand.all_counted):
    return Figure(f"redirect/{name}", RATE, value, BARE, stand.bare_rate, True, floor, goal, about, afterwards)


FIGURES = [
    against_bare("accounted/hot", hot, 0.60, 0.85, "one code, each click committed to Redis before its 307"),
    against_bare("accounted/zipf", many, 0.55, 0.80, "Zipf 1.0 over many links (--links), all remembered"),
    against_bare("fast/hot", fast, 0.80, 0.95, "durability fast: the 307 leaves before its click is committed"),
    against_bare("cold", cold, 0.20, 0.40, "links that the edge does not remember: edge, app node, Redis"),
    Figure("redirect/from-postgres", WALL, from_postgres, "pgbench select-only, pipelined", select_only, True, 0.30, 0.60,
           "links that neither edge nor Redis remembers", stand.all_counted),
    against_bare("unknown", unknown, 0.30, 0.80, "404 of seven random characters", lambda: None),
    Figure("redirect/tls/hot", RATE, tls, "bare h2o 307 over TLS, one core", bare_tls, True, 0.60, 0.85,
           "one code over TLS, keep-alive, by wrk", stand.all_counted),
    Figure("redirect/many-links", RATE, many, "Zipf 1.0 over 10,000 links", lambda: zipf(FEW), True, 0.80, 0.95,
           "Zipf 1.0 over many links (--links) against few", stand.all_counted),
    Figure("bare/nginx", RATE, lambda: stand.bare_rate(stand.bare_nginx), BARE, stand.bare_rate, True, 0.5, 1.0,
           "what another bare server does: for scale"),
]
