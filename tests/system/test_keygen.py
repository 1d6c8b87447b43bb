# SPDX-License-Identifier: MIT
"""No code twice, ever: with either server of code blocks killed, wiped, or restored from an old snapshot, and both at once.

Two links with one code cannot be: the database would refuse the second, and another code would be tried. So each such
refusal counts here as a code given twice: `code_conflicts_total` must stay 0. What was leased ahead is thrown away each time
(keygen and the app nodes are killed), so that every step leases from the servers as they are then.
"""
import os
import re
import shutil
import signal

import httpx
import pytest
import redis

from running import eventually

SERVERS = ["keygen-redis-primary", "keygen-redis-secondary"]
LINKS = 12
given = set()


def client(shunt, name):
    return redis.Redis.from_url(shunt.uri(name), socket_timeout=5)


def conflicts(shunt):
    """Of the app nodes that live now: they were started for this step."""
    operator = httpx.URL(shunt.status()["url"]).port + 1
    metrics = httpx.get(f"http://127.0.0.1:{operator}/metrics", timeout=10).text
    found = re.findall(r"^shunt_links_code_conflicts_total\{.*\} (\d+)", metrics, re.MULTILINE)
    assert len(found) == 3, "every app node says how many"
    return sum(map(int, found))


def begin_anew(shunt):
    """Nothing that was leased before is in hand any more."""
    for name in ("keygen", "app1", "app2", "app3"):
        old = shunt.node(name)["pid"]
        os.kill(old, signal.SIGKILL)
        eventually(lambda: shunt.node(name)["state"] == "up" and shunt.node(name)["pid"] not in (0, old), 20)
    eventually(lambda: shunt.http.get("/readyz").status_code == 200, 20)


@pytest.fixture(scope="module", autouse=True)
def counted_from_zero(shunt):
    begin_anew(shunt)  # other tests ask for codes that are taken


def make_links(shunt):
    for _ in range(LINKS):
        code = eventually(lambda: shunt.shorten(), 20)["short_code"]
        assert code not in given
        given.add(code)
    assert eventually(lambda: str(conflicts(shunt)), 10) == "0", "a code was given that somebody has"


def kill(shunt, name):
    old = shunt.store(name)["pid"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: shunt.store(name)["state"] == "up" and shunt.store(name)["pid"] not in (0, old), 20)


def wipe(shunt, name):
    client(shunt, name).flushall()


def restore(shunt, name):
    """What an old snapshot has: the counter as it was when hardly any block was given."""
    client(shunt, name).set("keygen:blocks", "1")


@pytest.mark.parametrize("harm", [kill, wipe, restore])
@pytest.mark.parametrize("names", [SERVERS[:1], SERVERS[1:], SERVERS], ids=["primary", "secondary", "both"])
def test_no_code_twice(shunt, names, harm):
    make_links(shunt)
    for name in names:
        harm(shunt, name)
    begin_anew(shunt)
    make_links(shunt)
    for name in names:
        assert int(client(shunt, name).get("keygen:blocks")) > 1, "it leased nothing: the test says nothing"


def test_no_code_twice_from_old_files_of_both(shunt):
    """The servers' own files, put back from a copy that was made before most of the codes were given."""
    begin_anew(shunt)
    make_links(shunt)
    shunt.down()
    folders = [shunt.data / "stores" / name for name in SERVERS]
    for folder in folders:
        shutil.copytree(folder, folder.with_suffix(".old"))
    shunt.up()
    make_links(shunt)
    begin_anew(shunt)
    make_links(shunt)
    shunt.down()
    for folder in folders:
        shutil.rmtree(folder)
        folder.with_suffix(".old").rename(folder)
    shunt.up()
    make_links(shunt)
