# SPDX-License-Identifier: MIT
"""usage: page_blocks.py PAGE FOLDER

Writes the code blocks of a page that name a file behind their language ("```c greeter.c") as these files. What a page
shows as a complete example must stay short: together they have at most 60 lines.
"""
import pathlib
import re
import sys

LINES_MAX = 60
BLOCK = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

page, folder = map(pathlib.Path, sys.argv[1:])
blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
lines = sum(text.count("\n") for _, text in blocks)
if not blocks or lines > LINES_MAX:
    sys.exit(f"{page}: {len(blocks)} blocks that are files, with {lines} lines; at most {LINES_MAX} lines are allowed")
folder.mkdir(parents=True, exist_ok=True)
for name, text in blocks:
    (folder / name).write_text(text, encoding="utf-8")
