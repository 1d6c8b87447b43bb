# SPDX-License-Identifier: MIT
"""What the pages point to is there: files, folders, and sections of pages."""
import pathlib
import re

import pytest
import sources

PAGES = [path for path in sources.files() if path.suffix == ".md"]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def anchors(path):
    """As hosts of pages make them: lower case, blanks to dashes, no punctuation."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.+?)\s*$", text, re.M)}


def wrong_links(page, text):
    for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.S)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (sources.ROOT / page).parent / name if name else sources.ROOT / page
        if not place.exists():
            yield f"{page}: {target}: there is no {name}"
        elif anchor and anchor not in anchors(place / "README.md" if place.is_dir() else place):
            yield f"{page}: {target}: there is no section {anchor}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    wrong = list(wrong_links(page, sources.text(page)))
    assert not wrong, sources.report(wrong)


TEST_LINK = re.compile(r"\[test_\w+\]\(([^)\s]+/test_\w+\.(?:c|py))\)((?: `\w+`)+)")


def wrong_tests(page, text):
    """`[test_file](path) `function` `function``: what a page says is proved must be there to prove it."""
    for target, names in TEST_LINK.findall(text):
        words = set(re.findall(r"\w+", ((sources.ROOT / page).parent / target).read_text()))
        yield from (f"{page}: {target} has no {name}" for name in re.findall(r"\w+", names) if name not in words)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_tests_that_a_page_names_exist(page):
    wrong = list(wrong_tests(page, sources.text(page)))
    assert not wrong, sources.report(wrong)


def test_a_wrong_test_is_seen():
    unknown = "wrong_tests"[:-1]  # put together here, or this file would have it
    text = f"[test_docs](test_docs.py) [test_docs](../lint/test_docs.py) `wrong_tests` `{unknown}`"
    assert len(list(wrong_tests(pathlib.PurePosixPath("tests/lint/README.md"), text))) == 1


def test_a_wrong_link_is_seen():
    page = pathlib.PurePosixPath("topology/README.md")
    assert len(list(wrong_links(page, "[a](nowhere.md) [b](alerts/README.md#nothing) [c](alerts/README.md#drift) [d](alerts)"))) == 2
