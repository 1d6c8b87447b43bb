# SPDX-License-Identifier: MIT
"""`shunt keys`: files that are their owner's alone, in a folder that needs no platform to run."""
import hashlib
import json
import stat

import running


def keys(data, *arguments):
    return running.run("keys", *arguments, data=data)


def test_make_list_and_revoke(tmp_path):
    assert keys(tmp_path, "make", "east").returncode == 0
    assert keys(tmp_path, "make", "ada", "--role", "read").returncode == 0
    rows = json.loads(keys(tmp_path, "list", "--json").stdout)
    assert [(row["name"], row["role"], row["secret"]) for row in rows] == [("ada", "read", "here"), ("east", "node", "here")]
    folder = tmp_path / "secrets/curve"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert rows[1]["public_key"] not in (folder / "ada.cert_secret").read_text()

    assert keys(tmp_path, "revoke", "ada").returncode == 0
    assert [row["name"] for row in json.loads(keys(tmp_path, "list", "--json").stdout)] == ["east"]
    assert not list(folder.glob("ada*"))


def test_a_key_is_replaced_only_when_told_to(tmp_path):
    def public():
        return json.loads(keys(tmp_path, "list", "--json").stdout)[0]["public_key"]

    keys(tmp_path, "make", "east")
    first = public()
    again = keys(tmp_path, "make", "east")
    assert again.returncode == 1 and "--replace" in again.stderr and public() == first
    assert keys(tmp_path, "make", "east", "--replace").returncode == 0
    assert public() != first


def test_an_api_key_is_shown_once_and_kept_as_its_hash(tmp_path):
    made = keys(tmp_path, "make", "webshop", "--role", "api")
    key = made.stdout.strip()
    assert made.returncode == 0 and key.startswith("shunt_") and len(key) == 46
    file = tmp_path / "secrets/api/webshop"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() == hashlib.sha256(key.encode()).hexdigest()
    assert [(row["name"], row["role"]) for row in json.loads(keys(tmp_path, "list", "--json").stdout)] == \
        [("webshop", "api")]
    again = keys(tmp_path, "make", "webshop", "--role", "api")
    assert again.returncode == 1 and "--replace" in again.stderr
    assert keys(tmp_path, "make", "webshop", "--role", "api", "--replace").stdout.strip() != key
    assert keys(tmp_path, "make", "../x", "--role", "api").returncode == 1
    assert keys(tmp_path, "revoke", "webshop").returncode == 0
    assert not file.exists() and json.loads(keys(tmp_path, "list", "--json").stdout) == []


def test_wrong_usage(tmp_path):
    for arguments, named in [(("mkae", "x"), "make"), (("make",), "NAME"), (("list", "x"), "no name"),
                             (("make", "x", "--role", "king"), "king")]:
        outcome = keys(tmp_path, *arguments)
        assert outcome.returncode == 2 and named in outcome.stderr, arguments
    assert keys(tmp_path, "revoke", "nobody").returncode == 1
    assert keys(tmp_path, "make", "../x").returncode == 1


def test_a_secret_that_others_can_read_is_not_used(tmp_path):
    keys(tmp_path, "make", "east")
    (tmp_path / "secrets/curve/east.cert_secret").chmod(0o644)
    assert json.loads(keys(tmp_path, "list", "--json").stdout)[0]["secret"] == "exposed"


def test_tcp_without_a_key_is_refused_before_anything_starts(tmp_path):
    outcome = running.run("up", "--host", "east", data=tmp_path / "data")
    assert outcome.returncode == 1 and "no node" in outcome.stderr and "east" in outcome.stderr
    small = tmp_path / "small.zpl"
    small.write_text("platform\n    url = http://127.0.0.1:1\nnodes\n    n\n        host = east\n"
                     "        tcp = tcp://127.0.0.1:21901\n        actors\n            operator\n                listen =\n")
    outcome = running.run("up", str(small), "--host", "east", data=tmp_path / "data")
    assert outcome.returncode == 1 and "shunt keys make east" in outcome.stderr
