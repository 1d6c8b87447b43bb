# SPDX-License-Identifier: MIT
"""A Redis replica takes over and the old primary returns, under load: no click is lost or counted twice.

The servers are real and somebody else's (`managed = no`): the test is their operator. Both are named in one address; the
actors go to whichever is a primary. Replication is asynchronous, so the new primary may lack the last clicks: the edge's
journal has them.
"""
import contextlib
import pathlib
import re
import sys
import time

import pytest
import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "stores"))

from managed_store import Store
from running import PORT_SHIFT, ROOT, Platform, eventually
from test_degraded import is_well, modes
from test_outages import IDENTITY, converged_after_s, load

SHIFT = PORT_SHIFT + 3400
SECRET = "promotion"
RATE = 200
STORES = """    redis
        kind = redis
        managed = no
        uri = redis://:{{password}}@127.0.0.1:{0},127.0.0.1:{1}/0

    redis-replica
        kind = redis
        managed = no
        uri = redis://:{{password}}@127.0.0.1:{1},127.0.0.1:{0}/0
        password = secret:redis

"""


class Server:
    """One of the two, which can be started as a primary or as a replica of the other, with the data it has."""

    def __init__(self, folder, name):
        self.store = Store("redis", folder, name, SHUNT_STORE_PASSWORD=SECRET)
        self.port = self.store.port

    def start(self, replica_of=None):
        self.store.environment.pop("SHUNT_STORE_REPLICA_OF", None)
        if replica_of:
            self.store.environment["SHUNT_STORE_REPLICA_OF"] = f"127.0.0.1:{replica_of.port}"
        self.store.start()
        eventually(lambda: self.client().ping(), 20)
        return self

    def client(self):
        return redis.Redis(port=self.port, password=SECRET, socket_timeout=5)

    def promote(self):
        self.client().replicaof("NO", "ONE")

    def kill(self):
        self.store.kill()

    def follows(self):
        return self.client().info("replication").get("master_link_status") == "up"


@contextlib.contextmanager
def two_servers(folder):
    first, second = Server(folder, "first"), Server(folder, "second")
    with first.store, second.store:
        yield first.start(), second.start(first)


@pytest.fixture
def promoted(tmp_path):
    with two_servers(tmp_path) as (first, second):
        text = (ROOT / "topology/local.zpl").read_text()
        stores = STORES.format(first.port - SHIFT, second.port - SHIFT)
        text = re.sub(r"^    redis  .*?(?=^    # Short codes)", lambda _: stores, text, flags=re.MULTILINE | re.DOTALL)
        platform = Platform(tmp_path / "platform", *IDENTITY, shift=SHIFT, source=text)
        platform.keep_secret("redis", SECRET)
        try:
            yield platform.up(), first, second
        finally:
            platform.down()


def is_normal_on(platform, server):
    """Clicks are committed to this one."""
    return modes(platform)["redis"] == "normal" and server.client().info("clients")["connected_clients"] > 3


def test_promotion_and_return_lose_and_double_nothing(promoted):
    platform, first, second = promoted
    with load(platform, RATE) as run:
        time.sleep(2)
        for old, new in ((first, second), (second, first)):  # over, and back
            eventually(new.follows, 20)
            old.kill()
            eventually(lambda: modes(platform)["redis"] != "normal", 5)
            time.sleep(0.5)
            new.promote()
            eventually(lambda: is_normal_on(platform, new), 15, "nobody went to the new primary")
            time.sleep(2)
            old.start(replica_of=new)  # what only it had is thrown away
            time.sleep(1)
    answered = run.ledger.outcomes[307] / sum(run.ledger.outcomes.values())
    converged_after_s(run, 60)
    assert answered > 0.99, run.ledger.outcomes
    eventually(lambda: is_well(platform), 20)


def test_an_old_primary_that_returns_as_one_does_no_harm(promoted):
    """Nobody told it: there are two primaries, and then the newer one dies."""
    platform, first, second = promoted
    with load(platform, RATE) as run:
        time.sleep(2)
        first.kill()
        second.promote()
        eventually(lambda: is_normal_on(platform, second), 15)
        time.sleep(2)
        first.start()
        time.sleep(2)
        second.kill()
        eventually(lambda: is_normal_on(platform, first), 15)
        time.sleep(2)
    converged_after_s(run, 60)
