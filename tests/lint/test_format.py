# SPDX-License-Identifier: MIT
"""Formatting is a machine's business: clang-format 14 for C, shellcheck for scripts, as the dotfiles at the root say."""
import subprocess

import sources


def run(command):
    return subprocess.run(command, cwd=sources.ROOT, capture_output=True, text=True)


def test_clang_format():
    paths = [str(path) for path in sources.files() if path.suffix in (".c", ".h")]
    if not paths:
        return
    outcome = run(["clang-format-14", "--dry-run", "-Werror", "--style=file", *paths])
    wrong = sorted({line.split(":")[0] for line in outcome.stderr.splitlines() if "error:" in line})
    assert outcome.returncode == 0, sources.report(["run clang-format-14 -i on:", *wrong])


# What shellcheck cannot know: variables that a script gets from the one that sources it (2154), and tests that every shell
# of Debian has though POSIX lacks them (3013: -nt, -ef).
SHELLCHECK_EXCLUDED = "SC2154,SC3013"


def test_shellcheck():
    scripts = [str(path) for path in sources.files()
               if sources.lines(path)[:1] and sources.lines(path)[0].startswith(("#!/bin/sh", "#!/bin/bash"))]
    outcome = run(["shellcheck", "--severity=warning", "--exclude", SHELLCHECK_EXCLUDED, *scripts])
    assert outcome.returncode == 0, "\n" + outcome.stdout
