# SPDX-License-Identifier: MIT
"""The project's own files, and what the lint tests ask of them."""
import dataclasses
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def files():
    """Every file that git keeps or would keep, as paths relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in map(pathlib.PurePosixPath, filter(None, listed.split("\0")))
                  if (ROOT / path).is_file())


@functools.cache
def text(path):
    """A file's text; None where it is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def lines(path):
    return (text(path) or "").splitlines()


def c_files():
    return [path for path in files() if path.suffix in (".c", ".h", ".def")]


def is_script(path):
    return (text(path) or "").startswith("#!")


@dataclasses.dataclass(frozen=True)
class Function:
    path: pathlib.PurePosixPath
    line: int
    name: str
    length: int

    def __str__(self):
        return f"{self.path}:{self.line}: {self.name}: {self.length} lines"


def functions(path, content=None):
    """The functions of a C file. The format that clang-format keeps makes them easy to find: a body begins and ends with
    a brace in the first column, and only a function's opening brace stands there alone after a line with parentheses."""
    found, heading, start = [], [], None
    for number, line in enumerate((content or text(path)).splitlines(), 1):
        if start is not None:
            if line.startswith("}"):
                found.append(Function(path, start, function_name(heading), number - start + 1))
                start, heading = None, []
        elif line == "{" and heading and "(" in " ".join(heading):
            start = number - len(heading)
        elif not line or line[0] in "#/*}" or line.endswith((";", "*/")):
            heading = []
        else:
            heading.append(line)
    return found


def function_name(heading):
    match = re.search(r"(\w+)\s*\(", " ".join(heading))
    return match.group(1) if match else "?"


def report(violations):
    """A readable failure: all violations at once, one a line."""
    return "\n" + "\n".join(map(str, violations))
