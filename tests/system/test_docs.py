# SPDX-License-Identifier: MIT
"""What the pages tell people to type is what the program takes, and the page of options is the program's own."""
import functools
import re
import shlex
import subprocess

import pytest

from running import ROOT, SHUNT, run

PAGES = sorted(path for path in ROOT.rglob("*.md") if not {"build", ".setup", "var"} & set(path.relative_to(ROOT).parts))


def commands(text):
    """Each `shunt …` or `./shunt …` of a page, in a block or within a sentence."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    for line in lines:
        match = re.match(r"\s*(?:\$ )?(?:\./)?shunt (.+?)(?:\s+#.*|\s*&&.*|\s*;.*)?$", line)
        if match:
            yield match[1]


@functools.cache
def help_of(verb):
    outcome = run(verb, "--help")
    return outcome.stdout + outcome.stderr if outcome.returncode == 0 else None


@functools.cache
def console_verbs():
    """The first words; that page is held against the console's own table by a test of its own."""
    return set(re.findall(r"^\| `([a-z]+)", (ROOT / "actors/command/VERBS.md").read_text(), re.M))


def trouble(command):
    words = shlex.split(command.replace("…", ""))
    if not words or not re.fullmatch(r"[a-z]+", words[0]):
        return None  # "shunt VERB", "shunt --help"
    if words[0] == "build":
        return None  # the script's own, and has no help
    if help_of(words[0]) is None:
        return f"there is no verb {words[0]}"
    for word in words[1:]:
        flag = re.match(r"--[a-z][\w-]*", word)
        if flag and flag[0] != "--help" and flag[0] not in help_of(words[0]):
            return f"{words[0]} has no {flag[0]}"
    if words[0] == "console" and len(words) > 1 and re.fullmatch("[a-z]+", words[1]):
        if words[1] not in console_verbs():
            return f"the console has no verb {words[1]}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_taken(page):
    wrong = {command: why for command in commands(page.read_text()) if (why := trouble(command))}
    assert not wrong


def test_a_wrong_command_is_seen():
    text = "`./shunt statsu`\n```\n./shunt up --detatch   # so\nshunt status --json\n```\n"
    assert [bool(trouble(command)) for command in commands(text)] == [True, False, True]  # blocks come first


def test_the_page_of_options_is_current():
    printed = run("config", "list", "--markdown")
    assert printed.returncode == 0
    assert (ROOT / "topology/OPTIONS.md").read_text() == printed.stdout, \
        "an option changed: ./shunt config list --markdown >topology/OPTIONS.md"


def test_scripts_of_the_pages_are_there():
    """`path/to/file` of this repository that a page names in backticks, when it begins with one of its folders."""
    missing = []
    for page in PAGES:
        for name in re.findall(r"`((?:topology|tests|compose|loadtest)/[\w./-]+)`", page.read_text()):
            if not (ROOT / name).exists() and not list(ROOT.glob(name + ".[ch]")):
                missing.append(f"{page.relative_to(ROOT)}: {name}")
    assert not missing
