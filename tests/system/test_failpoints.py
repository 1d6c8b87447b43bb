# SPDX-License-Identifier: MIT
"""A release has no failpoints: neither their names nor the code that would obey them."""
import re

import pytest

from running import ROOT

RELEASE, CHECKED = ROOT / "build/release/shunt", ROOT / "build/asan/shunt"
SOURCES = [path.read_text() for folder in ("runtime", "actors") for path in (ROOT / folder).rglob("*.c")]
NAMES = sorted({name for source in SOURCES for name in re.findall(r'[^"*]failpoint\("([a-z_.]+)"\)', source)})


def test_there_are_enough_of_them():
    assert len(NAMES) >= 20, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_release_does_not_know_it(name):
    assert name.encode() not in RELEASE.read_bytes()


def test_a_test_build_knows_them():
    if not CHECKED.exists():
        pytest.skip("build/asan is not built here")
    program = CHECKED.read_bytes()
    assert [name for name in NAMES if name.encode() not in program] == []
