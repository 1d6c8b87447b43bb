# SPDX-License-Identifier: MIT
"""What a measurement is, and how several of them become one line."""
import dataclasses
import statistics
import typing

# What a measurement function gives: the figure alone, or with other numbers that explain it.
Measured = float | tuple[float, dict[str, float]]


class Wrong(Exception):
    """An answer was not what it must be, or a click is missing: there is no figure then."""


@dataclasses.dataclass
class Figure:
    name: str
    unit: str
    value: typing.Callable[[], Measured]
    baseline_name: str
    baseline: typing.Callable[[], Measured]
    more_is_better: bool
    floor: float  # of the ratio, which is turned so that more is better
    goal: float
    about: str = ""
    afterwards: typing.Callable[[], None] = lambda: None  # what must hold once all runs are over; raises Wrong


def ratio_of(value, baseline, more_is_better):
    """More is better: value / baseline for rates, baseline / value for times, costs and memory."""
    if value <= 0 or baseline <= 0:
        raise Wrong(f"a figure of {value} against {baseline} is none")
    return value / baseline if more_is_better else baseline / value


def split(measured):
    return measured if isinstance(measured, tuple) else (measured, {})


def medians(details):
    """Of each number that explains, over the runs."""
    return {key: statistics.median(detail[key] for detail in details) for key in details[0]} if details else {}


def judge(figure, pairs):
    """One line out of what was measured in turn: pairs of (value, baseline), each with its details."""
    values, details = zip(*(split(value) for value, _ in pairs))
    baselines, baseline_details = zip(*(split(baseline) for _, baseline in pairs))
    value, baseline = statistics.median(values), statistics.median(baselines)
    ratios = [ratio_of(one, other, figure.more_is_better) for one, other in zip(values, baselines)]
    row = {"name": figure.name, "value": value, "unit": figure.unit, "min": min(values), "max": max(values),
           "baseline": {"name": figure.baseline_name, "value": baseline, "min": min(baselines), "max": max(baselines)},
           "ratio": round(ratio_of(value, baseline, figure.more_is_better), 3),
           "floor": round(figure.floor, 3), "goal": round(figure.goal, 3),
           "ratio_min": round(min(ratios), 3), "ratio_max": round(max(ratios), 3), "runs": len(pairs)}
    if any(details):
        row["detail"] = medians(details)
    if any(baseline_details):
        row["baseline"]["detail"] = medians(baseline_details)
    return row


def measure(figure, runs):
    """Baseline and value in turn, so that both meet the same weather."""
    pairs = []
    for _ in range(runs):
        baseline = figure.baseline()
        pairs.append((figure.value(), baseline))
    figure.afterwards()
    return judge(figure, pairs)
