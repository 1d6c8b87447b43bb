# SPDX-License-Identifier: MIT
"""Raw sockets against the running edge: what two parsers could read differently is refused and the connection closed, never
answered twice, and nobody else notices. tests/actor/edge/test_hostile_http.c does the same by the hundred thousand under sanitizers."""
import re
import socket
import threading
from urllib.parse import urlsplit

import pytest

HOST = b"Host: x\r\n"
POST = b"POST /api/shorten HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"


class Wire:
    """One connection, spoken to in bytes."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *pieces):
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def until_closed(self):
        """Everything up to the end of the connection, which must come."""
        received = b""
        while True:
            got = self.socket.recv(65536)
            if not got:
                return received
            received += got

    def until(self, end):
        received = b""
        while end not in received:
            got = self.socket.recv(65536)
            assert got, f"closed after {received!r}"
            received += got
        return received


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


REFUSED = {
    "length beside chunks": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks beside length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400),
    "the same length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a signed length": (POST + b"Content-Length: +2\r\n\r\n{}", 400),
    "a length in hexadecimal": (POST + b"Content-Length: 0x2\r\n\r\n{}", 400),
    "chunk size 0x25": (CHUNKED + b"0x25\r\n", 400),
    "chunk size with a comma": (CHUNKED + b"1,2\r\n{\r\n0\r\n\r\n", 400),
    "chunk size with NUL": (CHUNKED + b"1\0\r\n{\r\n0\r\n\r\n", 400),
    "chunk longer than its size": (CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", 400),
    "chunk ended by LF": (CHUNKED + b"1\n{\n0\n\n", 400),
    "another transfer encoding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "blank before the colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "folded line": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
    "bare CR": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "NUL in a value": (b"GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    "two blanks": (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "an expectation": (POST + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}", 417),
    "a head of 17 KiB": (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 17000, 431),
    "too many fields": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 200 + b"\r\n", 431),
    "a body of 65 KiB": (POST + b"Content-Length: 66560\r\n\r\n" + b" " * 66560, 413),
    "a body of 8 GiB, announced": (POST + b"Content-Length: 8589934592\r\n\r\n", 413),
    "65 KiB in chunks": (CHUNKED + b"10400\r\n" + b" " * 0x10400 + b"\r\n0\r\n\r\n", 413),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_closed(shunt, name):
    request, status = REFUSED[name]
    with Wire(shunt.status()["url"]) as wire:
        received = wire.send(request, NEXT).until_closed()  # the next request must not be found in the rubble
    assert statuses(received) == [status]
    assert b"application/problem+json" in received
    assert b'"status":%d' % status in received
    assert shunt.http.get("/livez").status_code == 200


@pytest.mark.parametrize("request_bytes", [
    b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    b"GET /livez HTTP/1.0\r\n\r\n",
])
def test_stays_with_http_1(shunt, request_bytes):
    with Wire(shunt.status()["url"]) as wire:
        received = wire.send(request_bytes).until_closed()
    assert statuses(received) == [200]


def test_pipelined_requests_are_answered_in_order(shunt):
    code = shunt.shorten("https://example.org/pipelined")["short_code"].encode()
    get = b"GET /" + code + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with Wire(shunt.status()["url"]) as wire:
        received = wire.send(get * 20 + last).until_closed()
    assert statuses(received) == [307] * 20 + [200]
    assert shunt.clicks(code.decode()) == 20


def test_good_then_bad(shunt):
    with Wire(shunt.status()["url"]) as wire:
        received = wire.send(NEXT + b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + NEXT).until_closed()
    assert statuses(received) == [200, 400]


def test_byte_by_byte(shunt):
    body = b'{"url":"https://example.org/slow"}'
    request = POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Wire(shunt.status()["url"]) as wire:
        wire.send(*(request[i:i + 1] for i in range(len(request))))
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        wire.send(*(body[i:i + 1] for i in range(len(body))))
        assert wire.until(b"}").startswith(b"HTTP/1.1 201 ")


def test_a_half_closed_client_is_answered(shunt):
    with Wire(shunt.status()["url"]) as wire:
        wire.send(NEXT)
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.until_closed().startswith(b"HTTP/1.1 200 ")


def test_cut_connections_harm_nobody(shunt):
    """A thousand clients leave at every byte of a request, some with a reset; the others are served all the while."""
    code = shunt.shorten("https://example.org/cut")["short_code"]
    request = b"GET /" + code.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    trouble = []

    def cut():
        for number in range(250):
            try:
                with Wire(shunt.status_url) as wire:
                    wire.send(request[:number % (len(request) + 1)])
                    if number % 3 == 0:
                        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except OSError as error:
                trouble.append(error)

    shunt.status_url = shunt.status()["url"]
    cutters = [threading.Thread(target=cut) for _ in range(4)]
    for cutter in cutters:
        cutter.start()
    for _ in range(100):
        assert shunt.http.get("/livez").status_code == 200
    for cutter in cutters:
        cutter.join()
    assert not trouble
    whole = 4 * len([n for n in range(250) if n % (len(request) + 1) == len(request)])
    assert 0 <= shunt.clicks(code) <= whole, "only whole requests are clicks"
