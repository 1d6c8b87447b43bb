# SPDX-License-Identifier: MIT
"""What a measurement is."""
import dataclasses
import typing


@dataclasses.dataclass
class Figure:
    name: str
    unit: str
    value: typing.Callable[[], float]
    baseline_name: str
    baseline: typing.Callable[[], float]
    more_is_better: bool
    floor: float  # of the ratio, which is turned so that more is better
    goal: float
