# SPDX-License-Identifier: MIT
"""The script at the root: what it says, how it ends, and that it costs nothing when nothing is missing."""
import pathlib
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The design's figure; a few milliseconds are what is measured on a quiet machine.
NOTHING_MISSING_S = 1.0


def shunt(*arguments, cwd=ROOT):
    return subprocess.run([ROOT / "shunt", *arguments], cwd=cwd, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL)


def test_help_is_an_answer():
    outcome = shunt("--help")
    assert outcome.returncode == 0
    assert "up" in outcome.stdout and "test" in outcome.stdout


@pytest.mark.parametrize("arguments", [("setup", "nonsense"), ("test", "nonsense"), ("nonsense",)])
def test_wrong_usage(arguments):
    outcome = shunt(*arguments)
    assert outcome.returncode == 2
    assert "nonsense" in outcome.stderr, "the message names what was wrong"
    assert outcome.stdout == "", "answers go to standard output, complaints do not"


def test_works_from_any_folder(tmp_path):
    assert shunt("setup", "run", cwd=tmp_path).returncode == 0


def test_setup_is_quick_when_nothing_is_missing():
    shunt("setup", "test")
    started = time.monotonic()
    outcome = shunt("setup", "test")
    assert outcome.returncode == 0, outcome.stderr
    assert time.monotonic() - started < NOTHING_MISSING_S


def test_every_package_row_is_well_formed():
    rows = [line.split() for line in (ROOT / "topology/setup/packages.txt").read_text().splitlines()
            if line.strip() and not line.startswith("#")]
    assert rows
    for row in rows:
        needed_by = row[2:-1] if row[-1] == "first" else row[2:]
        assert needed_by and set(needed_by) <= {"run", "test", "fuzz", "load", "bench"}, row
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)), "a package stands in one row"


def test_nothing_is_missing_after_setup():
    outcome = subprocess.run([ROOT / "topology/setup/packages", "missing", "run", "test"], capture_output=True, text=True)
    assert outcome.returncode == 0
    assert outcome.stdout == ""
