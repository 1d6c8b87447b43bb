# SPDX-License-Identifier: MIT
"""An arrow never points up: which layer may include what.

    proto/  <-  runtime/  <-  actors/io/  <-  actors/

The runtime must stay usable by somebody who has never heard of a link; an actor knows others only by their messages; and
a foreign library is known to one adapter, so that changing the library changes one file.
"""
import pathlib
import re

import pytest
import sources

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')

# The one place of the program that knows everything: it puts the kinds of actors and stores into tables, and starts them.
COMPOSITION_ROOT = {"actors/main.c", "actors/kinds.c", "actors/kinds.h", "actors/stores.c", "actors/stores.h"}
COMMAND_LINE = "actors/command/"

# What a role lends to the others: data and pure functions, no actor. Whoever counts clicks must read them where they wait.
SHARED = {"actors/clicks/pending.h", "actors/clicks/lane_keys.h", "actors/kinds.h", "actors/ops/health.h",
          "actors/links/code_permutation.h"}

# Foreign headers and the folders that may include them. A header that no row matches belongs to libc or the system.
FOREIGN = [
    (r"msgpack(\.h|/)", ("proto/",)),
    (r"(zmq|czmq|zmq_utils)\.h", ("runtime/",)),
    (r"h2o(\.h|/)", ("actors/io/",)),
    (r"hiredis/", ("actors/io/",)),
    (r"(libpq-fe|libpq|postgres|pg_config)", ("actors/io/",)),
    (r"librdkafka/", ("actors/io/",)),
    (r"curl/", ("actors/io/",)),
    (r"ada(_c)?\.h", ("actors/io/",)),
    (r"openssl/", ("actors/io/",)),
    (r"sodium(\.h|/)", ("actors/io/",)),
    (r"(zstd|lz4\w*)\.h", ("actors/io/",)),
    (r"(editline/|histedit)", ("actors/io/",)),
    # Pure functions over bytes, with no state or I/O to adapt: useful wherever they are used.
    (r"jansson\.h", ("actors/",)),
    (r"xxhash\.h", ("runtime/", "actors/")),
]


def includes(path, content=None):
    """(line number, is it "quoted", what is included)"""
    for number, line in enumerate((content or sources.text(path)).splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def is_public(header):
    """The runtime's public headers lie in runtime/ itself, what is private to it in the folders below."""
    return re.fullmatch(r"runtime/[^/]+\.h", header) is not None


def own_folder(path, header):
    """Is the header in the same folder of actors/ or below it?"""
    parts = pathlib.PurePosixPath(path).parts
    return len(parts) > 2 and pathlib.PurePosixPath(header).parts[:2] == parts[:2]


def may_include(path, header):
    path = str(path)
    layer = path.split("/")[0]
    if path in COMPOSITION_ROOT or path.startswith(COMMAND_LINE) or layer == "tests":
        return True
    if layer == "proto":
        return header.startswith("proto/")
    if layer == "runtime":
        return header.startswith(("proto/", "runtime/"))
    if header.startswith("proto/") or is_public(header):
        return True
    if path.startswith("actors/io/"):
        return header.startswith("actors/io/")
    return header.startswith("actors/io/") or own_folder(path, header) or header in SHARED


def foreign_place(header):
    """The folders that may include a foreign header; None for one of libc or the system."""
    return next((places for pattern, places in FOREIGN if re.match(pattern, header)), None)


def layer_violations(path, content=None):
    for number, quoted, header in includes(path, content):
        if quoted and not may_include(path, header):
            yield f"{path}:{number}: may not include {header}"
        places = None if quoted else foreign_place(header)
        if places and not str(path).startswith(places + ("tests/",)):
            yield f"{path}:{number}: <{header}> belongs to {' or '.join(places)} alone"


def product_files():
    return [path for path in sources.c_files() if path.parts[0] in ("proto", "runtime", "actors")]


def test_layers():
    violations = [violation for path in product_files() for violation in layer_violations(path)]
    assert not violations, sources.report(violations)


def test_includes_start_at_the_root():
    """"actors/io/redis.h", never "redis.h" or "../io/redis.h": an include says where it leads."""
    violations = [f"{path}:{number}: {header}"
                  for path in sources.c_files() for number, quoted, header in includes(path)
                  if quoted and not (sources.ROOT / header).is_file()]
    assert not violations, sources.report(violations)


def test_no_actor_includes_another():
    """A file that defines a kind of actor exports that kind and nothing else, so nobody has cause to include it."""
    kinds = {}
    for path in product_files():
        match = re.search(r"^const struct actor_kind (\w+)_kind\b", sources.text(path), re.MULTILINE)
        if match and path.suffix == ".c" and path.parts[0] == "actors":
            kinds[str(path.with_suffix(".h"))] = path
    violations = [f"{path}:{number}: includes the actor {header}"
                  for path in product_files() if str(path) not in COMPOSITION_ROOT
                  for number, quoted, header in includes(path)
                  if header in kinds and path != kinds[header]]
    assert not violations, sources.report(violations)


@pytest.mark.parametrize("path, line, allowed", [
    ("proto/codec.c", '#include "runtime/actor.h"', False),
    ("proto/codec.c", "#include <czmq.h>", False),
    ("proto/codec.c", "#include <msgpack.h>", True),
    ("runtime/cell/cell.c", '#include "actors/links/links.h"', False),
    ("runtime/cell/cell.c", '#include "runtime/cell/mailbox.h"', True),
    ("runtime/cell/cell.c", "#  include <h2o.h>", False),
    ("actors/io/http.c", "#include <h2o.h>", True),
    ("actors/io/http.c", '#include "actors/edge/routes.h"', False),
    ("actors/io/http.c", "#include <czmq.h>", False),
    ("actors/links/links.c", "#include <hiredis/async.h>", False),
    ("actors/links/links.c", '#include "actors/links/url_rules.h"', True),
    ("actors/links/links.c", '#include "actors/clicks/journal.h"', False),
    ("actors/links/links.c", '#include "runtime/actor.h"', True),
    ("actors/links/links.c", '#include "runtime/cell/cell.h"', False),
    ("actors/kinds.c", '#include "actors/clicks/journal.h"', True),
    ("actors/command/up.c", '#include "runtime/supervise/launcher.h"', True),
    ("actors/command/up.c", "#include <zmq.h>", False),
])
def test_the_rules_themselves(path, line, allowed):
    assert (list(layer_violations(pathlib.PurePosixPath(path), line)) == []) is allowed
