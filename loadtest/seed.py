# SPDX-License-Identifier: MIT
"""The seed file: short codes, one a line, that all readers and writers of a load share, and which of them a reader takes.

Writers, in whatever process, append what they make; readers read on from where they were. Codes that stand earlier are the
more popular ones, so that all processes agree on who is popular without talking. The file is bound to one platform: when its first
code is not known there (somebody wiped the data), it is begun anew.
"""
import bisect
import concurrent.futures
import fcntl
import http.client
import json
import os
import pathlib
import random
import urllib.parse

# What one file and one reader hold at most; beyond that, new links are made and forgotten.
CODES_LIMIT = 100_000
CODE_BYTES = 21  # of the longest code, with its line end
SEED_TIMEOUT_S = 30
SEED_CONNECTIONS = 16


def default_path(home, url):
    """Beside the platform's data; one file for each platform."""
    address = urllib.parse.urlsplit(url)
    return pathlib.Path(home) / "var" / "load" / f"{address.hostname}-{address.port or address.scheme}.codes"


def connect(url):
    address = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    return kind(address.hostname, address.port, timeout=SEED_TIMEOUT_S)


def shorten(connection, url):
    """A new code. http.client follows no redirects and keeps the connection."""
    connection.request("POST", "/api/shorten", json.dumps({"url": url}), {"content-type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 201:
        raise RuntimeError(f"POST /api/shorten answered {answer.status}: {body[:200].decode(errors='replace')}")
    return json.loads(body)["short_code"]


def is_known(connection, code):
    connection.request("HEAD", "/" + code)  # HEAD is not counted as a click
    answer = connection.getresponse()
    answer.read()
    return answer.status == 307


def target(number):
    """Where a link of the load leads: a name that no one can own."""
    return f"https://load.example/{number:x}?from=shunt"


def ensure(path, url, count):
    """Makes the file hold at least `count` codes that the platform at `url` knows. Others may do the same at once."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        codes = file.read().split()
        if codes and not is_known(connect(url), codes[0]):
            file.truncate(0)
            codes = []
        for code in shorten_many(url, count - len(codes)):
            file.write(code + "\n")


def shorten_many(url, count):
    """New codes as they come, made over a few connections."""
    def make(share):
        connection = connect(url)
        return [shorten(connection, target(random.getrandbits(48))) for _ in range(share)]

    shares = [count // SEED_CONNECTIONS + (number < count % SEED_CONNECTIONS) for number in range(SEED_CONNECTIONS)]
    with concurrent.futures.ThreadPoolExecutor(SEED_CONNECTIONS) as pool:
        for codes in pool.map(make, filter(None, (max(share, 0) for share in shares))):
            yield from codes


class Codes:
    """The codes of a file, and a choice among them."""

    def __init__(self, path, exponent):
        self.path = path
        self.exponent = exponent  # of Zipf's law; 0: all alike
        self.codes = []
        self.weights = []  # cumulative
        self.offset = 0
        self.file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)

    def read_on(self):
        """Takes in what has been appended since."""
        while len(self.codes) < CODES_LIMIT:
            block = os.pread(self.file, 65536, self.offset)
            whole = block[: block.rfind(b"\n") + 1]
            if not whole:
                return
            self.offset += len(whole)
            for code in whole.decode("ascii").split():
                self.codes.append(code)
                last = self.weights[-1] if self.weights else 0.0
                self.weights.append(last + len(self.codes) ** -self.exponent)

    def append(self, code):
        """One write, so that lines of several processes do not mix."""
        if self.offset < CODES_LIMIT * CODE_BYTES and len(self.codes) < CODES_LIMIT:
            os.write(self.file, code.encode("ascii") + b"\n")

    def choose(self):
        return self.codes[min(bisect.bisect(self.weights, random.random() * self.weights[-1]), len(self.codes) - 1)]
