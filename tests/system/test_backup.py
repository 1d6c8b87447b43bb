# SPDX-License-Identifier: MIT
"""A backup taken while the platform runs makes a new one: links, counts and settings are there, and nothing is given out twice."""
import concurrent.futures
import json
import shutil

import pytest

from running import PORT_SHIFT, Platform, eventually, run

SHIFT = PORT_SHIFT + 500  # a platform of its own, beside the one that all others use
SMALL_LEASES = ("--set", "kinds/keygen/lease_codes=256", "--set", "kinds/keygen/low_codes=256")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A platform with a past, backed up in the middle of it; it is gone when this returns."""
    folder = tmp_path_factory.mktemp("before")
    platform = Platform(folder, *SMALL_LEASES, shift=SHIFT).up()
    try:
        codes = [platform.shorten(f"https://example.org/{i}")["short_code"] for i in range(20)]
        for i, code in enumerate(codes):
            for _ in range(i):
                platform.click(code)
        total = sum(range(20))
        eventually(lambda: sum(platform.in_postgres(code) for code in codes) == total, 30)
        eventually(lambda: int(platform.clickhouse("SELECT count() FROM click_events")) == total, 30)
        assert run("config", "set", "cache_warmer.links", "4321", data=platform.data).returncode == 0
        eventually(lambda: not unstored(platform), 30, "the setting did not reach Postgres")
        outcome = run("backup", str(folder / "backup"), data=platform.data)
        assert outcome.returncode == 0, outcome.stderr
        again = run("backup", str(folder / "backup"), data=platform.data)
        assert again.returncode == 1 and "is there already" in again.stderr
        later = shortened(platform, 9000)  # more than keygen had leased and app nodes had in hand when the backup was made
    finally:
        platform.down()
    shutil.rmtree(platform.data)
    return folder / "backup", codes, later


def shortened(platform, count):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return set(pool.map(lambda _: platform.shorten()["short_code"], range(count)))


def unstored(platform):
    text = platform.http.get(f"http://127.0.0.1:{8081 + SHIFT}/metrics/config").text
    return "shunt_config_settings_unstored{node=\"config\",actor=\"config\"} 0" not in text


@pytest.fixture(scope="module")
def after(before, tmp_path_factory):
    """The new platform."""
    folder = tmp_path_factory.mktemp("after")
    platform = Platform(folder, shift=SHIFT)
    outcome = run("restore", str(before[0]), data=platform.data)
    assert outcome.returncode == 0, outcome.stderr
    platform.topology = before[0] / "topology.zpl"
    try:
        yield platform.up()
    finally:
        platform.down()


def test_a_backup_is_for_its_owner_alone(before):
    assert (before[0].stat().st_mode & 0o777) == 0o700
    assert json.loads((before[0] / "backup.json").read_text())["format"] == 1


def test_links_and_counts_are_back(before, after):
    for i, code in enumerate(before[1]):
        assert after.http.get(f"/api/stats/{code}").json()["clicks"] == i
        assert after.in_postgres(code) == i
        assert after.in_clickhouse(code) == i


def test_settings_are_back(after):
    eventually(lambda: "4321" in run("config", "get", "cache_warmer.links", data=after.data).stdout, 30)


def test_no_code_is_given_twice(before, after):
    new = shortened(after, 2000)
    assert len(new) == 2000
    assert not new & before[2], "codes of after the backup were given again"
    assert not new & set(before[1])


def test_clicks_go_on_where_they_stood(before, after):
    code = before[1][7]
    assert after.click(code).headers["location"] == "https://example.org/7"
    assert after.clicks(code) == 8
    eventually(lambda: after.in_postgres(code) == 8, 30)
    eventually(lambda: after.in_clickhouse(code) == 8, 30)


def test_nothing_is_restored_over_something(before, after):
    outcome = run("restore", str(before[0]), data=after.data)
    assert outcome.returncode == 1 and "not empty" in outcome.stderr
    outcome = run("restore", str(after.folder), data=after.folder / "other")
    assert outcome.returncode == 1 and "no backup" in outcome.stderr
    assert not (after.folder / "other").exists()
