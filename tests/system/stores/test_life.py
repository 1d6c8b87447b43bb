# SPDX-License-Identifier: MIT
"""Each store starts, keeps what it was given over an orderly stop and over kill -9, and never outlives who started it."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import urllib.parse

import httpx
import psycopg
import pytest
import redis

from managed_store import PASSWORD, ROOT, Store, wait_for

# Prometheus keeps figures, not promises; its data are not asked for.
KEEPERS = ["postgres", "redis", "kafka", "clickhouse"]
WORDS = "something to keep"


def postgres(store):
    return psycopg.connect(host="127.0.0.1", port=store.port, user="shunt", password=PASSWORD, dbname="shunt", autocommit=True)


def redis_client(store):
    return redis.Redis(port=store.port, password=PASSWORD, decode_responses=True, retry=None)


def clickhouse(store, sql):
    answer = httpx.post(f"http://127.0.0.1:{store.port}/", content=sql, auth=("shunt", PASSWORD))
    assert answer.status_code == 200, answer.text
    return answer.text.strip()


def kcat(store, *arguments, said=None):
    done = subprocess.run(["kcat", "-b", f"127.0.0.1:{store.port}", "-q", *arguments], input=said, capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def keep(store):
    if store.kind == "postgres":
        with postgres(store) as connection:
            connection.execute("CREATE TABLE kept AS SELECT %s::text AS words", [WORDS])
    elif store.kind == "redis":
        redis_client(store).set("kept", WORDS)
    elif store.kind == "kafka":
        kcat(store, "-P", "-t", "kept", "-X", "acks=all", said=WORDS)
    else:
        clickhouse(store, "CREATE TABLE kept ENGINE = MergeTree() PARTITION BY tuple() ORDER BY words AS "
                          f"SELECT '{WORDS}' AS words")


def kept(store):
    if store.kind == "postgres":
        with postgres(store) as connection:
            return connection.execute("SELECT words FROM kept").fetchone()[0]
    if store.kind == "redis":
        return redis_client(store).get("kept")
    if store.kind == "kafka":
        return kcat(store, "-C", "-t", "kept", "-e", "-o", "beginning")
    return clickhouse(store, "SELECT words FROM kept")


@pytest.mark.parametrize("kind", KEEPERS)
def test_keeps_its_data(kind, tmp_path):
    options = {"kafka": "auto.create.topics.enable=true"}.get(kind, "")
    with Store(kind, tmp_path, SHUNT_STORE_OPTIONS=options) as store:
        store.start().wait_ready()
        keep(store)
        assert store.stop() in (0, 143), store.words()
        store.start().wait_ready()
        assert kept(store) == WORDS, "after an orderly stop"
        store.kill()
        store.start().wait_ready()
        assert kept(store) == WORDS, "after kill -9"
        assert not secret_in_command_lines(), "no password on a command line"


def secret_in_command_lines():
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes()
        except OSError:
            continue
        if PASSWORD.encode() in line:
            found.append(line)
    return found


def listens(port):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections may linger; a listener may not
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def test_dies_with_its_parent(store):
    """The launcher is killed -9: no process of the store lives on, and its port is free."""
    parent = subprocess.Popen([sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:], process_group=0)",
                               *store.command()], env=store.variables(), stderr=subprocess.DEVNULL)
    wait_for("ready", store.is_ready, 40)
    assert store.family(), "the test can see the store's processes"
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for("all gone", lambda: not store.family() and not listens(store.port), 2)


def test_postgres_returns_while_an_old_query_runs(tmp_path):
    """The postmaster is killed while one of its children is busy: that child holds the shared memory until it is ended."""
    with Store("postgres", tmp_path) as store:
        store.start().wait_ready()
        busy = postgres(store)
        busy.pgconn.send_query(b"SELECT sum(length(md5(i::text))) FROM generate_series(1, 100000000) AS i")
        wait_for("the query runs", lambda: len(store.family()) >= 7, 5)
        store.kill()
        assert store.start().wait_ready() < 5
        busy.close()


def test_postgres_returns_beside_its_unreaped_predecessor(tmp_path):
    """A killed server that nobody has reaped still has a number in the process list, and its lock file names it."""
    with Store("postgres", tmp_path) as store:
        store.start().wait_ready()
        dead = store.process
        dead.send_signal(signal.SIGKILL)  # and no wait: it stays a zombie
        wait_for("dead", lambda: pathlib.Path(f"/proc/{dead.pid}/stat").read_text().split(")")[1].split()[0] == "Z", 5)
        wait_for("its children are gone", lambda: not listens(store.port), 5)
        assert store.start().wait_ready() < 5
        dead.wait()


def test_a_new_password_holds(tmp_path):
    for kind in ("postgres", "redis", "clickhouse"):
        with Store(kind, tmp_path) as store:
            if kind == "postgres":
                store.environment["SHUNT_STORE_PASSWORD"] = "the old one"
                store.start().wait_ready()
                store.stop()
                del store.environment["SHUNT_STORE_PASSWORD"]
            store.start().wait_ready()
            keep(store)
            assert kept(store) == WORDS


def test_options_override(tmp_path):
    with Store("redis", tmp_path, SHUNT_STORE_OPTIONS="appendfsync=always maxmemory=64mb") as store:
        store.start().wait_ready()
        assert redis_client(store).config_get("appendfsync") == {"appendfsync": "always"}
    with Store("postgres", tmp_path, SHUNT_STORE_OPTIONS="work_mem=5MB") as store:
        store.start().wait_ready()
        with postgres(store) as connection:
            assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)
    with Store("clickhouse", tmp_path, SHUNT_STORE_OPTIONS="profile.max_threads=1 mark_cache_size=10000000") as store:
        store.start().wait_ready()
        assert clickhouse(store, "SELECT value FROM system.settings WHERE name = 'max_threads'") == "1"


def test_status_uri_is_enough_for_psql(tmp_path):
    with Store("postgres", tmp_path) as store:
        store.start().wait_ready()
        uri = f"postgresql://shunt:{urllib.parse.quote(PASSWORD, safe='')}@127.0.0.1:{store.port}/shunt"
        done = subprocess.run(["psql", uri, "-Atc", "SELECT current_database()"], capture_output=True, text=True, timeout=10)
        assert done.stdout.strip() == "shunt", done.stderr


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_replica_follows(kind, tmp_path):
    with Store(kind, tmp_path, "primary") as primary:
        primary.start().wait_ready()
        keep(primary)
        with Store(kind, tmp_path, "replica", SHUNT_STORE_REPLICA_OF=f"127.0.0.1:{primary.port}") as replica:
            replica.start().wait_ready()
            wait_for("the replica has it", lambda: kept(replica) == WORDS, 10)
            if kind == "redis":
                wait_for("and on its disk", lambda: redis_client(replica).info("persistence")["aof_rewrite_in_progress"] == 0, 10)
            primary.kill()
            assert kept(replica) == WORDS, "a replica answers reads without its primary"
            replica.kill()
            replica.start().wait_ready()
            assert kept(replica) == WORDS, "and after its own restart"


def test_prometheus_scrapes_what_it_is_told(tmp_path):
    targets = tmp_path / "targets.json"
    with Store("prometheus", tmp_path, SHUNT_METRICS_TARGETS=str(targets), SHUNT_STORE_OPTIONS="scrape_interval=1s") as store:
        targets.write_text(f'[{{"targets": ["127.0.0.1:{store.port}"], "labels": {{"node": "app1"}}}}]')
        store.start().wait_ready()

        def scraped():
            answer = httpx.get(f"http://127.0.0.1:{store.port}/api/v1/query", params={"query": 'up{node="app1"} == 1'})
            return answer.json()["data"]["result"] != []

        wait_for("the target is up", scraped, 10)


def test_all_kinds_are_known():
    kinds = {path.name for path in (ROOT / "topology/stores").iterdir() if path.suffix == "" and path.name not in ("as-user", "backup")}
    assert kinds == {"postgres", "redis", "kafka", "clickhouse", "prometheus"}
