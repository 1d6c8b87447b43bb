# SPDX-License-Identifier: MIT
"""shunt bench: every figure a ratio against a named baseline, measured in the same run, in turn, medians of several.

usage: shunt bench [NAME...] [--json] [--runs N]

A NAME is the beginning of a measurement's name: `shunt bench runtime` takes all of the runtime's. Ratios are turned so that more
is better. On a shared machine only the ratios mean something.
"""
import argparse
import json
import statistics
import sys

import redirect_figures
import runtime_figures

FIGURES = redirect_figures.FIGURES + runtime_figures.FIGURES


def measure(figure, runs):
    """Value and baseline in turn, so that both meet the same weather."""
    values, baselines = [], []
    for _ in range(runs):
        baselines.append(figure.baseline())
        values.append(figure.value())
    value, baseline = statistics.median(values), statistics.median(baselines)
    ratio = value / baseline if figure.more_is_better else baseline / value
    return {"name": figure.name, "value": value, "unit": figure.unit, "min": min(values), "max": max(values),
            "baseline": {"name": figure.baseline_name, "value": baseline}, "ratio": round(ratio, 3),
            "floor": figure.floor, "goal": figure.goal}


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def print_table(results):
    print(f"{'':34} {'median':>12} {'min':>12} {'max':>12}  {'unit':14} {'baseline':>12} {'ratio':>7} {'floor':>6} {'goal':>6}")
    for row in results:
        below = " below the floor" if row["ratio"] < row["floor"] else ""
        print(f"{row['name']:34} {number(row['value']):>12} {number(row['min']):>12} {number(row['max']):>12}  "
              f"{row['unit']:14} {number(row['baseline']['value']):>12} {row['ratio']:>7.2f} {row['floor']:>6.2f} "
              f"{row['goal']:>6.2f}{below}")


def main():
    parser = argparse.ArgumentParser(prog="shunt bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=5, help="of value and baseline each (5)")
    arguments = parser.parse_args()
    chosen = [figure for figure in FIGURES
              if not arguments.names or any(figure.name.startswith(name) for name in arguments.names)]
    if not chosen:
        known = ", ".join(figure.name for figure in FIGURES)
        parser.error(f"no measurement is called so; there are: {known}")
    results = []
    for figure in chosen:
        print(f"measuring {figure.name} against {figure.baseline_name}", file=sys.stderr)
        results.append(measure(figure, arguments.runs))
    print(json.dumps(results, indent=1)) if arguments.json else print_table(results)


if __name__ == "__main__":
    main()
