# SPDX-License-Identifier: MIT
"""The shortest schedule that still fails: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", 2002, algorithm ddmin), over the faults of a schedule.

Faults keep their moments, so what is left happens when it happened before. A failure that hangs on chance may not come
again: then more faults stay than are needed, never fewer.
"""


def parts(items, count):
    """`items` cut into `count` pieces of about the same length, none empty."""
    count = min(count, len(items))
    edges = [len(items) * index // count for index in range(count + 1)]
    return [items[first:last] for first, last in zip(edges, edges[1:])]


def shrink(items, fails, trials):
    """The smallest list found for which `fails(list)` is still true, after at most `trials` calls. `items` fails."""
    tried = {}

    def still(candidate):
        nonlocal trials
        key = tuple(candidate)
        if key not in tried:
            if trials == 0:
                return False
            trials -= 1
            tried[key] = fails(candidate)
        return tried[key]

    count = 2
    while len(items) > 1 and trials > 0:
        pieces = parts(items, count)
        others = [[item for piece in pieces if piece is not left_out for item in piece] for left_out in pieces]
        smaller = next((candidate for candidate in (*pieces, *others) if len(candidate) < len(items) and still(candidate)),
                       None)
        if smaller is not None:
            count = 2 if smaller in pieces else max(count - 1, 2)
            items = smaller
        elif count >= len(items):
            break
        else:
            count = min(2 * count, len(items))
    return items
