# SPDX-License-Identifier: MIT
"""The chaos driver's shrinker, against oracles that are planted: what it leaves is what the failure needs."""
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

from faults import KINDS, schedule
from shrink import shrink

FAULTS = schedule(7, 300, 3, KINDS)


@pytest.mark.parametrize("needed", (1, 2, 3))
def test_what_is_left_is_what_the_failure_needs(needed):
    guilty = random.Random(needed).sample(FAULTS, needed)
    seen = []

    def fails(candidate):
        seen.append(len(candidate))
        return all(fault in candidate for fault in guilty)

    left = shrink(FAULTS, fails, 500)
    assert sorted(left, key=str) == sorted(guilty, key=str)
    assert left == [fault for fault in FAULTS if fault in guilty], "their order and their moments stay"
    assert len(seen) < len(FAULTS), "no more runs than leaving out one after the other would take"


def test_it_stops_when_it_has_tried_enough():
    left = shrink(FAULTS, lambda candidate: FAULTS[5] in candidate, 4)
    assert FAULTS[5] in left and len(left) < len(FAULTS)


def test_a_failure_that_does_not_come_again_is_left_as_it_was():
    assert shrink(FAULTS, lambda candidate: False, 100) == FAULTS
