# SPDX-License-Identifier: MIT
"""compose/: no container engine runs here, so all that can be held against the real thing without one is.

The file against the Compose specification's schema; what it promises of each container; and its nodes started as it would start them,
each in a data folder of its own, over tcp, against real stores. Only addresses differ: 172.30.77.N becomes 127.77.0.N.
"""
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import fastjsonschema
import httpx
import pytest
import yaml

from running import ROOT, SHUNT, Platform, eventually, run

COMPOSE = ROOT / "compose"
FILE = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
SERVICES = FILE["services"]
TOPOLOGY = (COMPOSE / "compose.zpl").read_text()
PROGRAM = ROOT / "build/release/shunt"
# An upgrade in the middle: with the program of an earlier version here, some nodes run that (with a topology that it knows).
OLD_PROGRAM = os.environ.get("SHUNT_OLD_PROGRAM")
OLD_NODES = {"app1", "keygen", "ingestion-1", "ingestion-2"} if OLD_PROGRAM else set()
INVENTORY = set("""load-balancer app1 app2 app3 keygen cache-warmer config id-allocator keys db redis redis-replica keygen-redis-primary
    keygen-redis-secondary kafka ingestion-1 ingestion-2 ingestion-3 reconciler clickhouse clickhouse-dashboard prometheus grafana dozzle
    load-ui request-generator request-generator-100k request-generator-dist-master request-generator-dist-worker""".split())
NODES = {name: service["command"][2] for name, service in SERVICES.items()
         if service.get("image") == "shunt:0.1.0" and service["command"][0] == "node"}
ENDS = {"keys"}  # does its work and ends
LOADS = {name: service["command"] for name, service in SERVICES.items() if service.get("image") == "shunt-load:0.1.0"}
STORES = {"db": "5432", "redis": "6379", "redis-replica": "6379", "keygen-redis-primary": "6379",
          "keygen-redis-secondary": "6379", "kafka": "9092", "clickhouse": "8123"}


def test_it_is_valid_by_the_specification():
    found = pathlib.Path(sys.prefix).rglob("compose/config/compose_spec.json")
    formats = {"duration": r"^(\d+(h|m|s|ms|us))+$", "ports": r"^(127\.0\.0\.1:)?\d+:\d+$", "expose": r"^\d+$",
               "subnet_ip_address": r"^[\d.]+/\d+$"}
    validate = fastjsonschema.compile(json.loads(next(found).read_text()), formats=formats)
    validate({key: value for key, value in FILE.items() if key != "name"})  # this edition of it is older than `name`
    with pytest.raises(fastjsonschema.JsonSchemaException):
        validate({"services": {"app1": {"comand": ["x"]}}})


def test_the_inventory_is_complete():
    assert set(SERVICES) == INVENTORY


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_is_kept_small(name):
    service = SERVICES[name]
    assert re.search(r":v?\d+\.\d+", service["image"]), "a pinned version"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "no-new-privileges:true" in service.get("security_opt", []) or name in ("db", "clickhouse")
    assert name in LOADS or name in ENDS or service["healthcheck"]["test"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")
    if name in NODES or name in LOADS:
        assert service["user"] == "10001:10001" and service["read_only"] and service["cap_drop"] == ["ALL"]
        assert not any("PASSWORD" in variable for variable in service.get("environment", {}))
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in FILE["volumes"] or (COMPOSE / source).exists() or name == "dozzle", source
    for secret in service.get("secrets", []):
        assert (secret if isinstance(secret, str) else secret["source"]) in FILE["secrets"]
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert set(service.get("networks", [])) <= set(FILE["networks"])


def test_addresses_are_those_of_the_topology():
    nodes = TOPOLOGY[TOPOLOGY.index("\nnodes\n"):]
    for name, node in NODES.items():
        address = re.search(rf"^    {node}\b.*?tcp = tcp://([\d.]+):7001", nodes, re.M | re.S).group(1)
        assert SERVICES[name]["networks"]["nodes"]["ipv4_address"] == address
    assert len(NODES) == 12 == TOPOLOGY.count("tcp = tcp://")


def test_the_program_takes_the_topology():
    outcome = run("check", COMPOSE / "compose.zpl")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_secret_of_the_topology_is_mounted():
    wanted = {"db", "redis", "keygen-redis-primary", "keygen-redis-secondary", "clickhouse"}
    for name in NODES:
        mounted = {pathlib.PurePosixPath(secret["target"]).name for secret in SERVICES[name]["secrets"]}
        assert wanted <= mounted, name


def test_secrets_are_made_once(tmp_path):
    folder = tmp_path / "secrets"
    subprocess.run([COMPOSE / "make-secrets", folder], check=True)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == set(FILE["secrets"])
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}\n", text) for text in made.values())
    subprocess.run([COMPOSE / "make-secrets", folder], check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


@pytest.mark.parametrize("name", sorted(LOADS))
def test_loads_command_lines_are_accepted(name):
    sys.path.insert(0, str(ROOT / "loadtest"))
    try:
        spec = importlib.util.spec_from_file_location("load", ROOT / "loadtest/load.py")
        load = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(load)
    finally:
        sys.path.pop(0)
    given = load.arguments_of(LOADS[name])
    assert given.name == name.replace("load-ui", "ui")
    assert load.locust_command(given, load.PROFILES[given.name], given.url or "")


def test_prometheus_takes_its_configuration():
    outcome = subprocess.run(["promtool", "check", "config", "--syntax-only", COMPOSE / "prometheus.yml"], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_image_holds_every_library_that_the_program_needs():
    image = (COMPOSE / "Containerfile").read_text()
    headers = subprocess.run(["objdump", "-p", PROGRAM], capture_output=True, text=True, check=True).stdout
    ldd = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"NEEDED\s+(\S+)", headers):
        path = re.search(rf"{re.escape(library)} => (\S+)", ldd)
        if path is None or re.match(r"lib(c|m|stdc\+\+|gcc_s)\.so", library):
            continue
        owner = subprocess.run(["dpkg", "-S", os.path.realpath(path.group(1))], capture_output=True, text=True).stdout \
            or subprocess.run(["dpkg", "-S", "*/" + os.path.basename(os.path.realpath(path.group(1)))], capture_output=True, text=True).stdout
        assert re.search(rf"\b{re.escape(owner.split(':')[0])}\b", image), f"{library} is in {owner}"
    for source in re.findall(r"^COPY (?!--)(\S+)", image, re.M):
        assert (ROOT / source).exists(), source


# ------------------------------------------------------------------------------------- the nodes, as they would be started


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The stores alone, and beside them one node that does nothing for the nodes under test."""
    folder = tmp_path_factory.mktemp("stores")
    platform = Platform(folder)
    text = (ROOT / "topology/local.zpl").read_text()
    text = text[:text.index("    prometheus ")] + "nodes\n    watch\n        actors\n            operator\n"
    platform.topology.write_text(moved(text + "                listen = 127.0.0.1:8081\n"))
    process_log = open(folder / "up.log", "w")
    platform.process = subprocess.Popen([SHUNT, "up", platform.topology, "--data", platform.data], stdout=process_log,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        eventually(platform._is_ready, 120, "the stores did not come up")
        yield platform
    finally:
        platform.down()


def moved(text):
    """Other ports than the platform of the other tests has."""
    text = re.sub(r"(127\.0\.0\.1:)(\d+)", lambda m: m[1] + str(int(m[2]) + 13000), text)
    return re.sub(r"^(\s*\w*port\s*=\s*)(\d+)", lambda m: m[1] + str(int(m[2]) + 13000), text, flags=re.M)


@pytest.fixture(scope="module")
def containers(stores, tmp_path_factory):
    """Each node by its own command line, in its own folder: {service: data folder}."""
    folder, processes, data = tmp_path_factory.mktemp("containers"), [], {}
    text = TOPOLOGY.replace("172.30.77.", "127.77.0.").replace("config:8081", "127.77.0.11:8081") \
        .replace("0.0.0.0:8081", "127.77.0.11:8081").replace("0.0.0.0:8080", "127.77.0.31:8080")
    for name, port in STORES.items():
        uri = httpx.URL(stores.uri(name))
        text = re.sub(rf"(?<=[@/]){name}:{port}\b", f"127.0.0.1:{uri.port}", text)
    maker = folder / "keys"
    (maker / "secrets").mkdir(parents=True)
    (maker / "topology.zpl").write_text(text)
    subprocess.run([COMPOSE / "make-keys", maker], check=True,
                   env=os.environ | {"SHUNT_HOME": str(ROOT), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"})
    try:
        for name in NODES:
            data[name] = folder / name
            for part in ("run", "nodes", "log", "secrets"):
                (data[name] / part).mkdir(parents=True)
            (data[name] / "topology.zpl").write_text(known_to_old(text) if name in OLD_NODES else text)
            for secret in SERVICES[name]["secrets"]:
                kept = stores.data / "secrets" / secret["source"]
                target = data[name] / "secrets" / pathlib.PurePosixPath(secret["target"]).name
                target.write_text(kept.read_text() if kept.exists() else "0123456789abcdef0123456789abcdef\n")
                target.chmod(0o444)
            shutil.copytree(maker / "secrets/curve", data[name] / "secrets/curve")
            command = [str(data[name]) if word == "/var/lib/shunt" else word for word in SERVICES[name]["command"]]
            with open(data[name] / "log/out", "w") as log:
                program = OLD_PROGRAM if name in OLD_NODES else PROGRAM
                processes.append(subprocess.Popen([program, *command], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                                  env=os.environ | {"SHUNT_HOME": str(ROOT)}))
        yield data
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def known_to_old(text):
    """Without kinds of actors that came later: a topology says them only once all nodes know them."""
    return re.sub(r"^            stores\n                names = .*\n", "", text, flags=re.M)


def is_healthy(node):
    return subprocess.run([COMPOSE / "healthy", node, "127.77.0.11:8081"]).returncode == 0


def test_every_node_becomes_healthy(containers):
    for name, node in NODES.items():
        eventually(lambda node=node: is_healthy(node), 60, f"{node}: " + (containers[name] / "log/out").read_text()[-600:])
        test = SERVICES[name]["healthcheck"]["test"]
        assert test[:3] == ["CMD", "healthy", node] or name == "load-balancer"
    assert not is_healthy("app9")


def test_a_click_travels_over_tcp_from_container_to_container(containers, stores):
    http = httpx.Client(base_url="http://127.77.0.31:8080", timeout=10)
    eventually(lambda: http.get("/readyz").status_code == 200, 30, "the load balancer is not ready")
    code = eventually(lambda: http.post("/api/shorten", json={"url": "https://example.org/"}).json().get("short_code"), 30, "no link")
    assert http.get(f"/{code}").status_code == 307
    assert http.get(f"/api/stats/{code}").json()["clicks"] == 1
    eventually(lambda: stores.in_postgres(code) == 1, 30, "the click did not reach Postgres")
    eventually(lambda: stores.in_clickhouse(code) == 1, 30, "the click did not reach ClickHouse")


def test_prometheus_finds_every_node(containers):
    targets = httpx.get("http://127.77.0.11:8081/targets", timeout=10).json()
    assert {target["labels"]["instance"] for target in targets} == set(NODES.values())


def test_every_node_tells_the_age_of_its_key(containers):
    text = httpx.get("http://127.77.0.11:8081/metrics", timeout=10).text
    made = dict(re.findall(r'^shunt_node_key_made_timestamp_seconds{node="([^"]+)"} (\d+)$', text, re.M))
    assert set(made) == set(NODES.values())
    assert all(abs(int(at) - time.time()) < 600 for at in made.values())


def test_no_container_needs_more_than_its_data_folder(containers):
    """The roots are read-only: what the nodes wrote is where a volume is."""
    for name, data in containers.items():
        assert {path.name for path in data.iterdir()} <= {"run", "nodes", "log", "secrets", "topology.zpl", "stores"}, name
