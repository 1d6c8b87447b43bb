# SPDX-License-Identifier: MIT
"""A console on another machine, as a person uses it: two hosts of one topology, each started by its own `up`, and a gate.

No store is needed for that, so this platform has none.
"""
import httpx
import pytest
import running

GATE_PORT = 8999
TWO_HOSTS = f"""
platform
    name = two-hosts
    url = http://127.0.0.1:8991
nodes
    desk
        host = east
        tcp = tcp://127.0.0.1:8971
        actors
            operator
                listen = 127.0.0.1:8991
            gate
                listen = 127.0.0.1:{GATE_PORT}
    far
        host = west
        tcp = tcp://127.0.0.1:8981
        actors
            operator
                listen = 127.0.0.1:8992
"""


def keys(platform, *words):
    outcome = running.run("keys", *words, data=platform.data)
    assert outcome.returncode == 0, outcome.stderr


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Both are up and know each other's key; ada may look, ops may act."""
    folder = tmp_path_factory.mktemp("hosts")
    east, west = (running.Platform(folder / name, "--host", name, source=TWO_HOSTS) for name in ("east", "west"))
    for name, here, there in (("east", east, west), ("west", west, east)):
        keys(here, "make", name)
        (there.data / "secrets/curve").mkdir(parents=True, mode=0o700, exist_ok=True)
        cert = (here.data / f"secrets/curve/{name}.cert").read_bytes()
        target = there.data / f"secrets/curve/{name}.cert"
        target.write_bytes(cert)
        target.chmod(0o600)
    keys(east, "make", "ada", "--role", "read")
    keys(east, "make", "ops", "--role", "act")
    try:
        yield east.up(), west.up()
    finally:
        west.down()
        east.down()


def through_the_gate(east, key, verb, *words):
    """Run as on a machine that has nothing but the key and the gate's public half: in no data folder."""
    curve = east.data / "secrets/curve"
    return running.run(verb, *words, "--gate", f"127.0.0.1:{GATE_PORT + running.PORT_SHIFT}", "--key", curve / f"{key}.cert_secret",
                       "--server", curve / "east.cert", cwd=east.folder)


def restarts(east):
    return next(actor["restarts"] for actor in east.node("desk")["actors"] if actor["name"] == "operator")


def test_a_key_that_may_read_looks_and_cannot_act(hosts):
    east, _ = hosts
    outcome = through_the_gate(east, "ada", "console", "tree")
    assert outcome.returncode == 0 and "desk" in outcome.stdout, outcome.stderr
    outcome = through_the_gate(east, "ada", "status")
    assert outcome.returncode == 0 and "desk" in outcome.stdout, outcome.stderr
    before = restarts(east)
    outcome = through_the_gate(east, "ada", "console", "restart", "desk/operator")
    assert outcome.returncode == 1 and "may only read" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1 and restarts(east) == before


def test_a_key_that_may_act_acts_and_its_name_is_written_down_there(hosts):
    east, _ = hosts
    before = restarts(east)
    outcome = through_the_gate(east, "ops", "console", "restart", "desk/operator")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert restarts(east) == before + 1
    assert "key ops" in (east.data / "log/desk.log").read_text()


def test_logs_stay_where_they_are_and_the_console_says_so(hosts):
    outcome = through_the_gate(hosts[0], "ada", "console", "logs")
    assert outcome.returncode == 1 and "shunt logs" in outcome.stderr


def test_figures_of_the_other_host_come_over_tcp(hosts):
    east, _ = hosts
    operator = httpx.Client(base_url=f"http://127.0.0.1:{8991 + running.PORT_SHIFT}", timeout=10)
    running.eventually(lambda: 'shunt_node_up{node="far"} 1' in operator.get("/metrics").text, 10)


def test_a_revoked_key_is_a_stranger_s(hosts):
    east, _ = hosts
    keys(east, "make", "gone", "--role", "read")
    running.eventually(lambda: through_the_gate(east, "gone", "console", "tree").returncode == 0, 15)
    secret = (east.data / "secrets/curve/gone.cert_secret").read_bytes()
    keys(east, "revoke", "gone")
    kept = east.data / "secrets/curve/gone.cert_secret"
    kept.write_bytes(secret)  # whoever had it keeps it
    kept.chmod(0o600)
    running.eventually(lambda: through_the_gate(east, "gone", "console", "tree").returncode == 1, 30)
    assert through_the_gate(east, "ada", "console", "tree").returncode == 0
