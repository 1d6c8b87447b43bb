# SPDX-License-Identifier: MIT
"""shunt bench: every figure a ratio against a named baseline, measured in the same run, in turn, medians of several.

usage: shunt bench [NAME...] [--json] [--runs N] [--seconds S] [--links N]
       shunt bench [NAME...] --compare [FILE]

A NAME is the beginning of a figure's name: `shunt bench redirect` takes all redirects. Ratios are turned so that more is
better. On a shared machine only the ratios mean something. What was measured is kept in build/figures/, with the machine, the
versions and the date; --compare measures nothing and shows what moved between the last two of each figure, or
since FILE, one of build/figures/ or one kept elsewhere.
Example: ./shunt bench redirect/accounted --runs 7
"""
import argparse
import difflib
import json
import sys
import traceback

import edge_figures
import instruction_figures
import kept
import latency_figures
import link_figures
import pipeline_figures
import redirect_figures
import runtime_figures
import stand
from figure import Wrong, measure

MODULES = (redirect_figures, edge_figures, latency_figures, link_figures, pipeline_figures, instruction_figures, runtime_figures)
FIGURES = [figure for module in MODULES for figure in module.FIGURES]
USAGE = 2


def select(names, figures):
    """The figures whose names begin with one of `names`; a ValueError that says what there is."""
    chosen = [figure for figure in figures if not names or any(figure.name.startswith(name) for name in names)]
    for name in names:
        if not any(figure.name.startswith(name) for figure in figures):
            known = [figure.name for figure in figures]
            near = difflib.get_close_matches(name, known + [one.rsplit("/", 1)[0] for one in known], 1, 0.4)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"there is no figure '{name}'{hint} `shunt bench --help` lists them all")
    return chosen


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def print_table(results):
    print(f"{'':30} {'median':>10} {'min':>10} {'max':>10}  {'unit':20} {'baseline':>10} {'ratio':>6} {'(min-max)':>13} {'floor':>6} {'goal':>6}")
    for row in results:
        below = "  below the floor" if row["ratio"] < row["floor"] else ""
        spread = f"({row['ratio_min']:.2f}-{row['ratio_max']:.2f})"
        print(f"{row['name']:30} {number(row['value']):>10} {number(row['min']):>10} {number(row['max']):>10}  "
              f"{row['unit']:20} {number(row['baseline']['value']):>10} {row['ratio']:>6.2f} {spread:>13} {row['floor']:>6.2f} "
              f"{row['goal']:>6.2f}{below}")
        for name, detail in ("", row.get("detail")), ("baseline: ", row["baseline"].get("detail")):
            if detail:
                print("    " + name + ", ".join(f"{key} {number(value)}" for key, value in detail.items()))


def arguments_of(command_line):
    parser = argparse.ArgumentParser(prog="shunt bench", description=__doc__, usage=argparse.SUPPRESS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="figures:\n" + "\n".join(f"  {figure.name:30} {figure.about or figure.baseline_name}"
                                                                     for figure in FIGURES))
    parser.add_argument("names", nargs="*", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="the answer for programs")
    parser.add_argument("--runs", type=int, default=5, help="of value and baseline each (5)")
    parser.add_argument("--seconds", type=float, default=stand.SECONDS, help="that each run asks (2)")
    parser.add_argument("--links", type=int, default=stand.settings["links"],
                        help="that the figures over many links have (100000; the goals are meant for 1000000)")
    parser.add_argument("--compare", nargs="?", const="", metavar="FILE", help="what moved")
    given = parser.parse_args(command_line)
    # `--compare redirect` is a name, not a file.
    if given.compare and not given.compare.endswith(".json"):
        given.names, given.compare = [*given.names, given.compare], ""
    if given.runs < 1 or given.seconds < 0.5 or not 20_000 <= given.links <= 10_000_000:
        parser.error("--runs takes 1 or more, --seconds 0.5 or more, --links 20000 to 10000000")
    return given


def measure_all(figures, runs, keep=lambda results, path: None):
    """(results, names of those that could not be measured); `keep` gets all results after each, and what it gave before."""
    results, failed, path = [], [], None
    for figure in figures:
        print(f"measuring {figure.name} against {figure.baseline_name}", file=sys.stderr)
        try:
            results.append(measure(figure, runs))
            path = keep(results, path)
        except Wrong as wrong:
            failed.append(figure.name)
            print(f"shunt bench: {figure.name} has no figure: {wrong}", file=sys.stderr)
        except Exception:  # the others can still be measured
            failed.append(figure.name)
            traceback.print_exc()
    return results, failed


def main(command_line=None):
    given = arguments_of(command_line)
    try:
        chosen = select(given.names, FIGURES)
    except ValueError as error:
        print(f"shunt bench: {error}", file=sys.stderr)
        return USAGE
    if given.compare is not None:
        return kept.compare(given.compare, {figure.name for figure in chosen}, given.json)
    stand.settings.update(links=given.links, seconds=given.seconds)
    how = {"runs": given.runs} | stand.settings
    results, failed = measure_all(chosen, given.runs, lambda results, path: kept.keep(results, how, path=path))
    print(json.dumps(results, indent=1)) if given.json else print_table(results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
