# SPDX-License-Identifier: MIT
"""What was measured before: a file for each run, with the machine, the versions and the date; and what moved since."""
import datetime
import json
import pathlib
import sys

import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/figures"
# Ratios of one figure differ by so much from run to run on a shared machine even when nothing has changed.
NOISE = 0.05


def keep(results, how, folder=FOLDER, path=None):
    """Into a file of its own, or `path` again: a run that is cut short has kept what it had. The path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    path = path or folder / (now.strftime("%Y-%m-%dT%H-%M-%S.%f") + ".json")
    path.write_text(json.dumps({"date": now.isoformat(timespec="seconds"), "machine": machine.description(ROOT), "how": how,
                                "figures": results}, indent=1) + "\n")
    return path


def by_name(runs):
    """{name: [(date, row), ...]}, oldest first"""
    found = {}
    for run in sorted(runs, key=lambda run: run["date"]):
        for row in run["figures"]:
            found.setdefault(row["name"], []).append((run["date"], row))
    return found


def moves(before, after):
    """[{name, from, to, change, verdict}] of figures that both have; a change is of the ratio, so more is better."""
    found = []
    for name, (date, row) in after.items():
        if name not in before:
            continue
        old_date, old = before[name]
        change = row["ratio"] / old["ratio"] - 1
        # Both medians outside the other's spread, and by more than noise.
        is_clear = abs(change) > NOISE and not (old["ratio_min"] <= row["ratio"] <= old["ratio_max"]
                                                or row["ratio_min"] <= old["ratio"] <= row["ratio_max"])
        found.append({"name": name, "from": old["ratio"], "to": row["ratio"], "change": round(change, 3),
                      "verdict": "within noise" if not is_clear else "better" if change > 0 else "worse",
                      "from_date": old_date, "to_date": date})
    return found


def compare(file, names, as_json, folder=FOLDER):
    """Prints what moved. `file`: against that; empty: the last two of each figure."""
    histories = by_name([json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))])
    after = {name: rows[-1] for name, rows in histories.items() if name in names}
    if file:
        try:
            earlier = by_name([json.loads(pathlib.Path(file).read_text())])
        except (OSError, ValueError, KeyError) as error:
            print(f"shunt bench: {file} holds no figures ({error}); name one of build/figures/",
                  file=sys.stderr)
            return 1
        before = {name: rows[-1] for name, rows in earlier.items()}
    else:
        before = {name: rows[-2] for name, rows in histories.items() if len(rows) > 1}
    found = moves(before, after)
    if not found:
        print("shunt bench: there is nothing to compare yet; measure with `shunt bench`, twice or against a file", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(found, indent=1))
        return 0
    print(f"{'':30} {'from':>7} {'to':>7} {'change':>8}")
    for row in found:
        print(f"{row['name']:30} {row['from']:>7.2f} {row['to']:>7.2f} {row['change']:>+8.0%}  {row['verdict']}  "
              f"({row['from_date']} - {row['to_date']})")
    return 0
