# SPDX-License-Identifier: MIT
"""What every source file must look like, and what none may hold."""
import pathlib
import re

import sources

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
LICENCE = "SPDX-License-Identifier: MIT"
LICENCE_WITHIN_LINES = 4

TOP_LEVEL = {"actors", "runtime", "proto", "topology", "compose", "loadtest", "tests", "CMakeLists.txt", "README.md",
             "shunt", "LICENSE",
             "CMakePresets.json"}  # CMake reads it from nowhere else

# Put together here, so that this file does not hold what it looks for.
OPEN_ENDS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
ONE_MACHINE = re.compile(r"(?<![\w.])/(?:wo" + r"rk|home/\w+|ro" + r"ot|Users/\w+)/|/tm" + r"p/(?:wt|brief)\b")
REGISTRY = re.compile("|".join(("py" + r"pi\.org", "python" + r"hosted\.org", r"repo1?\.maven\.(?:apache\.)?org",
                                "npm" + r"js\.(?:org|com)", "deb" + r"\.debian\.org")))


def is_source(path):
    return path.suffix in (".c", ".h", ".def", ".py", ".sh", ".sql") or path.name == "CMakeLists.txt" \
        or sources.is_script(path)


def matches(pattern, paths):
    return [f"{path}:{number}: {line.strip()[:100]}"
            for path in paths for number, line in enumerate(sources.lines(path), 1) if pattern.search(line)]


def test_licence():
    missing = [path for path in sources.files()
               if is_source(path) and sources.text(path).strip()
               and not any(LICENCE in line for line in sources.lines(path)[:LICENCE_WITHIN_LINES])]
    assert not missing, sources.report(missing)


def test_files_are_short():
    long = [f"{path}: {len(sources.lines(path))} lines" for path in sources.files()
            if is_source(path) and len(sources.lines(path)) > FILE_LINES_MAX]
    assert not long, sources.report(long)


def test_functions_are_short():
    long = [function for path in sources.c_files() for function in sources.functions(path)
            if function.length > FUNCTION_LINES_MAX]
    assert not long, sources.report(long)


def test_functions_are_found():
    """The rule above would hold for ever if no function were seen."""
    sample = ("static int one(void)\n{\n    return 1;\n}\n\nstruct s {\n    int a;\n};\n\n"
              "static const int t[] = {\n    1,\n};\n\nstatic void two(int a,\n                int b)\n{\n"
              "    if (a) {\n        b++;\n    }\n}\n")
    found = sources.functions(pathlib.PurePosixPath("x.c"), sample)
    assert [(function.name, function.line, function.length) for function in found] == [("one", 1, 4), ("two", 14, 7)]


def test_nothing_left_open():
    found = matches(OPEN_ENDS, [path for path in sources.files() if is_source(path)])
    assert not found, sources.report(found)


def test_no_path_of_one_machine():
    found = matches(ONE_MACHINE, sources.files())
    assert not found, sources.report(found)


def test_no_registry_is_named():
    """Where packages come from is the machine's configuration, not ours."""
    found = matches(REGISTRY, sources.files())
    assert not found, sources.report(found)


def test_no_compiled_or_large_files():
    large = [f"{path}: {(sources.ROOT / path).stat().st_size} bytes" for path in sources.files()
             if (sources.ROOT / path).stat().st_size > 512 * 1024]
    assert not large, sources.report(large)


def test_top_level_names():
    strangers = sorted({path.parts[0] for path in sources.files()
                        if path.parts[0] not in TOP_LEVEL and not path.parts[0].startswith(".")})
    assert not strangers, sources.report(strangers)
