# SPDX-License-Identifier: MIT
"""What is measured and what it is compared with, each on the core where it belongs.

The platform is the real one, from topology/local.zpl on other ports, with two more edges: one that remembers next to
nothing (edge-2), for what happens behind an edge, and one that speaks TLS. Who serves a figure's requests is pinned to the first core,
as the bare servers are. Everything else (Kafka's side of an edge, ingestion, the databases) shares the second core with
whoever asks, who comes first there: that work lags behind while a figure is taken, and is waited for afterwards, when
every click that was answered must be counted.
"""
import atexit
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

import machine
from figure import Wrong

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
from running import PORT_SHIFT, Platform, eventually, is_listening, run, shifted  # noqa: E402

import httpx  # noqa: E402,F401
import psycopg  # noqa: E402

PROGRAMS = ROOT / "build/bench/tests/bench"
LOCATION = "https://example.org/a/rather/common/path?x=1"
EDGE, EDGE_2, EDGE_TLS = 8080 + PORT_SHIFT, 8085 + PORT_SHIFT, 8443 + PORT_SHIFT
BARE, BARE_TLS, NGINX = 8988 + PORT_SHIFT, 8989 + PORT_SHIFT, 8987 + PORT_SHIFT
CONNECTIONS = 64
APPS = ("app1", "app2", "app3")
SECONDS = 2.0
DRAIN_LIMIT_S = 90

# How many links there are for figures over many; --links changes it.
settings = {"links": 100_000, "seconds": SECONDS}

MORE_EDGES = """
    edge-2                              # forgets links at once, so that all it is asked for is asked on
        like = edge
        actors
            kafka_bridge
            click_buffer
                thread = front
            edge
                thread = front
                listen = 127.0.0.1:8085
                hot_links = 1000
    edge-tls
        like = edge
        actors
            kafka_bridge
            click_buffer
                thread = front
            edge
                thread = front
                listen = 127.0.0.1:8443
                tls_certificate = {folder}/certificate.pem
                tls_key = {folder}/key.pem
"""


def room_for_links():
    """What an operator would set who has so many links that are asked for often."""
    return ("--set", f"nodes/edge/actors/edge/hot_links={settings['links'] * 5 // 4}",
            "--set", f"nodes/edge/actors/edge/hot_bytes={settings['links'] // 2500 + 64}MiB")


@functools.cache
def folder():
    """Of everything that is made for this run."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="shunt-bench-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-keyout", path / "key.pem", "-out", path / "certificate.pem"],
                   check=True, capture_output=True)
    return path


# ------------------------------------------------------------------------------------------------------ bare servers


def start(*command):
    process = subprocess.Popen(["taskset", "-c", str(machine.SERVER_CORE), *map(str, command)], start_new_session=True)
    atexit.register(process.kill)
    machine.come_first(process.pid, machine.SERVER_NICE)
    return process.pid


@functools.cache
def bare_h2o():
    """(port, pid)"""
    pid = start(PROGRAMS / "bare_h2o", BARE)
    eventually(lambda: is_listening(BARE), 10)
    return BARE, pid


@functools.cache
def bare_h2o_tls():
    pid = start(PROGRAMS / "bare_h2o", BARE_TLS, folder() / "certificate.pem", folder() / "key.pem")
    eventually(lambda: is_listening(BARE_TLS), 10)
    return BARE_TLS, pid


@functools.cache
def bare_nginx():
    configuration = folder() / "nginx.conf"
    configuration.write_text(
        f"daemon off; worker_processes 1; master_process off; pid {folder()}/nginx.pid; error_log stderr crit;\n"
        "events { worker_connections 20000; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder()}/nginx-body;\n"
        f"  proxy_temp_path {folder()}/p; fastcgi_temp_path {folder()}/f; uwsgi_temp_path {folder()}/u; scgi_temp_path {folder()}/s;\n"
        f"  server {{ listen 127.0.0.1:{NGINX}; location / {{ return 307 {LOCATION}; }} }} }}\n")
    pid = start(shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", configuration)
    eventually(lambda: is_listening(NGINX), 10)
    return NGINX, pid


# --------------------------------------------------------------------------------------------------------- platform


class Stand(Platform):
    def __init__(self):
        super().__init__(folder() / "platform", *room_for_links())
        with open(self.topology, "a") as topology:
            topology.write(shifted(MORE_EDGES.format(folder=folder()), PORT_SHIFT))
        self.acked = 0  # clicks that were answered since the start
        self.planted = 0
        self.planted_clicks = 0  # that nobody made
        self.slow_clicks = False  # somebody asked who did not read all answers: acked is a lower bound

    def pids(self):
        status = self.status()
        return {entry["name"]: entry["pid"] for entry in status["nodes"] + status["stores"]}

    def sql(self, statement, *arguments):
        with psycopg.connect(self.uri("db"), autocommit=True) as connection:
            cursor = connection.execute(statement, arguments or None)
            return cursor.fetchone() if cursor.description else None

    def set(self, name, value):
        outcome = run("config", "set", name, value, data=self.data)
        assert outcome.returncode == 0, outcome.stderr


@functools.cache
def platform():
    stand = Stand()
    atexit.register(stand.down)
    stand.up()
    machine.come_first(stand.process.pid, machine.SERVER_NICE)
    stand.all_pids = stand.pids()
    stand.fresh_kib = machine.resident_kib(stand.all_pids["edge"])
    stand.hot = stand.shorten(LOCATION)["short_code"]
    return stand


def serve(*names):
    """These nodes and stores on the first core, but for what of an edge only works behind its redirects. The app nodes
    as well: an edge trusts its copies only while it hears from them."""
    pids = platform().all_pids
    for name, pid in pids.items():
        is_serving = name in names or name in APPS
        machine.pin(pid, machine.SERVER_CORE if is_serving else machine.LOAD_CORE)
        if name.startswith("edge"):
            for thread, called in machine.threads(pid).items():
                if called.startswith("rdk:") or "bridge" in called:
                    machine.pin_thread(thread, machine.LOAD_CORE)
    return [pids[name] for name in names]


def request_cpu_s(pids):
    """Of those who serve, without what of an edge works behind its redirects."""
    used = 0.0
    for pid in pids:
        used += machine.cpu_s(pid) - sum(cpu for name, cpu in machine.cpu_of_threads_s(pid).items()
                                         if name.startswith("rdk:") or "bridge" in name)
    return used


# ------------------------------------------------------------------------------------------------------------ asking


def as_flags(options):
    for name, value in options.items():
        if value is not None and value is not False:
            yield "--" + name.replace("_", "-")
            if value is not True:
                yield str(value)


def begin(port, cores=str(machine.LOAD_CORE), **options):
    """asker at work; what it says is for `end`."""
    options = {"connections": CONNECTIONS} | options
    if "requests" not in options:
        options = {"seconds": settings["seconds"]} | options
    process = subprocess.Popen(["taskset", "-c", cores, PROGRAMS / "asker", f"127.0.0.1:{port}", *as_flags(options)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    machine.come_first(process.pid)
    process.port = port
    return process


def end(process):
    """What asker says; anything but right answers is Wrong."""
    said, trouble = process.communicate(timeout=300)
    if process.returncode != 0:
        raise Wrong(f"{' '.join(map(str, process.args))}: {said} {trouble}")
    said = json.loads(said)
    if process.port in (EDGE, EDGE_2, EDGE_TLS):
        platform().acked += said["statuses"].get("307", 0)
    return said


def ask(port, **options):
    return end(begin(port, **options))


def rate(port, pids, cpu=request_cpu_s, **options):
    """(requests per CPU second of those who serve, what explains it). That is what one core does that they have for
    themselves, also when something else runs on this machine, or when the asker is the slower one."""
    before, steal = cpu(pids), machine.steal_s()
    said = ask(port, **options)
    used = cpu(pids) - before
    return said["right"] / max(used, machine.TICK_S), {"requests/s": said["rate"], "servers busy": used / said["seconds"],
                          "asker busy": said["cpu_s"] / said["seconds"], "p99 us": said["p99_us"],
                          "stolen": (machine.steal_s() - steal) / said["seconds"]}


def bare_rate(server=bare_h2o, **options):
    port, pid = server()
    return rate(port, [pid], path="abcdefg", base=LOCATION, **options)


def counted():
    return int(platform().sql("SELECT coalesce(sum(clicks), 0) FROM urls")[0]) - platform().planted_clicks


def in_clickhouse():
    return int(platform().clickhouse("SELECT uniqExact(epoch, lane, seq) FROM click_events"))


def drained():
    """Waits until both databases have as many clicks as were answered, and asks in a way that costs them next to nothing: how far
    each lane is counted, and how many rows there are."""
    stand, deadline = platform(), time.monotonic() + DRAIN_LIMIT_S
    with psycopg.connect(stand.uri("db"), autocommit=True) as connection:
        for count in (lambda: connection.execute("SELECT coalesce(sum(mark), 0) FROM click_marks").fetchone()[0],
                      lambda: int(stand.clickhouse("SELECT count() FROM click_events"))):
            while count() < stand.acked and time.monotonic() < deadline:
                time.sleep(0.25)


def all_counted():
    """Every click that was answered is in both databases, and no other."""
    stand = platform()
    drained()
    for name, count in ("Postgres", counted), ("ClickHouse", in_clickhouse):
        found = count()
        if found < stand.acked or (found > stand.acked and not stand.slow_clicks):
            raise Wrong(f"{stand.acked} clicks were answered and {found} are in {name}")
    if stand.slow_clicks:
        settle()


def settle():
    """From here on the count is exact again: until it has not grown for longer than two flushes take."""
    stand, since = platform(), time.monotonic()
    while time.monotonic() - since < 12:
        now = counted()
        if now != stand.acked:
            stand.acked, since = now, time.monotonic()
        time.sleep(0.5)
    stand.slow_clicks = False


# ----------------------------------------------------------------------------------------------------------- many links

PREFIX, BASE = "b", "https://example.org/planted?x="
FIRST_ID = 1 << 52  # far above what the id allocator gives out


def plant(count):
    """So many links b0000000, b0000001 … straight into Postgres: making them is another figure."""
    stand = platform()
    if count > stand.planted:
        stand.sql(f"INSERT INTO urls (id, short_code, original_url) SELECT {FIRST_ID} + n, '{PREFIX}' || lpad(n::text, 7, '0'), "
                  f"'{BASE}' || lpad(n::text, 7, '0') FROM generate_series({stand.planted}, {count - 1}) AS n")
        stand.sql("VACUUM ANALYZE urls")
        stand.planted = count
    return {"prefix": PREFIX, "base": BASE, "count": count}


def copy_to_redis(count):
    """What the app nodes would put there once asked."""
    stand = platform()
    lines = (f"SET url:{PREFIX}{n:07} \"1 0 {BASE}{n:07}\"\r\n" for n in range(count))
    pipe_to_redis(stand, "".join(lines))


def forget_in_redis(count):
    pipe_to_redis(platform(), "".join(f"UNLINK url:{PREFIX}{n:07}\r\n" for n in range(count)))


def pipe_to_redis(stand, commands):
    address = urllib.parse.urlsplit(stand.uri("redis"))
    done = subprocess.run(["redis-cli", "-h", address.hostname, "-p", str(address.port), "--pipe"], input=commands, text=True,
                          capture_output=True, env=os.environ | {"REDISCLI_AUTH": urllib.parse.unquote(address.password)})
    if done.returncode != 0 or not re.search(r"errors: 0", done.stdout):
        raise Wrong(f"Redis did not take what was planted: {done.stdout} {done.stderr}")


@functools.cache
def warm(count):
    """The first edge has been asked for each of the planted links. (KiB before, KiB after)"""
    links = plant(count)
    serve("edge", "redis")
    pid = platform().all_pids["edge"]
    before = machine.resident_kib(pid)
    copy_to_redis(count)
    ask(EDGE, spread="sequence", requests=count, **links)
    return before, machine.resident_kib(pid)
