# SPDX-License-Identifier: MIT
"""A client for one question: does any request fail? Redirects at a steady rate over keep-alive connections.

A failure is whatever a user would notice: a connection refused or reset, an end of the connection before the answer to a
request that was sent, an answer that is not 307, an answer later than PATIENCE_S. That a server ends a connection between
two requests is none: HTTP/1.1 allows it, and the next request takes a new one.
"""
import asyncio
import collections
import time

PATIENCE_S = 10


class RedirectLoad:
    def __init__(self, ports, code, rate, connections=32):
        self.ports, self.rate, self.connections = ports, rate, connections
        self.request = f"GET /{code} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.answered = 0
        self.opened = 0
        self.slowest_s = 0.0
        self.failures = collections.Counter()
        self.is_over = False

    async def _connect(self, number):
        self.opened += 1
        return await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", self.ports[number % len(self.ports)]), PATIENCE_S)

    async def _one(self, reader, writer):
        """Sends a request. Returns whether the connection may be used again."""
        writer.write(self.request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        if not head.startswith(b"HTTP/1.1 307 "):
            self.failures[head.split(b"\r\n", 1)[0].decode()] += 1
        self.answered += 1
        return b"connection: close" not in head.lower()

    async def _client(self, number):
        pause_s = self.connections / self.rate
        next_at = time.monotonic() + pause_s * number / self.connections
        reader = writer = None
        while not self.is_over:
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            began = time.monotonic()
            next_at = max(next_at + pause_s, began - 1)  # what could not be sent for a second is not made up for
            try:
                if writer is None or reader.at_eof():
                    reader, writer = await self._connect(number)
                if not await self._one(reader, writer):
                    writer.close()
                    writer = None
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.failures[repr(error)] += 1
                writer = None
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        if writer is not None:
            writer.close()

    async def run_while(self, work):
        """Runs the load while `work`, a function, runs in a thread of its own; returns what it returned."""
        clients = [asyncio.ensure_future(self._client(number)) for number in range(self.connections)]
        began = time.monotonic()
        try:
            return await asyncio.to_thread(work)
        finally:
            self.is_over = True
            await asyncio.gather(*clients)
            self.seconds = time.monotonic() - began
