# SPDX-License-Identifier: MIT
"""The Debian package: what is in it, and that install, start, stop and purge leave nothing behind."""
import os
import re
import subprocess

import pytest

from running import PORT_SHIFT, ROOT, shifted

SHIFT = PORT_SHIFT + 600
RELEASE = ROOT / "build/release"


def ran(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, **options)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    outcome = ran("cpack", "--config", RELEASE / "CPackConfig.cmake", "-B", folder, cwd=RELEASE)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return next(folder.glob("shunt_*.deb"))


def test_what_is_in_it(package):
    rows = [line.split(None, 5) for line in ran("dpkg-deb", "--contents", package).stdout.splitlines()]
    names = {row[5].removeprefix("./") for row in rows}
    assert {"usr/bin/shunt", "usr/lib/systemd/system/shunt.service", "usr/lib/systemd/system/shunt-node@.service",
            "usr/share/doc/shunt/copyright", "usr/share/shunt/topology/local.zpl", "usr/share/shunt/topology/stores/as-user",
            "usr/share/shunt/topology/alerts/clicks.yml", "usr/share/shunt/topology/migrations/postgres/0001_links.sql",
            "usr/share/shunt/kafka/libs/kafka-clients-4.2.0.jar"} <= names
    assert all(name == "" or name.startswith("usr/") for name in names)
    assert not [name for name in names if "/setup/" in name or name.endswith(("postinst", ".cmake"))]
    assert {row[1] for row in rows} == {"root/root"}
    assert not [row for row in rows if row[0].startswith("-") and ("s" in row[0][:10] or row[0][8] == "w")], "nothing that others may write"


def test_what_it_says_of_itself(package):
    fields = dict(line.split(": ", 1) for line in ran("dpkg-deb", "--field", package).stdout.splitlines() if re.match(r"[A-Z][\w-]*: ", line))
    assert fields["Package"] == "shunt" and fields["Version"] == "0.1.0"
    needed = re.findall(r"NEEDED\s+(\S+)", ran("objdump", "-p", RELEASE / "shunt").stdout)
    for library, name in {"libzmq.so.5": "libzmq5", "libpq.so.5": "libpq5", "librdkafka.so.1": "librdkafka1"}.items():
        assert library in needed and name in fields["Depends"]
    for server in ("redis-server", "postgresql-15", "clickhouse-server", "openjdk-17-jre-headless"):
        assert server in fields["Recommends"]


def test_an_installation_needs_no_checkout(tmp_path):
    """cmake --install into a folder, and the program there finds its own files."""
    outcome = ran("cmake", "--install", RELEASE, "--prefix", tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHUNT_")}
    checked = ran(tmp_path / "bin/shunt", "check", env=environment, cwd="/")
    assert checked.returncode == 0 and str(tmp_path) in checked.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="packages are installed as root")
def test_install_start_and_purge_leave_nothing_behind(package, tmp_path):
    topology = tmp_path / "local.zpl"
    topology.write_text(shifted((ROOT / "topology/local.zpl").read_text(), SHIFT))
    outcome = ran(ROOT / "tests/system/package_machine", package, topology, tmp_path / "machine")
    if outcome.returncode == 77:
        pytest.skip("overlays cannot be made here")
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-3000:]
    assert outcome.stdout.split("left behind:\n")[1] == "", outcome.stdout
