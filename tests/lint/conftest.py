# SPDX-License-Identifier: MIT
"""Ends the lint layer's output with the largest files and functions, so that growth is seen before it is too much."""
import sources

SHOWN = 5


def pytest_terminal_summary(terminalreporter):
    product = [path for path in sources.c_files() if path.parts[0] in ("proto", "runtime", "actors")]
    longest = sorted(((len(sources.lines(path)), str(path)) for path in product), reverse=True)[:SHOWN]
    functions = sorted((function for path in product for function in sources.functions(path)),
                       key=lambda function: -function.length)[:SHOWN]
    terminalreporter.section("largest")
    for length, path in longest:
        terminalreporter.write_line(f"{length:5} lines  {path}")
    for function in functions:
        terminalreporter.write_line(f"{function.length:5} lines  {function.name} ({function.path}:{function.line})")
