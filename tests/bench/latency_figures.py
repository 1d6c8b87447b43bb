# SPDX-License-Identifier: MIT
"""How long a redirect takes when requests come at a constant rate, whatever became of those before (open loop)."""
import stand
from figure import Figure

SHARES = (0.2, 0.5, 0.8)
capacity = {}


def rates():
    """Parts of what the platform can do at most, measured once in this run."""
    if not capacity:
        stand.serve("edge", "redis")
        capacity["all"] = stand.ask(stand.EDGE, path=stand.platform().hot, base=stand.LOCATION)["rate"]
    return {share: capacity["all"] * share for share in SHARES}


def percentiles(port, code):
    """p99 at half load; and the others beside."""
    found = {}
    for share, rate in rates().items():
        said = stand.ask(port, path=code, base=stand.LOCATION, rate=round(rate))
        for name in "p50", "p99", "p999":
            found[f"{name} at {share:.0%}"] = said[f"{name}_us"]
    return found["p99 at 50%"], found


def platform():
    stand.serve("edge", "redis")
    return percentiles(stand.EDGE, stand.platform().hot)


def bare():
    return percentiles(stand.bare_h2o()[0], "abcdefg")


FIGURES = [
    Figure("latency/half-load", "us, p99", platform, "bare h2o at the same rate", bare, False, 1 / 4, 1 / 1.5,
           "open loop at 20, 50 and 80 % of capacity, from when a request was due; one hot code, accounted", stand.all_counted),
]
