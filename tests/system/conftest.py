# SPDX-License-Identifier: MIT
"""One platform for all system tests; those that break it on purpose wait until it has healed."""
import pytest

from running import Platform


@pytest.fixture(scope="session")
def shunt(tmp_path_factory):
    # Alerts at a twentieth of their times, so that test_alerts need not wait for minutes.
    platform = Platform(tmp_path_factory.mktemp("platform"), "--set", "stores/prometheus/options/hurry=20",
                        "--set", "stores/prometheus/options/scrape_interval=2s")
    try:
        yield platform.up()
    finally:
        platform.down()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the platform said."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and "shunt" in getattr(item, "funcargs", {}):
        said = (item.funcargs["shunt"].folder / "up.log").read_text()
        report.sections.append(("shunt up", said[-4000:]))
