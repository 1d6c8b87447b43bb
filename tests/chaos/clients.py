# SPDX-License-Identifier: MIT
"""Clients that follow links at a constant rate and write down what they are answered; and readers of statistics.

HTTP is spoken by hand: it must be known whether a request was sent, and whether all of its answer came.
"""
import asyncio
import json
import random
import time

CONNECTIONS = 48
PATIENCE_S = 20  # then the client leaves, and its click may have been counted or not
RETRY_S = 0.02
LATE_S = 0.5  # clients that fell behind do not catch up: a burst is another test


class Connection:
    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    def close(self):
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def get(self, path):
        """Status, header fields in lower case, and body."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split(" ")[1]), fields, body


class Clients:
    def __init__(self, port, ledger, rate, seed, stats_rate=5):
        self.port = port
        self.ports = [port]  # of all edges
        self.ledger = ledger
        self.rate = rate
        self.stats_rate = stats_rate
        self.random = random.Random(seed)
        self.weights = [1 / (rank + 1) for rank in range(len(ledger.codes))]  # Zipf
        self.next_at = 0.0
        self.running = True
        self.violations = []  # of read your writes
        self.stats_outcomes = {"exact": 0, "incomplete": 0, "no answer": 0}
        self.slowest_s = 0.0
        self.times = []  # of answers, in seconds

    def code(self):
        return self.random.choices(self.ledger.codes, self.weights)[0]

    async def _turn(self):
        """Waits for this client's turn, so that all together keep the rate."""
        now = time.monotonic()
        self.next_at = max(self.next_at + 1 / self.rate, now - LATE_S)
        await asyncio.sleep(self.next_at - now if self.next_at > now else 0)

    async def _click(self, connection):
        code = self.code()
        if connection.writer is None:
            await connection.open()
        self.ledger.sent(code)
        since = time.monotonic()
        try:
            status, fields, _ = await asyncio.wait_for(connection.get(f"/{code}"), PATIENCE_S)
        except BaseException:
            self.ledger.outcomes["no answer"] += 1
            raise
        self.times.append(time.monotonic() - since)
        self.slowest_s = max(self.slowest_s, self.times[-1])
        self.ledger.outcomes[status] += 1
        if status == 307:
            self.ledger.came_back(code, fields["x-shunt-click"])

    async def _client(self, number):
        connection = Connection(self.ports[number % len(self.ports)])
        while self.running:
            await self._turn()
            try:
                await self._click(connection)
            except (OSError, EOFError, TimeoutError, asyncio.TimeoutError):
                connection.close()
                await asyncio.sleep(RETRY_S)
        connection.close()

    async def _read_stats(self, connection):
        code = self.code()
        if connection.writer is None:
            await connection.open()
        low = self.ledger.answered[code]
        status, fields, body = await asyncio.wait_for(connection.get(f"/api/stats/{code}"), PATIENCE_S)
        high = self.ledger.issued[code]
        if status != 200:
            self.stats_outcomes["no answer"] += 1
            return
        clicks, incomplete = json.loads(body)["clicks"], fields.get("x-clicks-incomplete") == "true"
        self.stats_outcomes["incomplete" if incomplete else "exact"] += 1
        if clicks > high or (clicks < low and not incomplete):
            said = ", said to be incomplete" if incomplete else ""
            self.violations.append(f"I4: {time.strftime('%H:%M:%S')} {code}: {clicks} clicks{said}; {low} were "
                                   f"answered before the question, {high} issued until its answer")

    async def _stats_reader(self):
        connection = Connection(self.port)
        while self.running:
            await asyncio.sleep(1 / self.stats_rate)
            try:
                await self._read_stats(connection)
            except (OSError, EOFError, TimeoutError, asyncio.TimeoutError):
                self.stats_outcomes["no answer"] += 1
                connection.close()
        connection.close()

    async def run(self, until_s):
        """Until it is stopped or the time is over; then every request under way gets its end."""
        self.next_at = time.monotonic()
        tasks = [asyncio.create_task(self._client(number)) for number in range(CONNECTIONS)]
        tasks.append(asyncio.create_task(self._stats_reader()))
        deadline = time.monotonic() + until_s
        while self.running and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        self.running = False
        await asyncio.gather(*tasks)
