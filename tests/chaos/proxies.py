# SPDX-License-Identifier: MIT
"""Small TCP proxies between the actors and three of their stores, which spoil connections on demand.

    cut     all connections end at once and new ones are refused, for a while
    lose    what is asked arrives, what is answered does not; then the connections end
    freeze  connections stay open and nothing moves either way
    slow    everything arrives late

Kafka has none: clients go where its brokers say they are.
"""
import asyncio
import re
import threading

PROXIED = ("db", "redis", "clickhouse")
KINDS = ("cut", "lose", "freeze", "slow")
PORT_STEP = 300  # from a store's port to its proxy's
SLOW_S = 0.08
CHUNK = 65536
URIS = {"db": "postgresql://shunt:{password}@127.0.0.1:%d/shunt", "redis": "redis://:{password}@127.0.0.1:%d/0",
        "clickhouse": "clickhouse://shunt:{password}@127.0.0.1:%d/shunt"}


def port_of(topology, store):
    return int(re.search(rf"^    {store} .*?port = (\d+)", topology, re.MULTILINE | re.DOTALL)[1])


def through_proxies(topology):
    """The topology with actors that reach these stores through their proxies."""
    stores, kinds = "", topology[topology.index("\nkinds\n"):topology.index("\nnodes\n")]
    for name in PROXIED:
        uri = URIS[name] % (port_of(topology, name) + PORT_STEP)
        stores += (f"    {name}-proxy\n        kind = {'postgres' if name == 'db' else name}\n        managed = no\n"
                   f"        uri = {uri}\n        password = secret:{name}\n")
        spoiled = re.sub(rf"= {name}$", f"= {name}-proxy", kinds, flags=re.MULTILINE)
        topology, kinds = topology.replace(kinds, spoiled), spoiled
    return topology.replace("\nstores\n", "\nstores\n" + stores, 1)


class Proxy:
    def __init__(self, port):
        self.port = port
        self.mode = "pass"
        self.writers = set()

    async def start(self):
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", self.port + PORT_STEP)

    def set(self, mode):
        ends = mode == "cut" or self.mode == "lose"
        self.mode = mode
        for writer in list(self.writers) if ends else ():
            writer.transport.abort()

    async def _connected(self, reader, writer):
        self.writers.add(writer)
        try:
            if self.mode == "cut":
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.writers.add(far_writer)
            try:
                pumps = [asyncio.ensure_future(self._pump(reader, far_writer, False)),
                         asyncio.ensure_future(self._pump(far_reader, writer, True))]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
            finally:
                self.writers.discard(far_writer)
                far_writer.transport.abort()
        except OSError:
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader, writer, is_answer):
        try:
            while data := await reader.read(CHUNK):
                while self.mode == "freeze":
                    await asyncio.sleep(0.01)
                if self.mode == "slow":
                    await asyncio.sleep(SLOW_S)
                if self.mode == "lose" and is_answer:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass


class Proxies:
    """All of them, in a thread of their own."""

    def __init__(self, topology):
        self.proxies = {name: Proxy(port_of(topology, name)) for name in PROXIED}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        for proxy in self.proxies.values():
            asyncio.run_coroutine_threadsafe(proxy.start(), self.loop).result()

    def set(self, name, mode):
        self.loop.call_soon_threadsafe(self.proxies[name].set, mode)
