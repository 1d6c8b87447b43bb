# SPDX-License-Identifier: MIT
"""What was made is found at once, while codes that nobody made are answered by the edge itself.

The worst mistake would be a 404 for a link that is there: so links are made and followed by the hundred, between random
codes, while the keygen is killed and comes back.
"""
import os
import random
import signal
import string
import threading
import time

import httpx
import psycopg

from running import eventually

LETTERS = string.digits + string.ascii_letters

def random_code(length=7):
    return "".join(random.choices(LETTERS, k=length))


def figure(platform, name, part=""):
    """One value out of the edge's exposition."""
    port = httpx.URL(platform.status()["url"]).port + 1
    text = httpx.get(f"http://127.0.0.1:{port}/metrics/edge", timeout=10).text
    lines = [line for line in text.splitlines() if line.startswith(f"shunt_edge_{name}{{") and part in line]
    assert len(lines) == 1, f"no figure {name} {part}, or several: {lines}"
    return float(lines[0].split()[-1])


def is_on(platform):
    return figure(platform, "unknown_filter", 'state="on"') == 1


def test_unknown_codes_are_answered_by_the_edge(shunt):
    eventually(lambda: is_on(shunt), 20, "unknown codes are not answered by the edge itself")
    denied, resolved = figure(shunt, "unknown_denied_total"), figure(shunt, "resolves_total")
    for _ in range(200):
        assert shunt.http.get(f"/{random_code()}").status_code == 404
    assert figure(shunt, "unknown_denied_total") >= denied + 200
    assert figure(shunt, "resolves_total") <= resolved + 20, "they were asked for all the same"


def follow(platform, **more):
    code = platform.shorten(**more)["short_code"]
    answer = platform.http.get(f"/{code}")
    assert answer.status_code == 307, f"{code}, made a moment ago, answers {answer.status_code}"


def test_what_is_made_is_found_at_once_whatever_happens_to_the_keygen(shunt):
    eventually(lambda: is_on(shunt), 20, "unknown codes are not answered by the edge itself")
    stop = threading.Event()

    def kill_the_keygen():
        while not stop.wait(4):
            pid = shunt.node("keygen").get("pid")
            if pid:
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_the_keygen)
    killer.start()
    made = 0
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until or made < 300:
            assert shunt.http.get(f"/{random_code()}").status_code == 404
            custom = random_code()
            assert shunt.http.get(f"/{custom}").status_code == 404  # and remembered as unknown
            follow(shunt, custom_code=custom)
            follow(shunt)
            made += 1
    finally:
        stop.set()
        killer.join()
    eventually(lambda: is_on(shunt), 20, "unknown codes are not answered by the edge again")


def test_a_row_that_others_wrote_is_found_in_the_end(shunt):
    code = random_code()
    with psycopg.connect(shunt.uri("db")) as connection:
        connection.execute("INSERT INTO urls (id, short_code, original_url) VALUES (%s, %s, 'https://example.org/')",
                           (random.randrange(2**60, 2**61), code))
    eventually(lambda: shunt.http.get(f"/{code}").status_code == 307, 40, "the row was never found")


def test_the_database_says_which_codes_were_given(shunt):
    given, chosen = shunt.shorten(), shunt.shorten(custom_code=random_code())
    with psycopg.connect(shunt.uri("db")) as connection:
        rows = dict(connection.execute("SELECT short_code, custom FROM urls WHERE short_code = ANY(%s)",
                                       ([made["short_code"] for made in (given, chosen)],)).fetchall())
    assert rows == {given["short_code"]: False, chosen["short_code"]: True}
