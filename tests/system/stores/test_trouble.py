# SPDX-License-Identifier: MIT
"""What stands in a store's way is said in one sentence that tells what to do, with an exit code that a launcher can act on."""
import os
import shutil
import socket
import subprocess

import pytest

from managed_store import KINDS, ROOT, Store

TAKEN, FULL, DAMAGED = 69, 75, 78


def one_sentence(said):
    """The store's own complaint among what was said."""
    lines = [line for line in said.splitlines() if line.startswith("store ")]
    assert len(lines) == 1, said
    return lines[0]


def test_a_port_in_use(store):
    with socket.socket() as other:
        other.bind(("127.0.0.1", store.port))
        other.listen()
        code, said = store.outcome()
    assert code == TAKEN
    assert str(store.port) in one_sentence(said)
    assert not list(store.directory.iterdir()) or store.kind == "kafka", "nothing was prepared"


@pytest.mark.parametrize("kind", ["kafka", "clickhouse"])
def test_the_second_port_in_use(kind, tmp_path):
    with Store(kind, tmp_path) as store, socket.socket() as other:
        other.bind(("127.0.0.1", store.extra_port))
        other.listen()
        code, said = store.outcome()
        assert code == TAKEN and str(store.extra_port) in one_sentence(said)


@pytest.mark.parametrize("kind, program", [("redis", "redis-server"), ("clickhouse", "clickhouse-server"),
                                           ("prometheus", "prometheus"), ("kafka", "java")])
def test_a_missing_program(kind, program, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ["sh", "dirname", "cat", "id", "grep", "setpriv", "stat"]:
        (tools / name).symlink_to(shutil.which(name))
    with Store(kind, tmp_path, PATH=str(tools)) as store:
        code, said = store.outcome()
        assert code == TAKEN and program in one_sentence(said) and "install" in said


def test_missing_jars(tmp_path):
    with Store("kafka", tmp_path, SHUNT_SETUP=str(tmp_path)) as store:
        code, said = store.outcome()
        assert code == TAKEN and "shunt up" in one_sentence(said)


def test_an_option_that_is_none(tmp_path):
    with Store("redis", tmp_path, SHUNT_STORE_OPTIONS="appendfsync") as store:
        code, said = store.outcome()
        assert code == TAKEN and "appendfsync" in one_sentence(said)


def test_a_wrong_option_is_explained(tmp_path):
    wrong = {"redis": "no-such-thing=1", "postgres": "no_such_thing=1", "prometheus": "no-such-thing=1",
             "kafka": "log.retention.hours=soon", "clickhouse": "profile.no_such_thing=1"}
    for kind, option in wrong.items():
        with Store(kind, tmp_path, SHUNT_STORE_OPTIONS=option) as store:
            code, said = store.outcome()
            assert code != 0, said
            if code != TAKEN:
                code, said = store.outcome("explain", said)
            assert code == TAKEN and "option" in one_sentence(said), f"{kind}: {said}"


def ran_once(kind, folder):
    store = Store(kind, folder)
    store.start().wait_ready()
    store.stop()
    return store


def damage(path, at=0):
    """Writes over the middle of a file."""
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(b"\xde\xad\xbe\xef" * 16)


def damaged_files(kind, directory):
    """Ways in which a kind's data were found damaged in practice: (what, how)."""
    if kind == "redis":
        return [("manifest gone", lambda: (directory / "appendonlydir/appendonly.aof.manifest").unlink()),
                ("a file of the manifest gone", lambda: next((directory / "appendonlydir").glob("*.base.rdb")).unlink()),
                ("base overwritten", lambda: damage(next((directory / "appendonlydir").glob("*.base.rdb"))))]
    if kind == "postgres":
        return [("PG_VERSION gone", lambda: (directory / "pg/PG_VERSION").unlink()),
                ("pg_control gone", lambda: (directory / "pg/global/pg_control").unlink()),
                ("pg_control overwritten", lambda: damage(directory / "pg/global/pg_control", 100)),
                ("log overwritten", lambda: [damage(path, at) for path in (directory / "pg/pg_wal").glob("0*")
                                             for at in range(0, 1 << 24, 64)])]
    if kind == "kafka":
        return [("meta.properties gone", lambda: (directory / "data/meta.properties").unlink())]
    return [("a table's definition overwritten", lambda: damage(directory / "data/metadata/default/kept.sql"))]


CASES = [(kind, index) for kind, count in [("redis", 3), ("postgres", 4), ("kafka", 1), ("clickhouse", 1)] for index in range(count)]


@pytest.mark.parametrize("kind, index", CASES)
def test_damaged_data(kind, index, tmp_path):
    with ran_once(kind, tmp_path) as store:
        if kind == "clickhouse":
            (store.directory / "data/metadata/default").mkdir(parents=True, exist_ok=True)
            (store.directory / "data/metadata/default/kept.sql").write_bytes(b"x" * 100)
        what, how = damaged_files(kind, store.directory)[index]
        how()
        code, said = store.outcome()
        assert code != 0, f"{what}: started all the same"
        if code != DAMAGED:
            code, said = store.outcome("explain", said)
        assert code == DAMAGED, f"{what}: {said}"
        assert str(store.directory) in one_sentence(said), "it names the directory as a person knows it"
        assert "move" in said, "it says what to do"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(kind, tmp_path):
    with Store(kind, tmp_path) as store:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k,mode=700", "small", store.directory], check=True)
        try:
            (store.directory / "filler").write_bytes(b"x" * 96 * 1024)
            code, said = store.outcome()
            assert code == FULL, said
            assert "disk is full" in one_sentence(said)
        finally:
            subprocess.run(["umount", "-l", store.directory], check=True)


def test_an_unknown_kind():
    done = subprocess.run([ROOT / "topology/stores/as-user", "mongodb"], capture_output=True, text=True)
    assert done.returncode == 64 and "postgres" in done.stderr
